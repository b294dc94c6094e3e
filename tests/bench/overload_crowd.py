"""The callers for whom there is no place, in a process of their own: they are not to delay what is measured.

``python -m tests.bench.overload_crowd URL CALLERS`` until its input ends; prints what became of them as JSON.
"""

import asyncio
import json
import sys
import time
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import uvloop

from gateway.emulators.load.doors import ACCOUNT_SID
from gateway.emulators.load.process import AUTH_TOKEN
from gateway.emulators.twilio.signature import HEADER, sign

MUSIC_S = 3.2
WORDS_S = 2.4
"""How long a spoken place in line takes."""
AGAIN_S = 2.0
_END_S = 10.0


@dataclass
class Tally:
    """What became of those who came too many."""

    answers: Counter[str] = field(default_factory=Counter)
    slowest_s: float = 0.0
    admitted_at: list[float] = field(default_factory=list)


class Crowd:
    """Callers for whom there is no place."""

    def __init__(self, http: httpx.AsyncClient, url: str) -> None:
        self._http = http
        self._url = url
        self.tally = Tally()

    async def post(self, door: str, call_sid: str, **more: str) -> list[ET.Element]:
        """Ask as Twilio asks; the verbs of the answer."""
        form = {
            "AccountSid": ACCOUNT_SID,
            "CallSid": call_sid,
            "CallStatus": "in-progress",
            "Direction": "inbound",
            "From": "+15551234567",
            "To": "+15550001111",
        } | more
        url = f"{self._url}{door}"
        began = time.perf_counter()
        answer = await self._http.post(url, data=form, headers={HEADER: sign(AUTH_TOKEN, url, form)})
        self.tally.slowest_s = max(self.tally.slowest_s, time.perf_counter() - began)
        answer.raise_for_status()
        return list(ET.fromstring(answer.text))

    async def caller(self, number: int) -> None:
        """Call, wait as long as there is something to wait for, and call again when turned away."""
        attempt = 0
        while True:
            attempt += 1
            call_sid = f"CA{number:012x}{attempt:020x}"
            verbs = await self.post("/twilio/voice", call_sid, CallStatus="ringing")
            if verbs[0].tag == "Enqueue":
                self.tally.answers["waits"] += 1
                verbs = await self.wait(call_sid)
            if verbs[0].tag == "Connect":
                self.tally.answers["admitted"] += 1
                self.tally.admitted_at.append(time.perf_counter())
                return
            self.tally.answers["passed on"] += 1
            await asyncio.sleep(AGAIN_S)

    async def wait(self, call_sid: str) -> list[ET.Element]:
        """Hear wait documents until called; what Twilio is answered then."""
        began = time.perf_counter()
        while True:
            waited = str(int(time.perf_counter() - began))
            verbs = await self.post("/twilio/wait", call_sid, QueueTime=waited)
            if verbs[0].tag == "Leave":
                break
            await asyncio.sleep(sum(WORDS_S if verb.tag == "Say" else MUSIC_S for verb in verbs))
        return await self.post("/twilio/queued", call_sid, QueueResult="leave", QueueTime=waited)


@dataclass
class Pressing:
    """A crowd that is calling."""

    process: asyncio.subprocess.Process
    tally: Tally = field(default_factory=Tally)

    async def end(self) -> None:
        """Have it leave, and say what became of it."""
        async with asyncio.timeout(_END_S):
            said, _ = await self.process.communicate(b"")
        told = json.loads(said)
        self.tally = Tally(Counter(told["answers"]), told["slowest_s"], told["admitted_at"])


@asynccontextmanager
async def crowd(url: str, callers: int) -> AsyncIterator[Pressing]:
    """So many callers at once, from now until the end."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.overload_crowd", url, str(callers)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield Pressing(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def press(url: str, callers: int) -> Tally:
    """Call until standard input ends."""
    limits = httpx.Limits(max_connections=100)
    async with httpx.AsyncClient(trust_env=False, timeout=10.0, limits=limits) as http:
        crowd = Crowd(http, url)
        pressing = [asyncio.create_task(crowd.caller(number + 1)) for number in range(callers)]
        await asyncio.to_thread(sys.stdin.read)
        for task in pressing:
            task.cancel()
        await asyncio.gather(*pressing, return_exceptions=True)
    return crowd.tally


if __name__ == "__main__":
    print(json.dumps(vars(uvloop.run(press(sys.argv[1], int(sys.argv[2]))))))
