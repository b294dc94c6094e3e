"""The agent's turns: what was said in each, and which part of it the caller heard."""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from gateway.bridge.report import TurnReport
from gateway.ids import TurnId

_BYTES_PER_MS: Final = 8
_CUT_KEPT: Final = 64
_OPEN_KEPT: Final = 64
_RECENT_KEPT: Final = 4
_TEXT_BOUND: Final = 20_000
_USUAL_BYTES_A_CHARACTER: Final = 8 * 65.0
"""Fifteen characters a second, until the agent's own rate is known."""


@dataclass(slots=True, eq=False)
class Turn:
    """One stretch of agent speech. ``received``, ``heard`` and ``proved`` are bytes of mu-law at 8 kHz."""

    id: TurnId
    received: int = 0
    heard: int = 0
    proved: int = 0
    spoken: bool = False  # the agent said that no audio follows
    cut: bool = False
    committed: str = field(default="", repr=False)
    draft: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """All that the agent says in this turn, as far as it is known."""
        return f"{self.committed} {self.draft}".strip() if self.draft else self.committed

    def say(self, text: str, *, final: bool) -> None:
        """Take a text message: drafts replace one another, final texts follow one another.

        Either may repeat what was final before it.
        """
        addition = text.removeprefix(self.committed).strip()
        if final:
            self.committed = f"{self.committed} {addition}".strip()[:_TEXT_BOUND]
        self.draft = "" if final else addition[:_TEXT_BOUND]


class Turns:
    """The turns that are not over, and the names of those that were cut."""

    def __init__(self) -> None:
        self._open: dict[TurnId, Turn] = {}
        self._cut: deque[TurnId] = deque(maxlen=_CUT_KEPT)
        self._recent: deque[TurnId] = deque(maxlen=_RECENT_KEPT)
        self._bytes_a_character = _USUAL_BYTES_A_CHARACTER

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun of which more is to come."""
        return any(not turn.spoken for turn in self._open.values())

    def get(self, turn_id: TurnId) -> Turn | None:
        """The turn that a message belongs to; ``None`` if that turn was cut, or too many are open.

        A server that names no turns can't be told which of its audio is late, so that is let through.
        """
        turn = self._open.get(turn_id)
        if turn is None:
            if (turn_id and turn_id in self._cut) or len(self._open) >= _OPEN_KEPT:
                return None
            turn = self._open[turn_id] = Turn(turn_id)
        return turn

    def others(self, turn: Turn) -> list[Turn]:
        """The turns before this one that were left without an end."""
        return [other for other in self._open.values() if other is not turn and not other.spoken]

    def cut(self) -> None:
        """The caller interrupted: whatever still comes of the turns so far is late.

        Of those just heard, too: a server may call each part of a turn final.
        """
        self._cut.extend(self._recent)
        self._recent.clear()
        for turn in self._open.values():
            turn.cut = True
            self._cut.append(turn.id)

    def over(self, *, everything: bool = False) -> list[TurnReport]:
        """Close and report the turns that have been heard to their end, or were cut."""
        done = [turn for turn in self._open.values() if everything or turn.cut or self._complete(turn)]
        for turn in done:
            del self._open[turn.id]
            self._recent.append(turn.id)
            self._learn(turn)
        return [self._report(turn) for turn in done if turn.received or turn.text]

    @staticmethod
    def _complete(turn: Turn) -> bool:
        return turn.spoken and turn.heard >= turn.received

    def _learn(self, turn: Turn) -> None:
        """A whole turn shows how fast the agent speaks, which tells where a cut one was cut."""
        if turn.spoken and len(turn.text) >= 20:
            self._bytes_a_character = turn.received / len(turn.text)

    def _report(self, turn: Turn) -> TurnReport:
        text = turn.text
        at = self._heard_characters(turn, text)
        return TurnReport(
            turn_id=turn.id,
            spoken_ms=turn.received / _BYTES_PER_MS,
            heard_ms=turn.heard / _BYTES_PER_MS,
            proved_ms=turn.proved / _BYTES_PER_MS,
            cut=turn.cut or turn.heard < turn.received,
            heard_text=text[:at].strip(),
            cut_text=text[at:].strip(),
        )

    def _heard_characters(self, turn: Turn, text: str) -> int:
        """Where the caller stopped hearing, at the end of a word heard whole.

        Speech is taken to run evenly through the text. Of a turn cut while it was still being spoken the
        text is often ahead of the audio, so its length is reckoned from the agent's rate.
        """
        if turn.heard >= turn.received and turn.spoken:
            return len(text)
        whole = turn.received if turn.spoken else max(turn.received, len(text) * self._bytes_a_character)
        if whole <= 0:
            return 0
        at = int(len(text) * min(1.0, turn.heard / whole))
        if at >= len(text):
            return len(text)
        return text.rfind(" ", 0, at + 1) + 1
