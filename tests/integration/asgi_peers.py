"""An application, a server in this loop, and clients down to the byte: to test the WebSocket protocol."""

import asyncio
import base64
import contextlib
import logging
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from websockets.asyncio.client import ClientConnection, connect

from gateway.web.server import Config
from gateway.web.socket_protocol import SocketProtocol
from gateway.web.strangers import Strangers

CAP = 65536


class App:
    """An application that keeps what it is told and does what the test says."""

    def __init__(self, then: Callable[["App"], Awaitable[None]] | None = None) -> None:
        self._then = then or App.echo
        self.scopes: list[Scope] = []
        self.got: list[Any] = []
        self.ended = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        self._receive, self.send = receive, send
        try:
            await self._then(self)
        finally:
            self.ended.set()

    async def receive(self) -> Any:
        self.got.append(await self._receive())
        return self.got[-1]

    async def accept(self, **extra: object) -> None:
        assert await self.receive() == {"type": "websocket.connect"}
        await self.send({"type": "websocket.accept", **extra})

    async def echo(self) -> None:
        await self.accept()
        while (message := await self.receive())["type"] == "websocket.receive":
            said = {key: message[key] for key in ("text", "bytes") if key in message}
            await self.send({"type": "websocket.send", **said})

    async def until_ended(self) -> Any:
        async with asyncio.timeout(5):
            await self.ended.wait()
        return self.got[-1]


@contextlib.asynccontextmanager
async def serving(app: ASGIApp, **options: Any) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """Serve in this loop; yield the server and its port."""
    config = Config(
        app, port=0, ws=SocketProtocol, ws_max_size=CAP, log_config=None, lifespan="off", **options
    )
    config.strangers = Strangers()
    server = uvicorn.Server(config)
    running = asyncio.ensure_future(server._serve())
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.005)
    try:
        yield server, server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        async with asyncio.timeout(10):
            await running


def client(port: int, path: str = "/media?a=b%20c", **options: Any) -> connect:
    quiet = logging.getLogger("tests.quiet")
    quiet.setLevel(logging.CRITICAL)
    return connect(f"ws://127.0.0.1:{port}{path}", logger=quiet, max_size=None, ping_interval=None, **options)


def request(*, leave_out: str = "", **change: str) -> bytes:
    """Build a handshake with headers changed (underscores are dashes) or left out."""
    headers = {
        "Host": "localhost",
        "Upgrade": "websocket",
        "Connection": "keep-alive, Upgrade",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    headers |= {name.replace("_", "-"): value for name, value in change.items()}
    headers.pop(leave_out, None)
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"GET /media HTTP/1.1\r\n{lines}\r\n".encode()


def frame(payload: bytes, first: int = 0x81, *, masked: bool = True) -> bytes:
    """Build a frame as a client does; a mask of zeros masks nothing."""
    mask = bytes(4) if masked else b""
    bit = 0x80 if masked else 0
    if len(payload) < 126:
        return bytes([first, bit | len(payload)]) + mask + payload
    return bytes([first, bit | 126]) + struct.pack("!H", len(payload)) + mask + payload


@contextlib.asynccontextmanager
async def raw(port: int, first: bytes) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connect and send bytes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(first)
    try:
        async with asyncio.timeout(5):
            yield reader, writer
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)


async def closed(ws: ClientConnection) -> tuple[int | None, str]:
    """Wait for the end; return code and reason of the server's close frame."""
    async with asyncio.timeout(5):
        await ws.wait_closed()
    return ws.close_code, ws.close_reason or ""
