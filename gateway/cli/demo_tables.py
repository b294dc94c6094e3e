"""The figures of the demonstration's call, as tables."""

import textwrap
from collections.abc import Sequence
from typing import Final

from rich.console import Console
from rich.table import Table

from gateway.cli.demo_call import Held
from gateway.cli.demo_figures import percentile

_OTHERS: Final = 54
"""What the other columns of the turns take, with their frames."""


def show(held: Held, console: Console) -> None:
    """Print what was measured: the turns, the delays, and the call as a whole."""
    console.print(_turns(held, console.width))
    console.print(_delays(held))
    console.print(_call(held))


def _turns(held: Held, width: int) -> Table:
    table = Table(title="What the caller heard, in ms", title_justify="left", caption_justify="left")
    table.caption = "said by the agent, heard at the telephone, reported by the gateway"
    for name in ("", "the agent says", "said", "heard", "cut", "reported\nheard", "reported\ncut"):
        table.add_column(name, justify="left" if name == "the agent says" else "right", no_wrap=True)
    for number, turn in enumerate(held.turns, 1):
        table.add_row(
            str(number),
            textwrap.shorten(
                f"{turn.heard_text} {turn.cut_text}", min(width - _OTHERS, 46), placeholder=" …"
            ),
            f"{turn.spoken_ms:.0f}",
            f"{turn.heard_ms:.0f}",
            _cut(turn.spoken_ms - turn.heard_ms, cut=turn.cut),
            f"{turn.reported_ms:.0f}",
            _cut(turn.spoken_ms - turn.reported_ms, cut=turn.cut),
        )
    return table


def _delays(held: Held) -> Table:
    measured = held.measured
    table = Table(title="Measured in the gateway, in ms", title_justify="left")
    table.add_column("what")
    for name in ("p50", "p95", "p99", "most", "count"):
        table.add_column(name, justify="right")
    rows: list[tuple[str, Sequence[float]]] = [
        ("added delay, caller to agent", measured.up.values),
        ("added delay, agent to caller", measured.down.values),
        ("interruption to clear", measured.clear.values),
        ("mark round trip", measured.round_trip.values),
        ("playout lead", measured.lead.values),
    ]
    for name, seconds in rows:
        shares = [percentile(seconds, share) * 1000 for share in (0.5, 0.95, 0.99, 1.0)]
        table.add_row(
            name, *(f"{value:.2f}" if value < 10 else f"{value:.0f}" for value in shares), str(len(seconds))
        )
    return table


def _call(held: Held) -> Table:
    line, report = held.line, held.report
    table = Table(title="The call", title_justify="left", show_header=False)
    first = "never" if line.first_audio_at is None else f"{line.first_audio_at * 1000:.0f} ms"
    table.add_row("answer to first audio, at the telephone", first)
    for _, took in barge_ins(held):
        table.add_row(
            "barge-in: the caller's first sound to silence, at the telephone", f"{took * 1000:.0f} ms"
        )
    table.add_row("the agent said, the caller heard", f"{_said_s(held):.2f} s, {line.heard_s:.2f} s")
    table.add_row("tools", ", ".join(use.name for use in held.story.tools.values()))
    table.add_row("ending", f"{report.ending} (by the {report.ending.by})" if report.ending else "none")
    table.add_row("length", f"{line.now:.1f} s")
    return table


def barge_ins(held: Held) -> list[tuple[float, float]]:
    """When the telephone fell silent because the caller spoke, and how long after the caller began."""
    found = []
    for cut in held.line.cut:
        began = [each.start_s for each in held.caller.spoken if each.start_s <= cut.at_s]
        if began:
            found.append((cut.at_s, cut.at_s - max(began)))
    return found


def _said_s(held: Held) -> float:
    return sum(turn.spoken_ms for turn in held.turns) / 1000


def _cut(value: float, *, cut: bool) -> str:
    return f"{max(0.0, value):.0f}" if cut else "-"
