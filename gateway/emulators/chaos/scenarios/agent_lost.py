"""The agent's connection is lost at random moments: how soon somebody speaks, and what the next one knows."""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from gateway.emulators.chaos import judge, player
from gateway.emulators.chaos.actor import Manner
from gateway.emulators.chaos.caller import CallPart, Habits
from gateway.emulators.chaos.faults import Kind
from gateway.emulators.chaos.figures import Bound, Outcome
from gateway.emulators.chaos.introduction import carries_on
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.script import Act, Injection, Link
from gateway.emulators.chaos.stage import Plan, Stage, caller_number
from gateway.emulators.vatel.records import TokenRequest

REFUSED_SHARE: Final = 0.05
_EXCHANGES: Final = 3
"""Each plants a fact of the caller's and three of the agent's, and the greeting three: ten and more."""
_LONGEST_LATER_S: Final = 2.6
"""From the end of the caller's words to the end of the next ones: any moment of a call."""


async def converse(
    stage: Stage, outcome: Outcome, injections: Sequence[Injection], habits: Habits
) -> CallPart:
    """Have one call, with what happens to it; judge it."""
    number = outcome.index + 1
    call = await stage.cast.place(number, habits, stage.plan.number, caller_number(number))
    async with asyncio.TaskGroup() as group:
        playing = [group.create_task(player.play(each, call, stage)) for each in injections]
        await call.talk()
        for task in playing:
            task.cancel()
    judge.judge(stage.cast, call, outcome)
    outcome.troubles += [found for strike in call.strikes for found in strike.found]
    return call


def lost(rng: random.Random) -> dict[str, object]:
    """One of the ways in which an agent's connection is lost."""
    ways: list[dict[str, object]] = [
        {"fault": Kind.RESET},
        {"fault": Act.CLOSE, "code": 1011},
        {"fault": Act.CLOSE, "code": 1012},
        {"fault": Kind.BLACK_HOLE},
    ]
    return rng.choice(ways)


def losses(rng: random.Random) -> list[Injection]:
    """When and how a call loses its agent: mostly once it is under way, some early, some three times."""
    early, thrice = rng.random() < 0.15, rng.random() < 0.2
    exchanges = range(0 if early else _EXCHANGES, (3 if thrice else 1) * 2 + (0 if early else _EXCHANGES), 2)
    return [
        Injection(
            link=Link.AGENT,
            after_exchange=exchange,
            later_s=rng.uniform(0.0, _LONGEST_LATER_S) + (0.5 if not exchange else 0.0),
            **lost(rng),  # type: ignore[arg-type]  # of the two fields named above
        )
        for exchange in list(exchanges)[: 3 if thrice else 1]
    ]


def refuse_some(stage: Stage, seed: int) -> None:
    """Have a share of the sessions that take a call over be refused."""
    rng = random.Random(seed)  # noqa: S311 - repeatable

    def admit(asked: TokenRequest) -> int:
        return 503 if carries_on(asked) and rng.random() < REFUSED_SHARE else 0

    stage.vatel.admit = admit


async def play(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """One call that loses its agent."""
    injections = losses(rng)
    refuse_some(stage, rng.randrange(1 << 30))
    outcome.name = ", ".join(f"{each.name} after {each.after_exchange}" for each in injections)
    call = await converse(stage, outcome, injections, Habits(exchanges=_EXCHANGES + 2 * len(injections)))
    outcome.troubles += judge.told_right(stage.cast, call)
    if len(call.strikes) == 3 and outcome.ending == judge.WENT_ON:
        outcome.measure("losses survived in a call", 3)
    if outcome.ending == judge.TRANSFERRED:
        outcome.measures.pop(judge.AGENT, None)  # a person is as good
    stage.cast.forget(call)


AGENT_LOST: Final = Scenario(
    name="agent-lost",
    title="The agent's connection is lost at random moments (reset, 1011, 1012, black hole)",
    play=play,
    full=Profile(200, at_once=40, budget_s=150.0),
    quick=Profile(12, at_once=12, budget_s=50.0),
    usual_s=35.0,
    bounds={
        judge.SILENCE: Bound(max=3.0),
        judge.SOUND: Bound(max=0.3),
        judge.WORDS: Bound(max=1.0),
        judge.AGENT: Bound(p50=2.0, p95=3.0, max=6.0),
    },
    plan=Plan(manner=Manner(first_audio_s=0.8)),
)


async def play_half_open(stage: Stage, outcome: Outcome, rng: random.Random) -> None:
    """One call whose agent is there no more, and nobody is told."""
    hole = Injection(
        link=Link.AGENT,
        fault=Kind.BLACK_HOLE,
        after_exchange=rng.randrange(3),
        later_s=rng.uniform(0.5, 0.5 + _LONGEST_LATER_S),
    )
    outcome.name = f"{hole.name} after {hole.after_exchange}"
    call = await converse(stage, outcome, [hole], Habits(exchanges=4))
    outcome.troubles += judge.told_right(stage.cast, call)
    stage.cast.forget(call)


HALF_OPEN: Final = Scenario(
    name="half-open",
    title="The agent is there no more, and nobody is told",
    play=play_half_open,
    full=Profile(100, at_once=34, budget_s=75.0),
    quick=Profile(6, at_once=6, budget_s=25.0),
    bounds={judge.SILENCE: Bound(max=3.0)},
    plan=Plan(manner=Manner(first_audio_s=0.8)),
)
