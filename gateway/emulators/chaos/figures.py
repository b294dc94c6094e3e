"""What a run measured, against its bounds."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True, slots=True)
class Bound:
    """What a measure must not exceed: half of the values, 19 of 20, 99 of 100, all.

    Attributes:
        always: A busy machine is no excuse.

    """

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    always: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure over a run."""

    name: str
    n: int
    p50: float
    p95: float
    p99: float
    max: float
    bound: Bound = Bound()

    @classmethod
    def of(cls, name: str, values: Iterable[float], bound: Bound) -> "Figure":
        """Sum up what was measured."""
        taken = np.array(sorted(values))
        if not len(taken):
            return cls(name, 0, 0.0, 0.0, 0.0, 0.0, bound)
        p50, p95, p99 = (float(np.percentile(taken, share, method="higher")) for share in (50, 95, 99))
        return cls(name, len(taken), p50, p95, p99, float(taken[-1]), bound)

    @property
    def misses(self) -> list[str]:
        """Which bounds it exceeds."""
        return [
            f"{self.name}: {which} {getattr(self, which):.2f} exceeds {bound:g}"
            for which in ("p50", "p95", "p99", "max")
            if (bound := getattr(self.bound, which)) is not None and getattr(self, which) > bound
        ]


@dataclass(slots=True)
class Outcome:
    """What came of one call, or one cell, of a scenario.

    Attributes:
        index: Which it was, for a replay.
        name: What happened to it.
        ending: How it ended.
        measures: What was measured, by name; a measure may have been taken several times.
        troubles: What must never happen.
        missed: What was not as good as it should be; a busy machine may be why.

    """

    index: int
    name: str = ""
    ending: str = ""
    measures: dict[str, list[float]] = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    missed: list[str] = field(default_factory=list)

    def measure(self, name: str, value: float | None) -> None:
        """Take a measure, if there is one."""
        if value is not None:
            self.measures.setdefault(name, []).append(value)


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a scenario.

    Attributes:
        left_out: How many of its calls or cells were not begun, for want of time.

    """

    scenario: str
    title: str
    n: int
    seed: int
    seconds: float
    figures: list[Figure]
    endings: dict[str, int]
    failed: list[Outcome]
    missed: list[Outcome] = field(default_factory=list)
    left_out: int = 0
    options: str = ""

    @property
    def misses(self) -> list[str]:
        """Which bounds were exceeded."""
        return [miss for figure in self.figures for miss in figure.misses]

    @property
    def passed(self) -> bool:
        """Whether everything was as it must be."""
        return self.sound and not self.misses and not self.missed and not self.left_out

    @property
    def sound(self) -> bool:
        """Whether nothing happened that never may, however busy the machine is."""
        return not self.failed and not any(figure.misses for figure in self.figures if figure.bound.always)

    def replay(self, outcome: Outcome) -> str:
        """The command that does one of them again."""
        words = ["vatel-gateway chaos", "--scenario", self.scenario, "--seed", str(self.seed)]
        return " ".join([*words, "--only", str(outcome.index), *self.options.split()])


def report(
    scenario: str, title: str, seed: int, seconds: float, outcomes: list[Outcome], bounds: dict[str, Bound]
) -> Report:
    """Sum a run up."""
    names = [*bounds, *sorted({name for outcome in outcomes for name in outcome.measures} - set(bounds))]
    figures = [
        Figure.of(
            name,
            [value for outcome in outcomes for value in outcome.measures.get(name, [])],
            bounds.get(name, Bound()),
        )
        for name in names
    ]
    endings: dict[str, int] = {}
    for outcome in outcomes:
        endings[outcome.ending] = endings.get(outcome.ending, 0) + 1
    failed = [outcome for outcome in outcomes if outcome.troubles]
    missed = [outcome for outcome in outcomes if outcome.missed and not outcome.troubles]
    return Report(scenario, title, len(outcomes), seed, seconds, figures, endings, failed, missed)
