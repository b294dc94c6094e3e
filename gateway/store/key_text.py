"""How a key is written: ``vgw_<22 letters and digits>_<checksum>``, so that a typo is told from a wrong key.

The 22 are 131 random bits. The checksum guards against mistakes only; it is no secret and proves nothing.
"""

import re
import secrets
import zlib
from enum import Enum, auto
from typing import Final

from pydantic import SecretStr

PREFIX: Final = "vgw_"
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_RANDOM: Final = 22
_CHECK: Final = 6  # 62 ** 6 is more than 2 ** 32
_FORM: Final = re.compile(rf"vgw_([0-9A-Za-z]{{{_RANDOM}}})_([0-9A-Za-z]{{{_CHECK}}})")


class Form(Enum):
    """What a text is, by its looks."""

    KEY = auto()
    MISTYPED = auto()  # meant to be one
    FOREIGN = auto()  # of somebody else's service


def mint() -> SecretStr:
    """Make a key that nobody else has."""
    body = "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM))
    return SecretStr(f"{PREFIX}{body}_{_checksum(body)}")


def form(text: str) -> Form:
    """Look at what somebody shows as a key."""
    if not text.startswith(PREFIX):
        return Form.FOREIGN
    found = _FORM.fullmatch(text)
    return Form.KEY if found and _checksum(found[1]) == found[2] else Form.MISTYPED


def _checksum(body: str) -> str:
    number = zlib.crc32(body.encode("ascii"))
    digits = ""
    for _ in range(_CHECK):
        number, digit = divmod(number, len(_ALPHABET))
        digits = _ALPHABET[digit] + digits
    return digits
