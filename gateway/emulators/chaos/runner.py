"""Runs scenarios: so many calls or cells each, from one seed; any one can be done again alone."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Final

from gateway.emulators.chaos.figures import Bound, Outcome, Report, report
from gateway.emulators.chaos.stage import Plan, Stage, set_stage
from gateway.errors import GatewayError

LONGEST_S: Final = 120.0
"""One call or cell is given up after so long: that is a failure of its own."""


@dataclass(frozen=True, slots=True)
class Profile:
    """How much of a scenario is run.

    Attributes:
        n: How many calls or cells.
        at_once: How many of them at once on one stage.
        stages: On how many stages side by side.

    """

    n: int
    at_once: int = 1
    stages: int = 1


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

    def done(outcome: Outcome) -> None:
        outcomes.append(outcome)
        told(outcome)

    stages = min(profile.stages, len(waiting))
    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(stages):
                made = set_stage(plan or scenario.plan)
                group.create_task(_on_stage(scenario, made, profile.at_once, waiting, seed, done))
    except* GatewayError as failed:
        raise failed.exceptions[0] from None
    outcomes.sort(key=lambda outcome: outcome.index)
    return report(scenario.name, scenario.title, seed, time.perf_counter() - began, outcomes, scenario.bounds)


async def _on_stage(
    scenario: Scenario,
    made: AbstractAsyncContextManager[Stage],
    at_once: int,
    waiting: list[int],
    seed: int,
    done: Progress,
) -> None:
    async with made as stage:
        mine: list[Outcome] = []

        async def one_after_another() -> None:
            while waiting:
                outcome = Outcome(waiting.pop(0))
                await _one(scenario, stage, outcome, chance(seed, scenario.name, outcome.index))
                mine.append(outcome)
                done(outcome)

        async with asyncio.TaskGroup() as group:
            for _ in range(min(at_once, len(waiting))):
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
