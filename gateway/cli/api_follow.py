"""Follows a call while it goes on: what is new of it, each thing once, in order."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import msgspec
from rich.text import Text

from gateway.cli import api_call, api_view
from gateway.sdk import ApiError, Failed, Gateway, Throttled, Unanswered, Unreachable
from gateway.sdk.models import Call, CallEvent, ToolCall, Turn

_EVERY_S: Final = 0.5
_LONGEST_S: Final = 6 * 3600.0
_PATIENCE_S: Final = 60.0
_SETTLE_S: Final = 5.0
"""How long the last words of a call may take to be written down."""
_NOTABLE: Final = frozenset({"answered_by", "not_placed", "opted_out"})
_PASSING: Final = (Unreachable, Unanswered, Throttled, Failed)


class Happened(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something new.

    Attributes:
        what: ``placed``, ``ringing``, ``answered``, ``said``, ``tool``, ``event`` or ``ended``.
        at: When it happened.
        turn: What was said.
        tool: The tool that ran.
        event: What else happened.
        call: The call as it ended.
    """

    what: str
    at: datetime
    turn: Turn | None = None
    tool: ToolCall | None = None
    event: CallEvent | None = None
    call: Call | None = None


Tell = Callable[[Call, Happened], None]


def as_lines(call: Call, new: Happened) -> None:
    """Tell for programs: one JSON object a line."""
    print(msgspec.json.encode(new).decode(), flush=True)


def as_text(call: Call, new: Happened) -> None:
    """Tell for people."""
    console = api_view.console()
    if new.turn is not None:
        console.print(api_call.said(console, call, new.turn))
    elif new.tool is not None:
        console.print(api_call.ran(console, call, new.tool))
    elif new.event is not None:
        console.print(api_call.happened(console, call, new.event))
    else:
        console.print(api_call.line(console, call, new.at, new.what, "") + _aside(call, new.what))


def _aside(call: Call, what: str) -> Text:
    if what == "placed":
        return Text(call.id, style="dim")
    if what != "ended":
        return Text("")
    by = f" (by the {api_view.plain(call.ended_by)})" if call.ended_by else ""
    took = f", after {api_view.length(call.duration_ms)}" if call.duration_ms is not None else ""
    return Text.assemble(api_view.word(call.ending or call.status), f"{by}{took}")


def _notable(events: tuple[CallEvent, ...]) -> list[CallEvent]:
    """Events that say what nothing else does."""
    return [event for event in events if event.kind in _NOTABLE]


class Follower:
    """One call, followed.

    Args:
        gateway: Where it is.
        call_id: Its name.
        tell: Takes what is new.
    """

    def __init__(self, gateway: Gateway, call_id: str, tell: Tell) -> None:
        self._gateway = gateway
        self._id = call_id
        self._tell = tell
        self._told: set[str] = set()
        self._seen: tuple[Turn | ToolCall, ...] = ()

    def to_the_end(self) -> Call:
        """Tell what happens until the call is over; return it as it is then.

        Raises:
            ApiError: the gateway could not be asked for a minute, or says no.
        """
        end = time.monotonic() + _LONGEST_S
        while time.monotonic() < end:
            call = self._patiently()
            if call.over:
                return self._settled(call)
            time.sleep(_EVERY_S)
        raise Unanswered(f"the call goes on for more than {_LONGEST_S / 3600:g} hours")

    def _patiently(self) -> Call:
        end = time.monotonic() + _PATIENCE_S
        while True:
            try:
                return self._look(last=False)
            except ApiError as error:
                if not isinstance(error, _PASSING) or time.monotonic() > end:
                    raise
            time.sleep(_EVERY_S)

    def _settled(self, call: Call) -> Call:
        """Look until nothing is added: a call can be over before all of it is written down."""
        end = time.monotonic() + _SETTLE_S
        while time.monotonic() < end:
            before = self._seen
            time.sleep(_EVERY_S)
            call = self._look(last=False)
            if before == self._seen and call.ending:
                break
        self._look(last=True)
        self._once(call, "ended", call.ended_at or datetime.now(UTC))
        return call

    def _look(self, *, last: bool) -> Call:
        """Tell what is new. A turn waits until it no longer changes, a tool until it has answered."""
        call = self._gateway.calls.get(self._id)
        tools = self._gateway.calls.tool_calls(self._id)
        turns = self._gateway.calls.transcript(self._id)
        events = _notable(self._gateway.calls.events(self._id))
        self._once(call, "placed", call.created_at)
        steps = (("ringing", call.ringing_at), ("answered", call.answered_at))
        new = [
            *(Happened(what, at) for what, at in steps if at is not None and self._first(what)),
            *(
                Happened("tool", tool.at, tool=tool)
                for tool in tools
                if (last or tool.output is not None) and self._first(f"tool {tool.tool_call_id}")
            ),
            *(
                Happened("said", api_call.heard_at(call, turn), turn=turn)
                for turn in turns
                if (last or turn in self._seen) and self._first(f"turn {turn.turn_id}")
            ),
            *(
                Happened("event", event.at, event=event)
                for event in events
                if self._first(f"event {event.sequence}")
            ),
        ]
        self._seen = (*turns, *tools)
        for each in sorted(new, key=lambda one: one.at):
            self._tell(call, each)
        return call

    def _first(self, name: str) -> bool:
        """Whether this is told for the first time, as it is from now on."""
        first = name not in self._told
        self._told.add(name)
        return first

    def _once(self, call: Call, what: str, at: datetime) -> None:
        if self._first(what):
            self._tell(call, Happened(what, at, call=call if what == "ended" else None))
