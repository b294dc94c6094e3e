"""What was done for the agent in a call: for the next one to know, and so that nothing is done twice."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from gateway.bridge.history import ToolTrace
from gateway.ids import ToolCallId
from gateway.wire.agent_session import ToolCall

_KEPT: Final = 20
_LONGEST: Final = 2_000
"""Characters of an answer, or of arguments, that the next agent is told."""
_RESULT_S: Final = 60.0
"""So long, a result whose agent is gone answers the same question of the next one."""


@dataclass(slots=True)
class _Errand:
    call: ToolCall
    output: str | None = field(default=None, repr=False)
    answered: bool = False
    at: float = 0.0


class Errands:
    """The tool calls of a call, the newest of them. Times are seconds of the bridge's clock."""

    def __init__(self, done: Iterable[ToolTrace] = ()) -> None:
        self._before = tuple(done)[-_KEPT:]  # by another process, which had the call then
        self._errands: deque[_Errand] = deque(maxlen=_KEPT)

    def begin(self, call: ToolCall) -> None:
        """A tool runs."""
        self._errands.append(_Errand(call))

    def end(self, call_id: ToolCallId, output: str, now: float, *, answered: bool) -> None:
        """A tool has run; ``answered`` if the agent that asked was there to be told."""
        for errand in self._errands:
            if errand.call.id == call_id and errand.output is None:
                errand.output, errand.answered, errand.at = output, answered, now

    def result(self, call: ToolCall, now: float) -> str | None:
        """What came of the same question, if the agent that asked never heard; once, and not for long."""
        for errand in self._errands:
            if errand.output is None or errand.answered or now - errand.at > _RESULT_S:
                continue
            if same(errand.call, call):
                errand.answered = True
                return errand.output
        return None

    def traces(self) -> tuple[ToolTrace, ...]:
        """All of it, the oldest first."""
        since = tuple(
            ToolTrace(
                errand.call.name,
                msgspec.json.encode(errand.call.arguments).decode()[:_LONGEST],
                None if errand.output is None else errand.output[:_LONGEST],
            )
            for errand in self._errands
        )
        return (*self._before, *since)[-_KEPT:]


def same(one: ToolCall, other: ToolCall) -> bool:
    """Whether two calls ask for the same."""
    return one.name == other.name and one.arguments == other.arguments
