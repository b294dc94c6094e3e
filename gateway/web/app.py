"""Where the parts are joined: settings in, application out."""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway import settings as settings_module
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.requests import BUILT_IN
from gateway.calls import toolbox
from gateway.calls.call import Means
from gateway.calls.metrics import Metrics
from gateway.calls.registry import Registry
from gateway.clients.agent_socket import tls_context
from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.vatel import Vatel
from gateway.errors import SettingsError
from gateway.ids import E164, AccountSid, AgentId
from gateway.settings import Settings
from gateway.web.health import Health
from gateway.web.hooks import Addresses, Hooks, Sentences
from gateway.web.media import MediaDoor
from gateway.wire.signature import SignatureCheck, websocket_url


@dataclass(frozen=True, slots=True)
class Gateway:
    """The application and what those who run or test it need to hold."""

    app: Starlette
    registry: Registry
    metrics: Metrics


@dataclass(frozen=True, slots=True)
class _Pools:
    """A pool for each peer, so that one that hangs takes no connection from another."""

    vatel: httpx.AsyncClient = field(default_factory=pool)
    twilio: httpx.AsyncClient = field(default_factory=pool)
    tools: httpx.AsyncClient = field(default_factory=pool)


def build(settings: Settings, limits: Limits | None = None) -> Gateway:
    """Join the parts.

    Raises:
        SettingsError: a tool is configured wrongly.
    """
    metrics = Metrics()
    pools = _Pools()
    means = _means(settings, limits or Limits(playout_lead_ms=settings.playout_lead_ms), metrics, pools)
    registry = Registry(means, settings.max_calls)
    check = signature_check(settings)
    hooks = Hooks(
        registry,
        check,
        AccountSid(settings.twilio_account_sid),
        Addresses(
            stream=f"{websocket_url(settings.public_url)}/twilio/media",
            stream_status=f"{settings.public_url}/twilio/stream-status",
        ),
        Sentences(
            settings.fallback_sentence,
            settings.apology,
            E164(settings.fallback_number) if settings.fallback_number else None,
        ),
        metrics,
    )
    health = Health(registry, metrics)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with pools.vatel, pools.twilio, pools.tools, registry.running(), asyncio.TaskGroup() as watch:
            lag = watch.create_task(health.watch_loop())
            tls_context()  # takes tens of milliseconds, which no call should wait
            # What is loaded now lives as long as the process: the collector need not look at it again,
            # which shortens the longest pauses of the audio path.
            gc.collect()
            gc.freeze()
            yield
            lag.cancel()

    app = Starlette(routes=_routes(hooks, MediaDoor(registry, check, metrics), health), lifespan=lifespan)
    # A redirect would be built from the Host header, and its target is no door either.
    app.router.redirect_slashes = False
    return Gateway(app, registry, metrics)


def _routes(hooks: Hooks, media: MediaDoor, health: Health) -> list[BaseRoute]:
    return [
        Route("/twilio/voice", hooks.voice, methods=["POST"]),
        Route("/twilio/status", hooks.status, methods=["POST"]),
        Route("/twilio/stream-status", hooks.stream_status, methods=["POST"]),
        Route("/twilio/transfer", hooks.transfer, methods=["POST"]),
        WebSocketRoute("/twilio/media", media.open),
        Route("/healthz", health.healthz),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
    ]


def signature_check(settings: Settings) -> SignatureCheck:
    """What tells Twilio's requests from others'."""
    tokens = [settings.twilio_auth_token, settings.twilio_auth_token_secondary]
    return SignatureCheck(settings.public_url, [token.get_secret_value() for token in tokens if token])


def _means(settings: Settings, limits: Limits, metrics: Metrics, pools: _Pools) -> Means:
    config = settings_module.load_config(settings.gateway_config)
    tools = toolbox.load(settings.gateway_tools, config.tools, pools.tools)
    taken = BUILT_IN & tools.keys()
    if taken:
        raise SettingsError(f"tools can't be named {', '.join(sorted(taken))}: those are built in")
    return Means(
        vatel=Vatel(pools.vatel, settings.vatel_base_url, settings.vatel_api_key.get_secret_value()),
        twilio=twilio_client(settings, pools.twilio),
        agent_id=AgentId(settings.vatel_agent_id),
        tools=tools,
        book=ToolBook(
            {name: tool.timeout_s for name, tool in tools.items()},
            tuple(E164(number) for number in settings.allowed_transfers),
        ),
        limits=limits,
        metrics=metrics,
        transfer_url=f"{settings.public_url}/twilio/transfer",
    )


def twilio_client(settings: Settings, http: httpx.AsyncClient) -> Twilio:
    """The client for Twilio's REST API, with the API key if there is one."""
    login = (settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value())
    if settings.twilio_api_key and settings.twilio_api_secret:
        login = (settings.twilio_api_key, settings.twilio_api_secret.get_secret_value())
    return Twilio(http, settings.twilio_base_url, AccountSid(settings.twilio_account_sid), login)
