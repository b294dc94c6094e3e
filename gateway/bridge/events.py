"""What can happen to a call: what either peer says, and what the shell has to tell."""

from dataclasses import dataclass, field
from enum import StrEnum

from gateway.bridge.report import Ending
from gateway.ids import E164, ToolCallId
from gateway.wire import agent_session, media_stream


class Leg(StrEnum):
    """One of the two sides of a call."""

    CALLER = "caller"
    AGENT = "agent"


@dataclass(frozen=True, slots=True)
class Admitted:
    """Twilio announced the call, and it is taken."""


@dataclass(frozen=True, slots=True)
class CallerLost:
    """The stream's socket closed without ``stop``, or nobody read what was sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class CarrierEnded:
    """A status callback says that the call is over."""

    status: str


@dataclass(frozen=True, slots=True)
class AgentLost:
    """The agent's session could not be had, or its connection broke; ``final``: no other try will do."""

    reason: str
    final: bool = False


@dataclass(frozen=True, slots=True)
class AgentDoubted:
    """The agent's connection does not answer as soon as a live one does."""


@dataclass(frozen=True, slots=True)
class Briefed:
    """It is known whether the agent speaks first."""

    greets: bool


@dataclass(frozen=True, slots=True)
class ToolFinished:
    """A tool ran to its end; ``output`` is JSON text, an error included."""

    call_id: ToolCallId
    output: str = field(repr=False)
    failed: bool = False


@dataclass(frozen=True, slots=True)
class TransferFinished:
    """Twilio took the transfer, or refused it with ``error``."""

    error: str | None = None


@dataclass(frozen=True, slots=True)
class TransferOver:
    """What became of the person the caller was transferred to.

    ``outcome`` is Twilio's word for it; if they were not ``connected``, the caller comes back.
    """

    outcome: str
    connected: bool


@dataclass(frozen=True, slots=True)
class DigitsTaken:
    """Twilio took the digits to be played, or refused with ``error``."""

    error: str | None = None


@dataclass(frozen=True, slots=True)
class HoldTaken:
    """Twilio took the caller to be put on hold, or refused with ``error``."""

    error: str | None = None


@dataclass(frozen=True, slots=True)
class TakenOver:
    """Another process carries the call on: nothing more may be sent from here."""


@dataclass(frozen=True, slots=True)
class Malformed:
    """A message of one leg could not be read and was dropped."""

    leg: Leg


@dataclass(frozen=True, slots=True)
class HandOver:
    """The process must stop now; the call goes on elsewhere."""


@dataclass(frozen=True, slots=True)
class HangUpAsked:
    """Somebody who may wants the call to end now."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """Somebody who may wants the caller to be connected to a person."""

    to: E164 = field(repr=False)


@dataclass(frozen=True, slots=True)
class LeaveMessage:
    """An answering machine listens: say this, PCM16 24 kHz, and nothing else; ``text`` is what it says."""

    pcm: bytes = field(repr=False)
    text: str = field(default="", repr=False)


Order = HangUpAsked | TransferAsked | LeaveMessage | HandOver | TakenOver
ShellEvent = (
    Order
    | Admitted
    | CallerLost
    | CarrierEnded
    | AgentLost
    | AgentDoubted
    | Briefed
    | ToolFinished
    | TransferFinished
    | TransferOver
    | DigitsTaken
    | HoldTaken
    | Malformed
)
CallerSignal = (
    media_stream.Connected
    | media_stream.Start
    | media_stream.Dtmf
    | media_stream.Mark
    | media_stream.Stop
    | media_stream.Unknown
)
Signal = CallerSignal | agent_session.Message | ShellEvent
Event = media_stream.Media | Signal


def ignore(_event: Event) -> None:
    """Take what nobody wants any more."""
