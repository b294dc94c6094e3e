"""The owner of a session's socket, and peers from willing to raw: for tests of that socket."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable

from websockets.asyncio.server import ServerConnection, serve

from gateway.clients.agent_socket import AgentSocket
from gateway.clients.agent_socket_terms import LostSocket, SocketLimits

SECRET = "token-that-nobody-may-see"
QUICK = SocketLimits(open_timeout_s=0.4, close_timeout_s=0.3, ping_interval_s=0.1, ping_timeout_s=0.2)


class Owner:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.lost: list[LostSocket] = []
        self.late = 0
        self.told = asyncio.Event()

    def on_message(self, message: bytes) -> None:
        self.messages.append(message)
        self.told.set()

    def on_lost(self, lost: LostSocket) -> None:
        self.lost.append(lost)
        self.told.set()

    def on_late(self) -> None:
        self.late += 1

    async def open(self, port: int, limits: SocketLimits = QUICK, scheme: str = "ws") -> AgentSocket:
        url = f"{scheme}://localhost:{port}/v1/connection?token={SECRET}&agentId=a"
        return await AgentSocket.connect(
            url, on_message=self.on_message, on_lost=self.on_lost, on_late=self.on_late, limits=limits
        )

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self.told.clear()
                await self.told.wait()


async def echo(peer: ServerConnection) -> None:
    async for message in peer:
        await peer.send(message)


async def idle(peer: ServerConnection) -> None:
    await peer.wait_closed()


@contextlib.asynccontextmanager
async def vatel(
    handler: Callable[[ServerConnection], Awaitable[None]], **options: object
) -> AsyncIterator[int]:
    """Serve with an independent implementation; yield the port."""
    quiet = logging.getLogger("tests.quiet")
    quiet.setLevel(logging.CRITICAL)
    async with serve(handler, "localhost", 0, compression=None, logger=quiet, **options) as server:  # type: ignore[arg-type]
        yield next(iter(server.sockets)).getsockname()[1]


@contextlib.asynccontextmanager
async def raw(
    talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """Serve with bytes; yield the port."""
    writers: list[asyncio.StreamWriter] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        with contextlib.suppress(ConnectionError):
            await talk(reader, writer)

    server = await asyncio.start_server(one, "localhost", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Accept an upgrade, and do nothing of what a WebSocket must do after it."""
    from websockets.utils import accept_key

    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    key = next(line.split(": ")[1] for line in head.splitlines() if line.startswith("Sec-WebSocket-Key"))
    writer.write(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + accept_key(key).encode() + b"\r\n\r\n"
    )
