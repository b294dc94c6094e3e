"""What has been said in a call so far, for an agent that has to take it up in the middle."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.bridge.report import TurnReport
from gateway.ids import TurnId

_KEPT: Final = 400
"""Lines, of which an agent that joins late is told the newest."""


class Voice(StrEnum):
    """Who said something."""

    AGENT = "agent"
    CALLER = "caller"


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said; of the agent's words only those that were heard. Never for a log."""

    voice: Voice
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolTrace:
    """A tool that was called in this call; ``output`` is None while it runs."""

    name: str
    arguments: str = field(repr=False)
    output: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Past:
    """What an agent is told that joins in the middle of a call.

    Attributes:
        lines: What was said, the oldest first; of the agent's words those that were, or will be, heard.
        tools: What was done, or is being done.
        unheard: The rest of what the agent was saying when it was lost.
        caller_waits: The caller said something and got no answer.
        repeat: The agent had said all that it had to say, and these were its last words. They are to be the
            new one's first, and are not played again: the caller need not notice.
    """

    lines: tuple[Line, ...] = ()
    tools: tuple[ToolTrace, ...] = ()
    unheard: str = field(default="", repr=False)
    caller_waits: bool = False
    repeat: str = field(default="", repr=False)


@dataclass(slots=True)
class _Entry:
    voice: Voice
    text: str
    turn_id: TurnId | None = None


class History:
    """The lines of a call, in order; past the bound the oldest are forgotten."""

    def __init__(self, past: Iterable[Line] = ()) -> None:
        self._entries = deque((_Entry(line.voice, line.text) for line in past), maxlen=_KEPT)
        self._interim = ""

    def agent(self, turn: TurnReport) -> None:
        """A turn is over, or more became known of one that is."""
        known = next((entry for entry in reversed(self._entries) if entry.turn_id == turn.turn_id), None)
        if known is not None and turn.turn_id:
            known.text = turn.heard_text
        elif turn.heard_text:
            self._entries.append(_Entry(Voice.AGENT, turn.heard_text, turn.turn_id))

    def caller(self, text: str, *, final: bool) -> None:
        """The caller was understood to say this, so far or in all."""
        if final and text:
            self._entries.append(_Entry(Voice.CALLER, text))
        self._interim = "" if final else text

    def lines(self, speaking: Iterable[str] = ()) -> tuple[Line, ...]:
        """All that was said; ``speaking`` is what the agent is just being heard to say."""
        said = [Line(entry.voice, entry.text) for entry in self._entries if entry.text]
        return (*said, *(Line(Voice.AGENT, text) for text in speaking if text))

    @property
    def interim(self) -> tuple[Line, ...]:
        """What the caller is just saying, as far as it was understood."""
        return (Line(Voice.CALLER, self._interim),) if self._interim else ()
