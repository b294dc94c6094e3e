"""Every row of the table of faults, in every phase: the caller's experience is an allowed one."""

import random
from typing import Final

from gateway.emulators.chaos import judge, ledger
from gateway.emulators.chaos.actor import Manner
from gateway.emulators.chaos.caller import Habits
from gateway.emulators.chaos.figures import Bound, Outcome
from gateway.emulators.chaos.node import Node
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.scenarios.agent_lost import converse
from gateway.emulators.chaos.scenarios.rows import CELLS, behaviour
from gateway.emulators.chaos.script import Link, Phase
from gateway.emulators.chaos.stage import KEY, Plan, Stage

_STEP: Final = 37  # no divisor of their number: a part of the cells has something of every link
_SILENCE_S: Final = 3.0
_STOPPED: Final = "silence of a stopped process (s)"
_EXCHANGES: Final = 2
_PENDING_S: Final = 0.1
"""A tool that answers at once is pending for less time than the kit takes to look."""


async def play(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """One cell: one call on a stage that has no other."""
    cell = CELLS[outcome.index * _STEP % len(CELLS)]
    outcome.name = cell.name
    row, bystanders = cell.row, stage.bystanders
    account = stage.vatel.account
    account.bad_tokens = 0
    stage.vatel.behaviour = behaviour(row, stage.plan.behaviour)
    pending_s = _PENDING_S if cell.phase is Phase.TOOL_PENDING else 0.0
    bystanders.tool_answer, bystanders.tool_delay_s = row.tool, max(row.tool_delay_s, pending_s)
    node = stage.nodes[0] if stage.nodes else None
    before = await ledger.counted(node.url) if node is not None else 0
    try:
        habits = Habits(exchanges=_EXCHANGES, patience_s=20.0)
        call = await converse(stage, outcome, row.injections(cell.phase), habits)
    finally:
        stage.vatel.behaviour = stage.plan.behaviour
        bystanders.tool_answer, bystanders.tool_delay_s = None, 0.0
        await stage.heal()
    if node is not None and row.recorded:
        await _one_ending(
            node, call.placed.sid, before if row.what.get("link") is not Link.PROCESS else None, outcome
        )
    if outcome.ending not in row.allowed and not outcome.troubles:
        outcome.missed.append(f"{outcome.ending} is not allowed")
    silence = max(outcome.measures.get(judge.SILENCE, [0.0]))
    if silence > _SILENCE_S + row.still_s:
        outcome.missed.append(f"{silence:.1f} s of silence")
    if row.still_s:  # which has a bound of its own
        outcome.measures[_STOPPED] = outcome.measures.pop(judge.SILENCE, [])
    if row.what and not call.strikes and cell.phase in row.phases:
        outcome.missed.append("the phase never came")
    stage.cast.forget(call)


async def _one_ending(node: Node, sid: str, before: int | None, outcome: Outcome) -> None:
    """The gateway's records and its metrics know of one ending of the call."""
    causes, troubles = await ledger.endings(node.url, KEY, [sid])
    outcome.name += f" ({causes[sid]})"
    outcome.troubles += troubles
    if causes[sid] == ledger.UNRECORDED:
        outcome.troubles.append("no record of the call")
    if before is not None and (more := await ledger.counted(node.url) - before) != 1:
        outcome.troubles.append(f"{more} endings were counted")


CELLS_SCENARIO: Final = Scenario(
    name="cells",
    title="Every row of the table of faults, in every phase of a call",
    play=play,
    full=Profile(len(CELLS), stages=16, budget_s=260.0),
    quick=Profile(12, stages=6, budget_s=65.0),
    bounds={judge.SILENCE: Bound(max=_SILENCE_S)},
    plan=Plan(manner=Manner(first_audio_s=0.5, tool_every=2)),
)
