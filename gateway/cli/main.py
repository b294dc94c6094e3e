"""The command line: ``vatel-gateway COMMAND``."""

import importlib
import sys
from collections.abc import Collection
from typing import Final

import typer

from gateway.errors import GatewayError, SettingsError
from gateway.sdk import Invalid

COMMANDS: Final = (
    *("serve", "check", "demo", "call", "load", "chaos"),
    *("calls", "numbers", "agents", "keys", "emulate"),
)
"""The commands; each is a module of that name here, with an ``app`` or else a function of the same name."""


def assemble(names: Collection[str] = COMMANDS) -> typer.Typer:
    """Return a command line of these commands; no other one's module is imported."""
    app = typer.Typer(
        name="vatel-gateway",
        help="Answers Twilio phone calls with Vatel voice agents.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    app.callback()(_nothing)  # without one, a command that is alone would be taken for the whole program
    for name in names:
        module = importlib.import_module(f"gateway.cli.{name}")
        if isinstance(group := getattr(module, "app", None), typer.Typer):
            app.add_typer(group, name=name)
        else:
            app.command(name)(getattr(module, name))
    return app


def _nothing() -> None:
    pass


def main() -> None:
    """Run a command; an error is one line with its remedy, and exit code 2 for a wrong setting or option."""
    wanted = sys.argv[1] if len(sys.argv) > 1 else ""
    try:
        assemble([wanted] if wanted in COMMANDS else COMMANDS)()
    except GatewayError as error:
        print(f"vatel-gateway: {error}\n  {error.remedy}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, SettingsError | Invalid) else 1) from None
