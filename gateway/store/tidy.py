"""Makes what peers said fit to be stored: no NUL, no half characters, no endless text."""

import math
from collections.abc import Mapping
from typing import Final

LONGEST_TEXT: Final = 16_384
"""Characters of one text."""
_DEEPEST: Final = 8
_MOST: Final = 200
_LARGEST: Final = 2**63 - 1


def text(value: str, longest: int = LONGEST_TEXT) -> str:
    """A text that every database holds: PostgreSQL knows no NUL, and UTF-8 no lone surrogate."""
    return value[:longest].replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def document(value: object, deepest: int = _DEEPEST) -> object:
    """A JSON document that every database holds, bounded in depth, breadth and length."""
    match value:
        case None | bool():
            return value
        case int():
            return value if -_LARGEST <= value <= _LARGEST else None
        case float():
            return value if math.isfinite(value) else None
        case str():
            return text(value)
        case Mapping() if deepest:
            items = list(value.items())[:_MOST]
            return {text(str(key), 200): document(item, deepest - 1) for key, item in items}
        case list() | tuple() if deepest:
            return [document(item, deepest - 1) for item in value[:_MOST]]
        case _:
            return None
