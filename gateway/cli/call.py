"""``vatel-gateway call``: a real call to a number, or without one a softphone in Twilio's place."""

import asyncio
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import typer

from gateway import logs, settings
from gateway.cli import caller, phone, place, sound
from gateway.cli.api_options import telephone
from gateway.cli.caller import Say, Step
from gateway.cli.phone_report import CallFailed
from gateway.cli.phone_timeline import Timeline
from gateway.emulators import voice
from gateway.emulators.server import ServerFailed
from gateway.sdk.requests import NewCall

_NUMBER: Final = "+14155550100"
_CALLER: Final = "+14155550123"
_option = partial(typer.Option, rich_help_panel="The softphone, without NUMBER")
_SHARED: Final = frozenset({"number", "from_"})
_PORT_REMEDY: Final = (
    "Stop what listens there, or give another --rest-port and the gateway that TWILIO_BASE_URL."
)


def call(
    context: typer.Context,
    number: place.Number = None,
    url: str | None = _option(None, help="Where the gateway is reached; PUBLIC_URL by default."),
    wav: Path | None = _option(None, help="A sound file to say: WAV, FLAC or OGG of any rate."),
    script: Path | None = _option(None, help="A TOML file of steps to carry out."),
    say: str | None = _option(None, help="A clip's name, or any text, to say."),
    press: str = _option("", help="Keys to press after that; w waits half a second."),
    from_: str | None = typer.Option(
        None, "--from", help=f"The number calling: {_CALLER}, or for a real call TWILIO_PHONE_NUMBER."
    ),
    to: str | None = _option(None, help="The number called; TWILIO_PHONE_NUMBER or +14155550100."),
    record: Path | None = _option(None, help="Record the call: a stereo WAV file, the caller on the left."),
    seconds: float = _option(120.0, min=1.0, max=3600.0, help="Hang up after so many at the latest."),
    rest_port: int = _option(
        4010, min=0, max=65535, help="Where the gateway's hang-ups and transfers are taken; 0 for any."
    ),
    agent: place.Agent = None,
    first_message: place.FirstMessage = None,
    variable: place.Variable = None,
    machine: place.Machine = None,
    message: place.Message = None,
    as_json: place.Json = False,
) -> None:
    """Call NUMBER through a running gateway and follow it to its end, or without NUMBER use the softphone.

    A real call costs money; Ctrl-C offers to hang up. The softphone takes Twilio's place and dials nobody.
    Exit code 0 if a real call was answered, or the softphone heard the agent.
    """
    _check_mix(context, real=number is not None)
    if number is not None:
        how = NewCall(
            from_number=telephone(from_) if from_ else None,
            agent_id=agent,
            first_message=first_message,
            machine_detection=machine,
            message=message,
        )
        place.place(number, how, variable or [], as_json=as_json)
        return
    steps = _steps(wav, script, say, press)
    _softphone(steps, _Ends(url, from_ or _CALLER, to, rest_port), record, seconds)


@dataclass(frozen=True, slots=True)
class _Ends:
    """Who calls whom, and where the gateway is."""

    url: str | None
    from_: str
    to: str | None
    rest_port: int


def _softphone(steps: tuple[Step, ...], ends: _Ends, record: Path | None, seconds: float) -> None:
    # Of the gateway's settings the telephone's end needs those of Twilio's side alone.
    chosen = settings.load(vatel_api_key="unused", vatel_agent_id="unused")
    logs.configure("error", chosen.log_format)
    if record is not None and not record.absolute().parent.is_dir():
        raise typer.BadParameter(f"--record: there is no folder {record.parent}")
    dialling = phone.Dialling(
        account_sid=chosen.twilio_account_sid,
        auth_token=chosen.twilio_auth_token.get_secret_value(),
        public_url=chosen.public_url,
        url=_address(ends.url) if ends.url else chosen.public_url,
        from_=ends.from_,
        to=ends.to or chosen.twilio_phone_number or _NUMBER,
        rest_port=ends.rest_port,
        seconds=seconds,
    )
    timeline = Timeline()
    try:
        report = asyncio.run(phone.place(dialling, steps, timeline))
    except ServerFailed as error:
        raise CallFailed(str(error), remedy=_PORT_REMEDY) from None
    report.show(timeline)
    if record is not None:
        sound.write_call(record, *report.sides)
        timeline.line(f"{'recording':<22}{record}")
    report.check()


def _check_mix(context: typer.Context, *, real: bool) -> None:
    """Options of the softphone do not go with a number, nor those of a real call without one."""
    for parameter in context.command.params:
        name = parameter.name or ""
        wrong = name not in _SHARED and (name in place.OPTIONS) != real
        source = context.get_parameter_source(name)
        if wrong and source is not None and source.name == "COMMANDLINE":
            option = parameter.opts[0]
            without = "is of the softphone, and goes with no NUMBER" if real else "needs a NUMBER to call"
            raise typer.BadParameter(f"{option} {without}")


def _steps(wav: Path | None, script: Path | None, say: str | None, keys: str) -> tuple[Step, ...]:
    given = [option for option, value in (("--wav", wav), ("--script", script), ("--say", say)) if value]
    if len(given) > 1:
        raise typer.BadParameter(f"{' and '.join(given)} exclude each other")
    if script is not None and keys:
        raise typer.BadParameter("--press does not go with --script, which has steps for it")
    if keys and (trouble := caller.keys_trouble(keys)):
        raise typer.BadParameter(f"--press: {trouble}")
    if script is not None:
        return caller.load(script)
    return phone.steps(_spoken(wav, say), keys)


def _spoken(wav: Path | None, say: str | None) -> Say | None:
    if wav is not None:
        return Say(file=str(wav))
    if say is not None:
        return Say(clip=say) if say in voice.clips() else Say(text=say)
    return None


def _address(url: str) -> str:
    try:
        return settings.web_address(url)
    except ValueError as error:
        raise typer.BadParameter(f"--url {error}") from None
