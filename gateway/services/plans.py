"""How each inbound call is to be carried: the number's route, else the settings."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from gateway.bridge.limits import Limits, ToolBook
from gateway.calls.plan import Parties, Plan, Words
from gateway.clients.vatel.agent import VersionId
from gateway.ids import E164, AgentId, CallSid
from gateway.policy.values import Values, caller_values
from gateway.services.routes import Route
from gateway.store.identifiers import new_call
from gateway.store.records import Direction
from gateway.wire.call_status import CallProgress, Origin


class RouteBook(Protocol):
    """Who answers which number, at hand at once: ``gateway.services.routes.Routes``."""

    def route(self, number: str) -> Route | None:
        """The route of one of our numbers."""


class NoRoutes:
    """Every number is answered as the settings say."""

    def route(self, _number: str) -> Route | None:
        """Nothing."""
        return None


@dataclass(frozen=True, slots=True)
class Asked:
    """What a lookup is asked about."""

    call_id: str
    caller: E164 = field(repr=False)
    called: E164 = field(repr=False)
    values: Mapping[str, object] = field(repr=False)


Lookup = Callable[[str, Asked], Awaitable[Mapping[str, object]]]
"""Asks the address what it knows of a caller; bounded in time, never raises."""


@dataclass(frozen=True, slots=True)
class Defaults:
    """What the settings say, for numbers whose route says nothing else."""

    agent_id: AgentId
    book: ToolBook
    limits: Limits
    fallback_number: E164 | None = field(default=None, repr=False)


async def nothing_known(_url: str, _asked: Asked) -> Mapping[str, object]:
    """Ask nobody."""
    return {}


class Plans:
    """Makes plans for calls that come in. Nothing here waits for a database."""

    def __init__(self, defaults: Defaults, routes: RouteBook, lookup: Lookup = nothing_known) -> None:
        self._defaults = defaults
        self._routes = routes
        self._lookup = lookup

    def inbound(self, progress: CallProgress, origin: Origin) -> Plan:
        """The plan of a call Twilio announces; of the same call always with the same agent."""
        defaults, parties = self._defaults, _parties(progress)
        route = self._routes.route(parties.called) or Route(number=parties.called)
        call_id = new_call()

        async def words() -> Words:
            known = caller_values(parties.caller, origin.name, origin.country, origin.verification)
            asked = Asked(call_id, parties.caller, parties.called, known)
            told = await self._lookup(route.lookup_url, asked) if route.lookup_url else {}
            agent_id = route.agent(progress.call_sid) or defaults.agent_id
            return spoken_words(route, agent_id, Values({}, told, _of(route), known))

        return Plan(
            call_id=call_id,
            parties=parties,
            words=words,
            book=book(defaults.book, route.tools, route.transfer_numbers),
            limits=limits(defaults.limits, route.max_duration_s),
            fallback_number=route.fallback_number or defaults.fallback_number,
            notice=(route.recording_notice or "") if route.recording else "",
            record=route.recorded,
        )

    def words_again(self, parties: Parties, call_sid: CallSid) -> Words:
        """What the agent of a call is told, as far as it can be told without asking anybody."""
        route = self._routes.route(parties.ours) or Route(number=parties.ours)
        agent_id = route.agent(call_sid) or self._defaults.agent_id
        known = caller_values(parties.caller, "", "", "")
        return spoken_words(route, agent_id, Values({}, {}, _of(route), known))


def book(allowed: ToolBook, tools: frozenset[str] | None, transfers: tuple[E164, ...] | None) -> ToolBook:
    """The tools and transfer numbers of one call, out of all there are."""
    timeouts = allowed.timeouts_s
    return ToolBook(
        timeouts if tools is None else {name: at for name, at in timeouts.items() if name in tools},
        allowed.transfer_numbers if transfers is None else transfers,
    )


def limits(usual: Limits, max_duration_s: int | None) -> Limits:
    """The bounds of one call."""
    return usual if max_duration_s is None else replace(usual, max_call_s=float(max_duration_s))


def spoken_words(route: Route, agent_id: AgentId, values: Values) -> Words:
    """The route's texts with the values in their places."""
    texts = [template for template in (route.first_message, route.prompt) if template is not None]
    return Words(
        agent_id=agent_id,
        version_id=VersionId(route.version_id) if route.version_id else None,
        first_message=route.first_message.spoken(values).text if route.first_message else None,
        prompt=route.prompt.prompt(values).text if route.prompt else None,
        variables={name: values.get(name) for template in texts for name in template.names},
    )


def _of(route: Route) -> dict[str, object]:
    return {"our_number": route.number, "label": route.label}


def _parties(progress: CallProgress) -> Parties:
    return Parties(Direction.INBOUND, E164(progress.caller), E164(progress.called))
