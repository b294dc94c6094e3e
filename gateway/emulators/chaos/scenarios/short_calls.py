"""Short calls by the thousand, given up in every phase: what is left of them in the gateway."""

import asyncio
import contextlib
import random
from typing import Final

import httpx

from gateway.emulators.chaos.figures import Bound, Outcome
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.stage import Plan, Stage, caller_number
from gateway.emulators.twilio.call import CallOver
from gateway.emulators.vatel.behaviour import Behaviour

BATCH: Final = 250
_AT_ONCE: Final = 25
_STREAM_S: Final = 10.0
_SETTLE_S: Final = 7.0
"""Connections to the vendors are kept alive for 5 s."""
_KIB: Final = "memory a call after the first fifth (KiB)"
_MORE: Final = "descriptors more"
_LEFT: Final = "calls left"


async def play(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """A batch of short calls; what the gateway holds then is written down."""
    waiting = [rng.uniform(0.0, 0.5) for _ in range(BATCH)]

    async def one_after_another() -> None:
        while waiting:
            if not await _short(stage, waiting.pop()):
                outcome.troubles.append("a call was not over after its caller had hung up")

    async with asyncio.TaskGroup() as group:
        for _ in range(_AT_ONCE):
            group.create_task(one_after_another())
    outcome.name, outcome.ending = f"{BATCH} calls", "over"
    await asyncio.sleep(1.0)
    outcome.measure("memory (MiB)", stage.nodes[0].memory_bytes() / 2**20)
    outcome.measure("descriptors", float(stage.nodes[0].descriptors()))


async def _short(stage: Stage, later_s: float) -> bool:
    """A call that is given up: as it rings, as the agent joins, or soon after; whether it was over then."""
    call = await stage.twilio.call_in(to=stage.plan.number, from_=caller_number(round(later_s * 1e4)))
    try:
        if later_s > 0.1:
            await call.stream(_STREAM_S)
        await asyncio.sleep(later_s)
    except (CallOver, TimeoutError):
        pass  # it was over before: that is short, too
    if not call.over:
        with contextlib.suppress(TimeoutError):
            await call.hang_up()
    return call.over


async def after(stage: Stage, outcomes: list[Outcome]) -> None:
    """What is left, against what there was once the gateway was warm."""
    await asyncio.sleep(_SETTLE_S)
    memory = [outcome.measures["memory (MiB)"][0] for outcome in outcomes]
    descriptors = [outcome.measures["descriptors"][0] for outcome in outcomes]
    warm = len(outcomes) // 5
    calls = BATCH * (len(outcomes) - 1 - warm)
    last = outcomes[-1]
    if calls > 0:
        last.measure(_KIB, (stage.nodes[0].memory_bytes() / 2**20 - memory[warm]) * 1024 / calls)
        last.measure(_MORE, stage.nodes[0].descriptors() - descriptors[warm])
    async with httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        text = (await http.get(f"{stage.nodes[0].url}/metrics")).text
    live = next((line for line in text.splitlines() if line.startswith("vatel_gateway_calls_live ")), " nan")
    last.measure(_LEFT, float(live.split()[-1]))


SHORT_CALLS: Final = Scenario(
    name="short-calls",
    title=f"Short calls, given up in every phase, in batches of {BATCH}",
    play=play,
    full=Profile(40, budget_s=130.0),
    quick=Profile(1, budget_s=25.0),
    bounds={_KIB: Bound(max=1.0), _MORE: Bound(max=4.0), _LEFT: Bound(max=0.0, always=True)},
    plan=Plan(behaviour=Behaviour(), settings={"MAX_CALLS": "1000"}),
    own_gateway=True,
    after=after,
)
