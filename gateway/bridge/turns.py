"""The agent's turns: what was said in each, and which part of it the caller heard."""

from collections import deque
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from gateway.audio.mulaw import BYTES_PER_MS
from gateway.bridge.report import TurnReport
from gateway.ids import TurnId

_CUT_KEPT: Final = 64
_OPEN_KEPT: Final = 64
_RECENT_KEPT: Final = 4
_TEXT_BOUND: Final = 20_000
_TELLING_TEXT: Final = 20
"""Characters from which on a turn's length says something of the agent's rate."""

_TELLING_BYTES: Final = BYTES_PER_MS * 1000

_USUAL_BYTES_A_CHARACTER: Final = BYTES_PER_MS * 65.0
"""Fifteen characters a second, until the agent's own rate is known."""


@dataclass(slots=True, eq=False)
class Turn:
    """One stretch of agent speech. ``received``, ``heard`` and ``proved`` are bytes of mu-law at 8 kHz."""

    id: TurnId
    received: int = 0
    heard: int = 0
    proved: int = 0
    spoken: bool = False  # no audio follows
    cut: bool = False
    broken: bool = False  # the agent was lost in the middle of it
    dropped: int = 0  # of what was received, and is not going to be heard
    committed: str = field(default="", repr=False)
    draft: str = field(default="", repr=False)
    began_at: float | None = None
    agent_ms: float | None = None
    told: int = 0  # of what was heard, when an account of it was last given
    reported: TurnReport | None = None  # told as over, which more text, or more audio, may still amend

    @property
    def text(self) -> str:
        """All that the agent says in this turn, as far as it is known."""
        return f"{self.committed} {self.draft}".strip() if self.draft else self.committed

    @property
    def complete(self) -> bool:
        """Whether the caller has heard all of it."""
        return self.spoken and self.heard + self.dropped >= self.received

    def say(self, text: str, *, final: bool) -> None:
        """Take a text message: drafts replace one another, final texts follow one another.

        Either may repeat what was final before it; an empty final one makes the draft final.
        """
        addition = text.removeprefix(self.committed).strip() if text else self.draft
        if final:
            self.committed = f"{self.committed} {addition}".strip()[:_TEXT_BOUND]
        self.draft = "" if final else addition[:_TEXT_BOUND]


@dataclass(frozen=True, slots=True)
class Statement:
    """What is reported of a turn, and the report of the same turn that it takes the place of."""

    report: TurnReport
    instead_of: TurnReport | None = None


class Turns:
    """The turns that are not over, the last ones that are, and the names of those that were cut."""

    def __init__(self) -> None:
        self._open: dict[TurnId, Turn] = {}
        self._cut: deque[TurnId] = deque(maxlen=_CUT_KEPT)
        self._recent: deque[Turn] = deque(maxlen=_RECENT_KEPT)
        self._bytes_a_character = _USUAL_BYTES_A_CHARACTER

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun of which more is to come."""
        return any(
            not (turn.spoken or turn.cut) for turn in self._open.values()
        )  # for each frame, so in place

    def add(self, turn: Turn) -> None:
        """A turn of our own begins."""
        self._open[turn.id] = turn

    def expect(self, turn_id: TurnId) -> Turn | None:
        """The turn that a message without audio belongs to; ``None`` if that turn is over, or was cut."""
        turn = self._open.get(turn_id)
        if turn is None and turn_id not in self._cut and self._over(turn_id) is None:
            turn = self._begin(turn_id)
        return turn

    def speak(self, turn_id: TurnId) -> Turn | None:
        """The turn that audio belongs to; ``None`` if that turn was cut, or too many are open.

        Turns whose text came before, but no audio, are passed over: nothing of them is to be waited for.
        A server that names no turns can't be told which of its audio is late, so that is let through.
        """
        turn = self._open.get(turn_id)
        if turn is None:
            if turn_id in self._cut:
                return None
            turn = self._resume(turn_id) or self._begin(turn_id)
        if turn is not None:
            self._pass_over_before(turn)
        return turn

    def write(self, turn_id: TurnId, text: str, *, final: bool) -> Statement | None:
        """Note what a turn says; the amended report if that turn was over before its text came."""
        turn = self._open.get(turn_id)
        if turn is None:
            turn = self._over(turn_id)
            if turn is None and turn_id not in self._cut:
                turn = self._begin(turn_id)
        if turn is None:
            return None
        before = turn.text
        turn.say(text, final=final)
        return self._state(turn) if turn.reported and turn.text != before else None

    def cut(self) -> None:
        """The caller interrupted: whatever audio still comes of the turns so far is late.

        Of those just heard, too: a server may call each part of a turn final.
        """
        for turn in (*self._recent, *self._open.values()):
            if turn.id and turn.id not in self._cut:
                self._cut.append(turn.id)
        for turn in self._open.values():
            turn.cut = not turn.complete

    def speaking_turns(self) -> list[Turn]:
        """The turns of which more is to come."""
        return [turn for turn in self._open.values() if not (turn.spoken or turn.cut)]

    def break_off(self) -> list[Turn]:
        """The agent is gone: no more comes of any turn; return those that it had not finished."""
        unfinished = self.speaking_turns()
        for turn in unfinished:
            turn.spoken = turn.broken = True
        return unfinished

    def outlook(self) -> tuple[list[str], str]:
        """What of the turns that are not over will be heard, and what of the last of them will not."""
        heard, unheard = [], ""
        for turn in self._open.values():
            if not turn.cut:
                at = self._heard_characters(turn, turn.text, turn.received - turn.dropped)
                heard.append(turn.text[:at].strip())
                unheard = turn.text[at:].strip()
        return heard, unheard

    def over(self, *, everything: bool = False) -> list[Statement]:
        """Close and report the turns that have been heard to their end, or were cut."""
        done = [turn for turn in self._open.values() if everything or turn.cut or turn.complete]
        if not done:  # nearly always
            return []
        for turn in done:
            del self._open[turn.id]
            self._recent.append(turn)
            self._learn(turn)
        return [self._state(turn) for turn in done if turn.received or turn.text]

    def underway(self) -> list[TurnReport]:
        """The turns that begin to be heard, or of which a second more was since they were accounted for."""
        reports = []
        for turn in self._open.values():
            # From the first account on, what is not known to be heard is known to be left to say.
            more = turn.heard - turn.told >= (_TELLING_BYTES if turn.told else 1)
            if more and turn.id and turn.text and not (turn.cut or turn.complete):
                turn.told = turn.heard
                reports.append(self._report(turn))
        return reports

    def _over(self, turn_id: TurnId) -> Turn | None:
        """A turn that was over lately. One without a name may be any, so none of those is found."""
        return next((turn for turn in self._recent if turn_id and turn.id == turn_id), None)

    def _resume(self, turn_id: TurnId) -> Turn | None:
        """Open a turn again that had been taken for over."""
        turn = self._over(turn_id)
        if turn is not None:
            self._recent.remove(turn)
            self._open[turn_id] = turn
        return turn

    def _begin(self, turn_id: TurnId) -> Turn | None:
        if len(self._open) >= _OPEN_KEPT:
            silent = next((turn for turn in self._open.values() if not turn.received), None)
            if silent is None:
                return None
            del self._open[silent.id]
        turn = self._open[turn_id] = Turn(turn_id)
        return turn

    def _pass_over_before(self, turn: Turn) -> None:
        for other in takewhile(lambda other: other is not turn, self._open.values()):
            other.spoken = other.spoken or not other.received

    def _learn(self, turn: Turn) -> None:
        """A whole turn shows how fast the agent speaks, which tells where a cut one was cut."""
        if turn.spoken and not turn.broken and turn.received and len(turn.text) >= _TELLING_TEXT:
            self._bytes_a_character = turn.received / len(turn.text)

    def _state(self, turn: Turn) -> Statement:
        before, turn.reported = turn.reported, self._report(turn)
        return Statement(turn.reported, before)

    def _report(self, turn: Turn) -> TurnReport:
        text = turn.text
        at = self._heard_characters(turn, text, turn.heard)
        unheard = text[at:].strip()
        return TurnReport(
            turn_id=turn.id,
            spoken_ms=turn.received / BYTES_PER_MS,
            heard_ms=turn.heard / BYTES_PER_MS,
            proved_ms=turn.proved / BYTES_PER_MS,
            cut=turn.cut or turn.heard < turn.received or bool(unheard),
            heard_text=text[:at].strip(),
            cut_text=unheard,
            began_at=turn.began_at,
            agent_ms=turn.agent_ms,
        )

    def _heard_characters(self, turn: Turn, text: str, heard: int) -> int:
        """Where the caller stopped hearing, at the end of a word heard whole.

        Speech is taken to run evenly through the text. Of a turn cut while it was still being spoken the
        text is often ahead of the audio, so its length is reckoned from the agent's rate.
        """
        if not heard:
            return 0
        finished = turn.spoken and not turn.broken
        if finished and heard >= turn.received:
            return len(text)
        whole = turn.received if finished else max(turn.received, len(text) * self._bytes_a_character)
        at = int(len(text) * min(1.0, heard / whole))
        if at >= len(text):
            return len(text)
        return text.rfind(" ", 0, at + 1) + 1
