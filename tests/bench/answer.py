"""How soon a person who answers hears the agent: ``python -m tests.bench.answer [--calls N --at-once N]``.

Calls are placed by the API, through a gateway between both emulators. An agent's session takes 0.7 s to set
up, and the called party answers after about 2 s. Measured is the time from the answer to the agent's first
audio: as the record of each call has it, from the stream's start on, and as the called party has it, with the
opening of the stream. Then calls are placed that nobody takes: their agents must be gone soon after.
"""

import argparse
import asyncio
import contextlib
import itertools
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import uvloop

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.people import Callee, Outcome
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.script import Listen, Say, Script
from tests.integration.gateway_rig import NUMBER, Rig, running_gateway, until

SET_UP = Behaviour(token_delay_s=0.4, connect_delay_s=0.3)
GREETING = Script(steps=(Say(text="Hello, this is the clinic."), Listen(timeout_s=30)))
ANSWER_S = (1.7, 2.3)
FIRST_AUDIO_MS = 100.0
GONE_S = 1.0
KEY = "key-of-the-first-operator"
CALLS_OF_A_KEY = 30
"""In a minute; those above go out in another key's name."""
UNTAKEN = (Outcome.BUSY, Outcome.NO_ANSWER, Outcome.CANCELED) * 2
SEED = 20261121


@dataclass
class Operator:
    """Places calls to one person after the other, with as many keys as it takes."""

    rig: Rig
    http: httpx.AsyncClient
    chance: random.Random = field(default_factory=lambda: random.Random(SEED))
    people: Iterator[int] = field(default_factory=lambda: itertools.cycle(range(110, 190)))
    placed: int = 0

    async def place(self, callee: Callee) -> tuple[str, Call]:
        """Have somebody called; the name of the call, and Twilio's end of it."""
        if self.placed % CALLS_OF_A_KEY == 0:
            self.http.headers["Authorization"] = f"Bearer {await self._key()}"
        self.placed += 1
        number, known = f"+14155550{next(self.people)}", {call.sid for call in self.rig.twilio.calls}
        self.rig.twilio.callees[number] = callee
        answer = await self.http.post("/v1/calls", json={"to": number, "ring_timeout": 5})
        answer.raise_for_status()
        fresh: list[Call] = []
        while not fresh:
            await asyncio.sleep(0.01)
            fresh = [call for call in self.rig.twilio.calls if call.to == number and call.sid not in known]
        return str(answer.json()["id"]), fresh[0]

    async def first_audio_ms(self, name: str) -> float:
        """What the record of a call says, once it says it."""
        async with asyncio.timeout(10):
            while True:
                shown: dict[str, Any] = (await self.http.get(f"/v1/calls/{name}")).json()
                if shown["ended_at"]:
                    return float(shown["first_audio_ms"])
                await asyncio.sleep(0.02)

    async def _key(self) -> str:
        wanted = {"name": "bench", "scopes": ["calls:dial", "calls:read"]}
        first = {"Authorization": f"Bearer {KEY}"}
        answer = await self.http.post("/v1/keys", json=wanted, headers=first)
        answer.raise_for_status()
        return str(answer.json()["key"])


@asynccontextmanager
async def operator() -> AsyncIterator[Operator]:
    """A gateway that may call, and somebody at its API."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "database_url": f"sqlite:///{folder}/gateway.db",
            "spool_dir": Path(folder) / "spool",
            "recordings_dir": Path(folder) / "recordings",
            "gateway_api_key": KEY,
            "twilio_phone_number": NUMBER,
            "dial_rate": 20,
        }
        async with (
            running_gateway(script=GREETING, settings=settings, behaviour=SET_UP, keep=True) as rig,
            httpx.AsyncClient(base_url=rig.url, trust_env=False, timeout=10) as http,
        ):
            yield Operator(rig, http)


async def answered(at: Operator, calls: int, at_once: int) -> tuple[list[float], list[float]]:
    """Place calls that are answered; from each answer to the first audio, by the record and by the person."""
    free, recorded, heard = asyncio.Semaphore(at_once), list[float](), list[float]()

    async def one(name: str, call: Call) -> None:
        try:
            line = await call.stream()
            await line.wait_heard(0.5)
            answered_at = at.rig.twilio.now - call.since_answer_s
            heard.append(((line.opened_at or 0.0) + (line.first_audio_at or 0.0) - answered_at) * 1000)
            await call.hang_up()
            recorded.append(await at.first_audio_ms(name))
        finally:
            free.release()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(calls):
            await free.acquire()
            tasks.create_task(one(*await at.place(Callee(after_s=at.chance.uniform(*ANSWER_S)))))
    return sorted(recorded), sorted(heard)


async def untaken(at: Operator) -> tuple[int, int, float]:
    """Place calls nobody takes; how many agents had joined, how many stay, seconds until none was there."""
    before = len(at.rig.vatel.sessions)
    calls = [(await at.place(Callee(outcome, after_s=2.0)))[1] for outcome in UNTAKEN]
    await asyncio.gather(*(call.wait_over(20) for call in calls))
    over = time.monotonic()
    with contextlib.suppress(TimeoutError):  # those that stay are counted
        await until(lambda: not at.rig.vatel.live, GONE_S)
    return len(at.rig.vatel.sessions) - before, len(at.rig.vatel.live), time.monotonic() - over


async def measure(calls: int, at_once: int) -> bool:
    """Place the calls and print; whether the bounds hold."""
    async with operator() as at:
        recorded, heard = await answered(at, calls, at_once)
        joined, stay, gone_s = await untaken(at)
    print(f"answer to first audio, {calls} calls, {at_once} at once, 0.7 s of session set-up")
    for who, delays in (("in the records", recorded), ("to the person", heard)):
        p50, worst = delays[len(delays) // 2], delays[-1]
        print(f"  {who:14} p50 {p50:.1f} ms, max {worst:.1f} ms (at most {FIRST_AUDIO_MS:g})")
    print(
        f"{len(UNTAKEN)} calls nobody took: {joined} agents had joined, {stay} of them there "
        f"{gone_s:.2f} s after the last call's end (none after {GONE_S:g} s)"
    )
    return len(recorded) == calls and max(recorded + heard) <= FIRST_AUDIO_MS and joined > 0 and not stay


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument("--at-once", type=int, default=4)
    given = parser.parse_args()
    sys.exit(not uvloop.run(measure(given.calls, given.at_once)))


if __name__ == "__main__":
    main()
