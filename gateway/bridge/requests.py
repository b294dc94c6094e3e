"""What the agent asks for: tools of the user's, keys of the caller's, and the end of the call."""

from collections.abc import Iterable
from typing import Final

from gateway.bridge.commands import Command, Tell
from gateway.bridge.deadlines import earliest
from gateway.bridge.digits import Collected, DigitCollector
from gateway.bridge.events import ToolFinished
from gateway.bridge.farewell import Finale, Leaving
from gateway.bridge.history import ToolTrace
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.report import OptedOut
from gateway.bridge.tools import ToolDesk, error_code, json_output, unreadable
from gateway.errors import ToolError
from gateway.ids import E164
from gateway.wire.agent_session import ToolCall
from gateway.wire.media_stream import Dtmf

END_CALL: Final = "end_call"
TRANSFER_CALL: Final = "transfer_call"
COLLECT_DIGITS: Final = "collect_digits"
OPT_OUT: Final = "opt_out"
SEND_DIGITS: Final = "send_digits"
HOLD: Final = "hold"
LEAVING: Final = frozenset({END_CALL, TRANSFER_CALL, SEND_DIGITS, HOLD})
"""They take the call out of its stream, once the agent's words have been heard."""
BUILT_IN: Final = LEAVING | {COLLECT_DIGITS, OPT_OUT}
_PLAYABLE: Final = frozenset("0123456789*#ABCDwW")
_MOST_PLAYED: Final = 64
_HOLD_S: Final = 60
_LONGEST_HOLD_S: Final = 600


class Requests:
    """The tools of one call, the built-in ones included."""

    def __init__(self, limits: Limits, book: ToolBook, done: Iterable[ToolTrace] = ()) -> None:
        self._transfer_numbers = book.transfer_numbers
        self._digits = DigitCollector(limits)
        self.desk = ToolDesk(limits, book, done)

    def deadline(self, idle_since: float | None) -> float | None:
        """When a tool runs out of time, or the wait for a key is over."""
        return earliest(self.desk.deadline, self._digits.deadline(idle_since))

    def start(self, call: ToolCall, now: float) -> list[Command]:
        """Run a tool, begin to collect digits, or note that the caller wants no more calls."""
        if call.name == OPT_OUT:
            self.desk.hold(call, now)
            return [Tell(OptedOut()), *self.desk.succeed(call.id, now)]
        if call.name != COLLECT_DIGITS:
            return self.desk.start(call, now)
        self.desk.hold(call, now)
        try:
            return self._collected(self._digits.start(call, now), now)
        except ToolError as error:
            return self.desk.refuse(call.id, error, now)

    def press(self, event: Dtmf, now: float) -> list[Command]:
        """Take a key."""
        return self._collected(self._digits.press(event.digit, now), now)

    def finished(self, event: ToolFinished, now: float) -> list[Command]:
        """A tool of the user's ran to its end."""
        outcome = error_code(event.output) if event.failed else "ok"
        return self.desk.finish(event.call_id, event.output, now, outcome=outcome)

    @property
    def collecting(self) -> bool:
        """Whether the caller is expected to press keys."""
        return self._digits.collecting

    def orphan(self) -> None:
        """The agent is gone."""
        self._digits.cancel()
        self.desk.orphan()

    def leave(self, call: ToolCall, *, live: bool) -> Leaving:
        """Check a request that takes the call out of its stream.

        Raises:
            ToolError: the call is ending already, or what is asked for may not be.
        """
        if not live:
            raise ToolError("the call has not begun, or is being ended already", code="busy")
        match call.name:
            case "transfer_call":
                return Leaving(Finale.TRANSFER, call, to=self._target(call))
            case "send_digits":
                return Leaving(Finale.DIGITS, call, digits=_playable(call))
            case "hold":
                return Leaving(Finale.HOLD, call, hold_s=_bearable(call))
            case _:
                return Leaving(Finale.END_CALL, call)

    def tick(self, now: float, idle_since: float | None) -> list[Command]:
        """Do what is due; ``idle_since`` is ``None`` while the agent is still to be heard."""
        return self.desk.tick(now) + self._collected(self._digits.tick(now, idle_since), now)

    def _collected(self, collected: Collected | None, now: float) -> list[Command]:
        if collected is None:
            return []
        output = json_output({"digits": collected.digits, "ended_by": collected.ended_by.value})
        return self.desk.finish(collected.call_id, output, now)

    def _target(self, call: ToolCall) -> E164:
        """The number asked for, if it is on the list; the only one on the list if none is asked for."""
        if not call.readable:
            raise unreadable()
        allowed = self._transfer_numbers
        if not allowed:
            raise ToolError("no number to transfer to is configured", code="not_configured")
        to = call.arguments.get("to")
        if to is None or to == "":
            if len(allowed) > 1:
                raise ToolError("to: which number?", code="invalid_arguments")
            return allowed[0]
        if to not in allowed:
            raise ToolError("transfers to that number are not allowed", code="not_allowed")
        return allowed[allowed.index(E164(str(to)))]


def _playable(call: ToolCall) -> str:
    digits = call.arguments.get("digits")
    if not isinstance(digits, str) or not 0 < len(digits) <= _MOST_PLAYED or not set(digits) <= _PLAYABLE:
        raise ToolError(
            f"digits must be 1 to {_MOST_PLAYED} of 0-9, *, #, A-D, and w for half a second's pause",
            code="invalid_arguments",
        )
    return digits


def _bearable(call: ToolCall) -> int:
    if not call.readable:
        raise unreadable()
    seconds = call.arguments.get("seconds")
    if seconds is None:
        return _HOLD_S
    if isinstance(seconds, bool) or not isinstance(seconds, int) or not 0 < seconds <= _LONGEST_HOLD_S:
        raise ToolError(
            f"seconds must be a whole number from 1 to {_LONGEST_HOLD_S}", code="invalid_arguments"
        )
    return seconds
