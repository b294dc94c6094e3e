"""``vatel-gateway call``: a softphone, which calls a running gateway as Twilio would."""

import asyncio
from pathlib import Path
from typing import Final

import typer

from gateway import logs, settings
from gateway.cli import caller, phone, sound
from gateway.cli.caller import Say, Step
from gateway.cli.phone_report import CallFailed
from gateway.cli.phone_timeline import Timeline
from gateway.emulators import voice
from gateway.emulators.server import ServerFailed

_NUMBER: Final = "+14155550100"
_PORT_REMEDY: Final = (
    "Stop what listens there, or give another --rest-port and the gateway that TWILIO_BASE_URL."
)


def call(
    url: str | None = typer.Option(None, help="Where the gateway is reached; PUBLIC_URL by default."),
    wav: Path | None = typer.Option(None, help="A sound file to say: WAV, FLAC or OGG of any rate."),
    script: Path | None = typer.Option(None, help="A TOML file of steps to carry out."),
    say: str | None = typer.Option(None, help="A clip's name, or any text, to say."),
    press: str = typer.Option("", help="Keys to press after that; w waits half a second."),
    from_: str = typer.Option("+14155550123", "--from", help="The number calling."),
    to: str | None = typer.Option(None, help="The number called; TWILIO_PHONE_NUMBER or +14155550100."),
    record: Path | None = typer.Option(
        None, help="Record the call: a stereo WAV file, the caller on the left."
    ),
    seconds: float = typer.Option(120.0, min=1.0, max=3600.0, help="Hang up after so many at the latest."),
    rest_port: int = typer.Option(
        4010, min=0, max=65535, help="Where the gateway's hang-ups and transfers are taken; 0 for any."
    ),
) -> None:
    """Call a running gateway with a softphone in Twilio's place. Exit code 0 if the agent was heard."""
    # Of the gateway's settings the telephone's end needs those of Twilio's side alone.
    chosen = settings.load(vatel_api_key="unused", vatel_agent_id="unused")
    logs.configure("error", chosen.log_format)
    steps = _steps(wav, script, say, press)
    if record is not None and not record.absolute().parent.is_dir():
        raise typer.BadParameter(f"--record: there is no folder {record.parent}")
    dialling = phone.Dialling(
        account_sid=chosen.twilio_account_sid,
        auth_token=chosen.twilio_auth_token.get_secret_value(),
        public_url=chosen.public_url,
        url=_address(url) if url else chosen.public_url,
        from_=from_,
        to=to or chosen.twilio_phone_number or _NUMBER,
        rest_port=rest_port,
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
