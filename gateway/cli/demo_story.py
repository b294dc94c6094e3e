"""The demonstration's timeline: what both emulators see of the call, told in words while it happens."""

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from gateway import logs
from gateway.emulators.twilio.records import Event


class Who(StrEnum):
    """Who does something."""

    CALLER = "caller"
    AGENT = "agent"
    GATEWAY = "gateway"
    CARRIER = "carrier"


_STYLES: Final = {Who.CALLER: "cyan", Who.AGENT: "green", Who.GATEWAY: "yellow", Who.CARRIER: "bright_black"}
_ENDS: Final = frozenset({"completed", "busy", "no-answer", "failed", "canceled"})


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool the agent called, and when it was answered."""

    name: str
    start_s: float
    end_s: float
    output: str = ""


class Story:
    """Prints what happens, and keeps what the picture needs. Seconds count from the audio path's opening.

    Args:
        console: Where to; colours and widths are its business.

    Attributes:
        texts: What each turn of the agent's says, by its id.
        tools: The tools called, by the calls' ids.
    """

    def __init__(self, console: Console) -> None:
        self.texts: dict[str, str] = {}
        self.tools: dict[str, ToolUse] = {}
        self._console = console
        self._began: float | None = None
        self._turns: dict[str, float] = {}

    @property
    def now(self) -> float:
        """Seconds since the audio path opened; 0 before."""
        return 0.0 if self._began is None else asyncio.get_running_loop().time() - self._began

    def tell(self, who: Who, what: str, at_s: float | None = None) -> None:
        """Print a line, as of now unless another time is given."""
        line = Text(f"{self.now if at_s is None else at_s:6.2f} s  ")
        line.append(f"{who.value:<9}", style=_STYLES[who])
        line.append(what)
        self._console.print(line, soft_wrap=True)

    # The telephone's end: ``TwilioEmulator.on_event``.

    def telephone(self, event: Event) -> None:
        """Take a line of the carrier's timeline."""
        match event.kind:
            case "ringing":
                self.tell(Who.CALLER, re.sub(r"\+\d+", lambda number: logs.masked(number[0]), event.detail))
            case "stream open":
                self._began = asyncio.get_running_loop().time()
                self.tell(Who.CARRIER, "answers, and opens the audio path")
            case "clear":
                self.tell(Who.GATEWAY, f"takes back what the carrier had not played yet: {event.detail}")
            case "debugger":
                self.tell(Who.CARRIER, f"complains: {event.detail}")
            case "stream over":
                self.tell(Who.CARRIER, f"closes the audio path: {event.detail}")
            case kind if kind in _ENDS:
                self.tell(Who.CARRIER, f"reports the call {kind}")

    def caller(self, what: str) -> None:
        """Take what the caller does."""
        self.tell(Who.CALLER, what)

    # The agent's end: ``VatelEmulator.on_event``.

    def agent(self, kind: str, detail: Mapping[str, Any]) -> None:
        """Take an event of the agent's service."""
        match kind:
            case "session_started":
                self.tell(Who.AGENT, "joins")
            case "turn_started":
                self._turns[detail["turn_id"]] = self.now
            case "response_text":
                self._says(detail["turn_id"], detail["text"])
            case "interruption":
                self.tell(Who.AGENT, f"is interrupted, with {detail['cut_ms'] / 1000:.1f} s left to say")
            case "tool_call":
                self._calls(detail["tool_call_id"], detail["name"], detail["arguments"])
            case "tool_call_output":
                self._answered(detail["tool_call_id"], detail["output"])
            case "protocol_error":
                self.tell(Who.GATEWAY, f"breaks Vatel's protocol: {detail['trouble']}")

    def _says(self, turn_id: str, text: str) -> None:
        self.texts[turn_id] = words = sounding(text)
        self.tell(Who.AGENT, f"says “{words}”", self._turns.get(turn_id))

    def _calls(self, call: str, name: str, arguments: Mapping[str, Any]) -> None:
        self.tools[call] = ToolUse(name, self.now, self.now)
        given = ", ".join(f"{key}={_shown(value)}" for key, value in arguments.items())
        self.tell(Who.AGENT, f"calls the tool {name}({given})")

    def _answered(self, call: str, output: str) -> None:
        use = self.tools[call]
        self.tools[call] = ToolUse(use.name, use.start_s, self.now, output)
        self.tell(Who.GATEWAY, f"answers {use.name}: {masked(output)}")


def sounding(text: str) -> str:
    """The words of a turn that sound: behind them the script puts a tool's output in brackets, to be read."""
    return re.sub(r"\s*\[[^\[]*\]\s*$", "", text)


def masked(text: str) -> str:
    """Text with its digits hidden, for they may be a caller's code."""
    return re.sub(r"\d", "•", text)


def _shown(value: object) -> str:
    return masked(value) if isinstance(value, str) else json.dumps(value)
