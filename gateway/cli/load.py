"""``vatel-gateway load``: how many calls this machine carries, with every returned sample checked."""

import asyncio
from dataclasses import asdict
from typing import Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from gateway.emulators.load import run as emulated
from gateway.emulators.load.figures import Delays, Figures

try:
    from uvloop import new_event_loop
except ImportError:  # there is none for Windows
    new_event_loop = asyncio.new_event_loop  # type: ignore[assignment]  # another class of loop

_BUSY: Final = 0.8
_MOST_CALLS: Final = 2000
_LONGEST_S: Final = 3000.0
"""A call lasts an hour at most."""


def load(
    calls: int = typer.Option(50, min=1, max=_MOST_CALLS, help="Calls at the same time."),
    seconds: float = typer.Option(
        10.0, min=0.5, max=_LONGEST_S, help="How long all of them talk while they are measured."
    ),
    gateway_core: int | None = typer.Option(
        None, min=0, help="The core the gateway is kept on; the first one, if there is another for the load."
    ),
    as_json: bool = typer.Option(False, "--json", help="Print the figures as JSON."),
) -> None:
    """Play callers and agents for a gateway of its own. Exit code 1 if a sample is lost or out of place."""
    core, mine = _cores(gateway_core)
    emulated.stay_on(mine)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        figures = runner.run(emulated.run(calls, seconds, core))
    if as_json:
        print(msgspec.json.encode(asdict(figures) | {"flawless": figures.flawless}).decode())
    else:
        _show(figures)
    if not figures.flawless:
        raise typer.Exit(1)


def _cores(wanted: int | None) -> tuple[int | None, int | None]:
    """The gateway's core and the load's."""
    if wanted is None:
        return emulated.core_pair()
    allowed = emulated.cores()
    if wanted not in allowed:
        raise typer.BadParameter(f"this process may use {allowed or 'no core of its choice'}")
    return wanted, next((core for core in reversed(allowed) if core != wanted), None)


def _show(figures: Figures) -> None:
    console = Console(highlight=False)
    table = Table("added delay", "p50", "p95", "p99", "max", title=_title(figures))
    table.add_row("caller to agent", *_row(figures.up_ms))
    table.add_row("agent to caller", *_row(figures.down_ms))
    console.print(table)
    memory = "-" if figures.memory_kib is None else f"{figures.memory_kib:.0f} KiB"
    share = figures.cpu_ms * figures.calls / 10
    console.print(
        f"gateway: {figures.cpu_ms:.2f} ms per call and second ({share:.0f} % of a core), {memory} per call"
    )
    sound, marks = figures.sound, figures.marks
    console.print(f"samples: {sound.right} right, {sound.lost} lost, {sound.misplaced} out of place")
    console.print(
        f"marks: {marks.placed} placed, {marks.returned} returned; under-runs: {figures.under_runs}"
    )
    if figures.calls_over or figures.dropped:
        console.print(f"[red]calls that ended early: {figures.calls_over}; dropped: {figures.dropped}[/]")
    if figures.load_busy > _BUSY:
        console.print("[yellow]The load itself is short of time: the delays are partly its own.[/]")
    console.print("[green]every sample in its place[/]" if figures.flawless else "[red]not flawless[/]")


def _title(figures: Figures) -> str:
    return f"{figures.calls} calls, {figures.seconds:g} s"


def _row(delays: Delays) -> list[str]:
    return [f"{value:.1f} ms" for value in (delays.p50, delays.p95, delays.p99, delays.max)]
