"""``vatel-gateway call +1...``: place a real call, and follow it until it ends."""

import sys
from contextlib import suppress
from typing import Annotated, Final

import typer

from gateway.cli import api_follow, api_view
from gateway.cli.api_access import opened
from gateway.cli.api_options import pairs, telephone
from gateway.sdk import Conflict, Gateway
from gateway.sdk.models import Call
from gateway.sdk.requests import NewCall

PANEL: Final = "A real call, to NUMBER"
_INTERRUPTED: Final = 1

Number = Annotated[
    str | None,
    typer.Argument(
        parser=telephone, metavar="NUMBER", help="Whom to call, for real; without it, the softphone calls."
    ),
]
Agent = Annotated[
    str | None,
    typer.Option("--agent", metavar="ID", help="The agent; the number's by default.", rich_help_panel=PANEL),
]
FirstMessage = Annotated[
    str | None,
    typer.Option(
        "--first-message", help="What the agent says first; may have {{places}}.", rich_help_panel=PANEL
    ),
]
Variable = Annotated[
    list[str] | None,
    typer.Option(
        "--var", metavar="NAME=VALUE", help="A value for a place; may be repeated.", rich_help_panel=PANEL
    ),
]
Machine = Annotated[
    str | None,
    typer.Option(
        "--machine",
        help="If a machine answers: off, hang_up, leave_message or continue.",
        rich_help_panel=PANEL,
    ),
]
Message = Annotated[
    str | None, typer.Option("--message", help="What is said to a machine.", rich_help_panel=PANEL)
]
Json = Annotated[
    bool, typer.Option("--json", help="Tell it as JSON, one object a line.", rich_help_panel=PANEL)
]

OPTIONS: Final = frozenset({"agent", "first_message", "variable", "machine", "message", "as_json"})
"""The options of a real call, which the softphone does not take."""


def place(to: str, how: NewCall, variables: list[str], *, as_json: bool) -> None:
    """Place a call and follow it; exit code 1 if nobody answered, or it is left running.

    Raises:
        SettingsError: there is no key, or no gateway.
        ApiError: the gateway refuses the call.
    """
    if variables:
        how["variables"] = pairs(variables)
    with opened() as gateway:
        placed = gateway.calls.place(to, **how)
        call = _followed(gateway, placed.id, api_follow.as_lines if as_json else api_follow.as_text)
    if not as_json:
        api_view.console().print(f"\nvatel-gateway calls show {placed.id}", style="dim", soft_wrap=True)
    if call.status != "completed":
        raise typer.Exit(1)


def _followed(gateway: Gateway, call_id: str, tell: api_follow.Tell) -> Call:
    follower = api_follow.Follower(gateway, call_id, tell)
    try:
        return follower.to_the_end()
    except KeyboardInterrupt:
        if not _hang_up_wanted():
            print(f"The call goes on; vatel-gateway calls hangup {call_id} ends it.", file=sys.stderr)
            raise typer.Exit(_INTERRUPTED) from None
    with suppress(Conflict):  # it may have ended by itself meanwhile
        gateway.calls.hangup(call_id)
    return follower.to_the_end()


def _hang_up_wanted() -> bool:
    """Ask, where there is somebody to ask; a call that nobody watches any more is ended."""
    if not sys.stdin.isatty():
        return True
    try:
        return typer.confirm("\nHang up?", default=True, err=True)
    except typer.Abort:
        return False
