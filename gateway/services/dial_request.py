"""Whether a call that somebody asks for may be placed: everything is checked before anything happens."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import msgspec

from gateway.clients.vatel.agent import VersionId
from gateway.clients.vatel.client import Vatel
from gateway.errors import EgressRefused, TemplateError, VendorRejected, VendorUnauthorized
from gateway.ids import E164, AgentId
from gateway.policy.choice import Choice, Share
from gateway.policy.destinations import Destinations, own_number
from gateway.policy.machine import Mode
from gateway.policy.template import Template
from gateway.policy.values import Values, caller_values, clean
from gateway.services.dial_terms import OutboundPlan, RequestRefused
from gateway.store import numbers as store
from gateway.store import tidy
from gateway.store.database import Database
from gateway.store.identifiers import CallId
from gateway.store.records import Json, Via

LONGEST_MESSAGE: Final = 2000
LONGEST_PROMPT: Final = tidy.LONGEST_TEXT
LONGEST_PROMPT_IN_ADDRESS: Final = 4000
"""Vatel takes the prompt of a call it dials itself in the address of the request."""
MOST_VARIABLES: Final = 50
LARGEST_METADATA: Final = 4096
RING_S: Final = (5, 120)
DURATION_S: Final = (10, 14_400)
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")
_DIGITS: Final = re.compile(r"[0-9A-D#*wW]{1,32}")
_NOT_VIA_VATEL: Final = ("from_", "version_id", "message", "ring_timeout", "max_duration", "send_digits")


@dataclass(frozen=True, slots=True, kw_only=True)
class DialDraft:
    """A call as it was asked for; times in seconds, and what is None is as the number or the agent has it."""

    to: str = field(repr=False)
    from_: str | None = field(default=None, repr=False)
    agent_id: str | None = None
    version_id: str | None = None
    first_message: str | None = field(default=None, repr=False)
    prompt: str | None = field(default=None, repr=False)
    variables: Mapping[str, str | int | float | bool] = field(default_factory=dict, repr=False)
    via: Via = Via.GATEWAY
    machine_detection: Mode = Mode.OFF
    message: str | None = field(default=None, repr=False)
    ring_timeout: int | None = None
    max_duration: int | None = None
    send_digits: str | None = field(default=None, repr=False)
    metadata: Json = field(default_factory=dict, repr=False)
    callback_url: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialDefaults:
    """What a request need not say."""

    number: E164 | None = field(repr=False)  # calls are from here; one of the account's as well
    agent_id: AgentId
    ring_timeout_s: int = 30
    max_duration_s: int = 3600


class DialRules:
    """What a request for a call is held against.

    Args:
        database: Knows the numbers that are the account's.
        vatel: Knows the agents.
        destinations: Where calls may go.
        callback: Takes an address, and raises ``EgressRefused`` if nothing may be sent there.
        defaults: What a request need not say.
    """

    def __init__(
        self,
        database: Database,
        vatel: Vatel,
        destinations: Destinations,
        callback: Callable[[str], object],
        defaults: DialDefaults,
    ) -> None:
        self._database = database
        self._vatel = vatel
        self._destinations = destinations
        self._callback = callback
        self._defaults = defaults

    async def check(self, draft: DialDraft, call_id: CallId) -> OutboundPlan:
        """Return what is to be dialled; nothing is dialled nor stored.

        Raises:
            DialRefused: a number is none, or not one that may be called or called from.
            RequestRefused: another field is wrong, or contradicts one.
            VendorError: Vatel could not be asked about the agent.
            StoreUnavailable: the numbers can't be had.
        """
        _check_form(draft)
        own = await self._own()
        from_ = self._from(draft, own)
        to = self._destinations.check(draft.to, from_)
        route = own[from_]
        if draft.callback_url is not None:
            with _blamed("callback_url"):
                self._callback(draft.callback_url)
        first_message, prompt = _rendered(draft, route, to)
        agent_id = _agent(draft, route, self._defaults.agent_id, call_id)
        version_id = draft.version_id or (route.version_id if draft.agent_id is None else None)
        await self._check_agent(agent_id, version_id)
        return OutboundPlan(
            call_id=call_id,
            to=to,
            from_=from_,
            agent_id=agent_id,
            via=draft.via,
            version_id=version_id,
            first_message=first_message,
            prompt=prompt,
            machine_detection=draft.machine_detection,
            message=draft.message,
            ring_timeout_s=draft.ring_timeout or self._defaults.ring_timeout_s,
            max_duration_s=draft.max_duration or route.max_duration_s or self._defaults.max_duration_s,
            send_digits=draft.send_digits or "",
            metadata=draft.metadata,
            callback_url=draft.callback_url,
            variables={name: clean(value) for name, value in draft.variables.items()},
        )

    def transfer_number(self, to: str, ours: E164, party: str) -> E164:
        """Return the number a live call is to be transferred to.

        Raises:
            DialRefused: it may not be called.
        """
        return self._destinations.check_transfer(to, ours, party)

    async def _own(self) -> dict[E164, store.Number]:
        """The account's numbers, and how they are set up."""
        async with self._database.read() as connection:
            own = {each.number: each for each in await store.every(connection)}
        if self._defaults.number is not None:
            own.setdefault(self._defaults.number, store.Number(number=self._defaults.number))
        return own

    def _from(self, draft: DialDraft, own: Collection[E164]) -> E164:
        if draft.from_ is not None:
            return own_number(draft.from_, own)
        if self._defaults.number is None:
            raise RequestRefused("no number to call from is given, and the settings name none", field="from")
        return self._defaults.number

    async def _check_agent(self, agent_id: AgentId, version_id: str | None) -> None:
        with _known("agent_id"):
            await self._vatel.agents.get(agent_id)
        if version_id is not None:
            with _known("version_id"):
                found = await self._vatel.agents.version(agent_id, VersionId(version_id))
            if found.version.published_at is None:
                raise RequestRefused("the version is a draft: publish it first", field="version_id")


def _check_form(draft: DialDraft) -> None:
    """What can be told from the request alone."""
    _bounded(draft.ring_timeout, RING_S, "ring_timeout")
    _bounded(draft.max_duration, DURATION_S, "max_duration")
    if draft.send_digits is not None and not _DIGITS.fullmatch(draft.send_digits):
        raise RequestRefused("must be 1 to 32 of 0-9, A-D, #, * and w", field="send_digits")
    _check_variables(draft.variables)
    _check_metadata(draft.metadata)
    _check_machine(draft)
    if draft.via is Via.VATEL:
        _check_via_vatel(draft)


def _check_variables(variables: Mapping[str, object]) -> None:
    if len(variables) > MOST_VARIABLES:
        raise RequestRefused(f"must be at most {MOST_VARIABLES}", field="variables")
    for name in variables:
        if not _NAME.fullmatch(name):
            raise RequestRefused(
                "a name is one word of letters, digits and _, and begins with a letter", field="variables"
            )


def _check_metadata(metadata: Json) -> None:
    # What the store would change of it could not be given back as it came.
    kept = tidy.document(metadata) == metadata
    if not kept or len(msgspec.json.encode(metadata)) > LARGEST_METADATA:
        reason = f"must be at most {LARGEST_METADATA} bytes of JSON, and eight levels deep"
        raise RequestRefused(reason, field="metadata")


def _check_machine(draft: DialDraft) -> None:
    leaves = draft.machine_detection is Mode.LEAVE_MESSAGE
    if leaves and not (draft.message or "").strip():
        raise RequestRefused("is needed where a message is to be left", field="message")
    if draft.message is not None and not leaves:
        raise RequestRefused("is only said where machine_detection is leave_message", field="message")
    if len(draft.message or "") > LONGEST_MESSAGE:
        raise RequestRefused(f"is longer than {LONGEST_MESSAGE} characters", field="message")
    if draft.send_digits and draft.machine_detection is not Mode.OFF:
        # https://www.twilio.com/docs/voice/api/call-resource: SendDigits switches MachineDetection off.
        raise RequestRefused("can't be had together with machine_detection", field="send_digits")


def _check_via_vatel(draft: DialDraft) -> None:
    for name in _NOT_VIA_VATEL:
        if getattr(draft, name) is not None:
            raise RequestRefused("can't be had via vatel", field=name.rstrip("_"))
    if draft.machine_detection is not Mode.OFF:
        raise RequestRefused("can't be had via vatel", field="machine_detection")


def _rendered(draft: DialDraft, route: store.Number, to: E164) -> tuple[str | None, str | None]:
    """The agent's first words and its instructions, with the values of this call."""
    values = Values(draft.variables, caller_values(to))
    first, prompt = draft.first_message, draft.prompt
    if draft.via is Via.GATEWAY:  # the route is about the agents of this gateway
        first = route.first_message if first is None else first
        prompt = route.prompt if prompt is None else prompt
    longest = LONGEST_PROMPT if draft.via is Via.GATEWAY else LONGEST_PROMPT_IN_ADDRESS
    return (
        _filled(first, values, "first_message", LONGEST_MESSAGE, aloud=True),
        _filled(prompt, values, "prompt", longest, aloud=False),
    )


def _filled(text: str | None, values: Values, name: str, longest: int, *, aloud: bool) -> str | None:
    if text is None:
        return None
    with _blamed(name):
        template = Template.parse(text, longest=longest)
    rendered = template.spoken(values) if aloud else template.prompt(values)
    if rendered.missing:
        missing = ", ".join(rendered.missing)
        raise RequestRefused(
            f"no value for {missing}, which {name} asks for", field="variables", code="missing"
        )
    if len(rendered.text) > longest:
        raise RequestRefused(f"is longer than {longest} characters with its values", field=name)
    return rendered.text


def _agent(draft: DialDraft, route: store.Number, default: AgentId, call_id: CallId) -> AgentId:
    if draft.agent_id is not None:
        return AgentId(draft.agent_id)
    if route.weights:
        return Choice([Share(agent, weight) for agent, weight in route.weights.items()]).agent(call_id)
    return route.agent_id or default


def _bounded(value: int | None, bounds: tuple[int, int], name: str) -> None:
    if value is not None and not bounds[0] <= value <= bounds[1]:
        raise RequestRefused(f"must be {bounds[0]} to {bounds[1]} seconds", field=name)


@contextmanager
def _blamed(name: str) -> Iterator[None]:
    try:
        yield
    except (EgressRefused, TemplateError) as error:
        raise RequestRefused(str(error), field=name, remedy=error.remedy) from None


@contextmanager
def _known(name: str) -> Iterator[None]:
    try:
        yield
    except VendorUnauthorized:
        raise
    except VendorRejected as error:
        raise RequestRefused("Vatel knows nothing of this id", field=name, code="unknown") from error
