"""The turns of one call as records: what the agent says, as far as it is heard, and what the caller says."""

from collections.abc import Callable
from datetime import datetime
from statistics import median
from typing import Final

import msgspec

from gateway.bridge.report import TurnReport
from gateway.store.identifiers import CallId
from gateway.store.records import Speaker, Turn

_TURNS_OF_A_PROCESS: Final = 100_000


class Transcript:
    """Gives turns their names and numbers. Times are seconds of the calls' clock."""

    def __init__(
        self, call_id: CallId, epoch: int, at: Callable[[float], datetime], hide: Callable[[str], str]
    ) -> None:
        self._id = call_id
        self._at = at
        self._hide = hide
        # Turns of a call that was taken over follow all that the processes before have written.
        self._last = epoch * _TURNS_OF_A_PROCESS
        self._prefix = f"{epoch}." if epoch else ""
        self._numbers: dict[str, int] = {}
        self._agent: list[float] = []

    @property
    def agent_ms(self) -> float | None:
        """How long the agent took to answer, mostly."""
        return median(self._agent) if self._agent else None

    def over(self, turn: TurnReport, now: float, gateway_ms: float | None, carrier_ms: float | None) -> Turn:
        """A turn of the agent's is over, or more became known of one that was."""
        if turn.agent_ms is not None and turn.turn_id not in self._numbers:
            self._agent.append(turn.agent_ms)
        number = self._numbers.setdefault(turn.turn_id, self._next())
        spoken = self._agent_turn(turn, number, now)
        return msgspec.structs.replace(
            spoken, spoken_ms=turn.spoken_ms, cut=turn.cut, gateway_ms=gateway_ms, carrier_ms=carrier_ms
        )

    def underway(self, turn: TurnReport, now: float) -> Turn:
        """What was heard so far of a turn that is being spoken, as if it were cut off there.

        When it is over it takes a place of its own in the order, as if this had not been written.
        """
        return self._agent_turn(turn, self._next(), now)

    def caller(self, text: str, now: float) -> Turn:
        """The caller was understood."""
        number = self._next()
        return Turn(
            call_id=self._id,
            turn_id=f"caller-{number}",
            sequence=number,
            who=Speaker.CALLER,
            at=self._at(now),
            heard_text=self._hide(text),
        )

    def _agent_turn(self, turn: TurnReport, number: int, now: float) -> Turn:
        return Turn(
            call_id=self._id,
            turn_id=self._prefix + (turn.turn_id or f"agent-{number}"),
            sequence=number,
            who=Speaker.AGENT,
            at=self._at(now if turn.began_at is None else turn.began_at),
            heard_text=self._hide(turn.heard_text),
            cut_text=self._hide(turn.cut_text),
            heard_ms=turn.heard_ms,
            proved_ms=turn.proved_ms,
            cut=True,
            agent_ms=turn.agent_ms,
        )

    def _next(self) -> int:
        self._last += 1
        return self._last
