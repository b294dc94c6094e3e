"""What a call costs, and how many a core carries: ``python -m tests.bench.capacity [--calls N --seconds S]``.

The gateway is compared with the least a gateway of this design could cost (the same sockets carrying a
fixed payload) and with common sample code (json, base64, ``audioop.ratecv``), by turns in one run, each in
a process of its own on one core with the load on another, with as many calls as the sample bears on this
machine. Then the gateway alone carries ever more calls. Where a machine can't carry so many, that is a figure
missed.
"""

import argparse
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx
import uvloop

from gateway.emulators.load import run as load
from gateway.emulators.load.figures import Figures
from gateway.emulators.load.legs import Pattern
from gateway.errors import GatewayError
from tests.bench import stacks

GATEWAY = "the gateway"
LIMIT = "picows+picows"
SAMPLE = "examples"
MOST_OF_LIMIT = 2.0
MOST_OF_SAMPLE = 0.6
MOST_MEMORY_KIB = 150.0
MOST_P99_MS = {100: 5.0, 300: 20.0}
"""By calls."""
FEW, MOST = 10, 100
"""Calls of the comparison."""
UNSATURATED = 0.6
"""Share of its core the sample may take: with too little time, it would be spared work the others do."""
TOO_MANY: Final = (GatewayError, httpx.HTTPError, TimeoutError)
"""What comes of more calls than the machine carries."""
NAMES = {LIMIT: "the limit: sockets alone", SAMPLE: "common sample code"}


@dataclass(frozen=True)
class Measure:
    """How long, how often and where."""

    seconds: float
    rounds: int
    core: int | None


async def run(subject: str, calls: int, seconds: float, core: int | None) -> Figures:
    """Run one of the three."""
    if subject == GATEWAY:
        return await load.run(calls, seconds, core)
    return await stacks.run(subject, calls, seconds, core, Pattern())


def rounds(subjects: Sequence[str], calls: int, given: Measure) -> dict[str, list[Figures]]:
    """Run all of them, by turns."""
    figures: dict[str, list[Figures]] = {subject: [] for subject in subjects}
    for _ in range(given.rounds):
        for subject, runs in figures.items():
            runs.append(uvloop.run(run(subject, calls, given.seconds, given.core)))
    return figures


def cpu_ms(runs: Sequence[Figures]) -> float:
    return statistics.median(run.cpu_ms for run in runs)


def bearable(given: Measure) -> int:
    """How many calls the sample, the dearest of the three, bears on this machine."""
    quick = uvloop.run(run(SAMPLE, FEW, 3.0, given.core))
    return max(FEW, min(MOST, int(UNSATURATED * 1000 / quick.cpu_ms) // 10 * 10))


def told(report: Callable[[int, Measure], list[str]], calls: int, given: Measure) -> str:
    """A report, or that the machine does not carry so many calls."""
    try:
        return "\n".join(report(calls, given))
    except TOO_MANY as error:
        return (
            f"{calls} calls are more than this machine carries: {str(error) or type(error).__name__}: MISSED"
        )


def cost_report(calls: int, given: Measure) -> list[str]:
    """The gateway beside what bounds it from below and from above."""
    figures = rounds([GATEWAY, LIMIT, SAMPLE], calls, given)
    lines = [f"{calls} calls, {given.seconds:g} s, {given.rounds} rounds by turns, medians"]
    for subject, runs in figures.items():
        delays = (
            f"up {stacks.shown(r.up_ms for r in runs)} ms, down {stacks.shown(r.down_ms for r in runs)} ms"
        )
        lines.append(f"{NAMES.get(subject, subject):28} {cpu_ms(runs):5.2f} ms per call and second; {delays}")
    for subject, bound in ((LIMIT, MOST_OF_LIMIT), (SAMPLE, MOST_OF_SAMPLE)):
        # Of each round by itself: what a machine gives changes from one minute to the next.
        turns = zip(figures[GATEWAY], figures[subject], strict=True)
        ratio = statistics.median(ours.cpu_ms / theirs.cpu_ms for ours, theirs in turns)
        lines.append(verdict(f"the gateway to {NAMES[subject]}", ratio, bound, "times"))
    return lines


def capacity_report(calls: int, given: Measure) -> list[str]:
    """The gateway alone: nothing lost, and how late."""
    runs = rounds([GATEWAY], calls, given)[GATEWAY]
    flawless = sum(run.flawless for run in runs)
    busy = statistics.median(run.load_busy for run in runs)
    sound = (
        sum(run.sound.right for run in runs),
        sum(run.sound.lost for run in runs),
        sum(run.sound.misplaced for run in runs),
    )
    lines = [
        f"{calls} calls, {given.seconds:g} s, {given.rounds} rounds, medians: "
        f"{cpu_ms(runs):.2f} ms per call and second, "
        f"{cpu_ms(runs) * calls / 10:.0f} % of a core; the load took {busy * 100:.0f} % of its own",
        f"    up {stacks.shown(r.up_ms for r in runs)} ms, down {stacks.shown(r.down_ms for r in runs)} ms",
        f"    {sound[0]} samples right, {sound[1]} lost, {sound[2]} out of place; under-runs "
        f"{sum(run.under_runs for run in runs)}; {flawless} of {given.rounds} rounds without a flaw",
    ]
    worst = statistics.median(max(run.up_ms.p99, run.down_ms.p99) for run in runs)
    if calls in MOST_P99_MS:
        lines.append(verdict(f"    p99 at {calls} calls", worst, MOST_P99_MS[calls], "ms"))
    memory = statistics.median(run.memory_kib or 0.0 for run in runs)
    return [*lines, verdict("    memory of a call", memory, MOST_MEMORY_KIB, "KiB")]


def verdict(what: str, value: float, bound: float, unit: str) -> str:
    return f"{what}: {value:.2f} {unit} (at most {bound:g}){'' if value <= bound else ': MISSED'}"


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, help="for the comparison; as many as the sample bears")
    parser.add_argument("--capacity", type=int, action="append", help="for the gateway alone; 100 and 300")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parsed = parser.parse_args(arguments)
    core, mine = load.core_pair()
    load.stay_on(mine)
    given = Measure(parsed.seconds, parsed.rounds, core)
    print(told(cost_report, parsed.calls or bearable(given), given), flush=True)
    for calls in parsed.capacity or MOST_P99_MS:
        print(told(capacity_report, calls, given), flush=True)


if __name__ == "__main__":
    main()
