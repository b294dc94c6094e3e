"""What the emulated service remembers of requests and sessions, for tests and demonstrations to look at."""

import time
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
