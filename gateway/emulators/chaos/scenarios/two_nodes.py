"""Two gateways behind a balancer: one is killed, or both are restarted in turn, and callers hardly notice."""

import asyncio
import random
import signal
from typing import Final

from gateway.emulators.chaos import judge
from gateway.emulators.chaos.actor import Manner
from gateway.emulators.chaos.caller import CallPart, Habits, Strike
from gateway.emulators.chaos.ear import Heard
from gateway.emulators.chaos.figures import Bound, Outcome
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.script import Injection, Link
from gateway.emulators.chaos.stage import Plan, Stage, caller_number

_CALLS: Final = 50
_CHECK_S: Final = 0.25
_SPEECH: Final = "after the kill, to words (s)"
_VICTIMS: Final = "calls of the node that was killed"
_KILL: Final = Injection(link=Link.CALLER, fault="reset")


async def _place(stage: Stage, number: int, habits: Habits) -> CallPart:
    return await stage.cast.place(number, habits, stage.plan.number, caller_number(number))


async def _balance(stage: Stage) -> None:
    while True:
        await stage.balancer.check(stage.nodes)
        await asyncio.sleep(_CHECK_S)


async def play_kill(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """Kill one of two nodes with calls on both; start it again."""
    calls = _CALLS if outcome.index == 0 else outcome.index
    first = stage.cast.next_number
    parts = [await _place(stage, first + at, Habits(exchanges=6)) for at in range(calls)]
    victims: list[CallPart] = []
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_balance(stage))
        talks = [group.create_task(part.talk()) for part in parts]
        await asyncio.sleep(6.0 + rng.uniform(0.0, 2.0))
        for part in parts:
            part.strikes.append(Strike(stage.cast.clock.now(), _KILL, part.current, part.own_turn, None))
        stage.nodes[0].send(signal.SIGKILL)
        await asyncio.sleep(1.0)
        victims = [part for part in parts if part.placed.lines and part.placed.lines[0].over]
        await asyncio.wait(talks)
        watching.cancel()
    outcome.name = "kill -9 of one of two nodes"
    outcome.measure(_VICTIMS, float(len(victims)))
    for part in parts:
        _judge(stage, part, outcome, victim=part in victims)
    await stage.nodes[0].start()


def _judge(stage: Stage, part: CallPart, outcome: Outcome, *, victim: bool) -> None:
    strike, one = part.strikes[0], Outcome(outcome.index)
    if not victim:
        part.strikes.clear()
    judge.judge(stage.cast, part, one)
    outcome.ending = f"{outcome.ending} " if outcome.ending else ""
    outcome.troubles += [f"call {part.number}: {each}" for each in one.troubles]
    outcome.measure(judge.SILENCE, one.measures[judge.SILENCE][0])
    if victim:
        hearing = judge.hear(stage.cast, part)
        lost = [
            part.number for part in part.sessions if strike.session and part.number <= strike.session.number
        ]
        outcome.measure(_SPEECH, hearing.first_s(Heard.WORDS, strike.at_s, but=lost))
        outcome.troubles += [f"call {part.number}: {each}" for each in judge.told_right(stage.cast, part)]
        if one.ending != judge.WENT_ON:
            outcome.troubles.append(f"call {part.number} {one.ending}")
    elif one.ending != judge.WENT_ON or len(part.placed.lines) != 1:
        outcome.troubles.append(f"call {part.number} of the other node noticed: {one.ending}")
    outcome.ending = "played"
    stage.cast.forget(part)


async def play_restart(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """Restart both nodes in turn, gently, while calls go on and new ones come."""
    outcome.name, outcome.ending = "rolling restart", "played"
    ended = asyncio.Event()
    parts: list[CallPart] = []
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_balance(stage))

        async def callers() -> None:
            while not ended.is_set():
                part = await _place(stage, stage.cast.next_number, Habits(exchanges=rng.randrange(1, 4)))
                parts.append(part)
                group.create_task(part.talk())
                await asyncio.sleep(0.5)

        calling = group.create_task(callers())
        await asyncio.sleep(8.0)
        for node in stage.nodes:
            stage.balancer.healthy.discard(node.port)
            node.send(signal.SIGTERM)
            if node.process is not None:
                await asyncio.to_thread(node.process.wait, 60.0)
            await node.start()
        ended.set()
        await calling
        while not all(part.placed.over for part in parts):  # noqa: ASYNC110 - they end by themselves
            await asyncio.sleep(0.1)
        watching.cancel()
    outcome.measure("calls", float(len(parts)))
    for part in parts:
        one = Outcome(outcome.index)
        judge.judge(stage.cast, part, one)
        outcome.measure(judge.SILENCE, one.measures[judge.SILENCE][0])
        outcome.troubles += [f"call {part.number}: {each}" for each in one.troubles]
        if one.ending != judge.WENT_ON:
            outcome.troubles.append(f"call {part.number}: {one.ending}")
        stage.cast.forget(part)


_TWO: Final = Plan(
    nodes=2, manner=Manner(first_audio_s=0.5), settings={"RESUME": "on", "DRAIN_TIMEOUT": "40"}
)

NODE_KILLED: Final = Scenario(
    name="node-killed",
    title="kill -9 of one of two nodes with 25 calls each",
    play=play_kill,
    full=Profile(1, budget_s=50.0),
    quick=Profile(1, budget_s=40.0),
    bounds={_SPEECH: Bound(max=4.0), judge.SILENCE: Bound(max=4.0)},
    plan=_TWO,
    own_gateway=True,
)

ROLLING_RESTART: Final = Scenario(
    name="rolling-restart",
    title="Rolling restart of two nodes, with 2 new calls a second",
    play=play_restart,
    full=Profile(5, budget_s=150.0),
    quick=Profile(1, budget_s=35.0),
    bounds={judge.SILENCE: Bound(max=3.0)},
    plan=_TWO,
    own_gateway=True,
)
