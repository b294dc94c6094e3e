"""Where the parts are joined: settings in, everything that carries calls out."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypedDict

import httpx
from pydantic import SecretStr

from gateway import logs
from gateway import settings as settings_module
from gateway.audio.clips import ClipName
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.requests import BUILT_IN
from gateway.calls import clip_files, toolbox
from gateway.calls.call import Means
from gateway.calls.documents import Addresses, Documents, Sentences
from gateway.calls.fence import Fence
from gateway.calls.metrics import Metrics
from gateway.calls.recording import Recorder
from gateway.calls.registry import Registry
from gateway.calls.scribe import Office
from gateway.calls.tenure import Alone, Tenure
from gateway.calls.uplink import Uplink
from gateway.clients.addresses import last_good
from gateway.clients.egress import Egress
from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.twilio.gate import Gate
from gateway.clients.vatel import Vatel
from gateway.clients.vatel.agent_book import AgentBook
from gateway.errors import SettingsError
from gateway.ids import E164, AccountSid, AgentId
from gateway.policy.admission import Admission, Terms
from gateway.services.leases import LeaseKeeper
from gateway.services.ownership import new_owner
from gateway.services.plans import Defaults, NoRoutes, Plans
from gateway.settings import Settings
from gateway.store import address
from gateway.web.keeping import Keeping, egress_rules
from gateway.wire.signature import SignatureCheck, websocket_url

_RETRIEVE_S: Final = 3.0
"""How long Twilio may take to come back by itself with a call whose stream was lost."""
_PLACING_S: Final = 10.0
"""How long Twilio may take over a request for a call: it takes a minute to find out what became of one."""


class _Kept(TypedDict):
    """What calls work with that is kept, or not."""

    recorder: Recorder | None
    office: Office
    fence: Fence
    tenure: Tenure


@dataclass(frozen=True, slots=True)
class Pools:
    """A pool for each peer, so that one that hangs takes no connection from another."""

    tools: Egress
    vatel: httpx.AsyncClient = field(default_factory=pool)
    twilio: httpx.AsyncClient = field(default_factory=pool)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connections are kept open in here."""
        async with self.vatel, self.twilio, self.tools:
            yield


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything that carries calls."""

    settings: Settings
    metrics: Metrics
    pools: Pools
    keeping: Keeping | None
    vatel: Vatel
    book: AgentBook
    twilio: Twilio
    patient_twilio: Twilio
    documents: Documents
    registry: Registry
    defaults: Defaults
    plans: Plans
    check: SignatureCheck
    tools: frozenset[str]
    keeper: LeaseKeeper | None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Calls are carried in here; leaving it ends those that are not over, and then writes them down."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.pools.running())
            if self.keeping is not None:
                await stack.enter_async_context(self.keeping.running())
            await stack.enter_async_context(self.book.running())
            self.book.known(self.defaults.agent_id)
            if self.keeper is not None:
                await stack.enter_async_context(self.keeper.running())
            await stack.enter_async_context(self.registry.running())
            yield


def join(settings: Settings, limits: Limits | None = None, *, keep: bool = True) -> Parts:
    """Join the parts; without ``keep`` nothing is written down, and every number is as the settings say.

    Raises:
        SettingsError: a tool, a clip or the database is configured wrongly.
    """
    logs.hide(*_secrets(settings))
    metrics, pools = Metrics(), Pools(Egress(egress_rules(settings), lanes=toolbox.LANES))
    keeping = Keeping.of(settings, metrics) if keep else None
    vatel = _vatel(settings, pools, metrics)
    book, gate = AgentBook(vatel.agents), _gate(metrics)
    _measure(metrics, book, vatel)
    twilio = twilio_client(settings, pools.twilio, gate=gate)
    keeper = _keeper(settings, keeping)
    tools = _tools(settings, pools)
    means = Means(
        vatel=vatel,
        book=book,
        twilio=twilio,
        tools=tools,
        metrics=metrics,
        uplink=Uplink(metrics),
        clips=clip_files.load(settings.clips_language, settings.clips_dir, _otherwise_said(settings)),
        language=settings.clips_language,
        **_kept(settings, keeping, keeper),
    )
    defaults = _defaults(settings, limits, tools)
    documents = Documents(_addresses(settings, resume=keeper is not None), _sentences(settings))
    return Parts(
        settings=settings,
        metrics=metrics,
        pools=pools,
        keeping=keeping,
        vatel=vatel,
        book=book,
        twilio=twilio,
        patient_twilio=twilio_client(settings, pools.twilio, deadline_s=_PLACING_S, gate=gate),
        documents=documents,
        registry=Registry(means, Admission(_terms(settings)), documents),
        defaults=defaults,
        plans=Plans(defaults, keeping.routes, keeping.lookup) if keeping else Plans(defaults, NoRoutes()),
        check=signature_check(settings),
        tools=frozenset(tools),
        keeper=keeper,
    )


def _terms(settings: Settings) -> Terms:
    return Terms(
        settings.max_calls,
        late_s=settings.max_lateness_ms / 1000,
        queue_max=settings.queue_max,
        queue_wait_s=settings.queue_wait_s,
    )


def _vatel(settings: Settings, pools: Pools, metrics: Metrics) -> Vatel:
    return Vatel(
        pools.vatel,
        settings.vatel_base_url,
        settings.vatel_api_key.get_secret_value(),
        count=lambda outcome: metrics.tokens.labels(outcome.value).inc(),
    )


def _gate(metrics: Metrics) -> Gate:
    return Gate(
        lambda urgency, seconds: metrics.twilio_wait.labels(urgency.value).observe(seconds),
        lambda urgency: metrics.twilio_throttled.labels(urgency.value).inc(),
    )


def _kept(settings: Settings, keeping: Keeping | None, keeper: LeaseKeeper | None) -> _Kept:
    if keeping is None:
        return {"recorder": None, "office": Office(), "fence": Fence(), "tenure": Alone()}
    return {
        "recorder": keeping.recorder,
        "office": Office(settings.public_url, keeping.put, keeping.happenings),
        "fence": keeper.fence if keeper else Fence(),
        "tenure": keeper or Alone(),
    }


def _keeper(settings: Settings, keeping: Keeping | None) -> LeaseKeeper | None:
    if keeping is None or not settings.resumes:
        return None
    return LeaseKeeper(keeping.database, new_owner(), keeping.journal.flush)


def _measure(metrics: Metrics, book: AgentBook, vatel: Vatel) -> None:
    metrics.resting.labels("vatel").set_function(lambda: float(vatel.tokens.resting))
    metrics.last_good.set_function(lambda: float(last_good().used))
    for outcome in ("answered", "failed"):
        metrics.agent_words.labels(outcome).set_function(partial(getattr, book.counts, outcome))


def _secrets(settings: Settings) -> Iterator[str]:
    """What is to be read nowhere, even if a vendor quotes it."""
    for name in Settings.model_fields:
        value = getattr(settings, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
    for tool in settings_module.load_config(settings.gateway_config).tools.values():
        yield tool.secret.get_secret_value()
    yield str(address.parse(settings.database_url).url.password or "")


def signature_check(settings: Settings) -> SignatureCheck:
    """What tells Twilio's requests from others'."""
    tokens = [settings.twilio_auth_token, settings.twilio_auth_token_secondary]
    known = [token.get_secret_value() for token in tokens if token]
    return SignatureCheck(settings.public_url, known, settings.own_url)


def twilio_client(
    settings: Settings, http: httpx.AsyncClient, *, deadline_s: float = 3.0, gate: Gate | None = None
) -> Twilio:
    """The client for Twilio's REST API, with the API key if there is one."""
    login = (settings.twilio_account_sid, settings.twilio_auth_token.get_secret_value())
    if settings.twilio_api_key and settings.twilio_api_secret:
        login = (settings.twilio_api_key, settings.twilio_api_secret.get_secret_value())
    account = AccountSid(settings.twilio_account_sid)
    return Twilio(http, settings.twilio_base_url, account, login, deadline_s=deadline_s, gate=gate)


def _addresses(settings: Settings, *, resume: bool) -> Addresses:
    own, public = settings.own_url, settings.public_url
    knowing = public if resume else own
    return Addresses(
        stream=f"{websocket_url(own)}/twilio/media",
        stream_status=f"{own}/twilio/stream-status",
        voice=f"{public}/twilio/voice",
        after=f"{public}/twilio/after" if resume else "",
        transfer=f"{own}/twilio/transfer",
        music=f"{knowing}/twilio/music",
        back=f"{knowing}/twilio/after",
    )


def _sentences(settings: Settings) -> Sentences:
    number = E164(settings.fallback_number) if settings.fallback_number else None
    return Sentences(settings.fallback_sentence, settings.apology, number, settings.transfer_whisper or "")


def _otherwise_said(settings: Settings) -> set[ClipName]:
    """The clips whose words the operator has changed: Twilio says those."""
    said = {ClipName.SORRY_TRANSFER: "fallback_sentence", ClipName.SORRY_GOODBYE: "apology"}
    return {
        clip
        for clip, field in said.items()
        if getattr(settings, field) != Settings.model_fields[field].default
    }


def _tools(settings: Settings, pools: Pools) -> dict[str, toolbox.Tool]:
    config = settings_module.load_config(settings.gateway_config)
    tools = toolbox.load(settings.gateway_tools, config.tools, pools.tools)
    taken = BUILT_IN & tools.keys()
    if taken:
        raise SettingsError(f"tools can't be named {', '.join(sorted(taken))}: those are built in")
    return dict(tools)


def _limits(settings: Settings) -> Limits:
    return Limits(
        playout_lead_ms=settings.playout_lead_ms,
        recoveries=settings.recoveries,
        # Twilio asks how to go on; where it does not, it is on its way to the fallback.
        retrieve_after_s=_RETRIEVE_S if settings.resumes else 0.0,
    )


def _defaults(settings: Settings, limits: Limits | None, tools: dict[str, toolbox.Tool]) -> Defaults:
    return Defaults(
        AgentId(settings.vatel_agent_id),
        ToolBook(
            {name: tool.timeout_s for name, tool in tools.items()},
            tuple(E164(number) for number in settings.allowed_transfers),
        ),
        limits or _limits(settings),
        E164(settings.fallback_number) if settings.fallback_number else None,
    )
