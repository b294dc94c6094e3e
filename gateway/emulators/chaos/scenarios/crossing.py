"""Many calls at once, faults on some of them: nothing of one call may be in another."""

import random
from typing import Final

from gateway.emulators.chaos import judge
from gateway.emulators.chaos.actor import Manner
from gateway.emulators.chaos.caller import Habits
from gateway.emulators.chaos.figures import Bound, Outcome
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.scenarios.agent_lost import converse, lost
from gateway.emulators.chaos.script import Injection, Link
from gateway.emulators.chaos.stage import Plan, Stage

_BEFALLEN: Final = 5  # every so manieth call
_LINES: Final = "lines and samples of others"


async def play(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """One of the calls; every fifth loses its agent."""
    injections = []
    if outcome.index % _BEFALLEN == 0:
        how = lost(rng)
        injections = [
            Injection(
                link=Link.AGENT,
                after_exchange=1 + rng.randrange(2),
                later_s=rng.uniform(0.0, 2.0),
                **how,  # type: ignore[arg-type]  # of the fields ``lost`` names
            )
        ]
    outcome.name = injections[0].name if injections else "no fault"
    call = await converse(stage, outcome, injections, Habits(exchanges=5))
    outcome.troubles += judge.told_right(stage.cast, call)
    if not injections and (outcome.ending != judge.WENT_ON or len(call.sessions) != 1):
        outcome.missed.append(f"without a fault: {outcome.ending}, {len(call.sessions)} sessions")
    outcome.measure(_LINES, float(len(stage.cast.foreign(call))))


CROSSING: Final = Scenario(
    name="crossing",
    title="Many calls at once, faults on every fifth: nothing of one call is in another",
    play=play,
    full=Profile(50, at_once=50, budget_s=40.0),
    quick=Profile(10, at_once=10, budget_s=25.0),
    bounds={_LINES: Bound(max=0.0, always=True), judge.SILENCE: Bound(max=3.0)},
    plan=Plan(manner=Manner(tool_every=2)),
)
