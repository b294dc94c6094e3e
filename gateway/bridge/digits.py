"""Keys the caller presses, collected for the agent's ``collect_digits`` tool."""

from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.bridge.limits import Limits
from gateway.bridge.tools import unreadable
from gateway.errors import ToolError
from gateway.ids import ToolCallId
from gateway.wire.agent_session import JSON, ToolCall

_MOST_DIGITS: Final = 64
_LONGEST_TIMEOUT_S: Final = 120.0
_KEYS: Final = frozenset("0123456789*#ABCD")


class EndedBy(StrEnum):
    """Why a collection is complete."""

    MAX_DIGITS = "max_digits"
    FINISH_KEY = "finish_key"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Collected:
    """The keys of one collection. They are for the agent alone, never for a log."""

    call_id: ToolCallId
    digits: str = field(repr=False)
    ended_by: EndedBy


@dataclass(slots=True)
class _Collection:
    call_id: ToolCallId
    max_digits: int
    timeout_s: float
    finish_on: str
    since: float  # the last key, or the end of the agent's question
    digits: str = field(default="", repr=False)


class DigitCollector:
    """Collects keys when it is asked to; keys pressed shortly before that count too."""

    def __init__(self, limits: Limits) -> None:
        self._default_timeout_s = limits.digit_timeout_s
        self._type_ahead_s = limits.type_ahead_s
        self._ahead: deque[tuple[float, str]] = deque(maxlen=_MOST_DIGITS)
        self._collection: _Collection | None = None
        self._finish_keys = ""  # may follow keys that were complete without
        self._finish_until = 0.0

    @property
    def collecting(self) -> bool:
        """Whether the caller is expected to press keys."""
        return self._collection is not None

    def cancel(self) -> None:
        """Nobody asks for keys any more."""
        self._collection = None

    def deadline(self, idle_since: float | None) -> float | None:
        """When the running collection ends for want of keys.

        The wait begins when the caller has heard the agent out, and anew with each key.

        Args:
            idle_since: When the agent's last audio was heard; ``None`` while some is playing.
        """
        running = self._collection
        if running is None or idle_since is None:
            return None
        return max(running.since, idle_since) + running.timeout_s

    def start(self, call: ToolCall, now: float) -> Collected | None:
        """Begin to collect; the result at once if enough was typed ahead.

        Raises:
            ToolError: the arguments are of no use, or a collection is running.
        """
        if self._collection:
            raise ToolError("digits are being collected already", code="busy")
        if not call.readable:
            raise unreadable()
        self._collection = _Collection(
            call.id,
            max_digits=_whole(call.arguments, "max_digits", 1, _MOST_DIGITS, default=_MOST_DIGITS),
            timeout_s=_seconds(call.arguments, self._default_timeout_s),
            finish_on=_keys(call.arguments),
            since=now,
        )
        self._finish_keys = ""
        while self._ahead:
            at, digit = self._ahead.popleft()
            collected = self.press(digit, now) if now - at <= self._type_ahead_s else None
            if collected:
                return collected
        return None

    def press(self, digit: str, now: float) -> Collected | None:
        """Take a key; the result if it was the last one."""
        running = self._collection
        superfluous = running is None and digit in self._finish_keys and now <= self._finish_until
        self._finish_keys = ""
        if superfluous:
            return None
        if running is None:
            self._ahead.append((now, digit))
            return None
        running.since = now
        if digit in running.finish_on:
            return self._finish(EndedBy.FINISH_KEY)
        running.digits += digit
        if len(running.digits) < running.max_digits:
            return None
        self._expect_finish_key(running.finish_on, now)
        return self._finish(EndedBy.MAX_DIGITS)

    def tick(self, now: float, idle_since: float | None) -> Collected | None:
        """End for want of keys; ``idle_since`` as for the deadline."""
        due = self.deadline(idle_since)
        return self._finish(EndedBy.TIMEOUT) if due is not None and now >= due else None

    def _expect_finish_key(self, keys: str, now: float) -> None:
        """Many press it though the last digit was enough: it must not finish the next collection."""
        if not self._ahead:
            self._finish_keys, self._finish_until = keys, now + self._type_ahead_s
        elif self._ahead[0][1] in keys:
            self._ahead.popleft()

    def _finish(self, ended_by: EndedBy) -> Collected | None:
        running, self._collection = self._collection, None
        return Collected(running.call_id, running.digits, ended_by) if running else None


def _whole(arguments: dict[str, JSON], name: str, least: int, most: int, default: int) -> int:
    value = arguments.get(name)
    if value is None:
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 6:
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ToolError(f"{name} must be a whole number from {least} to {most}", code="invalid_arguments")
    return value


def _seconds(arguments: dict[str, JSON], default: float) -> float:
    value = arguments.get("timeout_s")
    if value is None:
        return default
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 < value <= _LONGEST_TIMEOUT_S:
        most = int(_LONGEST_TIMEOUT_S)
        raise ToolError(f"timeout_s must be a number of seconds up to {most}", code="invalid_arguments")
    return float(value)


def _keys(arguments: dict[str, JSON]) -> str:
    value = arguments.get("finish_on")
    if value is None:
        return "#"
    if not isinstance(value, str) or not set(value) <= _KEYS:
        raise ToolError("finish_on must be keys of 0-9, *, # or empty", code="invalid_arguments")
    return value
