"""A gateway of the kit's own: a process that is started, stopped, frozen and killed by its id."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import psutil

import gateway
from gateway.emulators.load.process import free_port
from gateway.emulators.server import HOST
from gateway.errors import GatewayError

_START_S: Final = 60.0
_ASK_S: Final = 2.0
_STOP_S: Final = 15.0
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
_TAIL: Final = 2_000
_ENDING: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGKILL)


class NodeFailed(GatewayError):
    """A gateway of the chaos kit did not start."""

    remedy = "Its last words are above; `vatel-gateway check --offline` looks at the installation."


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Settings, and nothing of this process's environment that could be one."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {"PYTHONPATH": str(Path(gateway.__file__).parents[1])} | dict(settings)


@dataclass
class Node:
    """One gateway process. It keeps its port over restarts.

    Attributes:
        signalled: Whether it was told to end, or killed.

    """

    folder: Path
    settings: Mapping[str, str]
    name: str = "gateway"
    port: int = field(default_factory=free_port)
    process: "subprocess.Popen[bytes] | None" = None
    signalled: bool = False

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://{HOST}:{self.port}"

    @property
    def pid(self) -> int:
        """The process's id."""
        if self.process is None:
            raise NodeFailed(f"{self.name} has not been started")
        return self.process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process is not None and self.process.poll() is None

    @property
    def database(self) -> Path:
        """Its SQLite file, which nodes of one folder share."""
        return self.folder / "gateway.db"

    @property
    def log(self) -> Path:
        """What it writes."""
        return self.folder / f"{self.name}.log"

    def launch(self) -> None:
        """Start it, and do not wait."""
        own = {"HOST": HOST, "PORT": str(self.port)}
        self.signalled = False
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gateway", "serve"],
                env=environment({**self.settings, **own}),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def start(self) -> None:
        """Start it, and wait until it takes calls.

        Raises:
            NodeFailed: It ended, or takes too long.

        """
        self.launch()
        await self.listening()

    async def listening(self) -> None:
        """Wait until it takes calls.

        Raises:
            NodeFailed: It ended, or takes too long.

        """
        give_up = time.monotonic() + _START_S
        while self.alive and time.monotonic() < give_up:
            if await self.ready():
                return
            await asyncio.sleep(0.05)
        words = self.log.read_text(errors="replace")[-_TAIL:]
        print(words, file=sys.stderr)  # noqa: T201 - the last words of a process that failed
        raise NodeFailed(f"{self.name} does not take calls")

    async def ready(self) -> bool:
        """Whether it takes calls."""
        # By hand: to make an HTTP client takes longer than to ask, and this is asked again and again.
        try:
            async with asyncio.timeout(_ASK_S):
                reader, writer = await asyncio.open_connection(HOST, self.port)
                try:
                    writer.write(b"GET /readyz HTTP/1.1\r\nHost: gateway\r\nConnection: close\r\n\r\n")
                    return (await reader.readline()).split()[1:2] == [b"200"]
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        if self.process is not None and self.alive:
            self.signalled = self.signalled or number in _ENDING
            self.process.send_signal(number)

    async def end(self, patience_s: float = _STOP_S) -> int | None:
        """Have it end, by force if need be; return its exit code."""
        if self.process is None:
            return None
        self.send(signal.SIGCONT)
        self.send(signal.SIGTERM)
        self.send(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self.process.wait, patience_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return await asyncio.to_thread(self.process.wait)

    def memory_bytes(self) -> int:
        """What of it is in memory."""
        return int(psutil.Process(self.pid).memory_info().rss)

    def threads(self) -> int:
        """How many threads it has."""
        return int(psutil.Process(self.pid).num_threads())

    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return int(psutil.Process(self.pid).num_fds())
