"""Every row of the table of faults, in every phase: the caller's experience is an allowed one."""

import random
from typing import Final

from gateway.emulators.chaos import judge
from gateway.emulators.chaos.actor import Manner
from gateway.emulators.chaos.caller import Habits
from gateway.emulators.chaos.figures import Bound, Outcome
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.scenarios.agent_lost import converse
from gateway.emulators.chaos.scenarios.rows import CELLS, behaviour
from gateway.emulators.chaos.stage import Plan, Stage

_STEP: Final = 37  # no divisor of their number: a part of the cells has something of every link
_SILENCE_S: Final = 3.0


async def play(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """One cell: one call on a stage that has no other."""
    cell = CELLS[outcome.index * _STEP % len(CELLS)]
    outcome.name = cell.name
    row, bystanders = cell.row, stage.bystanders
    account = stage.vatel.account
    account.bad_tokens = 0
    stage.vatel.behaviour = behaviour(row, stage.plan.behaviour)
    bystanders.tool_answer, bystanders.tool_delay_s = row.tool, row.tool_delay_s
    try:
        habits = Habits(exchanges=3, patience_s=20.0)
        call = await converse(stage, outcome, row.injections(cell.phase), habits)
    finally:
        stage.vatel.behaviour = stage.plan.behaviour
        bystanders.tool_answer, bystanders.tool_delay_s = None, 0.0
        await stage.heal()
    if outcome.ending not in row.allowed and not outcome.troubles:
        outcome.missed.append(f"{outcome.ending} is not allowed")
    silence = max(outcome.measures.get(judge.SILENCE, [0.0]))
    if silence > _SILENCE_S:
        outcome.missed.append(f"{silence:.1f} s of silence")
    if row.what and not call.strikes and cell.phase in row.phases:
        outcome.missed.append("the phase never came")
    stage.cast.forget(call)


CELLS_SCENARIO: Final = Scenario(
    name="cells",
    title="Every row of the table of faults, in every phase of a call",
    play=play,
    full=Profile(len(CELLS), stages=20, budget_s=290.0),
    quick=Profile(12, stages=6, budget_s=40.0),
    bounds={judge.SILENCE: Bound(max=_SILENCE_S)},
    plan=Plan(manner=Manner(first_audio_s=0.5, tool_every=2)),
)
