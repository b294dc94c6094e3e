"""Stopping a real server process: calls in hand go on, the exit code is 0, and nothing waits for ever."""

import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import AsyncIterator

import pytest
import uvicorn
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from gateway.web import server as gateway_server

pytestmark = pytest.mark.anyio

PROGRAM = """
import socket, sys
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from gateway.web.server import DrainingServer, config

class Calls:
    def __init__(self): self.open, self.draining = set(), False
    @property
    def idle(self): return not self.open
    def begin(self): self.draining = True; print("begin", flush=True)
    def force(self): print("force", flush=True); self.open.clear()

calls = Calls()

async def media(ws):
    if calls.draining:
        await ws.close()
        return
    await ws.accept()
    calls.open.add(ws)
    try:
        async for text in ws.iter_text():
            await ws.send_text(text)
    finally:
        calls.open.discard(ws)

async def page(request):
    return PlainTextResponse("draining" if calls.draining else "serving")

app = Starlette(routes=[WebSocketRoute("/media", media), Route("/", page)])
pipe = socket.create_server(("127.0.0.1", 0))
print(pipe.getsockname()[1], flush=True)
server = DrainingServer(config(app, "127.0.0.1", 0), calls, drain_timeout_s=float(sys.argv[1]))
server.run(sockets=[pipe])
"""


class Process:
    """A server in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process, port: int) -> None:
        self._process = process
        self.port = port

    async def line(self) -> str:
        assert self._process.stdout is not None
        async with asyncio.timeout(5):
            return (await self._process.stdout.readline()).decode().strip()

    def signal(self, number: int = signal.SIGTERM) -> None:
        self._process.send_signal(number)

    async def exit_code(self, within_s: float) -> int:
        async with asyncio.timeout(within_s):
            return await self._process.wait()

    def running(self) -> bool:
        return self._process.returncode is None

    def dial(self) -> connect:
        quiet = logging.getLogger("tests.quiet")
        quiet.setLevel(logging.CRITICAL)
        return connect(f"ws://127.0.0.1:{self.port}/media", logger=quiet)

    async def page(self) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return answer.partition(b"\r\n\r\n")[2].decode()


@contextlib.asynccontextmanager
async def running(drain_timeout_s: float = 30) -> AsyncIterator[Process]:
    """Run the program above until it ends or the test does."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", PROGRAM, str(drain_timeout_s), stdout=asyncio.subprocess.PIPE
    )
    try:
        server = Process(process, 0)
        server.port = int(await server.line())
        async with asyncio.timeout(10):
            while True:
                with contextlib.suppress(OSError):
                    assert await server.page() == "serving"
                    break
        yield server
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def usable(call: ClientConnection) -> bool:
    await call.send("hello")
    async with asyncio.timeout(2):
        return await call.recv() == "hello"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_cuts_no_call_and_the_last_call_ends_the_process(number: int) -> None:
    async with running() as server:
        calls = [await server.dial() for _ in range(5)]
        server.signal(number)
        assert await server.line() == "begin"
        await asyncio.sleep(0.5)
        assert [await usable(call) for call in calls] == [True] * 5
        with pytest.raises(InvalidStatus, match="403"):
            await server.dial()
        assert await server.page() == "draining"
        for call in calls:
            assert await usable(call)
            assert server.running()
            await call.close()
        assert await server.exit_code(within_s=2) == 0


async def test_without_calls_a_signal_ends_the_process_at_once() -> None:
    async with running() as server:
        server.signal()
        assert await server.exit_code(within_s=2) == 0


async def test_a_second_signal_forces_the_calls_to_end() -> None:
    async with running() as server:
        call = await server.dial()
        server.signal()
        assert await server.line() == "begin"
        server.signal()
        assert await server.line() == "force"
        await call.wait_closed()
        assert call.close_code == 1012
        assert await server.exit_code(within_s=5) == 0


async def test_draining_has_an_end() -> None:
    async with running(drain_timeout_s=0.5) as server:
        async with server.dial() as call:
            began = time.monotonic()
            server.signal()
            assert [await server.line(), await server.line()] == ["begin", "force"]
            assert 0.3 < time.monotonic() - began < 1.5
            await call.wait_closed()
        assert await server.exit_code(within_s=5) == 0


async def test_a_third_signal_ends_at_once() -> None:
    async with running() as server:
        call = await server.dial()
        for _ in range(3):
            server.signal()
            await asyncio.sleep(0.02)
        assert await server.exit_code(within_s=2) == 0
        await call.wait_closed()


async def slow_request(sent: list[bytes], monkeypatch: pytest.MonkeyPatch) -> tuple[bytes, float]:
    """Send a request in pieces 50 ms apart; return the answer, and after how many seconds it ended."""
    monkeypatch.setattr(gateway_server, "HEAD_TIMEOUT_S", 0.3)
    monkeypatch.setattr(gateway_server, "BODY_TIMEOUT_S", 0.6)

    async def app(scope: object, receive: object, send: object) -> None:
        del scope
        while (await receive()).get("more_body"):  # type: ignore[operator]
            pass
        await send({"type": "http.response.start", "status": 204, "headers": []})  # type: ignore[operator]
        await send({"type": "http.response.body"})  # type: ignore[operator]

    config = gateway_server.config(app, "127.0.0.1", 0, loop="asyncio")
    config.lifespan = "off"
    server = uvicorn.Server(config)
    serving = asyncio.ensure_future(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    began = time.monotonic()
    answer = asyncio.ensure_future(reader.read())
    for piece in sent:
        if not answer.done():
            writer.write(piece)
            await asyncio.sleep(0.05)
    try:
        async with asyncio.timeout(3):
            return await answer, time.monotonic() - began
    except ConnectionError:
        return b"", time.monotonic() - began
    finally:
        writer.transport.abort()
        server.should_exit = True
        await serving


HEAD = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"


async def test_a_connection_that_asks_nothing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, after_s = await slow_request([], monkeypatch)
    assert answer == b""
    assert 0.25 < after_s < 1


async def test_a_head_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, after_s = await slow_request([HEAD] + [b"X-A: b\r\n"] * 40, monkeypatch)
    assert answer == b""
    assert 0.25 < after_s < 1


async def test_a_body_that_never_ends_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, after_s = await slow_request([HEAD + b"Content-Length: 99\r\n\r\n"] + [b"x"] * 40, monkeypatch)
    assert answer == b""
    assert 0.55 < after_s < 1.5


async def test_a_head_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answer, _ = await slow_request([HEAD, b"X-A: " + b"b" * 40_000], monkeypatch)
    assert answer.startswith(b"HTTP/1.1 400 ")


async def test_a_request_in_time_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    body = [HEAD, b"Content-Length: 6\r\n\r\n", *[b"x"] * 6]
    answer, _ = await slow_request(body, monkeypatch)
    assert answer.startswith(b"HTTP/1.1 204 ")
    assert b"server:" not in answer.lower()
