"""What the emulated service remembers of requests and sessions, for tests and demonstrations to look at."""

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

HEARD_LIMIT_BYTES = 10 * 60 * 24_000 * 2
EVENTS_LIMIT = 10_000

Event = tuple[float, str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRequest:
    """What a session token was asked for with; ``at`` is in monotonic seconds."""

    agent_id: str
    version_id: str | None = None
    transport: str = "websocket"
    first_message: str | None = None
    prompt: str | None = None
    chat: bool = False
    chat_id: str | None = None
    at: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DialRequest:
    """An outbound call that was asked for."""

    agent_id: str
    destination: str
    sip_trunk_id: str = ""
    caller_id: str = ""
    first_message: str = ""
    prompt: str = ""
    variables: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DialOutcome:
    """What becomes of an outbound call. Time passes by itself: the call's record shows what there is by now.

    Attributes:
        ring_s: How long it rings, in seconds.
        answered: Whether somebody answers then; if not, the call is over.
        talk_s: How long they talk, in seconds; ``None``: until ``PhoneCall.end``.
        termination_reason: Why it ended, in the word of the API.
        transcript: Who said what: ``user`` or ``assistant``, and the words.
        summary: What it was about.
        variables: What was found out, by name.
        tags: Its tags.
        cost: What it cost.
        recording: PCM16 at 24 kHz; ``None`` if it was not recorded.
    """

    ring_s: float = 0.0
    answered: bool = True
    talk_s: float | None = 0.0
    termination_reason: str = "ended_by_user"
    transcript: tuple[tuple[str, str], ...] = ()
    summary: str = ""
    variables: Mapping[str, Any] = field(default_factory=dict)
    tags: tuple[str, ...] = ()
    cost: float = 0.0
    recording: bytes | None = field(default=None, repr=False)


@dataclass(slots=True, kw_only=True)
class PhoneCall:
    """An outbound call that was accepted; ``created_at`` is in seconds since 1970.

    ``outcome`` may be replaced as long as the call lasts.
    """

    id: str
    request: DialRequest
    version_id: str
    outcome: DialOutcome
    created_at: float = field(default_factory=time.time)

    @property
    def agent_id(self) -> str:
        """Whose call it is."""
        return self.request.agent_id

    @property
    def answered_at(self) -> float | None:
        """When it is answered, if it ever is."""
        return self.created_at + self.outcome.ring_s if self.outcome.answered else None

    @property
    def ended_at(self) -> float | None:
        """When it is over, if that is known."""
        answered_at, talk_s = self.answered_at, self.outcome.talk_s
        if answered_at is None:
            return self.created_at + self.outcome.ring_s
        return None if talk_s is None else answered_at + talk_s

    def end(self, termination_reason: str = "ended_by_user") -> None:
        """Have it end now."""
        ring_s, talk_s = self.outcome.ring_s, time.time() - self.created_at - self.outcome.ring_s
        if talk_s < 0:
            ring_s, talk_s = ring_s + talk_s, 0.0
        self.outcome = dataclasses.replace(
            self.outcome, ring_s=ring_s, talk_s=talk_s, termination_reason=termination_reason
        )


@dataclass(slots=True)
class Turn:
    """A stretch of agent speech: how much of it was sent, and whether the caller cut it."""

    turn_id: str
    text: str = ""
    sent_bytes: int = 0
    cut: bool = False

    @property
    def samples(self) -> int:
        """How much audio was sent, in samples at 24 kHz."""
        return self.sent_bytes // 2


@dataclass(slots=True, kw_only=True)
class SessionRecord:
    """One session, while it lasts and after.

    Attributes:
        id: The session's, which is also the call's.
        agent_id: Whose session it is.
        token_request: What its token was asked for with.
        token: The token it was opened with, which stood in the connection's address.
        opened_at: When the handshake was done, in monotonic seconds.
        created_at: The same, in seconds since 1970.
        ended: Whether it is over.
        ended_at: When it ended, in seconds since 1970.
        end_reason: Who ended it, and how.
        heard: The caller's audio, PCM16 at 24 kHz, from its beginning.
        audio_messages: How many ``input_audio`` messages came.
        events: What happened, as (monotonic seconds, kind, detail); the first 10,000.
        tool_outputs: The answers to tool calls, by their ids.
        turns: What the agent said.
        heard_limit: How much of the caller's audio is kept, in bytes.
        errors: What the client sent against the contract.

    """

    id: str
    agent_id: str
    token_request: TokenRequest
    token: str = field(default="", repr=False)
    opened_at: float
    created_at: float = field(default_factory=time.time)
    ended: bool = False
    ended_at: float | None = None
    end_reason: str = ""
    heard: bytearray = field(default_factory=bytearray, repr=False)
    audio_messages: int = 0
    events: list[Event] = field(default_factory=list, repr=False)
    tool_outputs: dict[str, str] = field(default_factory=dict)
    turns: list[Turn] = field(default_factory=list)
    heard_limit: int = HEARD_LIMIT_BYTES
    errors: list[str] = field(default_factory=list)

    def hear(self, audio: bytes) -> None:
        """Keep the caller's audio, as long as there is room."""
        self.audio_messages += 1
        self.heard += audio[: max(0, self.heard_limit - len(self.heard))]

    def note(self, event: Event) -> None:
        """Keep what happened, as long as there is room."""
        if len(self.events) < EVENTS_LIMIT:
            self.events.append(event)

    def turn(self, turn_id: str) -> Turn:
        """The turn of this id, begun if need be."""
        for turn in reversed(self.turns):
            if turn.turn_id == turn_id:
                return turn
        self.turns.append(Turn(turn_id))
        return self.turns[-1]

    def kinds(self) -> list[str]:
        """What happened, in order, without times and details."""
        return [kind for _, kind, _ in self.events]
