"""How soon a webhook is answered while others talk: ``python -m tests.bench.webhook [--calls N --asks N]``.

A gateway on one core, a process of its own with its records in SQLite, carries calls whose every sample is
checked; the load is on the other core. Meanwhile a third process sends signed webhooks of new calls at a
steady rate, each timed from its first byte to the whole TwiML. It also asks for the list of calls, and for
/healthz, which costs the gateway nothing: what it takes is the wait for a turn, which is in the other figures
too. New calls are hung up on at once, as their callers would, before their stream opens.
"""

import argparse
import asyncio
import gc
import os
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import uvloop

from gateway.emulators.load import run as load
from gateway.emulators.load.calls import CallFailed, Load
from gateway.emulators.load.doors import ACCOUNT_SID, GatewayDoors
from gateway.emulators.load.figures import Sound
from gateway.emulators.load.legs import Pattern
from gateway.emulators.load.process import (
    AUTH_TOKEN,
    GatewayUnderLoad,
    Process,
    environment,
    free_port,
    running,
)
from gateway.emulators.twilio.signature import HEADER, sign

ROOT = Path(__file__).parents[2]
P99_MS = 50.0
SETTLE_S = 2.0
FIRST_NEW = 1_000_000
"""The number of the first call beside the load's own, of which none is as high."""
KEY = "key-of-the-first-operator"
LISTS = 0.2
"""Of calls, to one webhook."""


@dataclass
class Asked:
    """What became of one kind of request; times in milliseconds."""

    what: str
    took: list[float] = field(default_factory=list)
    wrong: int = 0

    async def time(self, request: Awaitable[httpx.Response], expected: str) -> None:
        """Await a request that was prepared; its answer must hold this."""
        began = time.perf_counter()
        answer = await request
        self.took.append((time.perf_counter() - began) * 1000)
        self.wrong += answer.status_code != 200 or expected not in answer.text

    @property
    def p99(self) -> float:
        """Of a hundred, the last but one."""
        return sorted(self.took)[int(len(self.took) * 0.99)]

    def __str__(self) -> str:
        ordered = sorted(self.took)
        p50 = ordered[len(ordered) // 2]
        return (
            f"{self.what}: {len(ordered)} asked, {self.wrong} wrong; "
            f"p50 {p50:.1f} ms, p99 {self.p99:.1f} ms, max {ordered[-1]:.1f} ms"
        )


@dataclass
class Asker:
    """Asks as Twilio asks, and as an operator does."""

    http: httpx.AsyncClient
    url: str
    voice: Asked = field(default_factory=lambda: Asked("webhook to TwiML"))
    list: Asked = field(default_factory=lambda: Asked("GET /v1/calls, 50 of them, on SQLite"))
    nothing: Asked = field(default_factory=lambda: Asked("GET /healthz, for comparison"))

    async def call_in(self, number: int) -> None:
        """A call comes in, and its caller hangs up at once."""
        form = {
            "AccountSid": ACCOUNT_SID,
            "CallSid": f"CA{FIRST_NEW + number:032x}",
            "CallStatus": "ringing",
            "Direction": "inbound",
            "From": f"+1555{number:07d}",
            "To": "+15550001111",
        }
        await self.voice.time(self._signed("/twilio/voice", form), "<Stream ")
        (await self._signed("/twilio/status", form | {"CallStatus": "completed"})).raise_for_status()

    async def see(self, _number: int) -> None:
        """Somebody asks whether the process lives."""
        await self.nothing.time(self.http.get(f"{self.url}/healthz"), "ok")

    async def look(self, _number: int) -> None:
        """Somebody lists calls."""
        request = self.http.get(f"{self.url}/v1/calls", headers={"Authorization": f"Bearer {KEY}"})
        await self.list.time(request, '"calls"')

    def _signed(self, path: str, form: dict[str, str]) -> Awaitable[httpx.Response]:
        url = f"{self.url}{path}"
        return self.http.post(url, data=form, headers={HEADER: sign(AUTH_TOKEN, url, form)})


async def steadily(ask: Callable[[int], Awaitable[None]], count: int, rate: float) -> None:
    """Ask at a steady rate, however long the answers take."""
    began = time.perf_counter()
    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            await asyncio.sleep(began + number / rate - time.perf_counter())
            tasks.create_task(_one(ask, number))


async def _one(ask: Callable[[int], Awaitable[None]], number: int) -> None:
    await ask(number)


async def ask(url: str, asks: int, rate: float) -> Asker:
    """Ask everything, at steady rates."""
    # A connection is given up before the server would close it, perhaps under a request.
    limits = httpx.Limits(max_connections=50, max_keepalive_connections=50, keepalive_expiry=2.0)
    async with httpx.AsyncClient(trust_env=False, timeout=10.0, limits=limits) as http:
        asker = Asker(http, url)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(steadily(asker.call_in, asks, rate))
            tasks.create_task(steadily(asker.look, int(asks * LISTS), rate * LISTS))
            tasks.create_task(steadily(asker.see, asks, rate))
    return asker


async def asked_by_another(url: str, given: argparse.Namespace) -> bool:
    """Have a process of its own ask and print, so that the load's own work delays no answer."""
    module = __spec__.name if __spec__ else "tests.bench.webhook"
    options = ["--asks", str(given.asks), "--rate", str(given.rate), "--ask", url]
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", module, *options, cwd=ROOT)
    try:
        async with asyncio.timeout(60 + 2 * given.asks / given.rate):
            return await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def under_load(given: argparse.Namespace) -> bool:
    """Have calls talk while another process asks, and print; whether all was as it must be."""
    core, mine = load.core_pair()
    usual = Pattern()
    pattern = replace(usual, chunks=round(usual.period * given.speaking))
    port, sound = free_port(), Load(pattern)
    url = f"http://127.0.0.1:{port}"
    async with load.agents(sound) as agents_url, httpx.AsyncClient(trust_env=False, timeout=10.0) as http:
        settings = environment(url, agents_url, given.calls + 100) | {"GATEWAY_API_KEY": KEY}
        async with running(["gateway", "serve"], port, settings, core) as pid, asyncio.TaskGroup() as tasks:
            gateway, me = GatewayUnderLoad(pid, url, http), Process(os.getpid())
            me.pin(mine)
            talking = tasks.create_task(sound.talk())
            await sound.open(GatewayDoors(http, url, AUTH_TOKEN), given.calls)
            await asyncio.sleep(SETTLE_S)
            began, busy, my_busy = time.perf_counter(), gateway.cpu_s(), me.cpu_s()
            print(f"{given.calls} calls live, {given.rate:g} webhooks a second", flush=True)
            good = await asked_by_another(url, given)
            lasted_s = time.perf_counter() - began
            shares = [
                (spent - before) / lasted_s * 100
                for spent, before in ((gateway.cpu_s(), busy), (me.cpu_s(), my_busy))
            ]
            talking.cancel()
            await sound.hear_out(5.0)
            over = sum(caller.over for caller in sound.callers)
            sound.close()
            await gateway.dropped()  # once no call is live
    heard = Sound.of(sound)
    print(f"  the gateway took {shares[0]:.0f} % of a core, the load {shares[1]:.0f} % of another")
    print(
        f"  the calls: {heard.right} samples right, {heard.lost} lost, {heard.misplaced} out of place, "
        f"{over} ended early"
    )
    return good and not (heard.lost or heard.misplaced or over)


def asking(given: argparse.Namespace) -> bool:
    """The other process: ask and print; whether the bound holds."""
    asker = uvloop.run(ask(given.ask, given.asks, given.rate))
    print(f"  {asker.voice} (p99 at most {P99_MS:g})")
    print(f"  {asker.list}")
    print(f"  {asker.nothing}", flush=True)
    return asker.voice.p99 <= P99_MS and not (asker.voice.wrong or asker.list.wrong)


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--asks", type=int, default=400)
    parser.add_argument("--rate", type=float, default=20.0, help="webhooks a second")
    parser.add_argument("--speaking", type=float, default=0.8, help="the share of its time an agent speaks")
    parser.add_argument("--ask", metavar="URL", help=argparse.SUPPRESS)
    given = parser.parse_args()
    gc.disable()  # this program's pauses are no answer times
    if given.ask:
        sys.exit(not asking(given))
    try:
        sys.exit(not uvloop.run(under_load(given)))
    except* CallFailed as group:
        sys.exit(str(group.exceptions[0]))


if __name__ == "__main__":
    main()
