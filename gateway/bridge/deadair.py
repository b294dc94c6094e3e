"""Dead air: whether the caller waits for the agent, since when, and how long that is bearable.

Times are seconds of the bridge's clock.
"""

from enum import Enum, auto
from typing import assert_never

from gateway.bridge.limits import Limits


class Owed(Enum):
    """What the agent owes the caller."""

    NOTHING = auto()
    GREETING = auto()
    ANSWER = auto()
    REST = auto()  # of what it is saying
    HOPED = auto()  # the same, of an agent that has yet to say that a turn is over, and may never do so
    TOOL = auto()  # an answer, for which it waits for a tool itself
    NOTICE = auto()  # that the caller spoke, as we hear it; it may have been a noise, so no more than a word


_APART = (Owed.NOTHING, Owed.TOOL, Owed.NOTICE)
"""Before and behind these, the caller waits anew."""
_LONG = (Owed.ANSWER, Owed.NOTICE, Owed.HOPED)
"""For these, words are late: an agent that is only slow should not have to be heard behind them."""


class DeadAir:
    """Watches the agent's silences while its session is up."""

    def __init__(self, limits: Limits) -> None:
        self._greeting = (limits.greeting_filler_s, limits.greeting_lost_s)
        self._answer = (limits.answer_filler_s, limits.answer_lost_s)
        self._rest = (limits.greeting_filler_s, limits.answer_lost_s)
        self._tool_filler_s = limits.tool_filler_s
        self._noise_ahead_s = limits.answer_noise_s
        self._owed = Owed.NOTHING
        self._since = 0.0

    @property
    def owed(self) -> Owed:
        """What the agent owes the caller."""
        return self._owed

    def owe(self, what: Owed, now: float) -> None:
        """From now on the caller waits; if it waited already, it has since then."""
        if self._owed in _APART or what in _APART:
            self._since = now
        self._owed = what

    def settle(self) -> None:
        """The agent speaks, or it is for the caller to speak."""
        self._owed = Owed.NOTHING

    @property
    def noise_ahead_s(self) -> float:
        """How long before words there is noise."""
        return self._noise_ahead_s if self._owed in _LONG else 0.0

    def noise_at(self, quiet_since: float) -> float | None:
        """When the caller should hear that the line is not dead, if it is quiet since then."""
        words_at = self.filler_at(quiet_since)
        return None if words_at is None else words_at - self.noise_ahead_s

    def filler_at(self, quiet_since: float) -> float | None:
        """When the caller should hear words, if the line is quiet since then."""
        match self._owed:
            case Owed.NOTHING:
                return None
            case Owed.TOOL:
                wait_s = self._tool_filler_s
            case Owed.GREETING:
                wait_s = self._greeting[0]
            case Owed.REST:
                wait_s = self._rest[0]
            case Owed.ANSWER | Owed.NOTICE | Owed.HOPED:
                wait_s = self._answer[0]
            case _:
                assert_never(self._owed)
        return max(self._since, quiet_since) + wait_s

    def lost_at(self) -> float | None:
        """When the agent is as good as lost; a tool has its own bound."""
        match self._owed:
            case Owed.NOTHING | Owed.TOOL | Owed.NOTICE:
                return None
            case Owed.GREETING:
                return self._since + self._greeting[1]
            case Owed.REST | Owed.HOPED | Owed.ANSWER:
                return self._since + self._answer[1]
            case _:
                assert_never(self._owed)
