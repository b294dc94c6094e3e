"""What is known of a call when it is over, and the notes it gives on its way."""

import re
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.ids import SessionId, TurnId
from gateway.wire.agent_session import ToolCall

_CAPITAL = re.compile("(?<!^)(?=[A-Z])")

TURNS_KEPT = 500
"""Turns a report holds; a call with more keeps the newest."""


class Ending(StrEnum):
    """Why a call ended."""

    CALLER_HUNG_UP = "caller_hung_up"
    AGENT_ENDED = "agent_ended"  # session_ended
    AGENT_HUNG_UP = "agent_hung_up"  # the end_call tool
    TRANSFERRED = "transferred"
    AGENT_UNAVAILABLE = "agent_unavailable"  # never joined
    AGENT_LOST = "agent_lost"
    NO_STREAM = "no_stream"
    STREAM_LOST = "stream_lost"
    STREAM_SILENT = "stream_silent"
    STREAM_GARBLED = "stream_garbled"
    TIME_LIMIT = "time_limit"
    HUNG_UP = "hung_up"  # by a request to the gateway
    MACHINE = "machine"  # one answered, and nothing was to be said to it
    MESSAGE_LEFT = "message_left"  # one answered, and was told
    HANDED_OVER = "handed_over"
    TAKEN_OVER = "taken_over"  # another process carries it on; its record goes on there
    GATEWAY_ERROR = "gateway_error"

    @property
    def by(self) -> str:
        """Who ended the call."""
        return _BY[self]


_BY = {
    Ending.CALLER_HUNG_UP: "caller",
    Ending.AGENT_ENDED: "agent",
    Ending.AGENT_HUNG_UP: "agent",
    Ending.TRANSFERRED: "transfer",
    Ending.AGENT_UNAVAILABLE: "agent_failure",
    Ending.AGENT_LOST: "agent_failure",
    Ending.NO_STREAM: "carrier",
    Ending.STREAM_LOST: "carrier",
    Ending.STREAM_SILENT: "carrier",
    Ending.STREAM_GARBLED: "carrier",
    Ending.TIME_LIMIT: "limit",
    Ending.HUNG_UP: "api",
    Ending.MACHINE: "gateway",
    Ending.MESSAGE_LEFT: "gateway",
    Ending.HANDED_OVER: "drain",
    Ending.TAKEN_OVER: "gateway",
    Ending.GATEWAY_ERROR: "gateway",
}


@dataclass(frozen=True, slots=True)
class TurnReport:
    """What became of one turn. Text is what was said, never for a log."""

    turn_id: TurnId
    spoken_ms: float  # audio the agent sent
    heard_ms: float  # audio the caller heard
    proved_ms: float  # as told by returned marks; the rest is reckoned by the clock
    cut: bool
    heard_text: str = field(repr=False)
    cut_text: str = field(repr=False)
    began_at: float | None = None  # first audio, on the bridge's clock in seconds; None if there was none
    agent_ms: float | None = None  # from the caller's last word to the first audio


@dataclass(frozen=True, slots=True)
class TurnUnderway:
    """A turn is being spoken: the account of it so far, should nobody be there to close it."""

    turn: TurnReport


@dataclass(frozen=True, slots=True)
class Joined:
    """The agent is there, so long after the call was taken."""

    after_ms: float


@dataclass(frozen=True, slots=True)
class FirstAudio:
    """The first agent audio went out, so long after the stream opened."""

    after_ms: float


@dataclass(frozen=True, slots=True)
class RoundTrip:
    """A mark came back: to Twilio, through its playout, and back, less the audio before it."""

    took_ms: float


@dataclass(frozen=True, slots=True)
class BargedIn:
    """The caller cut the agent off; ``cleared`` if Twilio held audio."""

    cut_ms: float
    cleared: bool


@dataclass(frozen=True, slots=True)
class ToolAnswered:
    """A tool call was answered: ``outcome`` is ``ok`` or the code of the error.

    ``call`` is what was asked for where the bridge itself answered, with ``output``; never for a log.
    """

    name: str
    outcome: str
    took_ms: float
    call: ToolCall | None = field(default=None, repr=False)
    output: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class CallerSaid:
    """What the caller was understood to say, whole; never for a log."""

    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OptedOut:
    """The caller does not want to be called again, as the agent understood it."""


@dataclass(frozen=True, slots=True)
class AgentMissed:
    """The agent is lost, and the ``epoch``-th session after it is called; a loss is told of once."""

    epoch: int
    reason: str


@dataclass(frozen=True, slots=True)
class AgentBack:
    """Another session took the call up, after the caller was so long without one."""

    epoch: int
    gap_ms: int


@dataclass(frozen=True, slots=True)
class SilenceFilled:
    """The caller was told something by the gateway itself, for the agent was silent."""

    clip: str


class Absence(StrEnum):
    """Why a call is without its stream."""

    STREAM_LOST = "stream_lost"
    TRANSFER = "transfer"
    DIGITS = "digits"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class CallParked:
    """The stream is gone for a while, and the call waits for it."""

    why: Absence


@dataclass(frozen=True, slots=True)
class CallResumed:
    """The stream is back, after so long."""

    why: Absence
    after_ms: int


Incident = AgentMissed | AgentBack | SilenceFilled | CallParked | CallResumed
"""What went otherwise than usual, and was borne. Each is told under its name, with what it holds."""


def told_as(incident: Incident) -> str:
    """The name of an incident in logs and records: ``agent_missed`` and so on."""
    return _CAPITAL.sub("_", type(incident).__name__).lower()


Note = (
    TurnReport
    | TurnUnderway
    | CallerSaid
    | OptedOut
    | Joined
    | FirstAudio
    | RoundTrip
    | BargedIn
    | ToolAnswered
    | Incident
)


@dataclass(slots=True)
class CallReport:
    """One call, from the webhook to its end. Times are milliseconds from the stream's opening."""

    session_id: SessionId | None = None
    ending: Ending | None = None
    detail: str = ""
    falls_back: bool = True  # the caller may be there still, and needs help
    sorry_said: bool = False  # and was told in the stream that a person is called
    connected_ms: float = 0.0
    first_audio_ms: float | None = None
    turns: list[TurnReport] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def close(self, ending: Ending, detail: str, connected_s: float, first_audio_ms: float | None) -> None:
        """The call is over."""
        self.ending, self.detail = ending, detail
        self.connected_ms, self.first_audio_ms = connected_s * 1000.0, first_audio_ms

    def put_turn(self, turn: TurnReport, instead_of: TurnReport | None = None) -> None:
        """Keep a turn, in the place of what was reported of it before; forget the oldest past the bound."""
        if instead_of is not None and instead_of in self.turns:
            self.turns[self.turns.index(instead_of)] = turn
            return
        self.turns.append(turn)
        del self.turns[:-TURNS_KEPT]
