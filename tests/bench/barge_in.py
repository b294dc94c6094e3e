"""How soon a barge-in silences the line: ``python -m tests.bench.barge_in [--calls N --rounds N]``.

A gateway process on one core carries the calls; both emulators run in this process on the other. Measured is
the time from the agent's ``interruption`` being sent to Twilio's end having read the ``clear``, with what the
emulators themselves take. Nothing of a cut turn may be played afterwards.
"""

import argparse
import asyncio
import os
import random
import time

import psutil
import uvloop

from gateway.emulators.twilio.line import Line
from gateway.emulators.twilio.records import Event
from tests.integration.gateway_audio import heard, on_the_line, speak, words
from tests.integration.gateway_process import gateway_process
from tests.integration.gateway_rig import Conversation

TURN_S = 4.0
SEED = 20261121


class Clears:
    """When each call's next clear was read."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[float]] = {}

    def expect(self, call_sid: str) -> "asyncio.Future[float]":
        """The time of the next one."""
        self._waiting[call_sid] = asyncio.get_running_loop().create_future()
        return self._waiting[call_sid]

    def take(self, event: Event) -> None:
        """Take an event of the emulator's."""
        waiting = self._waiting.pop(event.call_sid, None) if event.kind == "clear" else None
        if waiting is not None:
            waiting.set_result(time.monotonic())


async def barge_in(talk: Conversation, clears: Clears, number: int, pause_s: float) -> float:
    """Speak, cut in after a while; seconds from the interruption to the clear."""
    speak(talk.session, f"turn {number}", words(number, TURN_S))
    await asyncio.sleep(pause_s)
    cleared = clears.expect(talk.call.sid)
    interrupted_at = time.monotonic()
    talk.session.interrupt()
    async with asyncio.timeout(5.0):
        return await cleared - interrupted_at


async def measure(calls: int, rounds: int) -> tuple[list[float], int]:
    """The delays, and in how many calls something of a cut turn came after its clear."""
    chance, clears, delays = random.Random(SEED), Clears(), []
    async with gateway_process(settings={"MAX_CALLS": str(calls + 1)}) as site:
        psutil.Process(site.process.pid).cpu_affinity([0])
        os.sched_setaffinity(0, {1 % (os.cpu_count() or 1)})
        site.twilio.on_event = clears.take
        talks = [await site.conversation() for _ in range(calls)]
        for number in range(rounds):
            pauses = [chance.uniform(1.0, 3.0) for _ in talks]
            tasks = (barge_in(talk, clears, number, pause) for talk, pause in zip(talks, pauses, strict=True))
            delays += await asyncio.gather(*tasks)
            await asyncio.sleep(0.2)
        for talk in talks:
            speak(talk.session, "last", words(rounds, 0.5))
        await asyncio.gather(*(talk.line.wait_until(_quiet) for talk in talks))
        wrong = sum(not heard(talk.line).endswith(on_the_line(words(rounds, 0.5))) for talk in talks)
        await asyncio.gather(*(talk.call.hang_up() for talk in talks))
    return delays, wrong


def _quiet(line: Line) -> bool:
    spans = line.heard_spans
    return bool(spans) and spans[-1].end_s + 0.7 < line.now


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args()
    delays, wrong = uvloop.run(measure(given.calls, given.rounds))
    ordered = sorted(delay * 1000 for delay in delays)
    p50, p99 = ordered[len(ordered) // 2], ordered[int(len(ordered) * 0.99)]
    print(f"interruption to clear, {given.calls} calls, {len(ordered)} barge-ins:", end=" ")
    print(
        f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, max {ordered[-1]:.1f} ms; next turn not whole in {wrong} calls"
    )


if __name__ == "__main__":
    main()
