"""What has been said in a call so far, for an agent that has to take it up in the middle."""

from dataclasses import dataclass, field
from enum import StrEnum


class Voice(StrEnum):
    """Who said something."""

    AGENT = "agent"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said; of the agent's words only those that were heard. Never for a log."""

    voice: Voice
    text: str = field(repr=False)
