"""A toxic TCP proxy: passes connections on to a peer, and breaks them when told to."""

import asyncio
import socket
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from gateway.emulators.chaos.connection import Connection, Side
from gateway.emulators.chaos.faults import Fault, Kind, Way
from gateway.emulators.server import HOST

MOST_CONNECTIONS: Final = 4_000
CONNECT_S: Final = 5.0
TRIES: Final = 2
"""A balancer that is refused by one tries the next, as they do."""
REMEMBERED: Final = 10_000


class ToxicProxy:
    """Listens on a loopback port and passes what comes on to another, while the context lasts.

    Args:
        target: The port of the peer, or what names it at each connection; ``None`` refuses this one.
        port: Where to listen; 0 takes a free one.

    Attributes:
        connections: Those that are open, the oldest first.
        gone: Those that are over, the newest last.

    """

    def __init__(self, target: int | Callable[[], int | None], *, port: int = 0) -> None:
        self._target = (lambda: target) if isinstance(target, int) else target
        self.port = port
        self.connections: list[Connection] = []
        self.gone: deque[Connection] = deque(maxlen=REMEMBERED)
        self.refused = 0
        self._faults: list[tuple[bytes, Fault]] = []
        self._server: asyncio.Server | None = None
        self._tasks = asyncio.TaskGroup()

    @property
    def url(self) -> str:
        """The base address over HTTP, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    async def __aenter__(self) -> Self:
        await self._tasks.__aenter__()
        await self.up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_listening()
        for connection in [*self.connections]:
            connection.reset()
        # The body's own exception is kept from the group, which would wrap it.
        await self._tasks.__aexit__(None, None, None)

    # What can be done, at any time.

    async def up(self) -> None:
        """Listen, after ``down``, on the same port."""
        if self._server is None:
            listener = _listener(self.port)
            self.port = listener.getsockname()[1]
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(lambda: Side(self._accept()), sock=listener)

    def down(self, *, reset: bool = True) -> None:
        """Refuse connections; those there are are reset, as when a machine goes down."""
        self._stop_listening()
        if reset:
            for connection in [*self.connections]:
                connection.reset()

    def ail(self, fault: Fault, only: str = "") -> None:
        """Have a fault befall all connections, those to come too, until ``heal``.

        Args:
            fault: What happens.
            only: Only those whose first bytes are these: ``GET /v1/connection``.

        """
        self._faults.append((only.encode(), fault))
        if fault.kind is Kind.REFUSE and not only:
            self._stop_listening()
            return
        for connection in [*self.connections]:
            if fault.kind is not Kind.REFUSE and connection.head.startswith(only.encode()):
                connection.ail(fault)

    async def heal(self) -> None:
        """End all faults; connections whose end was kept from a side are reset."""
        self._faults.clear()
        for connection in [*self.connections]:
            connection.heal()
        await self.up()

    def find(self, text: str) -> list[Connection]:
        """The open connections in whose first bytes a text is."""
        return [connection for connection in self.connections if text.encode() in connection.head]

    # What connections come for.

    def _stop_listening(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def _accept(self) -> Connection:
        connection = Connection(self._begin, self._over, self._headed)
        self.connections.append(connection)
        return connection

    def _begin(self, connection: Connection) -> None:
        """The client is there: connect to the peer, unless nothing is to pass."""
        if len(self.connections) > MOST_CONNECTIONS:
            self._refuse(connection)
            return
        for only, fault in self._faults:
            if not only:
                connection.ail(fault)
        if not connection.over:
            self._tasks.create_task(self._connect(connection))

    def _headed(self, connection: Connection) -> None:
        """The client's first bytes are there: faults that are only for some may be for this one."""
        for only, fault in self._faults:
            if only and connection.head.startswith(only):
                if fault.kind is Kind.REFUSE:
                    self._refuse(connection)
                else:
                    connection.ail(fault)

    def _refuse(self, connection: Connection) -> None:
        self.refused += 1
        connection.reset()

    async def _connect(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(TRIES):
            port = self._target()
            try:
                if port is not None:
                    async with asyncio.timeout(CONNECT_S):
                        await loop.create_connection(lambda: Side(connection, Way.DOWN), HOST, port)
                    return
            except (OSError, TimeoutError):
                continue
        self._refuse(connection)

    def _over(self, connection: Connection) -> None:
        if connection in self.connections:
            self.connections.remove(connection)
            self.gone.append(connection)


def _listener(port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only where the protocol is named.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, port))
    listener.setblocking(False)
    return listener
