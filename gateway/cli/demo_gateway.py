"""The gateway as a guest of a running loop: as it serves otherwise, but for the signals."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Final

import uvicorn

from gateway.settings import Settings
from gateway.web import app, server
from gateway.web.app import Gateway

HOST: Final = "127.0.0.1"
_START_S: Final = 10.0


class _Guest(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._listening.set()

    async def listening(self) -> None:
        """Wait until connections are taken."""
        await self._listening.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process."""
        yield


def listener() -> socket.socket:
    """A bound socket on a free loopback port."""
    # asyncio sets TCP_NODELAY only where the protocol is named.
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.bind((HOST, 0))
    made.setblocking(False)
    return made


def address(bound: socket.socket) -> str:
    """The base address of a listening socket."""
    return f"http://{HOST}:{bound.getsockname()[1]}"


@contextlib.asynccontextmanager
async def serving(settings: Settings, bound: socket.socket) -> AsyncIterator[Gateway]:
    """Have a gateway answer at a socket while the context lasts."""
    gateway = app.build(settings, keep=False)
    guest = _Guest(server.config(gateway.app, HOST, 0, strangers=gateway.strangers))
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(contextlib.closing(bound))
        tasks = asyncio.TaskGroup()
        await tasks.__aenter__()
        # The body's own exception is kept from the group, which would wrap it.
        stack.push_async_callback(tasks.__aexit__, None, None, None)
        tasks.create_task(guest.serve(sockets=[bound]))
        stack.callback(setattr, guest, "should_exit", True)
        await asyncio.wait_for(guest.listening(), _START_S)
        yield gateway
