"""A gateway of its own for a load: a process on one core, told where its peers are, and ended by its id."""

import asyncio
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import httpx
import psutil

import gateway
from gateway.emulators.load.doors import ACCOUNT_SID
from gateway.errors import GatewayError

AUTH_TOKEN: Final = "token-of-the-load"  # noqa: S105 - of no account
_START_TIMEOUT_S: Final = 20.0
_STOP_TIMEOUT_S: Final = 10.0
SERVE: Final = ("gateway", "serve")
"""The module a gateway is run by, and its arguments."""
_KEPT: Final = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
_DROPPED: Final = re.compile(r'^vatel_gateway_dropped_total\{what="(\w+)"\} ([\d.e+]+)$', re.MULTILINE)


class GatewayFailed(GatewayError):
    """The gateway under load did not start, or ended too early."""

    remedy = "Its last words are above; `vatel-gateway check --offline` looks at the installation."


class Process:
    """A process under load."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)

    def pin(self, core: int | None) -> None:
        """Keep it on one core, where the system can."""
        if core is not None and hasattr(self._process, "cpu_affinity"):
            self._process.cpu_affinity([core])

    def cpu_s(self) -> float:
        """The processor's time it has taken."""
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def memory_bytes(self) -> int:
        """What of it is in memory."""
        return int(self._process.memory_info().rss)


class GatewayUnderLoad(Process):
    """The gateway under load, which also answers what it has counted."""

    def __init__(self, pid: int, url: str, http: httpx.AsyncClient) -> None:
        super().__init__(pid)
        self._url = url
        self._http = http

    async def dropped(self) -> dict[str, int]:
        """What the gateway itself says it dropped, by name; once no call is live."""
        async with asyncio.timeout(_STOP_TIMEOUT_S):
            while (counts := await self._counts()) is None:  # noqa: ASYNC110 - another process is watched
                await asyncio.sleep(0.05)
        return counts

    async def _counts(self) -> dict[str, int] | None:
        text = (await self._http.get(f"{self._url}/metrics")).text
        if "\nvatel_gateway_calls_live 0.0" not in text:
            return None
        return {what: int(float(count)) for what, count in _DROPPED.findall(text)}


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


async def listening(port: int, process: "subprocess.Popen[bytes]") -> None:
    """Wait until a process listens.

    Raises:
        GatewayFailed: it ended, or takes too long.
    """
    give_up = time.monotonic() + _START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < give_up:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.05)
        else:
            writer.close()
            return
    raise GatewayFailed(f"nobody listens at port {port}")


def environment(url: str, agents_url: str, calls: int) -> dict[str, str]:
    """All settings of the gateway under load, and nothing of this process's environment that could be one."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return kept | {
        "PYTHONPATH": str(Path(gateway.__file__).parents[1]),
        "HOST": "127.0.0.1",
        "PORT": url.rpartition(":")[2],
        "PUBLIC_URL": url,
        "VATEL_API_KEY": "key-of-the-load",
        "VATEL_AGENT_ID": "agent-of-the-load",
        "VATEL_BASE_URL": agents_url,
        "TWILIO_ACCOUNT_SID": ACCOUNT_SID,
        "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
        "TWILIO_BASE_URL": agents_url,
        "MAX_CALLS": str(calls),
        "MAX_LATENESS_MS": "0",  # how late it gets with so many calls is what is to be found out
        "LOG_LEVEL": "error",
    }


@asynccontextmanager
async def running(
    command: Sequence[str], port: int, environment: dict[str, str] | None, core: int | None
) -> AsyncIterator[int]:
    """Run a server in a folder of its own, where no ``.env`` is, while the context lasts; give its id."""
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(  # noqa: ASYNC220, S603 - our own program; nothing else runs yet
            [sys.executable, "-m", *command], env=environment, cwd=folder, stdin=subprocess.DEVNULL
        )
        try:
            Process(process.pid).pin(core)
            await listening(port, process)
            yield process.pid
        finally:
            process.terminate()
            try:
                await asyncio.to_thread(process.wait, _STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                await asyncio.to_thread(process.wait)


@asynccontextmanager
async def gateway_under_load(
    agents_url: str,
    calls: int,
    core: int | None,
    http: httpx.AsyncClient,
    settings: Mapping[str, str] | None = None,
    command: Sequence[str] = SERVE,
) -> AsyncIterator[tuple[str, GatewayUnderLoad]]:
    """Run a gateway whose only peer is at ``agents_url``; give its address and the process."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with running(
        command, port, environment(url, agents_url, calls) | dict(settings or {}), core
    ) as pid:
        yield url, GatewayUnderLoad(pid, url, http)
