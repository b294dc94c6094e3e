"""The load test: calls with known sound through a gateway of its own, every returned sample checked."""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from typing import Final

import httpx

from gateway.emulators.load.calls import CallFailed, Doors, Load
from gateway.emulators.load.doors import AgentDoor, GatewayDoors
from gateway.emulators.load.figures import Delays, Figures, Marks, Sound
from gateway.emulators.load.legs import Pattern
from gateway.emulators.load.process import AUTH_TOKEN, SERVE, Process, gateway_under_load

_WARM_UP_S: Final = 2.0
_PATIENCE_S: Final = 5.0
"""How long sound may take to come out once all are silent: what takes longer is lost."""


async def run(calls: int, seconds: float, core: int | None = None, command: Sequence[str] = SERVE) -> Figures:
    """Start a gateway, put a load on it, and tell what came of that.

    Args:
        calls: At the same time.
        seconds: For which all of them talk and are measured.
        core: Where the gateway is kept; anywhere by default.
        command: How it is run: a module and its arguments.

    Raises:
        GatewayFailed: the gateway did not start.
        CallFailed: a call could not be opened.
    """
    load = Load(Pattern())
    async with (
        agents(load) as agents_url,
        httpx.AsyncClient(trust_env=False, timeout=10.0) as http,
        gateway_under_load(agents_url, calls, core, http, command=command) as (url, gateway),
    ):
        figures = await play(load, GatewayDoors(http, url, AUTH_TOKEN), gateway, calls, seconds)
        return replace(figures, dropped=await gateway.dropped())


@asynccontextmanager
async def agents(load: Load) -> AsyncIterator[str]:
    """Have the agents of a load listen, and give their address."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: AgentDoor(load.agent_factory), "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


async def play(load: Load, doors: Doors, process: Process, calls: int, seconds: float) -> Figures:
    """Open the calls, let them talk, hang up, and tell what came of it.

    Raises:
        CallFailed: a call could not be opened.
    """
    with _undisturbed():
        spent = await _talk(load, doors, process, calls, seconds)
        if isinstance(spent, CallFailed):
            raise spent
        await load.hear_out(_PATIENCE_S)
        # With what was left to do at the end: a process that is late would seem to have less work.
        cpu_s = process.cpu_s() - spent.began_cpu_s
    callers = load.callers
    calls_over = sum(caller.over for caller in callers)
    load.close()
    return Figures(
        calls=calls,
        seconds=seconds,
        up_ms=Delays.of([caller.up for caller in callers]),
        down_ms=Delays.of([caller.down for caller in callers]),
        cpu_ms=cpu_s * 1000 / calls / spent.lasted_s,
        memory_kib=spent.memory_bytes / 1024 / (calls - 1) if calls > 1 else None,
        load_busy=spent.load_cpu_s / spent.lasted_s,
        sound=Sound.of(load),
        marks=Marks(
            sum(caller.marks_asked for caller in callers), sum(caller.marks_returned for caller in callers)
        ),
        under_runs=sum(caller.under_runs for caller in callers),
        calls_over=calls_over,
    )


@dataclass(frozen=True, slots=True)
class _Spent:
    """What the calls took while they were measured."""

    began_cpu_s: float
    load_cpu_s: float
    lasted_s: float
    memory_bytes: int


async def _talk(
    load: Load, doors: Doors, process: Process, calls: int, seconds: float
) -> _Spent | CallFailed:
    async with asyncio.TaskGroup() as group:
        talking = group.create_task(load.talk())
        try:
            return await _measure(load, doors, process, calls, seconds)
        except CallFailed as error:
            return error  # the group would wrap it
        finally:
            talking.cancel()


async def _measure(load: Load, doors: Doors, process: Process, calls: int, seconds: float) -> _Spent:
    me = Process(os.getpid())
    await load.open(doors, 1)
    await asyncio.sleep(_WARM_UP_S)
    alone = process.memory_bytes()
    await load.open(doors, calls)
    await asyncio.sleep(_WARM_UP_S)
    load.forget()
    cpu_s, load_cpu_s, began = process.cpu_s(), me.cpu_s(), time.perf_counter()
    await asyncio.sleep(seconds)
    return _Spent(
        cpu_s,
        me.cpu_s() - load_cpu_s,
        time.perf_counter() - began,
        process.memory_bytes() - alone,
    )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Keep this process's garbage collector from being measured."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def cores() -> list[int]:
    """The cores this process may use, where they can be told apart."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


def core_pair() -> tuple[int | None, int | None]:
    """A core for the process under load and another for the load; none where there is only one."""
    allowed = cores()
    return (allowed[0], allowed[-1]) if len(allowed) > 1 else (None, None)


def stay_on(core: int | None) -> None:
    """Keep this process on a core."""
    if core is not None:
        os.sched_setaffinity(0, {core})
