"""Several gateways on one database behind one address, each a process of its own, between two emulators."""

import asyncio
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.line import Line
from gateway.emulators.twilio.services import Conduct, PhoneNumber
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.script import Manual, Script
from gateway.emulators.vatel.session import Session
from tests.integration.gateway_process import _environment, _free_port
from tests.integration.gateway_rig import CALLER, HUMAN, NUMBER, PERSON, Conversation, until

HEALTH_S = 0.3
"""How often whoever spreads the requests looks whether a gateway wants any."""


@dataclass
class Node:
    """One gateway of several. It keeps its address over restarts."""

    url: str
    environment: Mapping[str, str]
    folder: Path
    process: asyncio.subprocess.Process | None = None
    healthy: bool = False

    @property
    def output(self) -> str:
        """What it has logged."""
        return (self.folder / "log").read_text()

    async def start(self) -> None:
        """Run it, and wait until it takes calls."""
        with (self.folder / "log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "gateway", "serve"),
                env=dict(self.environment),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        give_up = asyncio.get_running_loop().time() + 60
        while not await self.look():
            waits = asyncio.get_running_loop().time() < give_up
            assert self.process.returncode is None and waits, self.output  # noqa: PT018 - one reason each
            await asyncio.sleep(0.2)

    async def look(self) -> bool:
        """Whether it takes calls."""
        try:
            async with asyncio.timeout(1):
                self.healthy = b" 200 " in await self._asked(b"/readyz")
        except (OSError, TimeoutError):
            self.healthy = False
        return self.healthy

    async def _asked(self, path: bytes) -> bytes:
        """The first line of an answer; making a client of HTTP would take longer than all of this."""
        reader, writer = await asyncio.open_connection("127.0.0.1", int(self.url.rpartition(":")[2]))
        try:
            writer.write(b"GET " + path + b" HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
            return await reader.readline()
        finally:
            writer.close()

    def signal(self, number: signal.Signals) -> None:
        """Send the process a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    async def exit_code(self, seconds: float) -> int:
        """Wait for the process to end."""
        assert self.process is not None
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def end(self) -> None:
        """Have it gone, whatever it does."""
        if self.process is not None and self.process.returncode is None:
            self.process.kill()
            await self.process.wait()


@dataclass
class Cluster:
    """The gateways and their peers. Requests to ``url`` go to one of them after the other."""

    url: str
    twilio: TwilioEmulator
    vatel: VatelEmulator
    nodes: list[Node] = field(default_factory=list)
    preferred: Node | None = None
    turns: "count[int]" = field(default_factory=count)

    def reach(self, url: str) -> str:
        """Where a request goes: as a load balancer decides that has looked lately."""
        if not url.startswith(self.url):
            return url
        if self.preferred is not None:
            return self.preferred.url + url.removeprefix(self.url)
        usable = [node for node in self.nodes if node.healthy] or self.nodes
        return usable[next(self.turns) % len(usable)].url + url.removeprefix(self.url)

    async def call(self) -> Call:
        """Have somebody call."""
        return await self.twilio.call_in(to=NUMBER, from_=CALLER)

    async def conversation(self, node: Node | None = None) -> Conversation:
        """A call that is connected, to this node if it matters; one at a time."""
        self.preferred = node
        call = await self.call()
        session = await self.vatel.joined(10)
        while session.record.token_request.prompt is not None:  # another call's, whose agent was replaced
            session = await self.vatel.joined(10)
        self.preferred = None
        line = await call.stream()
        await until(lambda: session.record.audio_messages)
        return Conversation(call, line, session)

    async def watch(self) -> None:
        """Look at the gateways, until cancelled."""
        while True:
            await asyncio.sleep(HEALTH_S)
            await asyncio.gather(*(node.look() for node in self.nodes))


async def next_stream(call: Call, after: Line, seconds: float = 10.0) -> Line:
    """The stream that followed another one."""
    await until(lambda: call.lines[-1] is not after, seconds)
    return call.lines[-1]


def say(session: Session, turn_id: str, text: str, pcm: bytes) -> None:
    """Have the agent say something, and say what it was."""
    session.text(turn_id, text, final=True)
    session.say(turn_id, pcm, final=True)


@asynccontextmanager
async def cluster(
    size: int = 2,
    *,
    database_url: str = "",
    script: Script | Manual = Manual(),  # noqa: B008 - frozen
    settings: Mapping[str, str] | None = None,
) -> AsyncIterator[Cluster]:
    """Run so many gateways; whatever happens, their processes end."""
    public = f"http://127.0.0.1:{_free_port()}"
    phone = PhoneNumber(voice_url=f"{public}/twilio/voice", status_callback=f"{public}/twilio/status")
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        vatel = await stack.enter_async_context(VatelEmulator(script=script))
        running = Cluster(public, None, vatel)  # type: ignore[arg-type]  # the two need each other
        conduct = Conduct(reach=lambda url: running.reach(url))
        running.twilio = await stack.enter_async_context(
            TwilioEmulator(numbers={NUMBER: phone}, dial={HUMAN: PERSON}, conduct=conduct)
        )
        database = database_url or f"sqlite:///{folder}/gateway.db"
        for number in range(size):
            url = f"http://127.0.0.1:{_free_port()}"
            environment = _environment(url, vatel, running.twilio.url) | {
                "PUBLIC_URL": public,
                "NODE_URL": url,
                "DATABASE_URL": database,
                "RESUME": "on",
                **(settings or {}),
            }
            home = folder / f"node{number}"
            home.mkdir()
            node = Node(url, environment, home)
            stack.push_async_callback(node.end)
            running.nodes.append(node)
        await asyncio.gather(*(node.start() for node in running.nodes))
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(running.watch())
            try:
                yield running
            finally:
                watching.cancel()


def processors() -> int:
    """How many processors there are to share."""
    return len(os.sched_getaffinity(0))
