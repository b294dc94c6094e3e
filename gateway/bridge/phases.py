"""How far a call has come, and what is known of its agent."""

from enum import Enum, auto


class Phase(Enum):
    """How far a call has come."""

    WAITING = auto()  # for the stream; the agent may be there already
    JOINING = auto()  # the stream is open, the agent is not there yet
    LIVE = auto()
    DRAINING = auto()  # last words
    PARKED = auto()  # the stream is gone for a while; the agent is there
    OVER = auto()


class AgentLeg(Enum):
    """What is known of the agent's session."""

    JOINING = auto()
    JOINED = auto()
    ENDED = auto()  # it said session_ended
    LOST = auto()
