"""``vatel-gateway demo`` as one types it: a conversation in real time, and what it leaves behind."""

import asyncio
import io
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import soundfile
from rich.console import Console

from gateway.cli import caller, demo_call
from gateway.cli.demo_story import Story
from gateway.emulators.vatel.script import End, Listen, Say, Script
from tests.integration.gateway_process import ROOT

SVG = "{http://www.w3.org/2000/svg}"


def demo(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the demo in a folder whose settings must not matter."""
    (folder / ".env").write_text("VATEL_BASE_URL=https://api.example.com\nMAX_CALLS=nonsense\n")
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "PORT": "nonsense"}
    command = [sys.executable, "-m", "gateway", "demo", *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=100)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo")


@pytest.fixture(scope="module")
def printed(folder: Path) -> str:
    """What a demo prints; it is a good one."""
    done = demo(folder)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    return done.stdout


def test_the_timeline_tells_the_whole_conversation(printed: str) -> None:
    told = iter(printed.splitlines())
    for words in (
        "agent    says “Hello, this is the Vatel demo agent",
        "caller   says “Hello, what are your opening hours?”",
        "agent    says “We are open from Monday",
        "caller   says “Sorry, stop",
        "agent    is interrupted, with ",
        "gateway  takes back what the carrier had not played yet",
        "agent    says “On Saturday",
        "agent    calls the tool collect_digits",
        "caller   presses •••#",
        'gateway  answers collect_digits: {"digits":"•••"',
        "gateway  answers lookup_order",
        "caller   says “No, thank you. Goodbye.”",
        "agent    says “Thank you for calling. Goodbye.”",
        "agent    calls the tool end_call",
        "carrier  reports the call completed",
    ):
        assert any(words in line for line in told), words


def test_figures_are_printed_and_nothing_private_is(printed: str) -> None:
    for words in (
        "added delay, caller to agent",
        "added delay, agent to caller",
        "interruption to clear",
        "mark round trip",
        "playout lead",
        "answer to first audio, at the telephone",
        "barge-in: the caller's first sound to silence",
        "agent_hung_up (by the agent)",
    ):
        assert words in printed
    assert "381#" not in printed
    assert '"381' not in printed
    assert "\x1b" not in printed


@pytest.mark.parametrize(
    "what", ["added delay, caller", "added delay, agent", "interruption to", "mark round"]
)
def test_figures_are_of_something(printed: str, what: str) -> None:
    row = next(line for line in printed.splitlines() if f"│ {what}" in line)
    assert int(row.rstrip("│ ").rpartition(" ")[2]) > 0


def test_the_gateway_reports_what_the_telephone_heard_of_the_cut_turn(printed: str) -> None:
    row = next(line for line in printed.splitlines() if "│ We are open" in line)
    said, heard, cut, reported, reported_cut = map(int, re.findall(r"(\d+) │", row)[1:])
    assert said - heard == pytest.approx(cut, abs=1)
    assert abs(heard - reported) <= 20
    assert abs(cut - reported_cut) <= 20
    assert cut > 5000


def test_the_recording_has_the_caller_left_and_the_agent_right(printed: str, folder: Path) -> None:
    assert "recording: demo/call.wav" in printed
    sound, rate = soundfile.read(folder / "demo" / "call.wav")
    assert (rate, sound.shape[1]) == (8000, 2)
    caller, heard = np.sum(np.abs(sound) > 0.02, axis=0) / rate
    assert 2 < caller < 6
    assert 8 < heard < 22
    # Nobody but the agent speaks in the first seconds.
    assert np.abs(sound[:16_000]).max(axis=0) == pytest.approx([0, 0.6], abs=0.5)
    assert not np.abs(sound[:16_000, 0]).max() > 0.01


def test_the_picture_is_a_document_that_shows_the_cut(printed: str, folder: Path) -> None:
    assert "picture:   demo/call.svg" in printed
    drawing = ElementTree.parse(folder / "demo" / "call.svg").getroot()
    assert drawing.tag == f"{SVG}svg"
    text = " ".join(element.text or "" for element in drawing.iter(f"{SVG}text"))
    for words in (
        "s cut: said, never heard",
        "barge-in: silent after",
        "lookup_order",
        "keys •••#",
        "hang-up",
    ):
        assert words in text
    assert len(drawing.findall(f".//{SVG}path[@class='wave']")) == 3


def test_a_folder_that_cannot_be_made_is_one_line_and_its_remedy(tmp_path: Path) -> None:
    done = demo(tmp_path, "--out", ".env/demo")
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("vatel-gateway: .env/demo can't be made")
    assert done.stdout == ""


def test_a_conversation_that_goes_otherwise_is_not_called_a_good_one() -> None:
    console = Console(file=io.StringIO())
    script = Script(steps=(Say(text="Hello."), Listen(), End()))
    steps = (caller.Listen(silence_s=0.2), caller.Say(clip="caller-hello"))
    held = asyncio.run(demo_call.hold(script, steps, 10.0, Story(console)))
    assert demo_call.troubles(held) == [
        "the call ended as agent_ended, not as agent_hung_up",
        "0 turns were cut, not one",
        "the tool collect_digits was not called, or failed",
        "the tool lookup_order was not called, or failed",
        "the tool end_call was not called, or failed",
    ]
