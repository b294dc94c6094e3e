"""The figures of a call: what the agent said, what the telephone heard, what the gateway reports of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from prometheus_client import Histogram

from gateway.bridge.report import CallReport
from gateway.calls.metrics import Metrics
from gateway.emulators.twilio.playout import Cut, Span

AGREE_MS: Final = 20.0
"""What the telephone heard and what the gateway reports may differ by so much: one frame."""


class Kept(Histogram):
    """A histogram that also keeps every value, for exact percentiles."""

    def __init__(self, name: str) -> None:
        super().__init__(name, name, registry=None)
        self.values: list[float] = []

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        """Take a value."""
        self.values.append(amount)


class Measured:
    """What the gateway observes, in the place of its histograms. Seconds."""

    def __init__(self, metrics: Metrics) -> None:
        self.up = metrics.up = Kept("up")
        self.down = metrics.down = Kept("down")
        self.clear = metrics.clear = Kept("clear")
        self.round_trip = metrics.round_trip = Kept("round_trip")
        self.lead = metrics.lead = Kept("lead")


@dataclass(frozen=True, slots=True)
class TurnFigures:
    """One turn: where it was heard, and how much of it, by three witnesses.

    Attributes:
        start_s: When the caller began to hear it, since the audio path opened.
        end_s: When it was over, or cut.
        spoken_ms: What the agent said.
        heard_ms: What came out of the telephone.
        reported_ms: What the gateway says was heard.
        cut: Whether the agent was interrupted.
        heard_text: The words the gateway takes for heard.
        cut_text: The words it takes for not heard.
    """

    start_s: float
    end_s: float
    spoken_ms: float
    heard_ms: float
    reported_ms: float
    cut: bool
    heard_text: str
    cut_text: str

    @property
    def agree(self) -> bool:
        """Whether the gateway's report is true."""
        return abs(self.heard_ms - self.reported_ms) <= AGREE_MS


@dataclass(frozen=True, slots=True)
class Said:
    """A turn as the agent knows it."""

    spoken_ms: float
    cut: bool


def turns(
    said: Sequence[Said], spans: Sequence[Span], cuts: Sequence[Cut], report: CallReport
) -> list[TurnFigures]:
    """Put together what agent, telephone and gateway know of each turn.

    Args:
        said: The turns as the agent knows them, in order.
        spans: When the telephone sounded.
        cuts: When it was silenced.
        report: The gateway's own words.
    """
    heard = _heard(said, spans, cuts)
    ends = list(accumulate(heard))
    figures = []
    for number, (turn, reported) in enumerate(zip(said, report.turns, strict=False)):
        start = at(spans, (ends[number] - heard[number]) / 1000, after=True)
        end = at(spans, ends[number] / 1000)
        figures.append(
            TurnFigures(
                start,
                max(start, end),
                turn.spoken_ms,
                heard[number],
                reported.heard_ms,
                turn.cut,
                reported.heard_text,
                reported.cut_text,
            )
        )
    return figures


def _heard(said: Sequence[Said], spans: Sequence[Span], cuts: Sequence[Cut]) -> list[float]:
    """How many milliseconds of each turn the telephone played: all of it, up to a cut or the end."""
    whole = before(spans, math.inf)
    silenced = iter(cuts)
    heard, total = [], 0.0
    for turn in said:
        cut = next(silenced, None) if turn.cut else None
        limit = whole if cut is None else before(spans, cut.at_s)
        played = max(0.0, min(turn.spoken_ms, limit * 1000 - total))
        heard.append(played)
        total += played
    return heard


def before(spans: Sequence[Span], moment: float) -> float:
    """How many seconds sounded before a moment."""
    return sum(max(0.0, min(span.end_s, moment) - span.start_s) for span in spans)


def at(spans: Sequence[Span], seconds: float, *, after: bool = False) -> float:
    """The moment when so many seconds had sounded; where silence follows, its beginning or its end."""
    last = 0.0
    for span in spans:
        length = span.end_s - span.start_s
        # The gateway ends a turn with the few milliseconds its filter holds: they are no place to begin one.
        if seconds < length - (0.1 if after else 0.0) or (not after and seconds <= length):
            return span.start_s + max(0.0, seconds)
        seconds -= length
        last = span.end_s
    return last


def percentile(values: Sequence[float], share: float) -> float:
    """The value that so great a share of all does not exceed; 0 of nothing."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
