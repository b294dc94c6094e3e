"""One call on the terminal: its facts, and below each other what was said and what tools did."""

import textwrap
from datetime import datetime

import msgspec
from rich.console import Console
from rich.text import Text

from gateway.cli import api_view
from gateway.sdk.models import Call, CallEvent, ToolCall, Turn

_INDENT = 18
_STYLES = {"agent": "green", "caller": "cyan", "tool": "yellow"}


class Whole(msgspec.Struct, frozen=True):
    """All that is known of a call."""

    call: Call
    turns: tuple[Turn, ...] = ()
    tool_calls: tuple[ToolCall, ...] = ()
    events: tuple[CallEvent, ...] = ()


def show(whole: Whole) -> None:
    """Print a call."""
    console, call = api_view.console(), whole.call
    console.print(Text(call.id, style="bold"))
    console.print(api_view.facts(_facts(call)))
    rows = [
        *((heard_at(call, turn), said(console, call, turn)) for turn in whole.turns),
        *((tool.at, ran(console, call, tool)) for tool in whole.tool_calls),
        *((event.at, happened(console, call, event)) for event in whole.events),
    ]
    if rows:
        console.print()
    for _, row in sorted(rows, key=lambda row: row[0]):
        console.print(row)


def _facts(call: Call) -> list[tuple[str, str | Text]]:
    arrow = f"{api_view.number(call.from_number)} → {api_view.number(call.to_number)}"
    by = f" (by the {api_view.plain(call.ended_by)})" if call.ended_by else ""
    delays = {"agent": call.agent_ms, "gateway": call.gateway_ms, "carrier": call.carrier_ms}
    costs = [
        f"{call.carrier_cost:g} {api_view.plain(call.carrier_currency or '')} carrier"
        if call.carrier_cost is not None
        else "",
        f"{call.vatel_cost:g} Vatel" if call.vatel_cost is not None else "",
    ]
    return [
        ("numbers", f"{arrow}, {api_view.plain(call.direction)}"),
        ("status", api_view.word(call.status)),
        ("ending", Text.assemble(api_view.word(call.ending), by) if call.ending else ""),
        ("answered by", api_view.plain(call.answered_by or "").replace("_", " ")),
        ("made", api_view.moment(call.created_at)),
        ("answered", _after(call.answered_at, call.ring_ms, "ringing")),
        ("agent heard", _after(call.first_audio_at, call.first_audio_ms, "the stream opened")),
        ("ended", api_view.moment(call.ended_at)),
        ("length", api_view.length(call.duration_ms) if call.duration_ms is not None else ""),
        ("latency", ", ".join(f"{name} {ms:.0f} ms" for name, ms in delays.items() if ms is not None)),
        ("cost", ", ".join(filter(None, costs))),
        ("agent", api_view.plain(" ".join(filter(None, (call.agent_id, call.version_id))))),
        ("Twilio", api_view.plain(call.call_sid or "")),
        ("Vatel", api_view.plain(call.session_id or "")),
        ("recording", api_view.plain(call.recording_state or "")),
        ("metadata", api_view.values(call.metadata)),
        ("variables", api_view.values(call.variables)),
        ("extracted", api_view.values(call.extracted)),
        ("summary", api_view.plain(call.summary or "")),
    ]


def _after(at: datetime | None, ms: float | None, what: str) -> str:
    if at is None:
        return ""
    if ms is None:
        return api_view.moment(at)
    later = f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"
    return f"{api_view.moment(at)}, {later} after {what}"


def heard_at(call: Call, turn: Turn) -> datetime:
    """When a turn began to be heard: an agent that was ready before waited for the answer, and any notice."""
    first = call.first_audio_at if turn.who == "agent" and call.first_audio_at else call.answered_at
    return max(turn.at, first or turn.at)


def said(console: Console, call: Call, turn: Turn) -> Text:
    """What one side said: what was heard of it, and what the caller cut off."""
    cut = f"[cut off: {turn.cut_text}]" if turn.cut_text else "[cut off]"
    return line(
        console, call, heard_at(call, turn), turn.who, f"{turn.heard_text} {cut if turn.cut else ''}".strip()
    )


def ran(console: Console, call: Call, tool: ToolCall) -> Text:
    """A tool that was asked for, and what it answered."""
    asked = f"{tool.name}({api_view.values(tool.arguments)})"
    answer = " ..." if tool.output is None else f" → {tool.output}"
    took = f" ({tool.took_ms:.0f} ms)" if tool.took_ms is not None else ""
    text = line(console, call, tool.at, "tool", f"{asked}{answer}{took}")
    if tool.failed:
        text.append(" failed", style="red")
    return text


def happened(console: Console, call: Call, event: CallEvent) -> Text:
    """An event."""
    what = f"{event.kind.replace('_', ' ')}  {api_view.values(event.data)}".rstrip()
    text = line(console, call, event.at, "", what)
    text.stylize("dim")
    return text


def line(console: Console, call: Call, at: datetime, who: str, what: str) -> Text:
    """A line of the call's course; its time counts from the beginning of the call."""
    passed = api_view.length(max(0.0, (at - call.created_at).total_seconds() * 1000))
    return Text.assemble(
        (f"{passed:>7}  ", "dim"),
        (f"{api_view.plain(who):<9}", _STYLES.get(who, "bold")),
        "\n".join(_wrapped(console, what)),
    )


def _wrapped(console: Console, what: str) -> list[str]:
    width = max(20, console.width - _INDENT)
    first, *rest = textwrap.wrap(api_view.plain(what), width) or [""]
    return [first, *(" " * _INDENT + each for each in rest)]
