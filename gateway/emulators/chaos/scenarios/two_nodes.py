"""Two gateways behind a balancer: one is killed, or both are restarted in turn, and callers hardly notice."""

import asyncio
import random
import signal
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import urlsplit

from gateway.emulators.chaos import judge
from gateway.emulators.chaos.actor import Manner
from gateway.emulators.chaos.caller import CallPart, Habits, Strike
from gateway.emulators.chaos.ear import Heard
from gateway.emulators.chaos.figures import Bound, Outcome
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.script import Injection, Link
from gateway.emulators.chaos.stage import Plan, Stage, caller_number

_KILL_EXCHANGES: Final = 5
_STANDS_STILL_S: Final = 12.0
_WAKES_UP_S: Final = 4.0


@dataclass(frozen=True, slots=True)
class _Pace:
    """How often somebody calls, how often a caller speaks at most, and when the first node is restarted."""

    every_s: float = 0.5
    longest: int = 6
    filling_s: float = 12.0


_USUAL: Final = _Pace()
_QUICK: Final = _Pace(every_s=1.0, longest=3, filling_s=5.0)
_CHECK_S: Final = 0.25
_SPEECH: Final = "after the kill, to words (s)"
_STILL_SPEECH: Final = "after the standstill, to words (s)"
_STILL_SILENCE: Final = "heard silence, node stands still (s)"
_VICTIMS: Final = "calls of the node that was killed"
_KILL: Final = Injection(link=Link.CALLER, fault="reset")


async def _place(stage: Stage, number: int, habits: Habits) -> CallPart:
    return await stage.cast.place(number, habits, stage.plan.number, caller_number(number))


async def _balance(stage: Stage) -> None:
    while True:
        await stage.balancer.check(stage.nodes)
        await asyncio.sleep(_CHECK_S)


async def play_kill(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """Kill one of two nodes with calls on both, or have it stand still and wake up; start it again."""
    stands_still = bool(outcome.index % 2)
    outcome.name = "stopped for 12 s" if stands_still else "kill -9 of one of two nodes"
    first, node = stage.cast.next_number, stage.nodes[0]
    parts: list[CallPart] = []
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_balance(stage))
        talks = []
        for at in range(stage.plan.calls):
            parts.append(await _place(stage, first + at, Habits(exchanges=_KILL_EXCHANGES)))
            talks.append(group.create_task(parts[-1].talk()))
        await asyncio.sleep(2.0 + rng.uniform(0.0, 2.0))
        live = [part for part in parts if not part.placed.over and part.placed.line is not None]
        for part in live:
            part.strikes.append(Strike(stage.cast.clock.now(), _KILL, part.current, part.own_turn, None))
        victims = [part for part in live if _port(part) == node.port]
        node.send(signal.SIGSTOP if stands_still else signal.SIGKILL)
        if stands_still:
            await asyncio.sleep(_STANDS_STILL_S)
            node.send(signal.SIGCONT)
            await asyncio.sleep(_WAKES_UP_S)
            outcome.troubles += [each for part in victims for each in _two_owners(part)]
        await asyncio.wait(talks)
        watching.cancel()
    outcome.measure(_VICTIMS, float(len(victims)))
    for part in parts:
        await asyncio.sleep(0)  # to judge one takes a tenth of a second
        _judge(stage, part, outcome, victim=part in victims, stands_still=stands_still)
    if not stands_still:
        await node.start()


def _port(part: CallPart) -> int | None:
    line = part.placed.line
    return None if line is None else urlsplit(line.url).port


def _two_owners(part: CallPart) -> list[str]:
    """Sessions of a call that are open at once, after its first node has woken up."""
    open_ = [each.number for each in part.sessions if not each.session.record.ended]
    return [f"call {part.number} has two owners: sessions {open_}"] if len(open_) > 1 else []


def _judge(stage: Stage, part: CallPart, outcome: Outcome, *, victim: bool, stands_still: bool) -> None:
    one = Outcome(outcome.index)
    # Nothing tells of a node that stands still but its leases, which run out after 6 s.
    silence, speech = judge.SILENCE, _SPEECH
    if victim and stands_still:
        silence, speech = _STILL_SILENCE, _STILL_SPEECH
    if not victim:
        part.strikes.clear()
    judge.judge(stage.cast, part, one)
    outcome.troubles += [f"call {part.number}: {each}" for each in one.troubles]
    outcome.measure(silence, one.measures[judge.SILENCE][0])
    if victim:
        hearing, strike = judge.hear(stage.cast, part), part.strikes[0]
        lost = [
            part.number for part in part.sessions if strike.session and part.number <= strike.session.number
        ]
        outcome.measure(speech, hearing.first_s(Heard.WORDS, strike.at_s, but=lost))
        for found in judge.told_right(stage.cast, part):
            # Nobody but the process that was killed knew of what it had not written yet.
            unwritten = found.endswith("the new session was not told")
            (outcome.missed if unwritten else outcome.troubles).append(f"call {part.number}: {found}")
        if one.ending != judge.WENT_ON:
            outcome.missed.append(f"call {part.number}: {one.ending}")
    elif one.ending != judge.WENT_ON or len(part.placed.lines) != 1:
        outcome.missed.append(f"call {part.number} of the other node noticed: {one.ending}")
    outcome.ending = "played"
    stage.cast.forget(part)


async def play_restart(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """Restart both nodes in turn, gently, while calls go on and new ones come."""
    outcome.name, outcome.ending = "rolling restart", "played"
    pace = _USUAL if stage.plan.calls == _TWO.calls else _QUICK
    ended = asyncio.Event()
    parts: list[CallPart] = []
    async with asyncio.TaskGroup() as group:
        watching = group.create_task(_balance(stage))

        async def callers() -> None:
            due = asyncio.get_running_loop().time()
            while not ended.is_set():
                number = stage.cast.next_number
                part = await _place(stage, number, Habits(exchanges=rng.randrange(1, pace.longest)))
                parts.append(part)
                group.create_task(part.talk())
                due += pace.every_s
                await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))

        calling = group.create_task(callers())
        await asyncio.sleep(pace.filling_s)
        for node in stage.nodes:
            stage.balancer.healthy.discard(node.port)
            node.send(signal.SIGTERM)
            if node.process is not None:
                await asyncio.to_thread(node.process.wait, 60.0)
            await node.start()
            stage.balancer.healthy.add(node.port)  # a deploy goes on when the balancer knows
        ended.set()
        await calling
        while not all(part.placed.over for part in parts):  # noqa: ASYNC110 - they end by themselves
            await asyncio.sleep(0.1)
        watching.cancel()
    outcome.measure("calls", float(len(parts)))
    outcome.measure("streams a call", max(float(len(part.placed.lines)) for part in parts))
    for part in parts:
        await asyncio.sleep(0)
        one = Outcome(outcome.index)
        judge.judge(stage.cast, part, one)
        outcome.measure(judge.SILENCE, one.measures[judge.SILENCE][0])
        outcome.troubles += [f"call {part.number}: {each}" for each in one.troubles]
        if one.ending != judge.WENT_ON:
            outcome.missed.append(f"call {part.number}: {one.ending}")
        stage.cast.forget(part)


_TWO: Final = Plan(
    nodes=2, calls=50, manner=Manner(first_audio_s=0.5), settings={"RESUME": "on", "DRAIN_TIMEOUT": "40"}
)

_FEW: Final = replace(_TWO, calls=16)

NODE_KILLED: Final = Scenario(
    name="node-killed",
    title="kill -9 of one of two nodes with 25 calls each",
    play=play_kill,
    full=Profile(2, budget_s=100.0),
    quick=Profile(1, budget_s=50.0),
    bounds={
        _SPEECH: Bound(max=4.0),
        judge.SILENCE: Bound(max=4.0),
        _STILL_SPEECH: Bound(max=10.0),
        _STILL_SILENCE: Bound(max=10.0),
    },
    plan=_TWO,
    quick_plan=_FEW,
    own_gateway=True,
    usual_s=50.0,
)

ROLLING_RESTART: Final = Scenario(
    name="rolling-restart",
    title="Rolling restart of two nodes, with 2 new calls a second",
    play=play_restart,
    full=Profile(5, budget_s=150.0),
    quick=Profile(1, budget_s=40.0),
    bounds={judge.SILENCE: Bound(max=3.0)},
    plan=_TWO,
    quick_plan=_FEW,
    own_gateway=True,
    usual_s=75.0,
)
