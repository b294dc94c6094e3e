"""Which socket libraries carry the most calls: ``python -m tests.bench.stacks [--calls N --seconds S]``.

Every round runs all stacks one after the other, each in a process of its own on one core, with the load on
another. Figures of one machine and one hour: compare the ratios.
"""

import argparse
import asyncio
import gc
import os
import socket
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass

import psutil
import uvloop

from tests.bench.doors import AgentDoor, RelayDoors
from tests.bench.generator import Direction, Load
from tests.bench.relays import STACKS

WARM_UP_S = 2.0


@dataclass(frozen=True)
class Figures:
    """What one run of one stack gave."""

    cpu_ms: float
    """Of the relay, for each call and second."""
    load_busy: float
    """Share of its core the load took: above 0.8 the delays are its own."""
    up_ms: tuple[float, float, float]
    """Added delay from caller to agent: p50, p95, p99."""
    down_ms: tuple[float, float, float]
    lost: int


def quantiles(directions: list[Direction]) -> tuple[float, float, float]:
    """Return p50, p95 and p99 of the delays, in ms."""
    delays = sorted(delay * 1000 for direction in directions for delay in direction.delays)
    if not delays:
        return (float("inf"),) * 3
    p50, p95, p99 = (delays[min(len(delays) - 1, int(len(delays) * share))] for share in (0.5, 0.95, 0.99))
    return p50, p95, p99


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def listening(port: int) -> None:
    """Wait until somebody listens."""
    async with asyncio.timeout(15):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


async def measure(load: Load, relay: psutil.Process, calls: int, seconds: float) -> Figures:
    """Load a relay and read the figures off."""
    me = psutil.Process()
    await load.open(calls)
    await load.talk(WARM_UP_S)
    load.forget()
    gc.collect()
    before, mine, began = relay.cpu_times(), me.cpu_times(), time.perf_counter()
    await load.talk(seconds)
    after, mine_after = relay.cpu_times(), me.cpu_times()
    lasted = time.perf_counter() - began
    spent = after.user + after.system - before.user - before.system
    spent_here = mine_after.user + mine_after.system - mine.user - mine.system
    load.close()
    ups, downs = [agent.up for agent in load.agents], [agent.down for agent in load.agents]
    return Figures(
        cpu_ms=spent * 1000 / calls / seconds,
        load_busy=spent_here / lasted,
        up_ms=quantiles(ups),
        down_ms=quantiles(downs),
        lost=sum(direction.lost for direction in ups + downs),
    )


async def run(stack: str, calls: int, seconds: float) -> Figures:
    """Run one stack in a process of its own."""
    port = free_port()
    load = Load(RelayDoors(f"ws://127.0.0.1:{port}/media"))
    agents = await asyncio.get_running_loop().create_server(
        lambda: AgentDoor(load.agent_factory), "127.0.0.1", 0
    )
    url = f"ws://127.0.0.1:{agents.sockets[0].getsockname()[1]}/v1/connection?token=t"
    command = [sys.executable, "-m", "tests.bench.relays", stack, str(port), url]
    relay = subprocess.Popen(command)  # noqa: ASYNC220 - nothing else runs yet
    try:
        process = psutil.Process(relay.pid)
        if len(CORES) > 1:
            process.cpu_affinity([CORES[0]])
        await listening(port)
        return await measure(load, process, calls, seconds)
    finally:
        relay.kill()
        await asyncio.to_thread(relay.wait)
        agents.close()


def table(figures: dict[str, list[Figures]]) -> str:
    """Render the medians of all rounds, and each stack's cost as a multiple of the cheapest."""
    cheapest = min(statistics.median(run.cpu_ms for run in runs) for runs in figures.values())
    lines = [
        "| stack | CPU ms per call and second | ratio | up p50/p95/p99 ms | down p50/p95/p99 ms | lost |",
        "|---|---|---|---|---|---|",
    ]
    for stack, runs in figures.items():
        cpu = statistics.median(run.cpu_ms for run in runs)
        up = "/".join(f"{statistics.median(run.up_ms[i] for run in runs):.1f}" for i in range(3))
        down = "/".join(f"{statistics.median(run.down_ms[i] for run in runs):.1f}" for i in range(3))
        lost = sum(run.lost for run in runs)
        lines.append(f"| {stack} | {cpu:.2f} | {cpu / cheapest:.2f} | {up} | {down} | {lost} |")
    return "\n".join(lines)


CORES = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]


def main() -> None:
    """Run all stacks and print the table."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--calls", type=int, default=100)
    arguments.add_argument("--seconds", type=float, default=8.0)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--stack", action="append", choices=list(STACKS))
    given = arguments.parse_args()
    if len(CORES) > 1:
        os.sched_setaffinity(0, CORES[1:])
    gc.disable()
    figures: dict[str, list[Figures]] = {stack: [] for stack in given.stack or STACKS}
    for _ in range(given.rounds):
        for stack, runs in figures.items():
            runs.append(uvloop.run(run(stack, given.calls, given.seconds)))
            print(stack, runs[-1], flush=True)  # noqa: T201
    print(f"\n{given.calls} calls, {given.seconds:g} s, {given.rounds} rounds\n{table(figures)}")  # noqa: T201


if __name__ == "__main__":
    main()
