"""How a call is brought to its end: what is still to be heard first, and how long that may take."""

from dataclasses import dataclass
from enum import Enum, auto

from gateway.bridge.limits import Limits
from gateway.ids import E164, ToolCallId

_LONGEST_S = 120.0
"""No goodbye takes longer, whatever the agent goes on to say."""


class Finale(Enum):
    """What happens when the last words have been heard."""

    AGENT_ENDED = auto()  # the agent's session is over: hang up
    END_CALL = auto()  # the agent's tool: hang up
    TRANSFER = auto()  # the agent's tool: connect to a person
    AGENT_LOST = auto()  # the agent is gone: Twilio goes on with the verbs behind <Connect>


@dataclass(slots=True)
class Farewell:
    """The end of a call, on its way. Times are seconds of the bridge's clock."""

    finale: Finale
    limits: Limits
    began: float
    give_up_at: float
    active_at: float  # when the agent last said something
    call_id: ToolCallId | None = None
    to: E164 | None = None
    asked: bool = False  # the transfer is with Twilio

    def extend(self, now: float, remaining_s: float) -> None:
        """The agent said more: give it the time to be heard."""
        self.active_at = now
        latest = self.began + _LONGEST_S
        self.give_up_at = min(latest, max(self.give_up_at, now + remaining_s + self.limits.drain_extra_s))

    def due_at(self, *, idle: bool, speaking: bool, agent_there: bool) -> float:
        """When to do it, as things are: at once when all is heard and no more words can come."""
        if not idle:
            return self.give_up_at
        if not agent_there:
            return self.active_at
        wait = self.limits.unfinished_s if speaking else self.limits.settle_s
        return min(self.give_up_at, self.active_at + wait)
