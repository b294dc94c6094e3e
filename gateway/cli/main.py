"""The command line: ``vatel-gateway COMMAND``."""

import sys

import typer

from gateway.cli import agents, call, calls, chaos, check, demo, emulate, keys, load, numbers, serve
from gateway.errors import GatewayError, SettingsError
from gateway.sdk import Invalid

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
app.add_typer(calls.app, name="calls")
app.add_typer(numbers.app, name="numbers")
app.add_typer(agents.app, name="agents")
app.add_typer(keys.app, name="keys")
app.add_typer(emulate.app, name="emulate")
app.command("load")(load.load)
app.command("chaos")(chaos.chaos)


def main() -> None:
    """Run a command; an error is one line with its remedy, and exit code 2 for a wrong setting or option."""
    try:
        app()
    except GatewayError as error:
        print(f"vatel-gateway: {error}\n  {error.remedy}", file=sys.stderr)
        raise SystemExit(2 if isinstance(error, SettingsError | Invalid) else 1) from None
