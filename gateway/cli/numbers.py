"""``vatel-gateway numbers``: our numbers, over the API of a running gateway."""

import os
from pathlib import Path
from urllib.parse import urlsplit

import typer
from pydantic import SecretStr
from rich.text import Text

from gateway.cli import api_route, api_view
from gateway.cli.api_access import opened
from gateway.cli.api_options import Json, Number
from gateway.sdk.models import Connection, NumberList, Routing
from gateway.sdk.models import Number as Listed

app = typer.Typer(help="List, import, route and connect numbers.", no_args_is_help=True)
app.command("route")(api_route.route)

_LARGEST_TOKEN = 1000


@app.command("list")
def list_numbers(as_json: Json = False) -> None:
    """List all numbers: at Twilio, at Vatel, and set up here."""
    with opened() as gateway:
        found = gateway.numbers.list()
    if as_json:
        api_view.as_json(found)
    else:
        _print(found)


@app.command("import")
def import_number(
    number: Number,
    label: str = typer.Option("", help="What to call it."),
    account_sid: str | None = typer.Option(
        None, metavar="AC...", help="The Twilio account it belongs to; the gateway's own by default."
    ),
    token_file: Path | None = typer.Option(
        None, help="A file with that account's auth token; else TWILIO_AUTH_TOKEN is read, or you are asked."
    ),
    as_json: Json = False,
) -> None:
    """Have Vatel know a number, so that its agents can dial from it.

    For a number of the gateway's own account no token is needed.
    """
    with opened() as gateway:
        token = _token(token_file) if account_sid or token_file else None
        imported = gateway.numbers.import_(number, account_sid=account_sid, auth_token=token, label=label)
    if as_json:
        api_view.as_json(imported)
    else:
        print(f"{api_view.number(imported.number)} is known at Vatel, as {imported.id}.")


@app.command()
def connect(number: Number, as_json: Json = False) -> None:
    """Have Twilio send a number's calls to the gateway. What took them before is remembered."""
    with opened() as gateway:
        _tell(gateway.numbers.connect(number), as_json=as_json)


@app.command()
def disconnect(
    number: Number,
    force: bool = typer.Option(False, "--force", help="Even if somebody has sent the calls elsewhere since."),
    as_json: Json = False,
) -> None:
    """Have a number's calls go where they went before it was connected."""
    with opened() as gateway:
        _tell(gateway.numbers.disconnect(number, force=force), as_json=as_json)


@app.command()
def label(
    number: Number,
    text: str = typer.Argument(metavar="LABEL", help='What to call it; "" takes the label away.'),
    as_json: Json = False,
) -> None:
    """Call a number something else, at Vatel too if it is known there."""
    with opened() as gateway:
        labelled = gateway.numbers.label(number, text)
    if as_json:
        api_view.as_json(labelled)
    elif labelled.label:
        print(f"{api_view.number(number)} is called {api_view.plain(labelled.label)}.")
    else:
        print(f"{api_view.number(number)} has no label of ours.")


def _token(file: Path | None) -> SecretStr:
    """The auth token: never from an option, which others on the machine could read."""
    if file is not None:
        try:
            with file.open(encoding="utf-8-sig") as lines:
                text = lines.read(_LARGEST_TOKEN).strip()
        except (OSError, UnicodeError):
            raise typer.BadParameter(f"--token-file: {file} can't be read") from None
    else:
        text = os.environ.get("TWILIO_AUTH_TOKEN", "").strip()
        text = text or typer.prompt("Auth token of that account", hide_input=True, err=True).strip()
    if not text:
        raise typer.BadParameter("the auth token is empty")
    return SecretStr(text)


def _print(found: NumberList) -> None:
    console = api_view.console()
    shown = api_view.table("number", "label", "calls go to", "Vatel", "answered by")
    for each in found.numbers:
        vatel = Text("yes", style="green") if each.vatel else Text(api_view.NONE, style="dim")
        row = (Text(api_view.plain(each.label), style="bold"), _goes(each), vatel, _answers(each))
        shown.add_row(api_view.number(each.number), *row)
    shown.columns[0].min_width = max((len(api_view.number(each.number)) for each in found.numbers), default=0)
    console.print(shown if found.numbers else "There are no numbers.")
    for missing in found.missing:
        problems = api_view.console(error=True)
        text = f"{missing.side.capitalize()} is missing from this list: {missing.reason}. {missing.remedy}"
        problems.print(Text(api_view.plain(text), style="yellow"))


def _goes(each: Listed) -> Text:
    """Who takes a number's calls: us, nobody, or somebody whose host or SID is shown."""
    if each.twilio is None:
        return Text("not at Twilio", style="dim")
    if each.twilio.place != "elsewhere":
        return api_view.word(each.twilio.place)
    there = each.twilio.destination
    return Text(api_view.plain(urlsplit(there).hostname or there if "//" in there else there), style="yellow")


def _answers(each: Listed) -> Text:
    if each.route is None:
        return Text("as the settings say", style="dim")
    if each.route.weights:
        return Text(f"{len(each.route.weights)} agents, by weight")
    return Text(each.route.agent_id) if each.route.agent_id else Text("its own route")


def _tell(connection: Connection, *, as_json: bool) -> None:
    if as_json:
        api_view.as_json(connection)
        return
    console = api_view.console()
    goes = {"here": "come here", "nowhere": "go nowhere"}.get(connection.place, "go elsewhere")
    console.print(Text(f"Calls to {api_view.number(connection.number)} {goes}."))
    console.print(api_view.facts([("now", _takes(connection.routing)), ("before", _before(connection))]))


def _before(connection: Connection) -> str:
    return _takes(connection.before) if connection.before else ""


def _takes(routing: Routing) -> str:
    """What takes the calls: a trunk goes before an application, and that before an address."""
    taker = routing.trunk_sid or routing.voice_application_sid or routing.voice_url or "nothing"
    return api_view.plain(taker)
