"""``vatel-gateway calls``: looked for, looked into, ended, over the API of a running gateway."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from itertools import groupby, islice
from pathlib import Path
from typing import Literal

import typer
from rich.console import Console
from rich.text import Text

from gateway.cli import api_call, api_view
from gateway.cli.api_access import opened
from gateway.cli.api_options import (
    CallId,
    FromNumber,
    Json,
    OfAgent,
    OfDirection,
    OfEnding,
    OfNumber,
    OfStatus,
    Since,
    ToNumber,
    Until,
    telephone,
)
from gateway.sdk.models import Call
from gateway.sdk.requests import CallFilter

app = typer.Typer(help="List, show, end, transfer and export calls.", no_args_is_help=True)


@app.command("list")
def list_calls(
    limit: int = typer.Option(20, "--limit", "-n", min=1, max=10_000, help="How many at most."),
    number: OfNumber = None,
    from_: FromNumber = None,
    to: ToNumber = None,
    agent: OfAgent = None,
    direction: OfDirection = None,
    status: OfStatus = None,
    ending: OfEnding = None,
    since: Since = None,
    until: Until = None,
    as_json: Json = False,
) -> None:
    """List calls, the newest first."""
    which = CallFilter(
        number=number, from_number=from_, to_number=to, agent_id=agent, direction=direction,
        status=status, ending=ending, since=since, until=until,
    )  # fmt: skip
    with opened() as gateway:
        found = tuple(islice(gateway.calls.list(page=min(limit, 200), **which), limit))
    if as_json:
        api_view.as_json(found)
    else:
        _print(found)


@app.command()
def show(
    call: CallId,
    events: bool = typer.Option(False, "--events", help="Show what happened besides, event by event."),
    as_json: Json = False,
) -> None:
    """Show a call: its facts, what was said, and the tools that ran."""
    with opened() as gateway:
        whole = api_call.Whole(
            gateway.calls.get(call),
            gateway.calls.transcript(call),
            gateway.calls.tool_calls(call),
            gateway.calls.events(call) if events or as_json else (),
        )
    if as_json:
        api_view.as_json(whole)
    else:
        api_call.show(whole)


@app.command()
def hangup(call: CallId, as_json: Json = False) -> None:
    """End a call. One that waits is never placed, and one that rings stops ringing."""
    with opened() as gateway:
        gateway.calls.hangup(call)
    api_view.done(f"{call} is ended.", {"id": call, "ended": True}, as_json=as_json)


@app.command()
def transfer(
    call: CallId,
    to: str = typer.Argument(parser=telephone, metavar="NUMBER", help="Whom to connect it to."),
    as_json: Json = False,
) -> None:
    """Connect a call to a person. If nobody takes it, the agent has it back."""
    with opened() as gateway:
        gateway.calls.transfer(call, to)
    text = f"{call} is being connected to {api_view.number(to)}."
    api_view.done(text, {"id": call, "to": to}, as_json=as_json)


@app.command()
def recording(
    call: CallId,
    out: Path | None = typer.Option(None, "--out", "-o", help="The file; CALL.wav by default."),
    as_json: Json = False,
) -> None:
    """Fetch a call's recording: stereo, the caller on the left."""
    target = _place_for(out or Path(f"{call}.wav"))
    with opened() as gateway, _writing(target):
        fetched = gateway.calls.recording(call, target)
    text = f"{target}: {fetched.size} bytes of {fetched.media_type}."
    facts = {"id": call, "file": str(target), "bytes": fetched.size, "media_type": fetched.media_type}
    api_view.done(text, facts, as_json=as_json)


@app.command()
def export(
    form: Literal["csv", "json"] = typer.Option("csv", "--format", help="The form of the file."),
    out: Path | None = typer.Option(None, "--out", "-o", help="The file; standard output by default."),
    number: OfNumber = None,
    from_: FromNumber = None,
    to: ToNumber = None,
    agent: OfAgent = None,
    direction: OfDirection = None,
    status: OfStatus = None,
    ending: OfEnding = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Export calls. A file is there when it is whole."""
    which = CallFilter(
        number=number, from_number=from_, to_number=to, agent_id=agent, direction=direction,
        status=status, ending=ending, since=since, until=until,
    )  # fmt: skip
    target = _place_for(out) if out else sys.stdout.buffer
    with opened() as gateway, _writing(out) if out else nullcontext():
        fetched = gateway.calls.export(target, form=form, **which)
    if out:
        print(f"{out}: {fetched.size} bytes of {form.upper()}.")


def _place_for(file: Path) -> Path:
    if file.is_dir() or not file.absolute().parent.is_dir():
        raise typer.BadParameter(f"--out: {file} can't be written: there is no such folder, or it is one")
    return file


@contextmanager
def _writing(file: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise typer.BadParameter(f"--out: {file} can't be written: {error.strerror}") from None


def _print(found: tuple[Call, ...]) -> None:
    """A table for each day, with columns that are as wide in all of them; a line fits 80 columns."""
    console = api_view.console()
    if not found:
        console.print("There are no such calls.")
        return
    widest = max(len(api_view.number(_other(call))) for call in found)
    for day, calls in groupby(found, key=lambda call: api_view.day(call.created_at)):
        console.print(Text(day, style="bold"))
        for call in calls:
            _print_line(console, call, widest)


def _print_line(console: Console, call: Call, widest: int) -> None:
    inbound = call.direction == "inbound"
    result = api_view.word(call.ending or call.status)
    result.truncate(max(8, 32 - widest), overflow="ellipsis", pad=True)
    line = Text.assemble(
        (f"{api_view.clock(call.created_at)} ", "dim"),
        ("← ", "cyan") if inbound else ("→ ", "magenta"),
        f"{api_view.number(_other(call)):<{widest}} ",
        result,
        f"{api_view.length(call.duration_ms):>7} ",
        (call.id, "dim"),
    )
    console.print(line, soft_wrap=True)


def _other(call: Call) -> str | None:
    """The number that is not ours."""
    return call.from_number if call.direction == "inbound" else call.to_number
