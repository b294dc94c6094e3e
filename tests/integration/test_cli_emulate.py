"""``vatel-gateway emulate``: what it prints can be pasted, and what it serves works."""

import asyncio
import os
import shlex
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from gateway import settings
from tests.integration.gateway_process import ROOT

pytestmark = pytest.mark.anyio


class Command:
    """A running command and what it has printed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, words: str) -> str:
        """Read on until a line holds these words."""
        assert self.process.stdout is not None
        async with asyncio.timeout(20):
            while line := (await self.process.stdout.readline()).decode():
                self.lines.append(line.rstrip())
                if words in line:
                    return line.rstrip()
        raise AssertionError(f"no {words!r} in {self.lines}")

    @property
    def printed(self) -> dict[str, str]:
        """The settings printed, as settings are named in code."""
        pairs = [line.split("=", 1) for line in self.lines if line[:1].isupper() and "=" in line]
        return {name.lower(): value for name, value in pairs}

    async def stop(self, number: signal.Signals) -> int:
        """Tell it to stop; return its exit code."""
        self.process.send_signal(number)
        async with asyncio.timeout(10):
            return await self.process.wait()


@asynccontextmanager
async def emulate(*words: str) -> AsyncIterator[Command]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", "emulate", *words),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield Command(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_both_emulators_print_settings_of_use_and_serve(tmp_path: Path) -> None:
    behaviour = tmp_path / "behaviour.toml"
    behaviour.write_text("token_status = 503\nchunk_ms = 100\n")
    options = ("--behaviour", str(behaviour), "--set", "token_status=429")
    async with (
        emulate("twilio", "--port", "0", "--gateway", "http://127.0.0.1:9/") as twilio,
        emulate("vatel", "--port", "0", *options) as vatel,
        httpx.AsyncClient(trust_env=False) as http,
    ):
        curl = shlex.split(await twilio.until("curl"))
        await vatel.until("VATEL_AGENT_ID")
        chosen = settings.load(_env_file=None, **(twilio.printed | vatel.printed))
        assert chosen.public_url == "http://127.0.0.1:9"

        answer = await http.post(curl[2], content=curl[4])
        assert answer.status_code == 201
        assert "+14155550100" in await twilio.until("ringing")
        assert "no answer" in await twilio.until("webhook")

        key = {"Authorization": f"Bearer {chosen.vatel_api_key.get_secret_value()}"}
        url = f"{chosen.vatel_base_url}/v1/agents/{chosen.vatel_agent_id}"
        assert (await http.get(url, headers=key)).status_code == 200
        body = {"agent_id": chosen.vatel_agent_id}
        token = await http.post(f"{chosen.vatel_base_url}/v1/session-token", headers=key, json=body)
        assert token.status_code == 429
        assert await twilio.stop(signal.SIGINT) == 0
        assert await vatel.stop(signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["twilio", "--gateway", "http://example.com"], "--gateway must begin with https://"),
        (["twilio", "--number", "12"], "--number must be a telephone number"),
        (["twilio", "--account-sid", "AC1"], "--account-sid must be AC"),
        (["vatel", "--set", "nonsense=1"], "unknown key 'nonsense'"),
        (["vatel", "--script", "missing.toml"], "missing.toml"),
    ],
)
async def test_what_cannot_work_is_refused_with_exit_code_2(words: list[str], complaint: str) -> None:
    async with emulate(*words) as command:
        await command.until(complaint)
        async with asyncio.timeout(10):
            assert await command.process.wait() == 2
