"""Which socket libraries carry the most calls: ``python -m tests.bench.stacks [--calls N --seconds S]``.

Every round runs all stacks one after the other, each in a process of its own on one core, with the load on
another. Figures of one machine and one hour: compare the ratios.
"""

import argparse
import os
import statistics
from collections.abc import Iterable, Mapping
from pathlib import Path

import uvloop

from gateway.emulators.load import run as load
from gateway.emulators.load.calls import Load
from gateway.emulators.load.check import Counted
from gateway.emulators.load.figures import Delays, Figures
from gateway.emulators.load.legs import Door, Pattern
from gateway.emulators.load.process import Process, free_port, running
from tests.bench.relays import STACKS

ROOT = Path(__file__).parents[2]
CONTINUOUS = Pattern(chunks=1_000_000, period=1_000_000, ahead=1)
"""Agents that never pause."""


class RelayDoors:
    """A relay has one address and asks for nothing."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self, number: int) -> Door:
        return Door(self._url, f"CA{number:032x}")


async def run(
    stack: str, calls: int, seconds: float, core: int | None, pattern: Pattern = CONTINUOUS
) -> Figures:
    """Run one stack in a process of its own; how much sound comes out is all that is checked."""
    port = free_port()
    calling = Load(pattern, Counted)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    async with load.agents(calling) as agents:
        url = f"ws{agents.removeprefix('http')}/v1/connection?token=t"
        command = ["tests.bench.relays", stack, str(port), url]
        async with running(command, port, environment, core) as pid:
            doors = RelayDoors(f"ws://127.0.0.1:{port}/media")
            return await load.play(calling, doors, Process(pid), calls, seconds)


def shown(ways: Iterable[Delays]) -> str:
    """The medians of p50, p95 and p99 of all rounds."""
    kept = list(ways)
    return "/".join(
        f"{statistics.median(getattr(way, name) for way in kept):.1f}" for name in ("p50", "p95", "p99")
    )


def table(figures: Mapping[str, list[Figures]]) -> str:
    """Render the medians of all rounds, and each stack's cost as a multiple of the cheapest."""
    cheapest = min(statistics.median(run.cpu_ms for run in runs) for runs in figures.values())
    lines = [
        "| stack | CPU ms per call and second | ratio | up p50/p95/p99 ms | down p50/p95/p99 ms | lost |",
        "|---|---|---|---|---|---|",
    ]
    for stack, runs in figures.items():
        cpu = statistics.median(run.cpu_ms for run in runs)
        up, down = shown(run.up_ms for run in runs), shown(run.down_ms for run in runs)
        lost = sum(run.sound.lost for run in runs)
        lines.append(f"| {stack} | {cpu:.2f} | {cpu / cheapest:.2f} | {up} | {down} | {lost} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run all stacks and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stack", action="append", choices=list(STACKS))
    given = parser.parse_args(arguments)
    core, mine = load.core_pair()
    load.stay_on(mine)
    figures: dict[str, list[Figures]] = {stack: [] for stack in given.stack or STACKS}
    for _ in range(given.rounds):
        for stack, runs in figures.items():
            runs.append(uvloop.run(run(stack, given.calls, given.seconds, core)))
    print(f"{given.calls} calls, {given.seconds:g} s, {given.rounds} rounds\n{table(figures)}")


if __name__ == "__main__":
    main()
