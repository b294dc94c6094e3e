"""``vatel-gateway call`` as one types it: a process of its own, towards a gateway that is another."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import soundfile
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.emulators.server import LoopbackServer
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN
from gateway.emulators.vatel.script import End, Listen, Say, Script, Tool
from tests.integration.gateway_process import ROOT, Site, gateway_process
from tests.integration.test_cli_check import free_port

pytestmark = pytest.mark.anyio

PUBLIC = "https://gateway.example.com/base"
PARTING = Script(
    steps=(
        Say(text="Hello."),
        Listen(),
        Say(text="Bye.", wait=False, interruptible=False),
        Tool(name="end_call"),
        End(),
    )
)
STAYING = Script(steps=(Say(text="Hello."), Listen(), Say(text="Yes."), Listen(timeout_s=60.0), End()))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int | None
    out: str
    err: str


async def phone(*options: str, folder: Path, **environment: str) -> Outcome:
    """Run the softphone in a folder; nothing of this process's settings reaches it."""
    given = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "call", *options),
        env=given | environment,
        cwd=folder,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return Outcome(process.returncode, out.decode(), err.decode())


@asynccontextmanager
async def site(script: Script, **settings: str) -> AsyncIterator[tuple[Site, str]]:
    """A gateway that hangs up at the softphone's port, and that port."""
    port = str(free_port())
    base = {"TWILIO_BASE_URL": f"http://127.0.0.1:{port}"}
    async with gateway_process(script=script, settings=base | settings) as running:
        yield running, port


async def test_an_agent_is_spoken_to_and_recorded_and_hangs_up(tmp_path: Path) -> None:
    async with site(PARTING) as (running, port):
        options = ("--say", "caller-hello", "--record", "call.wav", "--rest-port", port)
        outcome = await phone(*options, folder=tmp_path, PUBLIC_URL=running.url)
    assert (outcome.code, outcome.err) == (0, "")
    assert "ended by              rest" in outcome.out
    assert "did not ask this softphone" not in outcome.out
    assert "\x1b" not in outcome.out
    sound, rate = soundfile.read(tmp_path / "call.wav")
    assert (rate, sound.shape[1]) == (8000, 2)
    assert min(abs(sound).max(axis=0)) > 0.05


async def test_a_request_signed_for_the_public_address_goes_to_another(tmp_path: Path) -> None:
    script = tmp_path / "caller.toml"
    script.write_text(
        '[[steps]]\ndo = "hear"\nseconds = 0.2\n[[steps]]\ndo = "say"\ntext = "Roses?"\n'
        '[[steps]]\ndo = "listen"\nsilence_s = 0.4\n[[steps]]\ndo = "press"\nkeys = "1#"\n'
        '[[steps]]\ndo = "hang_up"\n'
    )
    async with site(STAYING, PUBLIC_URL=PUBLIC) as (running, port):
        options = ("--url", running.url, "--script", str(script), "--rest-port", port)
        outcome = await phone(*options, folder=tmp_path, PUBLIC_URL=PUBLIC)
        asked = running.vatel.sessions[-1].kinds()
    assert (outcome.code, outcome.err) == (0, "")
    assert f"POST {PUBLIC}/twilio/voice -> 200" in outcome.out
    assert "ended by              caller" in outcome.out
    assert "presses •#" in outcome.out
    assert "transcript" in asked


async def test_a_gateway_that_hangs_up_elsewhere_is_pointed_out(tmp_path: Path) -> None:
    settings = {"FALLBACK_NUMBER": "", "APOLOGY": "Sorry."}
    async with gateway_process(script=PARTING, settings=settings) as running:
        options = ("--say", "Roses?", "--rest-port", "0")
        outcome = await phone(*options, folder=tmp_path, PUBLIC_URL=running.url)
    assert "did not ask this softphone" in outcome.out
    assert "then, behind Connect  <Say> Sorry., <Hangup>" in outcome.out


async def test_a_wrong_token_is_one_line_and_its_remedy(tmp_path: Path) -> None:
    async with site(STAYING) as (running, port):
        options = ("--rest-port", port)
        outcome = await phone(*options, folder=tmp_path, PUBLIC_URL=running.url, TWILIO_AUTH_TOKEN="wrong")
    assert outcome.code == 1
    assert outcome.err.splitlines() == [
        "vatel-gateway: the gateway refused the signature (403)",
        "  Give it and the softphone the same PUBLIC_URL, TWILIO_AUTH_TOKEN and TWILIO_ACCOUNT_SID.",
    ]


async def test_nobody_there_is_one_line_and_its_remedy(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    outcome = await phone("--rest-port", "0", "--url", url, folder=tmp_path, PUBLIC_URL=PUBLIC)
    assert outcome.code == 1
    assert outcome.err.startswith(f"vatel-gateway: nobody answers at {url}\n  Start the gateway")


async def test_a_refused_stream_is_one_line_and_its_remedy(tmp_path: Path) -> None:
    port = free_port()
    url = f"ws://127.0.0.1:{port}/nothing-here"

    async def voice(_request: Request) -> Response:
        twiml = f'<Response><Connect><Stream url="{url}"/></Connect></Response>'
        return Response(twiml, media_type="text/xml")

    app = Starlette(routes=[Route("/twilio/voice", voice, methods=["POST"])])
    async with LoopbackServer(app, port=port) as server:
        outcome = await phone("--rest-port", "0", folder=tmp_path, PUBLIC_URL=server.url)
    assert outcome.code == 1
    assert outcome.err.startswith("vatel-gateway: the media stream was refused: 31920")


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--wav", "a.wav", "--say", "Hello"], "--wav and --say exclude each other"),
        (["--press", "12x"], "not x"),
        (["--record", "nowhere/call.wav"], "there is no folder nowhere"),
        (["--url", "ftp://127.0.0.1"], "--url must be an address"),
        (["--wav", "missing.wav"], "missing.wav can't be read"),
        (["--script", "missing.toml"], "missing.toml"),
    ],
)
async def test_what_cannot_work_is_said_before_the_call(
    tmp_path: Path, options: list[str], complaint: str
) -> None:
    outcome = await phone(*options, folder=tmp_path, PUBLIC_URL=PUBLIC, COLUMNS="200")
    assert outcome.code in (1, 2)
    assert complaint in outcome.err
    assert outcome.out == ""
