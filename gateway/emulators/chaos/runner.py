"""Runs scenarios: so many calls or cells each, from one seed; any one can be done again alone."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from typing import Final

from gateway.emulators.chaos.figures import Bound, Figure, Outcome, Report, report
from gateway.emulators.chaos.stage import Plan, Stage, set_stage
from gateway.errors import GatewayError

LONGEST_S: Final = 120.0
"""One call or cell is given up after so long: that is a failure of its own."""
LATENESS: Final = "lateness of the kit itself (s)"
_LOOK_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Profile:
    """How much of a scenario is run.

    Attributes:
        n: How many calls or cells.
        at_once: How many of them at once on one stage.
        stages: On how many stages side by side.
        budget_s: How long it may take: what has not begun in time is left out. ``None``: as it takes.

    """

    n: int
    at_once: int = 1
    stages: int = 1
    budget_s: float | None = None


Play = Callable[[Stage, Outcome, random.Random], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scenario:
    """What is done, how often, and what must come of it.

    Attributes:
        name: What it is called on the command line.
        title: What it shows.
        play: Plays one call or cell on a stage: fills the outcome.
        full: How much of it is run by default.
        quick: How much in a quick run.
        bounds: Of the measures.
        plan: How its stages are set.
        own_gateway: Whether it needs gateways of its own, to be started and killed.
        after: Called once all that is played on a stage is over.
        usual_s: How long one call or cell usually takes.
        quick_plan: How its stages are set in a quick run, if otherwise.
        alone: Whether even a few calls of it are to have the machine to themselves.

    """

    name: str
    title: str
    play: Play
    full: Profile
    quick: Profile
    bounds: dict[str, Bound] = field(default_factory=dict)
    plan: Plan = field(default_factory=Plan)
    own_gateway: bool = False
    after: Callable[[Stage, list[Outcome]], Awaitable[None]] | None = None
    usual_s: float = 20.0
    quick_plan: Plan | None = None
    alone: bool = False


Progress = Callable[[Outcome], None]


def chance(seed: int, name: str, index: int) -> random.Random:
    """The chance of one call or cell, which depends on nothing that is played beside it."""
    return random.Random(f"{seed}:{name}:{index}")  # noqa: S311 - repeatable


async def run(
    scenario: Scenario,
    profile: Profile,
    seed: int,
    only: Sequence[int] = (),
    *,
    plan: Plan | None = None,
    told: Progress = lambda _: None,
) -> Report:
    """Run a scenario.

    Args:
        scenario: What is done.
        profile: How much of it.
        seed: Of all chance in it.
        only: Just these of its calls or cells.
        plan: How the stages are set, in place of the scenario's own.
        told: Told of each that is over.

    Raises:
        NodeFailed: A gateway did not start.

    """
    began = time.perf_counter()
    waiting = list(only) or list(range(profile.n))
    outcomes: list[Outcome] = []
    lateness = Outcome(-1)
    late_from = None if profile.budget_s is None else began + profile.budget_s - scenario.usual_s

    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        told(outcome)

    stages = min(profile.stages, len(waiting))
    work = Work(waiting, late_from, stages * profile.at_once)
    # Gateways that start take all there is of the machine: no call is to suffer from it.
    all_set = asyncio.Barrier(stages)
    made = [(set_stage(plan or scenario.plan), all_set) for _ in range(stages)]
    try:
        await _watched(
            [_on_stage(scenario, each, profile.at_once, work, seed, done) for each in made], lateness
        )
    except* GatewayError as failed:
        raise _first(failed) from None
    outcomes.sort(key=lambda outcome: outcome.index)
    took_s = time.perf_counter() - began
    made_of = report(scenario.name, scenario.title, seed, took_s, outcomes, scenario.bounds)
    figures = [*made_of.figures, Figure.of(LATENESS, lateness.measures.get(LATENESS, []), Bound())]
    return replace(made_of, figures=figures, left_out=work.left_out)


async def _watched(playing: Iterable[Coroutine[None, None, None]], lateness: Outcome) -> None:
    """Play, and measure meanwhile how late this process is."""
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_watch(lateness))
        async with asyncio.TaskGroup() as stages:
            for each in playing:
                stages.create_task(each)
        watching.cancel()


class Work:
    """What is to be played, handed out one by one as long as there is time.

    Args:
        waiting: The indices.
        late_from: From when on none is handed out any more, by the clock; ``None``: all are.
        least: So many are handed out however late it is: those that begin with the run.

    """

    def __init__(
        self,
        waiting: list[int],
        late_from: float | None,
        least: int = 1,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._waiting, self._late_from, self._least, self._clock = waiting, late_from, least, clock
        self.left_out = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def next(self) -> int | None:
        """The next one; the first are played however late it is."""
        if not self._waiting:
            return None
        if self._least <= 0 and self._late_from is not None and self._clock() > self._late_from:
            self.left_out = len(self._waiting)
            self._waiting.clear()
            return None
        self._least -= 1
        return self._waiting.pop(0)


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first exception of a group that may be of groups."""
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    return first


async def _watch(lateness: Outcome) -> None:
    """Measure how late this process itself is: then so are callers and agents, and no fault of a gateway."""
    while True:
        due = time.perf_counter() + _LOOK_S
        await asyncio.sleep(_LOOK_S)
        lateness.measure(LATENESS, max(0.0, time.perf_counter() - due))


async def _on_stage(
    scenario: Scenario,
    made: tuple[AbstractAsyncContextManager[Stage], asyncio.Barrier],
    at_once: int,
    work: "Work",
    seed: int,
    done: Progress,
) -> None:
    setting, all_set = made
    async with setting as stage:
        await all_set.wait()
        mine: list[Outcome] = []

        async def one_after_another() -> None:
            while (index := work.next()) is not None:
                outcome = Outcome(index)
                await _one(scenario, stage, outcome, chance(seed, scenario.name, outcome.index))
                mine.append(outcome)
                done(outcome)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(work))):
                group.create_task(one_after_another())
        if scenario.after is not None:
            await scenario.after(stage, mine)


async def _one(scenario: Scenario, stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    try:
        async with asyncio.timeout(LONGEST_S):
            await scenario.play(stage, outcome, rng)
    except TimeoutError:
        outcome.ending = outcome.ending or "not over"
        outcome.troubles.append(f"not over after {LONGEST_S:g} s")
    except ExceptionGroup as group:  # one call that cannot be played is no reason not to play the others
        outcome.ending = outcome.ending or "not played"
        outcome.troubles.append(f"the kit itself: {_first(group)!r}")
