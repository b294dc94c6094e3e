"""``vatel-gateway emulate``: Twilio or Vatel on this machine, until told to stop."""

import asyncio
import dataclasses
import re
import signal
import time
from pathlib import Path
from typing import Any, Final

import typer

from gateway import settings
from gateway.cli.caller import masked
from gateway.cli.phone_timeline import Timeline, words
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator, standalone
from gateway.emulators.twilio.records import Event
from gateway.emulators.vatel import script as agent_script
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID
from gateway.emulators.vatel.behaviour import Behaviour, load_behaviour, parse_behaviour
from gateway.emulators.vatel.emulator import VatelEmulator

app = typer.Typer(help="Run Twilio or Vatel on this machine, to try things out.", no_args_is_help=True)

_CALLER: Final = "+14155550123"


@app.command()
def twilio(
    gateway: str = typer.Option("http://127.0.0.1:8080", help="The gateway's address."),
    number: str = typer.Option("+14155550100", help="The number that leads to it."),
    port: int = typer.Option(4010, min=0, max=65535, help="The port to listen on; 0 for any."),
    account_sid: str = typer.Option(ACCOUNT_SID, help="The account's SID."),
    speed: float = typer.Option(1.0, min=0.01, max=100.0, help="How many seconds pass in a real one."),
) -> None:
    """Run Twilio, with one number that leads to a gateway. Ctrl-C ends it."""
    base, number = (
        _checked("--gateway", settings.web_address, gateway),
        _checked("--number", settings.telephone_number, number),
    )
    if not re.fullmatch("AC[0-9a-f]{32}", account_sid):
        raise typer.BadParameter("--account-sid must be AC and 32 hexadecimal digits in lower case")
    asyncio.run(
        _twilio(
            standalone(base, number=number, account_sid=account_sid, port=port, speed=speed), base, number
        )
    )


@app.command()
def vatel(
    port: int = typer.Option(4020, min=0, max=65535, help="The port to listen on; 0 for any."),
    script: Path | None = typer.Option(
        None, help="What the agent does: TOML; the demonstration's by default."
    ),
    behaviour: Path | None = typer.Option(None, help="How the service misbehaves: TOML."),
    changes: list[str] = typer.Option([], "--set", help="Change one thing of that: key=value."),
) -> None:
    """Run Vatel, with an agent that keeps to a script. Ctrl-C ends it."""
    plan = agent_script.load() if script is None else agent_script.load(script)
    asyncio.run(_vatel(VatelEmulator(script=plan, behaviour=_behaviour(behaviour, changes), port=port)))


def _behaviour(path: Path | None, changes: list[str]) -> Behaviour:
    """A file's behaviour, with the options' changes."""
    changed = parse_behaviour(changes)
    if path is None:
        return changed
    names = {change.partition("=")[0] for change in changes}
    return dataclasses.replace(load_behaviour(path), **{name: getattr(changed, name) for name in names})


async def _twilio(emulator: TwilioEmulator, gateway: str, number: str) -> None:
    timeline = Timeline()

    def happened(event: Event) -> None:
        detail = masked(event.detail) if event.kind == "key" else event.detail
        timeline.event(event.at_s, event.kind, f"{event.call_sid[:6]} {detail}")

    emulator.on_event = happened
    async with emulator:
        _environment(
            timeline,
            PUBLIC_URL=gateway,
            TWILIO_BASE_URL=emulator.url,
            TWILIO_ACCOUNT_SID=emulator.account.sid,
            TWILIO_AUTH_TOKEN=AUTH_TOKEN,
        )
        timeline.line("# a call:")
        body = f'{{"to": "{number}", "from": "{_CALLER}"}}'
        timeline.line(f"curl -s {emulator.url}/emulator/calls --json '{body}'")
        timeline.line("# who is called does not answer:")
        busy = '{"outcome": "busy"}'
        timeline.line(f"curl -s {emulator.url}/emulator/callees/{_CALLER} -X PUT --json '{busy}'")
        await _told_to_stop()


async def _vatel(emulator: VatelEmulator) -> None:
    timeline = Timeline()

    def happened(kind: str, detail: dict[str, Any]) -> None:
        timeline.event(time.monotonic(), kind, words(detail))

    emulator.on_event = happened
    async with emulator:
        _environment(
            timeline,
            VATEL_BASE_URL=emulator.url,
            VATEL_API_KEY=emulator.api_key,
            VATEL_AGENT_ID=DEFAULT_AGENT_ID,
        )
        await _told_to_stop()


def _environment(timeline: Timeline, **variables: str) -> None:
    timeline.line("# for the gateway's .env:")
    for name, value in variables.items():
        timeline.line(f"{name}={value}")


async def _told_to_stop() -> None:
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, told.set)
    await told.wait()


def _checked(option: str, check: Any, value: str) -> str:
    try:
        return str(check(value))
    except ValueError as error:
        raise typer.BadParameter(f"{option} {error}") from None
