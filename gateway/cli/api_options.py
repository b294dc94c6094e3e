"""Arguments and options that several commands share, and the forms of their values."""

import re
from datetime import datetime, timedelta
from typing import Annotated, Final

import typer

from gateway import settings

_AGO: Final = re.compile(r"(\d{1,4})([mhdw])")
_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def telephone(value: str) -> str:
    """A telephone number as it is dialled; blanks, dots and brackets in it are nobody's wish."""
    try:
        return settings.telephone_number(value)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def when(value: str) -> datetime:
    """A time: ``2h`` ago (m, h, d, w), a day, or a day and time, of this machine's zone if it names none."""
    try:
        if ago := _AGO.fullmatch(value.strip()):
            return datetime.now().astimezone() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(value.strip()).astimezone()
    except (ValueError, OverflowError):
        raise typer.BadParameter("must be a time such as 2h, 7d, 2026-03-01 or 2026-03-01T12:00") from None


def call_id(value: str) -> str:
    """The name of a call, whole or without its ``call_``."""
    found = re.fullmatch(r"(?:call_)?([0-9a-hjkmnp-tv-z]{26})", value.strip())
    if not found:
        raise typer.BadParameter("must be the name of a call, call_..., as `calls list` shows it")
    return f"call_{found[1]}"


def pairs(given: list[str]) -> dict[str, str]:
    """Options of the form ``name=value``."""
    found = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not name or not sign:
            raise typer.BadParameter(f"must be name=value, not {each}")
        found[name] = value
    return found


Json = Annotated[bool, typer.Option("--json", help="Print JSON, times in UTC.")]
Number = Annotated[str, typer.Argument(parser=telephone, metavar="NUMBER", help="The number: +14155550100.")]
CallId = Annotated[str, typer.Argument(parser=call_id, metavar="CALL", help="The call: call_...")]

OfNumber = Annotated[
    str | None,
    typer.Option("--number", parser=telephone, metavar="NUMBER", help="Only of this number of ours."),
]
FromNumber = Annotated[
    str | None, typer.Option("--from", parser=telephone, metavar="NUMBER", help="Only from this number.")
]
ToNumber = Annotated[
    str | None, typer.Option("--to", parser=telephone, metavar="NUMBER", help="Only to this number.")
]
OfAgent = Annotated[str | None, typer.Option("--agent", metavar="ID", help="Only with this agent.")]
OfDirection = Annotated[str | None, typer.Option("--direction", help="inbound or outbound.")]
OfStatus = Annotated[
    str | None, typer.Option("--status", help="How far they are: queued, completed, busy ...")
]
OfEnding = Annotated[str | None, typer.Option("--ending", help="Why they ended: caller_hung_up ...")]
Since = Annotated[
    datetime | None,
    typer.Option(
        "--since", parser=when, metavar="TIME", help="Made then or later: 2h (ago), 7d, 2026-03-01."
    ),
]
Until = Annotated[
    datetime | None, typer.Option("--until", parser=when, metavar="TIME", help="Made before then.")
]
