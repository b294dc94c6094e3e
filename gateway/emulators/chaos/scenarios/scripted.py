"""Somebody's own fault script, played against so many calls."""

import random
from collections.abc import Sequence
from dataclasses import replace

from gateway.emulators.chaos import judge
from gateway.emulators.chaos.actor import Manner
from gateway.emulators.chaos.caller import Habits
from gateway.emulators.chaos.figures import Bound, Outcome
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.scenarios.agent_lost import converse
from gateway.emulators.chaos.script import Injection
from gateway.emulators.chaos.stage import Plan, Stage

EXCHANGES = 6


def scripted(injections: Sequence[Injection], exchanges: int = EXCHANGES) -> Scenario:
    """A scenario whose every call is befallen by the same, with chance of its own where there is any."""

    async def play(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
        mine = [replace(each, seed=rng.randrange(1 << 30)) for each in injections]
        outcome.name = ", ".join(each.name for each in mine)
        call = await converse(stage, outcome, mine, Habits(exchanges=exchanges))
        await stage.heal()
        outcome.troubles += judge.told_right(stage.cast, call)
        stage.cast.forget(call)

    return Scenario(
        name="script",
        title="A fault script",
        play=play,
        full=Profile(5),
        quick=Profile(1),
        bounds={judge.SILENCE: Bound(max=3.0)},
        plan=Plan(manner=Manner(tool_every=2)),
    )
