"""Where the services are joined: numbers, dialling, and the API in front of them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from starlette.routing import BaseRoute

from gateway.ids import E164, AccountSid, AgentId
from gateway.policy.destinations import Destinations
from gateway.policy.quota import Quotas
from gateway.services.afterwards import Afterwards
from gateway.services.dial_means import DialMeans
from gateway.services.dial_request import DialDefaults, DialRules
from gateway.services.dial_tell import DialTell
from gateway.services.dial_terms import DialTimes
from gateway.services.dial_twilio import OutboundAddresses, TwilioCarrier
from gateway.services.dial_vatel import VatelCarrier
from gateway.services.dialling import Dialler, new_owner
from gateway.services.dialling import Records as CarrierRecords
from gateway.services.number_routing import Door
from gateway.services.number_rules import RouteRules
from gateway.services.numbers import Account, Numbers
from gateway.services.switchboard import CallSwitchboard
from gateway.settings import Settings
from gateway.store.records import Via
from gateway.web.api import routes as api_routes
from gateway.web.api.numbers import NumbersApi
from gateway.web.api.outbound import Outbound
from gateway.web.keeping import Keeping, signed_target
from gateway.web.parts import Parts
from gateway.wire.signature import websocket_url


@dataclass(frozen=True, slots=True)
class Desks:
    """What operators ask for."""

    numbers: Numbers
    dialler: Dialler
    afterwards: Afterwards
    tell: DialTell
    routes: list[BaseRoute]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Calls are placed in here."""
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self.tell.running())
            await stack.enter_async_context(self.dialler.running())
            await stack.enter_async_context(self.afterwards.running())
            yield


def open_desks(parts: Parts, keeping: Keeping) -> Desks:
    """Join the services to the parts that carry calls."""
    settings = parts.settings
    target = signed_target(settings)
    destinations = Destinations(frozenset(country.upper() for country in settings.allowed_countries))
    numbers = _numbers(parts, keeping, destinations, target)
    tell = DialTell(keeping.database, keeping.journal, keeping.happenings, keeping.deliveries.nudge)
    dialler = _dialler(
        parts,
        keeping,
        tell,
        DialRules(keeping.database, parts.vatel, destinations, target, _defaults(parts.settings)),
    )
    table = [
        *api_routes.endpoints(keeping.database, settings.recordings_dir),
        *NumbersApi(numbers).endpoints(),
        *Outbound(dialler, lambda: parts.registry.draining).endpoints(),
    ]
    door = api_routes.door(keeping.database, settings.gateway_api_key, proxies=settings.proxies)
    afterwards = Afterwards(
        keeping.database, keeping.journal, parts.twilio.calls, parts.vatel.calls, tell=tell
    )
    return Desks(numbers, dialler, afterwards, tell, api_routes.routes(door, table))


def _numbers(
    parts: Parts, keeping: Keeping, destinations: Destinations, target: Callable[[str], object]
) -> Numbers:
    settings = parts.settings
    return Numbers(
        keeping.database,
        parts.twilio,
        parts.vatel,
        Account(AccountSid(settings.twilio_account_sid), settings.twilio_auth_token),
        Door(settings.public_url, settings.static_fallback_url or ""),
        RouteRules(parts.vatel, AgentId(settings.vatel_agent_id), parts.tools, destinations, target),
        changed=keeping.routes.refresh,
    )


def _dialler(parts: Parts, keeping: Keeping, tell: DialTell, rules: DialRules) -> Dialler:
    settings = parts.settings
    # Whoever is called is to meet the process that has the agent ready.
    own, streams = settings.own_url, websocket_url(settings.own_url)
    through_vatel = VatelCarrier(parts.vatel)
    addresses = OutboundAddresses(
        stream=f"{streams}/twilio/media",
        stream_status=f"{own}/twilio/stream-status",
        status=f"{own}/twilio/status",
        machine=f"{own}/twilio/amd",
        after=f"{settings.public_url}/twilio/after" if parts.documents.resume else "",
        fallback=settings.static_fallback_url or "",
    )
    means = DialMeans(
        database=keeping.database,
        journal=keeping.journal,
        switchboard=CallSwitchboard(
            parts.registry, parts.defaults, keeping.routes, settings.twilio_auth_token
        ),
        carriers={
            Via.GATEWAY: TwilioCarrier(parts.patient_twilio, addresses, keeping.routes.notice),
            Via.VATEL: through_vatel,
        },
        owner=new_owner(),
        times=DialTimes(rate_per_s=settings.dial_rate),
        tell=tell,
    )
    return Dialler(means, rules, _quotas(settings), CarrierRecords(parts.twilio.calls, through_vatel))


def _quotas(settings: Settings) -> Quotas:
    return Quotas(
        concurrent=settings.key_calls_at_once,
        per_minute=settings.key_calls_per_minute,
        per_day=settings.key_calls_per_day,
        destination_per_hour=settings.number_calls_per_hour,
    )


def _defaults(settings: Settings) -> DialDefaults:
    number = E164(settings.twilio_phone_number) if settings.twilio_phone_number else None
    return DialDefaults(number=number, agent_id=AgentId(settings.vatel_agent_id))
