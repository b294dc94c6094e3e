"""Many short calls in a row: the smallest conversation, over and over."""

import asyncio
from collections.abc import Awaitable, Callable

from gateway.emulators.twilio.call import Call
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.script import Pause, Say, Script

TINY = Script(steps=(Say(text="Hi."), Pause(seconds=0.2)))
"""A word, and the agent's goodbye behind it."""
AT_ONCE = Behaviour(audio_factor=0)
SPEED = 3.0


async def row(call: Callable[[], Awaitable[Call]], count: int, at_once: int) -> None:
    """Hold so many calls, so many at a time; every third caller hangs up in mid-word."""
    gate = asyncio.Semaphore(at_once)

    async def one(number: int) -> None:
        async with gate:
            held = await call()
            if number % 3 == 0:
                line = await held.stream()
                await line.wait_heard(0.05)
                held.give_up()
            await held.wait_over(30)
            assert [record.verb for record in held.verbs] == ["Connect", "Stream"]

    async with asyncio.TaskGroup() as group:
        for number in range(count):
            group.create_task(one(number))
