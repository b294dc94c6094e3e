"""How a call is brought to its end: what is still to be heard, how long that may take, and what then."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import assert_never

from gateway.bridge.commands import Command, FallBack, Final, HangUp, Hold, SendDigits, Transfer
from gateway.bridge.limits import Limits
from gateway.bridge.report import Absence, Ending
from gateway.bridge.speech import AgentSpeech
from gateway.bridge.tools import ToolDesk
from gateway.errors import ToolError
from gateway.ids import E164
from gateway.wire.agent_session import ToolCall

_LONGEST_S = 120.0
"""No agent keeps a call open longer by going on to speak after it asked for the end."""


class Finale(Enum):
    """What happens when the last words have been heard."""

    AGENT_ENDED = auto()  # the agent's session is over: hang up
    END_CALL = auto()  # the agent's tool: hang up
    TRANSFER = auto()  # the agent's tool: connect to a person
    DIGITS = auto()  # the agent's tool: play keys, and come back
    HOLD = auto()  # the agent's tool: play music, and come back
    AGENT_LOST = auto()  # the agent is gone: Twilio goes on with the verbs behind <Connect>
    SORRY = auto()  # no agent can be had, and the gateway says so itself: call a person, or hang up
    TIME_LIMIT = auto()  # the call has lasted as long as it may: hang up
    MESSAGE = auto()  # a machine listens, and no agent: hang up


_OWN_WORDS = (Finale.MESSAGE, Finale.SORRY)
_FALL_BACK = FallBack(Ending.AGENT_LOST)
_ABSENCES = {Finale.DIGITS: Absence.DIGITS, Finale.HOLD: Absence.HOLD}


@dataclass(frozen=True, slots=True)
class Leaving:
    """How a call leaves its stream, and the tool call that asked for it, if one did."""

    finale: Finale
    call: ToolCall | None = None
    to: E164 | None = None
    digits: str = field(default="", repr=False)
    hold_s: int = 0
    last: FallBack | HangUp = _FALL_BACK
    """What follows on ``SORRY``."""

    def requests(self) -> list[Command]:
        """What Twilio is asked for: to take the call elsewhere."""
        match self.finale:
            case Finale.DIGITS:
                return [SendDigits(self.digits)]
            case Finale.HOLD:
                return [Hold(self.hold_s)]
            case _:
                return [Transfer(self.to)] if self.to else []


@dataclass(slots=True)
class _Farewell:
    """The end of a call, on its way. Times are seconds of the bridge's clock."""

    leaving: Leaving
    began: float
    active_at: float  # when the agent last said something
    give_up_at: float
    asked: bool = False  # Twilio was asked to take the call, and has until ``give_up_at`` to answer

    @property
    def finale(self) -> Finale:
        """What happens when the last words have been heard."""
        return self.leaving.finale

    @property
    def call(self) -> ToolCall | None:
        """The tool call that asked for it."""
        return self.leaving.call


class Departure:
    """Lets the last words of a call be heard, then says what ends it."""

    def __init__(self, limits: Limits, speech: AgentSpeech, desk: ToolDesk) -> None:
        self._limits = limits
        self._speech = speech
        self._desk = desk
        self._farewell: _Farewell | None = None

    @property
    def transferring(self) -> bool:
        """Whether Twilio was asked to take the call elsewhere, and has not answered."""
        return self._farewell is not None and self._farewell.asked

    @property
    def revocable(self) -> bool:
        """Whether the call goes on if the caller speaks."""
        return self._farewell is not None and self._farewell.finale is Finale.END_CALL

    @property
    def announcing(self) -> bool:
        """Whether the gateway itself speaks, which nothing cuts short."""
        return self._farewell is not None and self._farewell.finale in _OWN_WORDS

    @property
    def sorry(self) -> Ending | None:
        """Why the caller is being told that no agent can be had, if they are."""
        farewell = self._farewell
        return farewell.leaving.last.ending if farewell and farewell.finale is Finale.SORRY else None

    def overdue(self, now: float) -> bool:
        """Whether Twilio has not answered in time."""
        return self._farewell is not None and self._farewell.asked and now >= self._farewell.give_up_at

    @property
    def absence(self) -> Absence | None:
        """Where Twilio was asked to take the call."""
        if not self.transferring or self._farewell is None:
            return None
        return _ABSENCES.get(self._farewell.finale, Absence.TRANSFER)

    @property
    def digits(self) -> int:
        """How many keys Twilio was asked to play."""
        return 0 if self._farewell is None else len(self._farewell.leaving.digits)

    @property
    def hold_s(self) -> int:
        """For how long Twilio was asked to put the caller on hold."""
        return 0 if self._farewell is None else self._farewell.leaving.hold_s

    def begin(self, leaving: Leaving, now: float) -> None:
        """From now on the call is saying farewell."""
        longest_s = self._limits.lost_agent_drain_s
        if leaving.finale is not Finale.AGENT_LOST:
            longest_s = self._speech.playout.remaining_s(now) + self._limits.drain_extra_s
        self._farewell = _Farewell(leaving, now, now, now + longest_s)

    def extend(self, now: float) -> None:
        """The agent said more: give it the time to be heard."""
        farewell = self._farewell
        if farewell is None or farewell.asked:
            return
        farewell.active_at = now
        longest_s = self._speech.playout.remaining_s(now) + self._limits.drain_extra_s
        latest = min(farewell.began + _LONGEST_S, now + longest_s)
        farewell.give_up_at = max(farewell.give_up_at, latest)

    def cancel(self, error: ToolError, now: float) -> list[Command]:
        """The call goes on after all: tell the agent, whose tool call began this."""
        farewell, self._farewell = self._farewell, None
        return self._desk.refuse(farewell.call.id, error, now) if farewell and farewell.call else []

    def succeed(self, now: float, *, stay: bool = False) -> list[Command]:
        """What the agent asked for is done: tell it; with ``stay`` the call goes on."""
        farewell = self._farewell
        self._farewell = None if stay else farewell
        return self._desk.succeed(farewell.call.id, now) if farewell and farewell.call else []

    def due_at(self, *, agent_there: bool) -> float | None:
        """When to do something though nothing happens."""
        return self._due_at(self._farewell, agent_there) if self._farewell else None

    def depart(self, now: float, *, agent_there: bool) -> tuple[list[Command], Final | None]:
        """Take the last step if it is due; a transfer's last step is Twilio's."""
        farewell = self._farewell
        if farewell is None or farewell.asked or now < self._due_at(farewell, agent_there):
            return [], None
        # The agent may never have said that this was all: the end of its last word is still in the filter.
        commands = self._speech.end(now)
        if now < farewell.give_up_at and not self._speech.playout.idle:
            return commands, None
        match farewell.finale:
            case Finale.AGENT_ENDED:
                return commands, HangUp(Ending.AGENT_ENDED)
            case Finale.AGENT_LOST:
                return commands, FallBack(Ending.AGENT_LOST)
            case Finale.SORRY:
                return commands, farewell.leaving.last
            case Finale.TIME_LIMIT:
                return commands, HangUp(Ending.TIME_LIMIT)
            case Finale.MESSAGE:
                return commands, HangUp(Ending.MESSAGE_LEFT)
            case Finale.END_CALL:
                return commands + self.succeed(now), HangUp(Ending.AGENT_HUNG_UP)
            case Finale.TRANSFER | Finale.DIGITS | Finale.HOLD:
                farewell.asked = True
                farewell.give_up_at = now + self._limits.transfer_timeout_s
                return [*commands, *farewell.leaving.requests()], None
            case _:
                assert_never(farewell.finale)

    def _due_at(self, farewell: _Farewell, agent_there: bool) -> float:
        """At once when all is heard and no more words can come."""
        limits, speech = self._limits, self._speech
        if farewell.asked or not speech.playout.idle:
            return farewell.give_up_at
        if not agent_there:
            return farewell.active_at
        wait_s = limits.unfinished_s if speech.speaking else limits.settle_s
        return min(farewell.give_up_at, farewell.active_at + wait_s)
