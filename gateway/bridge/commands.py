"""What a bridge asks of the shell. To be carried out in order, before the next event."""

import msgspec

from gateway.bridge.history import Past
from gateway.bridge.report import Ending, Note
from gateway.ids import E164, MarkName, ToolCallId
from gateway.wire.agent_session import ToolCall


class Play(msgspec.Struct, frozen=True, gc=False):
    """Send mu-law audio to the caller."""

    audio: bytes

    def __repr__(self) -> str:
        return f"Play({len(self.audio)} bytes)"


class PlaceMark(msgspec.Struct, frozen=True, gc=False):
    """Ask Twilio to tell when all audio sent so far has been played."""

    name: MarkName


class Clear(msgspec.Struct, frozen=True):
    """Make Twilio forget what it has not played yet."""


class SendAudio(msgspec.Struct, frozen=True, gc=False):
    """Send caller audio to the agent: mu-law, to be brought to its rate."""

    audio: bytes

    def __repr__(self) -> str:
        return f"SendAudio({len(self.audio)} bytes)"


class AnswerTool(msgspec.Struct, frozen=True):
    """Give the agent the one answer to its tool call."""

    call_id: ToolCallId
    output: str

    def __repr__(self) -> str:
        return f"AnswerTool({self.call_id!r}, {len(self.output)} characters)"


class JoinAgent(msgspec.Struct, frozen=True):
    """Open a session in the place of the one there was; told the ``past``, the agent takes the call up."""

    past: Past | None = None


class RunTool(msgspec.Struct, frozen=True):
    """Run a tool beside the call; answer with ``ToolFinished``."""

    call: ToolCall
    timeout_s: float


class Transfer(msgspec.Struct, frozen=True):
    """Have Twilio connect the caller to a person; answer with ``TransferFinished``."""

    to: E164


class SendDigits(msgspec.Struct, frozen=True):
    """Have Twilio play these keys to whoever is on the line, and come back; answer with ``DigitsTaken``."""

    digits: str

    def __repr__(self) -> str:
        return f"SendDigits({len(self.digits)} digits)"


class Hold(msgspec.Struct, frozen=True):
    """Have Twilio play music to the caller for so long, and come back; answer with ``HoldTaken``."""

    seconds: int


class Retrieve(msgspec.Struct, frozen=True):
    """Ask Twilio whether the call is still up; if so, have it open a stream again."""


class HangUp(msgspec.Struct, frozen=True):
    """End the telephone call and everything that belongs to it. Nothing follows."""

    ending: Ending


class FallBack(msgspec.Struct, frozen=True):
    """Close the stream, so that Twilio goes on with the verbs behind ``<Connect>``. Nothing follows.

    With ``said`` the caller was told in the stream that a person is called: it need not be said again.
    """

    ending: Ending
    said: bool = False


class Release(msgspec.Struct, frozen=True):
    """The telephone call is over or elsewhere: let everything go. Nothing follows."""

    ending: Ending


class Tell(msgspec.Struct, frozen=True):
    """Something worth a metric or a line in the log."""

    note: Note


ToCaller = Play | PlaceMark | Clear
Final = HangUp | FallBack | Release
Seldom = ToCaller | AnswerTool | JoinAgent | RunTool | Transfer | SendDigits | Hold | Retrieve | Final | Tell
Command = SendAudio | Seldom
