"""What a route may say: every field is checked when it is stored, so that no call fails over it."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from typing import Final

from gateway.clients.vatel.agent import VersionId
from gateway.clients.vatel.client import Vatel
from gateway.errors import (
    DialRefused,
    EgressRefused,
    SettingsError,
    TemplateError,
    VendorRejected,
    VendorUnauthorized,
)
from gateway.ids import E164, AgentId
from gateway.policy.choice import Choice, Share
from gateway.policy.destinations import Destinations
from gateway.policy.template import Template
from gateway.services.number_errors import NumberMalformed, NumberRefused
from gateway.settings import telephone_number
from gateway.store import numbers as store
from gateway.store.tidy import LONGEST_TEXT

LONGEST_LABEL: Final = 100
LONGEST_NOTICE: Final = 500
MOST_TRANSFER_NUMBERS: Final = 50
MOST_TOOLS: Final = 100
MOST_AGENTS: Final = 20
SHORTEST_CALL_S: Final = 10
LONGEST_CALL_S: Final = 14_400
"""Twilio's own limit, unless the account has another. https://www.twilio.com/docs/voice/api/call-resource"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteDraft:
    """How a number is to be answered. What is left out is as the settings or the agent have it.

    Attributes:
        agent_id: The agent that answers; the settings' one by default.
        version_id: A published version of that agent; its active one by default.
        first_message: What the agent says first. It may have places for values, as may the prompt.
        prompt: Instead of the agent's own.
        fallback_number: The person callers get when no agent can be had.
        transfer_numbers: Numbers the agent may transfer to.
        tools: Names of the tools the agent may use.
        max_duration_s: The longest call, in seconds.
        recording: Whether calls are recorded.
        recording_notice: What callers hear before they are recorded.
        lookup_url: Who is asked about a caller before the agent answers.
        weights: Several agents and each one's part of the calls, instead of ``agent_id``.
    """

    agent_id: str | None = None
    version_id: str | None = None
    first_message: str | None = field(default=None, repr=False)
    prompt: str | None = field(default=None, repr=False)
    fallback_number: str | None = field(default=None, repr=False)
    transfer_numbers: tuple[str, ...] | None = field(default=None, repr=False)
    tools: tuple[str, ...] | None = None
    max_duration_s: int | None = None
    recording: bool = False
    recording_notice: str | None = None
    lookup_url: str | None = field(default=None, repr=False)
    weights: dict[str, int] | None = None


class RouteRules:
    """What the fields of a route are held against.

    Args:
        vatel: Knows the agents.
        default_agent: The settings' one, whose version a route may name.
        tools: Names of the tools there are.
        destinations: Where calls may go.
        egress: Takes an address, and raises ``EgressRefused`` if it may not be asked about callers.
    """

    def __init__(
        self,
        vatel: Vatel,
        default_agent: AgentId,
        tools: Collection[str],
        destinations: Destinations,
        egress: Callable[[str], object],
    ) -> None:
        self._vatel = vatel
        self._default_agent = default_agent
        self._tools = frozenset(tools)
        self._destinations = destinations
        self._egress = egress

    async def check(self, number: E164, draft: RouteDraft) -> store.Number:
        """Return the route as it is stored.

        Raises:
            NumberRefused: a field will not do, or Vatel knows nothing of an agent.
            VendorError: Vatel could not be asked.
        """
        if draft == RouteDraft():
            raise NumberRefused("the route says nothing", remedy="Delete the route: the settings apply then.")
        self._check_texts(draft)
        self._check_limits(draft)
        weights = _weights(draft)
        route = store.Number(
            number=number,
            agent_id=AgentId(draft.agent_id) if draft.agent_id is not None else None,
            version_id=draft.version_id,
            first_message=draft.first_message,
            prompt=draft.prompt,
            fallback_number=self._fallback(draft, number),
            transfer_numbers=self._transfers(draft, number),
            tools=self._known_tools(draft),
            max_duration_s=draft.max_duration_s,
            recording=draft.recording,
            recording_notice=draft.recording_notice,
            weights=weights,
            lookup_url=draft.lookup_url,
        )
        await self._check_agents(draft, weights)
        return route

    def _check_texts(self, draft: RouteDraft) -> None:
        for name in ("first_message", "prompt"):
            text = getattr(draft, name)
            if text is not None:
                _not_blank(text, name)
                with _blamed(name):
                    Template.parse(text, longest=LONGEST_TEXT)
        if draft.recording_notice is not None:
            _not_blank(draft.recording_notice, "recording_notice")
            _bounded(len(draft.recording_notice), 1, LONGEST_NOTICE, "recording_notice", "characters")
        elif draft.recording:
            raise NumberRefused("is needed where calls are recorded", field="recording_notice")
        if draft.lookup_url is not None:
            with _blamed("lookup_url"):
                self._egress(draft.lookup_url)

    def _check_limits(self, draft: RouteDraft) -> None:
        if draft.max_duration_s is not None:
            _bounded(draft.max_duration_s, SHORTEST_CALL_S, LONGEST_CALL_S, "max_duration_s", "seconds")

    def _fallback(self, draft: RouteDraft, number: E164) -> E164 | None:
        if draft.fallback_number is None:
            return None
        return self._destination(draft.fallback_number, number, "fallback_number")

    def _transfers(self, draft: RouteDraft, number: E164) -> tuple[E164, ...] | None:
        if draft.transfer_numbers is None:
            return None
        _bounded(len(draft.transfer_numbers), 0, MOST_TRANSFER_NUMBERS, "transfer_numbers", "numbers")
        found = (
            self._destination(to, number, f"transfer_numbers.{place}")
            for place, to in enumerate(draft.transfer_numbers)
        )
        return tuple(dict.fromkeys(found))

    def _destination(self, to: str, number: E164, name: str) -> E164:
        with _blamed(name):
            return self._destinations.check(to, number, field=name)

    def _known_tools(self, draft: RouteDraft) -> tuple[str, ...] | None:
        if draft.tools is None:
            return None
        _bounded(len(draft.tools), 0, MOST_TOOLS, "tools", "names")
        for place, name in enumerate(draft.tools):
            if name not in self._tools:
                raise NumberRefused("there is no tool of this name", field=f"tools.{place}")
        return tuple(dict.fromkeys(draft.tools))

    async def _check_agents(self, draft: RouteDraft, weights: dict[AgentId, int] | None) -> None:
        if weights is not None:
            known = {agent.id for agent in await self._vatel.agents.list()}
            for agent_id in weights:
                if agent_id not in known:
                    raise _unknown(f"weights.{agent_id}")
        agent = AgentId(draft.agent_id) if draft.agent_id is not None else None
        if agent is not None:
            with _known("agent_id"):
                await self._vatel.agents.get(agent)
        if draft.version_id is not None:
            with _known("version_id"):
                version = VersionId(draft.version_id)
                found = await self._vatel.agents.version(agent or self._default_agent, version)
            if found.version.published_at is None:
                raise NumberRefused("the version is a draft: publish it first", field="version_id")


def own_number(text: str) -> E164:
    """One of our numbers as somebody wrote it.

    Raises:
        NumberMalformed: it is no telephone number.
    """
    try:
        return E164(telephone_number(text[:LONGEST_LABEL]))
    except ValueError as error:
        raise NumberMalformed(f"the number {error}") from None


def label_of(text: str) -> str:
    """A label without blanks round it.

    Raises:
        NumberRefused: it is too long, or not text that can be shown.
    """
    label = text.strip()
    _bounded(len(label), 0, LONGEST_LABEL, "label", "characters")
    if not label.isprintable():
        raise NumberRefused("a label is one line of text", field="label")
    return label


def routed(number: store.Number) -> bool:
    """Whether a number has a route of its own, and not a label alone."""
    plain = store.Number(number=number.number, label=number.label)
    return any(getattr(number, each.name) != getattr(plain, each.name) for each in fields(plain))


def _weights(draft: RouteDraft) -> dict[AgentId, int] | None:
    if draft.weights is None:
        return None
    if draft.agent_id is not None or draft.version_id is not None:
        raise NumberRefused("weights stand instead of an agent and its version", field="weights")
    _bounded(len(draft.weights), 1, MOST_AGENTS, "weights", "agents")
    weights = {AgentId(agent): weight for agent, weight in draft.weights.items()}
    with _blamed("weights"):
        Choice([Share(agent, weight) for agent, weight in weights.items()])
    return weights


def _bounded(value: int, least: int, most: int, name: str, of: str) -> None:
    if not least <= value <= most:
        raise NumberRefused(f"must be {least} to {most} {of}", field=name)


def _not_blank(text: str, name: str) -> None:
    if not text.strip():
        raise NumberRefused("is blank; leave it out instead", field=name)


@contextmanager
def _blamed(name: str) -> Iterator[None]:
    """Say which field a rule refused."""
    try:
        yield
    except (DialRefused, EgressRefused, SettingsError, TemplateError) as error:
        raise NumberRefused(str(error), field=name, remedy=error.remedy) from None


@contextmanager
def _known(name: str) -> Iterator[None]:
    """Say which field names what Vatel does not know, or not as this organization's."""
    try:
        yield
    except VendorUnauthorized:
        raise
    except VendorRejected as error:
        raise _unknown(name) from error


def _unknown(name: str) -> NumberRefused:
    remedy = "Give the id of an agent, or a version of it, of the organization of VATEL_API_KEY."
    return NumberRefused("Vatel knows nothing of this id", field=name, remedy=remedy)
