"""The application: doors on the parts that carry calls."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route, WebSocketRoute

from gateway.bridge.limits import Limits
from gateway.calls.metrics import Metrics
from gateway.calls.registry import Registry
from gateway.clients.agent_socket import tls_context
from gateway.ids import AccountSid
from gateway.settings import Settings
from gateway.web import collector
from gateway.web.desks import Desks, open_desks
from gateway.web.health import Health
from gateway.web.hooks import Hooks
from gateway.web.media import MediaDoor
from gateway.web.parts import Parts, join
from gateway.web.signed import Signed
from gateway.web.strangers import Strangers
from gateway.web.tenancy import Tenancy, open_tenancy
from gateway.web.transfers import Transfers
from gateway.web.waiting import Waiting, WaitingUrls


@dataclass(frozen=True, slots=True)
class Gateway:
    """The application and what those who run or test it need to hold."""

    app: Starlette
    registry: Registry
    metrics: Metrics
    parts: Parts
    desks: Desks | None
    strangers: Strangers


def build(settings: Settings, limits: Limits | None = None, *, keep: bool = True) -> Gateway:
    """Build the application; without ``keep`` nothing is written down.

    Raises:
        SettingsError: a tool or the database is configured wrongly.
    """
    parts = join(settings, limits, keep=keep)
    desks = open_desks(parts, parts.keeping) if parts.keeping is not None else None
    tenancy = open_tenancy(parts)
    health = Health(parts.registry, parts.metrics)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with parts.running(), _running(tenancy), _running(desks), asyncio.TaskGroup() as watch:
            lag = watch.create_task(health.watch_loop())
            tls_context()  # takes tens of milliseconds, which no call should wait
            with collector.spared():
                yield
            lag.cancel()

    media = MediaDoor(parts.registry, parts.check, parts.metrics)
    signed = Signed(parts.check, AccountSid(settings.twilio_account_sid), parts.metrics)
    waiting = Waiting(
        parts.registry, WaitingUrls.at(settings.own_url), settings.queue_sentence, parts.metrics
    )
    hooks = _hooks(parts, signed, waiting, desks, tenancy)
    doors = _routes(hooks, _transfers(parts, signed), media, health)
    music = Route("/twilio/music", waiting.music)
    routes = [*doors, music, *(desks.routes if desks else [])]
    app = Starlette(routes=routes, lifespan=lifespan)
    # A redirect would be built from the Host header, and its target is no door either.
    app.router.redirect_slashes = False
    strangers = Strangers(settings.proxies, lambda why: parts.metrics.doors.labels("connection", why).inc())
    return Gateway(app, parts.registry, parts.metrics, parts, desks, strangers)


@asynccontextmanager
async def _running(part: Desks | Tenancy | None) -> AsyncIterator[None]:
    if part is None:
        yield
    else:
        async with part.running():
            yield


def _hooks(
    parts: Parts, signed: Signed, waiting: Waiting, desks: Desks | None, tenancy: Tenancy | None
) -> Hooks:
    dialler = desks.dialler if desks else None
    successor = tenancy.succession if tenancy else None
    return Hooks(
        parts.registry, parts.plans, signed, parts.documents, parts.metrics, waiting, dialler, successor
    )


def _transfers(parts: Parts, signed: Signed) -> Transfers:
    settings = parts.settings
    return Transfers(
        parts.registry,
        signed,
        parts.documents,
        parts.metrics,
        whisper=settings.transfer_whisper or "",
        accept_url=f"{settings.own_url}/twilio/transfer/accepted",
    )


def _routes(hooks: Hooks, transfers: Transfers, media: MediaDoor, health: Health) -> list[BaseRoute]:
    return [
        Route("/twilio/voice", hooks.voice, methods=["POST"]),
        Route("/twilio/wait", hooks.wait, methods=["POST"]),
        Route("/twilio/queued", hooks.queued, methods=["POST"]),
        Route("/twilio/after", hooks.after, methods=["POST"]),
        Route("/twilio/fallback", hooks.fallback, methods=["POST"]),
        Route("/twilio/status", hooks.status, methods=["POST"]),
        Route("/twilio/stream-status", hooks.stream_status, methods=["POST"]),
        Route("/twilio/amd", hooks.amd, methods=["POST"]),
        Route("/twilio/transfer", transfers.over, methods=["POST"]),
        Route("/twilio/transfer/answered", transfers.answered, methods=["POST"]),
        Route("/twilio/transfer/whisper", transfers.whisper, methods=["POST"]),
        Route("/twilio/transfer/accepted", transfers.accepted, methods=["POST"]),
        WebSocketRoute("/twilio/media", media.open),
        Route("/healthz", health.healthz),
        Route("/readyz", health.readyz),
        Route("/metrics", health.metrics),
    ]
