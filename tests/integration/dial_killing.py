"""Kills dialling processes around the request for a call; what Twilio placed is held against it."""

import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.faults import call_placed_without_an_answer
from gateway.emulators.twilio.people import Callee, Outcome
from gateway.emulators.vatel.emulator import VatelEmulator
from tests.integration import dial_child
from tests.integration.dial_child import Errand
from tests.integration.dial_rig import FROM, Peers

ROOT = Path(__file__).parents[2]
KILLED = "ended -9"
FINE = "ended 0"
_AREAS = ("212", "312", "415", "646")
_SLOW_S = 0.4
"""How long Twilio takes over an answer the process shall not live to see."""
_LINE_S = 60.0


@dataclass
class Toll:
    """What became of every call.

    Attributes:
        twice: Numbers that were called more than once.
        forgotten: Numbers that were not called.
        strange: Calls the gateway knows by another name than Twilio, or not as placed.
        alive: Points at which the process did not die.
    """

    runs: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    alive: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every call was placed once."""
        return not (self.twice or self.forgotten or self.strange or self.alive)


def number(run: int) -> str:
    """A number of its own for each run."""
    return f"+1{_AREAS[run // 100]}55501{run % 100:02d}"


async def kill_everywhere(folder: Path, times: int, points: Sequence[str] = dial_child.POINTS) -> Toll:
    """Kill a process at every point, so many times; after each the next one takes over."""
    toll = Toll()
    async with TwilioEmulator(numbers={FROM: ""}, speed=10.0) as twilio, VatelEmulator() as vatel:
        peers = Peers(f"sqlite:///{folder}/gateway.db", twilio.url, vatel.url)
        async with forking() as parent:
            for run, point in enumerate(point for _ in range(times) for point in points):
                to = number(run)
                twilio.callees[to] = Callee(Outcome.BUSY, 0.1)
                await _kill(parent, Errand(peers, str(folder / "journal"), to, point), twilio, toll)
    return toll


async def _kill(
    parent: asyncio.subprocess.Process, errand: Errand, twilio: TwilioEmulator, toll: Toll
) -> None:
    point, to = errand.crash, errand.to
    toll.runs[point] += 1
    twilio.refuse_rest(call_placed_without_an_answer(delay_s=_SLOW_S) if point == "sent" else None)
    if await told(parent, errand) != [KILLED]:
        toll.alive.append(point)
    twilio.refuse_rest(None)
    said = await told(parent, Errand(errand.peers, errand.folder, to))
    placed = twilio.ledger.entries(to=to)
    if len(placed) > 1:
        toll.twice.append(f"{point} {to}")
    if not placed:
        toll.forgotten.append(f"{point} {to}")
    outcome = msgspec.json.decode(said[0], type=dial_child.Outcome) if said[-1] == FINE else None
    if outcome is None or outcome.state != "resolved_placed" or outcome.call_sid != placed[0].sid:
        toll.strange.append(f"{point} {to} {said}")


@asynccontextmanager
async def forking() -> AsyncIterator[asyncio.subprocess.Process]:
    """The parent of the processes that die."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", dial_child.__name__),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.stdin is not None:
            process.stdin.close()
        try:
            async with asyncio.timeout(_LINE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def told(process: asyncio.subprocess.Process, errand: Errand) -> list[str]:
    """Have an errand run; what the process said, and then how it ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(msgspec.json.encode(errand) + b"\n")
    await process.stdin.drain()
    said: list[str] = []
    async with asyncio.timeout(_LINE_S):
        while not said or not said[-1].startswith("ended"):
            line = (await process.stdout.readline()).decode().strip()
            assert line, "the parent is gone"
            if line.startswith(("{", "ended")):  # and not a line of the log
                said.append(line)
    return said
