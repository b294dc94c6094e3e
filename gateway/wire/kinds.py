"""Telling a message of a later version from a broken one: both are dropped, one breaks the protocol."""

from types import UnionType
from typing import Any, Final, get_args

import msgspec

from gateway.errors import WireError

UNREADABLE: Final = (msgspec.MsgspecError, UnicodeError, RecursionError)
"""What decoding raises for what is no message of a known kind."""
_LONGEST_NAME: Final = 40


class Kinds:
    """The kinds of message of one protocol, as their structs are tagged."""

    def __init__(self, frames: UnionType, what: str) -> None:
        configs = [frame.__struct_config__ for frame in get_args(frames)]
        self._what = what
        self._tag_field: str = configs[0].tag_field
        self._known = frozenset(config.tag for config in configs)
        tagged: Any = msgspec.defstruct("Tagged", [(self._tag_field, str)])
        self._decoder = msgspec.json.Decoder(tagged)

    def unknown(self, text: str | bytes, error: Exception) -> str:
        """The name of a kind this version does not know, shortened.

        Raises:
            WireError: the text names no kind, or a known one and breaks its rules; ``error`` says how.
        """
        try:
            kind: str = getattr(self._decoder.decode(text), self._tag_field)
        except UNREADABLE:
            raise WireError(f"not a {self._what} message: {type(error).__name__}") from None
        if kind in self._known:
            raise WireError(f"malformed {kind} message") from None
        return kind[:_LONGEST_NAME]
