"""How one call is to be carried: who speaks, with which words, tools and bounds, and what is kept of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from gateway.bridge.history import Past
from gateway.bridge.limits import Limits, ToolBook
from gateway.clients.vatel.agent import VersionId
from gateway.ids import E164, AgentId
from gateway.policy.machine import Mode
from gateway.store.identifiers import CallId, KeyId
from gateway.store.records import Direction, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """Who speaks, and what the agent is told for this call alone; ``None`` is as the agent has it."""

    agent_id: AgentId
    version_id: VersionId | None = None
    first_message: str | None = field(default=None, repr=False)
    prompt: str | None = field(default=None, repr=False)
    variables: Json = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Parties:
    """Who calls whom; ``ours`` is the one of the two that is our number."""

    direction: Direction
    caller: E164 = field(repr=False)
    called: E164 = field(repr=False)

    @property
    def ours(self) -> E164:
        """Our number."""
        return self.called if self.direction is Direction.INBOUND else self.caller


@dataclass(frozen=True, slots=True)
class Callee:
    """What is wanted of a call we place if a machine answers it."""

    machines: Mode = Mode.OFF
    message: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How one call is to be carried.

    Attributes:
        call_id: Our name of it.
        parties: Who calls whom.
        words: Asked once, while it rings; must be bounded in time and never raise.
        book: Which tools the agent may use, and whom it may transfer to.
        limits: The call's bounds.
        fallback_number: The person the caller gets if no agent can be had.
        notice: What the caller hears before the call is recorded; empty for nothing.
        record: Whether it is recorded.
        callee: What is wanted if a machine answers; for calls we place.
        callback_url: Where the events of the call go; empty for the default.
        api_key_id: The key that asked for the call.
        metadata: What the customer attached.
        past: What was said and done before this process took the call over; empty where it begins here.
        epoch: How often the call was taken over.
        began: When a call that was taken over was taken first.
    """

    call_id: CallId
    parties: Parties
    words: Callable[[], Awaitable[Words]] = field(repr=False)
    book: ToolBook = field(repr=False)
    limits: Limits = field(repr=False)
    fallback_number: E164 | None = field(default=None, repr=False)
    notice: str = ""
    record: bool = False
    callee: Callee = Callee()
    callback_url: str = field(default="", repr=False)
    api_key_id: KeyId | None = None
    metadata: Json = field(default_factory=dict, repr=False)
    past: Past = field(default=Past(), repr=False)
    epoch: int = 0
    began: datetime | None = None

    @property
    def recording_name(self) -> str:
        """What the recording is called; each process that carries a call has one of its own."""
        return f"{self.call_id}.{self.epoch}" if self.epoch else self.call_id
