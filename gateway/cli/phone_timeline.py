"""Timelines on the terminal: one line an event, in colour where somebody looks."""

from collections.abc import Mapping
from typing import Any, Final

from rich.console import Console
from rich.text import Text

_LONGEST: Final = 140
_COLOURS: Final = {
    "agent speaks": "green",
    "clear": "yellow",
    "debugger": "yellow",
    "warning": "yellow",
    "stream refused": "red",
    "caller": "cyan",
    "key": "cyan",
}


class Timeline:
    """Prints events, the time of each counted from the first."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True)
        self._began: float | None = None

    def line(self, text: str, style: str = "") -> None:
        """Print a line of another kind."""
        self._console.print(Text(text, style=style))

    def event(self, at_s: float, kind: str, detail: str = "") -> None:
        """Print what happened; control characters of the peer's do not reach the terminal."""
        began = self._began = at_s if self._began is None else self._began
        shown = "".join(letter if letter.isprintable() else " " for letter in detail)[:_LONGEST]
        text = Text(f"{at_s - began:9.3f}  ", style="dim")
        text.append(f"{kind:<16}", style=_COLOURS.get(kind, "bold"))
        text.append(f" {shown}")
        text.rstrip()
        self._console.print(text)


def words(detail: Mapping[str, Any]) -> str:
    """An event's details in one line, led by the beginning of the session's id."""
    session = str(detail.get("session_id", ""))[:6]
    rest = [f"{name}={value}" for name, value in detail.items() if name not in ("session_id", "agent_id")]
    return " ".join([session, *rest]).strip()
