"""``vatel-gateway numbers route``: how a number is answered; looked at, changed, taken away."""

from pathlib import Path
from typing import Any, Final

import typer

from gateway.cli import api_view
from gateway.cli.api_access import opened
from gateway.cli.api_options import Json, Number, pairs
from gateway.sdk import Gateway, NotFound
from gateway.sdk.models import Route

_FIELDS: Final = tuple(name for name in Route.__struct_fields__ if name != "number")
_LARGEST_PROMPT: Final = 64 * 1024


def route(
    number: Number,
    agent: str | None = typer.Option(None, metavar="ID", help="The agent that answers."),
    version: str | None = typer.Option(None, metavar="ID", help="A published version of it."),
    weight: list[str] = typer.Option(
        [], metavar="ID=PART", help="One of several agents, and its part of the calls; may be repeated."
    ),
    first_message: str | None = typer.Option(None, help="What the agent says first; may have {{places}}."),
    prompt_file: Path | None = typer.Option(None, help="A file with the prompt, instead of the agent's own."),
    fallback: str | None = typer.Option(
        None, metavar="NUMBER", help="The person for when there is no agent."
    ),
    transfer: list[str] = typer.Option(
        [], metavar="NUMBER", help="A number the agent may transfer to; may be repeated."
    ),
    tool: list[str] = typer.Option([], metavar="NAME", help="A tool the agent may use; may be repeated."),
    max_duration: int | None = typer.Option(None, metavar="SECONDS", help="The longest call."),
    record: bool | None = typer.Option(None, "--record/--no-record", help="Whether calls are recorded."),
    recording_notice: str | None = typer.Option(None, help="What callers hear before they are recorded."),
    lookup_url: str | None = typer.Option(None, help="Who is asked about a caller first: an https address."),
    unset: list[str] = typer.Option(
        [], metavar="FIELD", help="Leave this to the settings again, such as first_message; may be repeated."
    ),
    clear: bool = typer.Option(False, "--clear", help="Take the whole route away: the settings apply."),
    as_json: Json = False,
) -> None:
    """Show how a number is answered, or change it from the next call on: what is not given stays as it is."""
    change = {
        "agent_id": agent,
        "version_id": version,
        "weights": _weights(weight),
        "first_message": first_message,
        "prompt": _prompt(prompt_file),
        "fallback_number": fallback,
        "transfer_numbers": tuple(transfer) or None,
        "tools": tuple(tool) or None,
        "max_duration_s": max_duration,
        "recording": record,
        "recording_notice": recording_notice,
        "lookup_url": lookup_url,
    }
    given = {name: value for name, value in change.items() if value is not None}
    if clear:
        _clear(number, given, unset)
    _show(number, None if clear else _changed(number, given, unset), as_json=as_json)


def _clear(number: str, given: dict[str, Any], unset: list[str]) -> None:
    if given or unset:
        raise typer.BadParameter("--clear goes with no other change")
    with opened() as gateway:
        gateway.numbers.clear_route(number)


def _changed(number: str, given: dict[str, Any], unset: list[str]) -> Route | None:
    gone = [_field(each) for each in unset]
    with opened() as gateway:
        now = _now(gateway, number)
        if given or gone:
            return gateway.numbers.set_route(number, **_merged(now, given, gone))
        return now


def _now(gateway: Gateway, number: str) -> Route | None:
    try:
        return gateway.numbers.route(number)
    except NotFound:
        return None


def _merged(now: Route | None, given: dict[str, Any], gone: list[str]) -> Any:
    """The route as it is to be. One agent, or several by weight: whichever is given ousts the other."""
    kept = {name: getattr(now, name) for name in _FIELDS} if now else {}
    if "agent_id" in given:
        kept = {name: value for name, value in kept.items() if name not in ("weights", "version_id")}
    if "weights" in given:
        kept = {name: value for name, value in kept.items() if name not in ("agent_id", "version_id")}
    return {name: value for name, value in (kept | given).items() if name not in gone}


def _weights(given: list[str]) -> dict[str, int] | None:
    try:
        return {agent: int(part) for agent, part in pairs(given).items()} or None
    except ValueError:
        raise typer.BadParameter("--weight must be ID=PART, the part a whole number") from None


def _prompt(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        with file.open(encoding="utf-8-sig") as lines:
            return lines.read(_LARGEST_PROMPT).strip()
    except (OSError, UnicodeError):
        raise typer.BadParameter(f"--prompt-file: {file} can't be read") from None


def _field(name: str) -> str:
    found = name.replace("-", "_")
    if found not in _FIELDS:
        raise typer.BadParameter(f"--unset takes {', '.join(_FIELDS)}")
    return found


def _show(number: str, found: Route | None, *, as_json: bool) -> None:
    if as_json:
        api_view.as_json(found)
        return
    console = api_view.console()
    if found is None:
        console.print(f"{api_view.number(number)} is answered as the settings say.")
        return
    console.print(f"{api_view.number(number)} is answered so; all else is as the settings say:")
    rows = [
        (name.removesuffix("_id").removesuffix("_s").replace("_", " "), _value(name, getattr(found, name)))
        for name in _FIELDS
    ]
    console.print(api_view.facts(rows))


def _value(name: str, value: object) -> str:
    match value:
        case None | False:
            return ""
        case True:
            return "yes"
        case int() if name.endswith("_s"):
            return api_view.length(value * 1000)
        case ():
            return "none"
        case tuple():
            return api_view.plain(", ".join(map(str, value)))
        case dict():
            return "\n".join(f"{api_view.plain(agent)}  {part}" for agent, part in value.items())
        case _:
            return api_view.plain(value)
