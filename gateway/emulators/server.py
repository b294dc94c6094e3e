"""Any ASGI application on a loopback port, in the running event loop: what emulators and tests stand on."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

import uvicorn
from starlette.types import ASGIApp

from gateway.errors import GatewayError

HOST = "127.0.0.1"
START_TIMEOUT_S = 10.0
TICK_S = 1.0


class ServerFailed(GatewayError):
    """The loopback server could not start."""

    remedy = "Check that the port is free and that the application's start-up does not raise."


class LoopbackServer:
    """Serves one ASGI application on 127.0.0.1 while the context lasts.

    Args:
        app: The ASGI application; its lifespan runs if it has one.
        port: TCP port; 0 takes a free one, told by ``port`` afterwards.
        ws_max_size: Largest WebSocket message read, in bytes.
        grace_s: How long open connections may take to end, in seconds; then they are aborted.

    """

    def __init__(
        self, app: ASGIApp, *, port: int = 0, ws_max_size: int = 4 * 1024 * 1024, grace_s: float = 2.0
    ) -> None:
        config = uvicorn.Config(
            app,
            host=HOST,
            ws="websockets-sansio",
            ws_max_size=ws_max_size,
            ws_per_message_deflate=False,
            ws_ping_interval=None,
            log_config=None,
            access_log=False,
            server_header=False,
        )
        self.port = port
        self._server = _Server(config, grace_s)
        self._tasks = asyncio.TaskGroup()

    @property
    def url(self) -> str:
        """The base address over HTTP, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        listener = _listener(self.port)
        self.port = listener.getsockname()[1]
        await self._tasks.__aenter__()
        self._tasks.create_task(self._server.run_on(listener), name=f"loopback server {self.port}")
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await self._server.listening()
        except BaseException:
            await self._end()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    async def _end(self) -> None:
        self._server.stop()
        # The body's own exception is kept from the group, which would wrap it in an ExceptionGroup.
        await self._tasks.__aexit__(None, None, None)


class _Server(uvicorn.Server):
    """uvicorn without signal handlers, woken at once when told to stop, and bounded when it ends."""

    def __init__(self, config: uvicorn.Config, grace_s: float) -> None:
        super().__init__(config)
        self._ready = asyncio.Event()  # listening, or failed to
        self._grace_s = grace_s
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Have the server end; it stops listening at once."""
        self.should_exit = True
        self._stopped.set()

    async def listening(self) -> None:
        """Wait until connections are taken.

        Raises:
            ServerFailed: The application's start-up failed.

        """
        await self._ready.wait()
        if not self.started:
            raise ServerFailed("the application's start-up failed")

    async def run_on(self, listener: socket.socket) -> None:
        """Serve the listening socket until told to stop."""
        with contextlib.closing(listener):
            try:
                # uvicorn leaves the process when a lifespan fails; a guest in somebody's loop must not.
                with contextlib.suppress(SystemExit):
                    await self.serve(sockets=[listener])
            finally:
                self._ready.set()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the process this server is a guest of."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        self._ready.set()

    async def main_loop(self) -> None:
        """Refresh the ``Date`` header now and then until told to stop."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await self._stopped.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Close what is open, wait for at most the grace, then abort the rest."""
        for server in self.servers:
            server.close()
        connections = list(self.server_state.connections)
        for connection in connections:
            connection.shutdown()
        await self._finish(self.server_state.tasks)
        for connection in connections:
            transport: Any = connection.transport
            if transport is not None:
                transport.abort()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._grace_s):
                await self.lifespan.shutdown()

    async def _finish(self, running: set[asyncio.Task[None]]) -> None:
        tasks = set(running)
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=self._grace_s)
        for task in late:
            task.cancel()
        if late:
            await asyncio.wait(late, timeout=self._grace_s)


def _listener(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named; without it, answers wait 40 ms for an ACK.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as exc:
        listener.close()
        raise ServerFailed(f"port {port} cannot be taken: {exc.strerror}") from exc
    listener.setblocking(False)
    return listener
