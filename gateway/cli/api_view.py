"""How the commands show things: tables of 80 columns, local times, readable numbers, colour on terminals."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

import msgspec
import phonenumbers
from rich.console import Console
from rich.table import Table
from rich.text import Text

NONE: Final = "-"
_COLOURS: Final = {
    "here": "green",
    "elsewhere": "yellow",
    "nowhere": "dim",
    "completed": "",
    "in progress": "green",
    "ringing": "cyan",
    "dialing": "cyan",
    "queued": "cyan",
    "active": "green",
    "inactive": "dim",
}
_FAULTS: Final = frozenset({
    "agent unavailable", "agent lost", "no stream", "stream lost", "stream silent", "stream garbled",
    "gateway error", "failed",
})  # fmt: skip


def console(*, error: bool = False) -> Console:
    """Where to: colours are for terminals alone, and nothing is guessed from the text."""
    return Console(highlight=False, stderr=error, emoji=False)


def as_json(value: object) -> None:
    """Print a value as JSON, times in UTC."""
    done("", value, as_json=True)


def done(text: str, facts: object, *, as_json: bool) -> None:
    """Say what was done: in words, or as JSON with times in UTC."""
    print(msgspec.json.format(msgspec.json.encode(facts), indent=2).decode() if as_json else text)


def table(*names: str) -> Table:
    """An empty table: a line of names, two blanks between columns, nothing wrapped."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in names:
        made.add_column(name, no_wrap=True, overflow="ellipsis")
    return made


def facts(rows: Sequence[tuple[str, str | Text]]) -> Table:
    """Names and values below each other; those without a value are left out."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value:
            grid.add_row(name, value if isinstance(value, Text) else Text(value))
    return grid


def plain(text: object) -> str:
    """Text of others in one line: what could steer a terminal is blanks."""
    return "".join(letter if letter.isprintable() else " " for letter in str(text))


def number(value: str | None) -> str:
    """A telephone number with blanks where people read them: +1 415 555 0100."""
    if not value:
        return NONE
    try:
        parsed = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return plain(value)
    shown = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return str(shown).replace("-", " ")


def word(value: str | None) -> Text:
    """A word of the API for people, coloured by what it means."""
    shown = plain(value or NONE).replace("_", " ")
    return Text(shown, style="red" if shown in _FAULTS else _COLOURS.get(shown, ""))


def length(ms: float | None) -> str:
    """A duration: 0:07, 12:30, 1:00:00."""
    if ms is None or not math.isfinite(ms) or ms < 0:
        return NONE
    minutes, seconds = divmod(round(ms / 1000), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def moment(at: datetime | None) -> str:
    """A time of this machine's zone: Sat 21 Nov 2026, 14:03:27 CET."""
    return f"{at.astimezone():%a %d %b %Y, %H:%M:%S %Z}" if at else ""


def day(at: datetime) -> str:
    """The day of a time, in this machine's zone."""
    return f"{at.astimezone():%A, %d %B %Y}"


def clock(at: datetime) -> str:
    """The time of day, in this machine's zone."""
    return f"{at.astimezone():%H:%M}"


def values(given: Mapping[str, object] | None) -> str:
    """Names and values in one line: a=1, b="two"."""
    return ", ".join(
        f"{plain(name)}={plain(json.dumps(value, ensure_ascii=False))}"
        for name, value in (given or {}).items()
    )
