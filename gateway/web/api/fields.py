"""Kinds of fields that several endpoints share."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BeforeValidator,
    Field,
    Strict,
    ValidationError,
    ValidatorFunctionWrapHandler,
)

from gateway.web.api.endpoint import Params

_RFC3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)", re.IGNORECASE)
_NUMBER: Final = r"^\+[1-9][0-9]{1,14}$"


def _moment(value: object) -> object:
    """A time as RFC 3339 writes it; a plus that a query turned into a space is one again."""
    text = value.replace(" ", "+") if isinstance(value, str) else ""
    if not _RFC3339.fullmatch(text):
        raise ValueError("must be a time such as 2026-03-01T12:00:00Z")
    return text


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("must be a time of this age") from None


def _plus(value: object) -> object:
    """A plus that a query turned into a space is one again."""
    return "+" + value[1:] if isinstance(value, str) and value.startswith(" ") else value


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


Moment = Annotated[
    AwareDatetime,
    Strict(strict=False),  # it was checked to be text in the form that JSON has for it
    BeforeValidator(_moment),
    AfterValidator(_in_utc),
    Field(examples=["2026-03-01T12:00:00Z"]),
]
"""A moment with its zone, taken to UTC."""

PhoneNumber = Annotated[
    str,
    Field(pattern=_NUMBER, examples=["+14155550100"]),
    BeforeValidator(_plus),
]
"""A telephone number in international form."""

WHOLE: Final = BeforeValidator(_whole)
"""Beside a whole number in a body: JSON Schema takes 3.0 for one, which a strict model would not."""

Label = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f-\x9f]+$")]
"""What people call something: one line, which a terminal can show."""

NextCursor = Annotated[
    str | None,
    Field(description="The cursor of the next page; null on the last one."),
]


def identifier(prefix: str) -> str:
    """The pattern of our own identifiers."""
    return rf"^{prefix}_[0-9a-hjkmnp-tv-z]{{26}}$"


def one_reason(reason: str) -> Callable[[object, ValidatorFunctionWrapHandler], object]:
    """A validator of a value that may be of several types: what fits none of them is wrong for one reason."""

    def check(value: object, fits: ValidatorFunctionWrapHandler) -> object:
        try:
            return fits(value)
        except ValidationError:
            raise ValueError(reason) from None

    return check


class Listing(Params):
    """Which page of a list."""

    limit: int = Field(50, ge=1, le=200, description="Rows of a page.")
    cursor: str | None = Field(
        None, min_length=1, max_length=120, description="`next_cursor` of the page before."
    )


class Rows(Params):
    """Which part of what belongs to one call."""

    limit: int = Field(200, ge=1, le=1000, description="Rows of a page.")
    cursor: str | None = Field(
        None, pattern=r"^[0-9]{1,18}$", description="`next_cursor` of the page before."
    )


ExportFormat = Literal["csv", "json"]
