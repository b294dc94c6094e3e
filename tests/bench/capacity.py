"""What a call costs, and how many a core carries: ``python -m tests.bench.capacity [--calls N --seconds S]``.

The gateway, with records and without, is compared with the least a gateway of this design could cost (the
same sockets carrying a fixed payload), with these and the sound of it (the gateway's codecs, and nothing else
of a call), and with common sample code (json, base64, ``audioop.ratecv``), by turns in one run, each in a
process of its own on one core with the load on another, with as many calls as the sample bears here. Then the
gateway carries ever more calls, by turns with the limit, which shows what of it is the machine. Where that
can't carry so many, that is a figure missed.
"""

import argparse
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import httpx
import uvloop

from gateway.emulators.load import run as load
from gateway.emulators.load.figures import Figures
from gateway.emulators.load.legs import Pattern
from gateway.emulators.load.process import SERVE
from gateway.errors import GatewayError
from tests.bench import stacks

GATEWAY = "the gateway"
UNRECORDED = "the gateway without records"
LIMIT = "picows+picows"
WORK = "converting"
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
NAMES = {LIMIT: "the limit: sockets alone", WORK: "sockets and sound alone", SAMPLE: "common sample code"}
COMMANDS = {GATEWAY: SERVE, UNRECORDED: ("tests.bench.unrecorded",)}
PRICE, LOAD = "price", "load"


@dataclass(frozen=True)
class Measure:
    """How long, how often and where."""

    seconds: float
    rounds: int
    core: int | None


async def run(subject: str, calls: int, seconds: float, core: int | None) -> Figures:
    """Run one of the four."""
    if subject in COMMANDS:
        return await load.run(calls, seconds, core, COMMANDS[subject])
    return await stacks.run(subject, calls, seconds, core, Pattern())


def rounds(subjects: Sequence[str], calls: int, given: Measure) -> dict[str, list[Figures]]:
    """Run all of them, by turns; of one that can't bear so many calls there is nothing."""
    figures: dict[str, list[Figures]] = {subject: [] for subject in subjects}
    for _ in range(given.rounds):
        for subject in list(figures):
            try:
                figures[subject].append(uvloop.run(run(subject, calls, given.seconds, given.core)))
            except TOO_MANY as error:
                reason = str(error) or type(error).__name__
                print(f"{calls} calls are more than this machine carries: {subject}: {reason}: MISSED")
                del figures[subject]
    return figures


def cpu_ms(runs: Sequence[Figures]) -> float:
    return statistics.median(run.cpu_ms for run in runs)


def bearable(given: Measure) -> int:
    """How many calls the sample, the dearest of them, bears on this machine."""
    quick = uvloop.run(run(SAMPLE, FEW, 3.0, given.core))
    return max(FEW, min(MOST, int(UNSATURATED * 1000 / quick.cpu_ms) // 10 * 10))


def price_report(calls: int, given: Measure) -> list[str]:
    """The gateway beside what bounds it from below and from above."""
    figures = rounds([GATEWAY, UNRECORDED, WORK, LIMIT, SAMPLE], calls, given)
    lines = [f"{calls} calls, {given.seconds:g} s, {given.rounds} rounds by turns, medians"]
    lines += [f"{NAMES.get(subject, subject):28} {price(runs)}" for subject, runs in figures.items()]
    for ours in (GATEWAY, UNRECORDED):
        lines += [
            *ratio(figures, ours, LIMIT, MOST_OF_LIMIT),
            *ratio(figures, ours, SAMPLE, MOST_OF_SAMPLE),
        ]
    return [*lines, *ratio(figures, WORK, LIMIT, math.inf), *ratio(figures, WORK, SAMPLE, math.inf)]


def ratio(figures: Mapping[str, list[Figures]], ours: str, theirs: str, bound: float) -> list[str]:
    """What one costs as a multiple of another, of each round by itself: what a machine gives changes soon."""
    turns = zip(figures.get(ours, []), figures.get(theirs, []), strict=False)
    ratios = [one.cpu_ms / other.cpu_ms for one, other in turns]
    name = NAMES.get(ours, ours)
    return (
        [verdict(f"{name} to {NAMES[theirs]}", statistics.median(ratios), bound, "times")] if ratios else []
    )


def price(runs: Sequence[Figures]) -> str:
    """What a call takes of the processor and of memory, and how late it is."""
    return f"{cpu_ms(runs):5.2f} ms per call and second, {memory_kib(runs):3.0f} KiB; {delays(runs)}"


def delays(runs: Sequence[Figures]) -> str:
    return f"up {stacks.shown(r.up_ms for r in runs)} ms, down {stacks.shown(r.down_ms for r in runs)} ms"


def memory_kib(runs: Sequence[Figures]) -> float:
    return statistics.median(run.memory_kib or 0.0 for run in runs)


def worst_ms(runs: Sequence[Figures]) -> float:
    """The p99 of the slower way."""
    return statistics.median(max(run.up_ms.p99, run.down_ms.p99) for run in runs)


def load_report(calls: int, given: Measure) -> list[str]:
    """The gateway and the limit with so many calls: nothing lost, and how late."""
    figures = rounds([GATEWAY, LIMIT], calls, given)
    lines = [f"{calls} calls, {given.seconds:g} s, {given.rounds} rounds by turns, medians"]
    for subject, runs in figures.items():
        bound, name = MOST_P99_MS.get(calls, math.inf), NAMES.get(subject, subject)
        lines.append(f"{name:28} {price(runs)}; {share(runs, calls):.0f} % of a core")
        lines.append(verdict(f"p99 of {name}", worst_ms(runs), bound, "ms"))
    lines += ratio(figures, GATEWAY, LIMIT, MOST_OF_LIMIT)
    return [*lines, *soundness(figures[GATEWAY])] if GATEWAY in figures else lines


def soundness(runs: Sequence[Figures]) -> list[str]:
    """What became of the sound, and of memory."""
    sound, sane = [run.sound for run in runs], sum(run.flawless for run in runs)
    return [
        f"{sum(each.right for each in sound)} samples right, {sum(each.lost for each in sound)} lost, "
        f"{sum(each.misplaced for each in sound)} out of place; under-runs "
        f"{sum(run.under_runs for run in runs)}; {sane} of {len(runs)} rounds without a flaw; "
        f"the load took {statistics.median(run.load_busy for run in runs) * 100:.0f} % of its core",
        verdict("memory of a call", memory_kib(runs), MOST_MEMORY_KIB, "KiB"),
    ]


def share(runs: Sequence[Figures], calls: int) -> float:
    return cpu_ms(runs) * calls / 10


def verdict(what: str, value: float, bound: float, unit: str) -> str:
    wanted = f" (at most {bound:g})" if bound < math.inf else ""
    return f"{what}: {value:.2f} {unit}{wanted}{'' if value <= bound else ': MISSED'}"


def main(arguments: list[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, help="for the comparison; as many as the sample bears")
    parser.add_argument("--capacity", type=int, action="append", help="of the load alone; 100 and 300")
    parser.add_argument("--only", choices=(PRICE, LOAD), help="the comparison, or the loads")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--rounds", type=int, default=3)
    parsed = parser.parse_args(arguments)
    core, mine = load.core_pair()
    load.stay_on(mine)
    given = Measure(parsed.seconds, parsed.rounds, core)
    if parsed.only != LOAD:
        print("\n".join(price_report(parsed.calls or bearable(given), given)), flush=True)
    for calls in () if parsed.only == PRICE else parsed.capacity or MOST_P99_MS:
        print("\n".join(load_report(calls, given)), flush=True)


if __name__ == "__main__":
    main()
