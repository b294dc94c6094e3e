"""Values for the places in a text: where they come from, and how they are made harmless.

A caller's name is whatever somebody wrote into a directory. Values are text in one line without anything that
is not seen, and no longer than a name or a street.
"""

import unicodedata
from collections.abc import Mapping
from typing import Final

LONGEST_VALUE: Final = 128
"""Characters of a value, unless told otherwise."""

_READ_AHEAD: Final = 8  # times the length: what is looked at of a value that may be full of unseen characters
_MOST_BITS: Final = 256  # larger whole numbers mean nothing to a caller
_UNSEEN: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
_FILLERS: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
_STIR: Final = {
    "TN-Validation-Passed-A": "verified",
    "TN-Validation-Passed-B": "partly verified",
    "TN-Validation-Passed-C": "partly verified",
    "TN-Validation-Failed": "failed",
}


class Values:
    """The values of one call, by name.

    Args:
        sources: The first that has a usable value of a name gives it. In order: what came with the request to
            call, what the lookup answered, what the number is set up with, what is known of the caller.
        longest: Characters of a value.
    """

    def __init__(self, *sources: Mapping[str, object], longest: int = LONGEST_VALUE) -> None:
        self._sources = sources
        self._longest = longest

    def get(self, name: str) -> str:
        """The value of a name, cleaned; empty if there is none."""
        for source in self._sources:
            value = clean(source.get(name), self._longest)
            if value:
                return value
        return ""


def caller_values(number: str, name: str = "", country: str = "", verdict: str = "") -> dict[str, object]:
    """What is known of whom a call is with, under the names a template uses.

    Args:
        number: In international form, or what Twilio writes for a withheld one.
        name: From the carrier's directory.
        country: ISO code.
        verdict: Twilio's ``StirVerstat``: whether the carrier vouches for the number.
            https://www.twilio.com/docs/voice/trusted-calling-with-shakenstir
    """
    return {
        "caller_number": number,
        "caller_name": name,
        "caller_country": country,
        "caller_verified": _vouched(verdict),
    }


def clean(value: object, longest: int = LONGEST_VALUE) -> str:
    """A value as one line of visible text; empty if it is neither text, nor a number, nor true or false."""
    text = _text(value)[: longest * _READ_AHEAD]
    visible = "".join(" " if _breaks(character) else character for character in text if _seen(character))
    return " ".join(visible.split())[:longest].rstrip()


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case int():
            return str(value) if value.bit_length() <= _MOST_BITS else ""
        case float():
            if value != value or value in (float("inf"), float("-inf")):
                return ""
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case _:
            return ""


def _breaks(character: str) -> bool:
    return character.isspace()


def _seen(character: str) -> bool:
    """Whether a character can be seen, or parts words. Direction marks and joiners are of the unseen (Cf)."""
    if character.isspace():
        return True
    if character in _FILLERS or unicodedata.category(character) in _UNSEEN:
        return False
    return not ("\ufe00" <= character <= "\ufe0f" or "\U000e0000" <= character <= "\U000e0fff")


def _vouched(verdict: str) -> str:
    for beginning, word in _STIR.items():
        if verdict.startswith(beginning):
            return word
    return "unknown"
