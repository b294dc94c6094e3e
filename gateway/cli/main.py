"""The command line: ``vatel-gateway COMMAND``."""

import sys

import typer

from gateway.cli import call, check, demo, emulate, load, serve
from gateway.errors import GatewayError, SettingsError

app = typer.Typer(
    name="vatel-gateway",
    help="Answers Twilio phone calls with Vatel voice agents.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("demo")(demo.demo)
app.command("call")(call.call)
app.add_typer(emulate.app, name="emulate")
app.command("load")(load.load)


def main() -> None:
    """Run a command; an error is one line with its remedy, and exit code 2 for a wrong setting."""
    try:
        app()
    except GatewayError as error:
        print(f"vatel-gateway: {error}\n  {error.remedy}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, SettingsError) else 1) from None
