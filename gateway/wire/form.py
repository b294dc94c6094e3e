"""The form bodies Twilio posts: urlencoded, every field kept, since the signature covers them all."""

from collections.abc import Iterator, Mapping
from typing import Final
from urllib.parse import parse_qsl

from gateway.errors import WireError

LARGEST_BODY: Final = 16 * 1024
_MOST_FIELDS: Final = 200


class Form(Mapping[str, str]):
    """The fields of a form: ``form[name]`` is the first value, ``getlist`` all of them."""

    def __init__(self, fields: list[tuple[str, str]]) -> None:
        self._fields: dict[str, list[str]] = {}
        for name, value in fields:
            self._fields.setdefault(name, []).append(value)

    def __getitem__(self, name: str) -> str:
        return self._fields[name][0]

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def getlist(self, name: str) -> list[str]:
        """All values of a field; the validator of signatures asks for them by this name."""
        return self._fields.get(name, [])


def parse(body: bytes) -> Form:
    """Read a form, blank fields included.

    Raises:
        WireError: the body is too large, has too many fields, or is not UTF-8.
    """
    if len(body) > LARGEST_BODY:
        raise WireError("the form is too large")
    try:
        text = body.decode("ascii")
        fields = parse_qsl(
            text, keep_blank_values=True, encoding="utf-8", errors="strict", max_num_fields=_MOST_FIELDS
        )
    except ValueError:
        raise WireError("the form can't be read") from None
    return Form(fields)
