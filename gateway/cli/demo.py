"""``vatel-gateway demo``: one real conversation between two emulators through the gateway."""

import asyncio
from pathlib import Path
from typing import Final

import numpy as np
import typer
from rich.console import Console

from gateway import logs
from gateway.cli import caller, demo_call, demo_tables, picture, sound
from gateway.cli.demo_call import Held
from gateway.cli.demo_story import Story
from gateway.cli.picture import Kind, Marker, Picture, Turn, Unheard
from gateway.emulators import voice
from gateway.emulators.twilio.line_audio import decode
from gateway.emulators.vatel import script
from gateway.errors import GatewayError

_WIDTH: Final = 110


class OutputFailed(GatewayError):
    """The demo's files cannot be written."""

    remedy = "Give a folder that can be written to with --out."


def demo(
    out: Path = typer.Option(Path("demo"), help="The folder for the recording and the picture."),
    delay_ms: float = typer.Option(
        40.0, min=0, max=1000, help="How long audio takes between carrier and gateway, each way."
    ),
) -> None:
    """Hold one conversation between an emulated phone and an emulated agent, through the real gateway.

    No account and no settings are needed. It takes about 40 seconds, prints what happens and what was
    measured, and leaves a stereo recording and a picture. Exit code 1 if the call went otherwise
    than it should.
    """
    console = Console(highlight=False, width=None if Console().is_terminal else _WIDTH)
    logs.configure("error", "console")
    folder = _folder(out)
    held = asyncio.run(demo_call.hold(script.load(), caller.load(caller.DEMO), delay_ms, Story(console)))
    console.print()
    demo_tables.show(held, console)
    recording, drawing = folder / "call.wav", folder / "call.svg"
    sound.write_call(recording, held.line.spoken, held.line.heard)
    drawing.write_text(picture.draw(portray(held)), encoding="utf-8")
    print(f"\nrecording: {recording}  (left the caller, right what the caller heard)\npicture:   {drawing}")
    wrong = demo_call.troubles(held)
    for trouble in wrong:
        print(f"not as it should be: {trouble}")
    raise typer.Exit(1 if wrong else 0)


def _folder(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputFailed(f"{out} can't be made: {error.strerror}") from None
    return out


def portray(held: Held) -> Picture:
    """A rehearsed call as a picture."""
    ending = held.report.ending
    ended = f"ended by the {ending.by} ({ending})" if ending else "not ended"
    first = held.line.first_audio_at or 0.0
    turns = [Turn(turn.start_s, turn.end_s, turn.heard_text, turn.cut) for turn in held.turns]
    return Picture(
        title="A phone call through the gateway",
        subtitle=f"{held.line.now:.1f} s, {ended}; first word after {first * 1000:.0f} ms, "
        f"{len(turns)} turns of the agent's, {sum(turn.cut for turn in turns)} cut by the caller",
        caller=decode(held.line.spoken),
        agent=decode(held.line.heard),
        caller_turns=[Turn(each.start_s, each.end_s, each.text) for each in held.caller.spoken],
        agent_turns=[turn for turn in turns if turn.end_s > turn.start_s],
        unheard=_unheard(held),
        markers=_markers(held),
    )


def _unheard(held: Held) -> list[Unheard]:
    """What the agent said of the turns that were cut, behind the cut."""
    found = []
    for number, turn in enumerate(held.turns):
        if turn.cut:
            sounded = voice.speak(demo_call.words(held, number)).samples
            line = sound.resample(
                sounded[: round(turn.spoken_ms * 24)].astype(np.float64), 24_000, picture.RATE
            )
            rest = line[round(turn.heard_ms * 8) :].astype(np.int16)
            found.append(Unheard(turn.end_s, rest, turn.cut_text))
    return found


def _markers(held: Held) -> list[Marker]:
    marks = [
        Marker(at, Kind.BARGE_IN, f"barge-in: silent after {took * 1000:.0f} ms")
        for at, took in demo_tables.barge_ins(held)
    ]
    marks += [Marker(at, Kind.KEYS, f"keys {caller.masked(keys)}") for at, keys in held.caller.pressed]
    marks += [Marker(use.start_s, Kind.TOOL, use.name, use.end_s) for use in held.story.tools.values()]
    by = held.call.ended_by
    marks.append(
        Marker(held.line.now, Kind.END, "hang-up" if by is None else f"hang-up by {_ENDERS.get(by, by)}")
    )
    return marks


_ENDERS: Final = {"rest": "the gateway", "caller": "the caller"}
