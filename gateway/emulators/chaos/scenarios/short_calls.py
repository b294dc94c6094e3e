"""Short calls by the thousand, given up in every phase: what is left of them in the gateway."""

import asyncio
import contextlib
import random
import sqlite3
from contextlib import closing
from typing import Final

from gateway.emulators.chaos import ledger
from gateway.emulators.chaos.figures import Bound, Outcome
from gateway.emulators.chaos.node import Node
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.script import PREFIX, Link
from gateway.emulators.chaos.stage import Plan, Stage, caller_number
from gateway.emulators.twilio.call import CallOver
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.script import Manual

BATCH: Final = 250
_AT_ONCE: Final = 50
_STREAM_S: Final = 10.0
_SETTLE_S: Final = 10.0
"""Connections to the vendors are kept alive for 5 s."""
_ABANDONED_EVERY: Final = 10
"""The callers of every so manieth batch, the first among them, just vanish, wherever their call is."""
_WARM: Final = 8
"""Batches until the gateway is warm: pools are full then, and code that is seldom needed was needed."""
_KIB: Final = f"memory a call after {_WARM * BATCH:,} (KiB)"
_MORE: Final = "descriptors more"
_LEFT: Final = "calls left after 10 s"
_LEASES: Final = "leases left after 10 s"
_FILES: Final = "files more"
_LIVE: Final = "vatel_gateway_calls_live"


async def play(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """A batch of short calls; what the gateway holds then is written down."""
    stage.vatel.script, stage.vatel.on_event = Manual(), _nothing  # what nobody hears need not be made
    vanish = outcome.index % _ABANDONED_EVERY == 0
    waiting = [rng.uniform(0.0, 0.5) for _ in range(BATCH)]

    async def one_after_another() -> None:
        while waiting:
            if not await _short(stage, waiting.pop(), vanish=vanish):
                outcome.troubles.append("a call was not over after its caller had hung up")

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(one_after_another())
    outcome.name, outcome.ending = f"{BATCH} calls{' abandoned' if vanish else ''}", "over"
    await asyncio.sleep(1.0)
    await _write_down(stage, outcome)


def _nothing(_kind: str, _detail: object) -> None:
    """Nobody is told."""


async def _short(stage: Stage, later_s: float, *, vanish: bool) -> bool:
    """A call that is given up: as it rings, as the agent joins, or soon after; whether it was over then."""
    call = await stage.twilio.call_in(to=stage.plan.number, from_=caller_number(round(later_s * 1e4)))
    try:
        if later_s > 0.1:
            line = await call.stream(_STREAM_S)
            if later_s > 0.25:  # as the caller speaks
                line.queue(b"\x55" * 8_000)
        await asyncio.sleep(later_s)
        if vanish and later_s > 0.3 and (found := stage.proxies[Link.CALLER].find(PREFIX[Link.CALLER])):
            found[0].reset()
    except (CallOver, TimeoutError):
        pass  # it was over before: that is short, too
    if not call.over:
        with contextlib.suppress(TimeoutError):
            await call.hang_up()
    return call.over


async def _write_down(stage: Stage, outcome: Outcome) -> None:
    node = stage.nodes[0]
    outcome.measure("memory (MiB)", node.memory_bytes() / 2**20)
    outcome.measure("descriptors", float(node.descriptors()))
    outcome.measure("files", float(sum(1 for _ in node.folder.rglob("*"))))
    outcome.measure("threads", float(node.threads()))


async def after(stage: Stage, outcomes: list[Outcome]) -> None:
    """What is left, against what there was once the gateway was warm."""
    await asyncio.sleep(_SETTLE_S)
    node, last, end = stage.nodes[0], outcomes[-1], Outcome(-1)
    await _write_down(stage, end)
    if (calls := BATCH * (len(outcomes) - 1 - _WARM)) > 0:
        warm = outcomes[_WARM]
        last.measure(_KIB, _more("memory (MiB)", warm, end) * 1024 / calls)
        last.measure(_MORE, _more("descriptors", warm, end))
        last.measure(_FILES, _more("files", warm, end))
    last.measure(_LEFT, await ledger.gauge(node.url, _LIVE))
    last.measure(_LEASES, float(await asyncio.to_thread(_live_leases, node)))


def _more(name: str, before: Outcome, now: Outcome) -> float:
    return now.measures[name][0] - before.measures[name][0]


def _live_leases(node: Node) -> int:
    with closing(sqlite3.connect(f"file:{node.database}?mode=ro", uri=True)) as opened:
        return int(opened.execute("SELECT count(*) FROM call_leases WHERE state = 'live'").fetchone()[0])


SHORT_CALLS: Final = Scenario(
    name="short-calls",
    title=f"Short calls, given up in every phase, in batches of {BATCH}, every tenth abandoned",
    play=play,
    full=Profile(40, budget_s=100.0),
    quick=Profile(1, budget_s=25.0),
    bounds={
        _KIB: Bound(max=1.0),
        _MORE: Bound(max=4.0),
        _FILES: Bound(max=1.0),  # where records wait for a database that is slow, from the first time on
        _LEFT: Bound(max=0.0, always=True),
        _LEASES: Bound(max=0.0, always=True),
    },
    # Idle connections of the kit's own would be counted as the gateway's.
    plan=Plan(behaviour=Behaviour(), settings={"MAX_CALLS": "1000", "RESUME": "on"}, keep_alive=False),
    own_gateway=True,
    after=after,
    usual_s=25.0,
    alone=True,
)
