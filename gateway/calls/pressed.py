"""Keys pressed on a call, for keeping them out of its record: they may be a PIN, or the number of a card."""

import re
from typing import Final

import msgspec
from msgspec.structs import replace

from gateway.bridge.requests import COLLECT_DIGITS, SEND_DIGITS
from gateway.store.records import Json
from gateway.wire.agent_session import JSON, ToolCall

_KEYS: Final = "digits"
_FEWEST: Final = 3
"""Fewer are a choice from a menu: hiding every 1 there is would garble the record and protect nothing."""
_MOST: Final = 50


class _Collected(msgspec.Struct):
    digits: str = ""
    ended_by: str = ""


class PressedKeys:
    """What the agent had the caller press, and how that looks in the record."""

    def __init__(self) -> None:
        self._pressed: list[str] = []
        self._pattern: re.Pattern[str] | None = None

    def learn(self, call: ToolCall, output: str) -> None:
        """A tool was answered: what keys were pressed is not to be written down from now on."""
        keys = _collected(output).digits if call.name == COLLECT_DIGITS else ""
        if len(keys) < _FEWEST or keys in self._pressed:
            return
        self._pressed = [*self._pressed, keys][-_MOST:]
        longest_first = sorted(self._pressed, key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\d)(?:{'|'.join(map(re.escape, longest_first))})(?!\d)")

    def hide(self, text: str) -> str:
        """A text with a star for each of the keys."""
        return text if self._pattern is None else self._pattern.sub(lambda found: "*" * len(found[0]), text)

    def arguments(self, call: ToolCall) -> Json:
        """What a tool was given, as the record has it."""
        return {
            name: _stars(value) if name == _KEYS and call.name == SEND_DIGITS else self._hidden(value)
            for name, value in call.arguments.items()
        }

    def output(self, call: ToolCall, output: str) -> str:
        """What a tool answered, as the record has it."""
        said = _collected(output) if call.name == COLLECT_DIGITS else _Collected()
        if not said.digits:
            return self.hide(output)
        return msgspec.json.encode(replace(said, digits=_stars(said.digits))).decode()

    def _hidden(self, value: JSON) -> JSON:
        if self._pattern is None:
            return value
        match value:
            case str():
                return self.hide(value)
            case dict():
                return {name: self._hidden(each) for name, each in value.items()}
            case list():
                return [self._hidden(each) for each in value]
            case int() if str(value) in self._pressed:  # 0042 may have become 42: that is not known here
                return _stars(str(value))
            case _:
                return value


def _stars(keys: JSON) -> str:
    return "*" * len(str(keys))


def _collected(output: str) -> _Collected:
    try:
        return msgspec.json.decode(output, type=_Collected)
    except (msgspec.MsgspecError, UnicodeError):
        return _Collected()
