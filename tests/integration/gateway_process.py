"""The gateway as an operator runs it: a process of its own, between emulators in this one."""

import asyncio
import os
import signal
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator
from gateway.emulators.twilio.services import PhoneNumber
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.script import Manual, Script
from tests.integration.gateway_rig import CALLER, HUMAN, NUMBER, PERSON, Conversation, until

ROOT = Path(__file__).parents[2]


@dataclass
class Site:
    """A gateway's process and its two peers."""

    process: asyncio.subprocess.Process
    twilio: TwilioEmulator
    vatel: VatelEmulator
    url: str
    output: Path

    async def call(self) -> Call:
        """Have somebody call."""
        return await self.twilio.call_in(to=NUMBER, from_=CALLER)

    async def conversation(self) -> Conversation:
        """A call that is connected; one at a time."""
        call = await self.call()
        session = await self.vatel.joined(10)
        line = await call.stream()
        await until(lambda: session.record.audio_messages)
        return Conversation(call, line, session)

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        self.process.send_signal(number)

    async def exit_code(self, seconds: float) -> int:
        """Wait for the process to end."""
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def ready(self) -> int:
        """What /readyz answers; 0 if nobody does."""
        async with httpx.AsyncClient(trust_env=False, timeout=2) as http:
            try:
                return (await http.get(f"{self.url}/readyz")).status_code
            except httpx.TransportError:
                return 0

    def descriptors(self) -> int:
        """How many files and sockets the process has open."""
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def memory_kib(self) -> int:
        """What the process occupies."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])


@asynccontextmanager
async def gateway_process(
    *,
    script: Script | Manual = Manual(),  # noqa: B008 - frozen
    speed: float = 1.0,
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Site]:
    """Run the gateway between two emulators; whatever happens, the process ends."""
    url = f"http://127.0.0.1:{_free_port()}"
    phone = PhoneNumber(voice_url=f"{url}/twilio/voice", status_callback=f"{url}/twilio/status")
    async with (
        VatelEmulator(script=script) as vatel,
        TwilioEmulator(numbers={NUMBER: phone}, speed=speed, dial={HUMAN: PERSON}) as twilio,
    ):
        environment = _environment(url, vatel, twilio.url) | dict(settings or {})
        with tempfile.TemporaryDirectory() as folder, (Path(folder) / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway", "serve", env=environment, cwd=folder, stdout=log, stderr=log
            )
            site = Site(process, twilio, vatel, url, Path(folder) / "log")
            try:
                await _started(site)
                yield site
            finally:
                if process.returncode is None:
                    process.kill()
                    await process.wait()


async def _started(site: Site) -> None:
    async with asyncio.timeout(60):
        while await site.ready() != 200:
            assert site.process.returncode is None, site.output.read_text()
            await asyncio.sleep(0.05)


def _environment(url: str, vatel: VatelEmulator, twilio_url: str) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "HOST": "127.0.0.1",
        "PORT": url.rpartition(":")[2],
        "PUBLIC_URL": url,
        "VATEL_API_KEY": vatel.api_key,
        "VATEL_BASE_URL": vatel.url,
        "VATEL_AGENT_ID": DEFAULT_AGENT_ID,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_BASE_URL": twilio_url,
        "FALLBACK_NUMBER": HUMAN,
        "FALLBACK_SENTENCE": "Wait.",
        "APOLOGY": "Sorry.",
        "MAX_LATENESS_MS": "0",  # a test shares its cores with others
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
