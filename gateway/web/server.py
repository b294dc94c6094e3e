"""The HTTP server: how uvicorn is set up here, and how it stops without cutting a call."""

import asyncio
import time
from types import FrameType
from typing import Final, Protocol, cast

import uvicorn
from httptools import HttpRequestParser
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from gateway.web.socket_protocol import SocketProtocol
from gateway.web.strangers import Stranger, Strangers, bring

MEDIA_MESSAGE_BYTES: Final = 64 * 1024
HEAD_TIMEOUT_S: Final = 5.0
"""From the connection, or the first byte of a later request, to the end of the request's head."""
BODY_TIMEOUT_S: Final = 10.0
MAX_HEAD_BYTES: Final = 8 * 1024
FORCED_TIMEOUT_S: Final = 5.0
"""How long the forced end of calls may take."""


class Drain(Protocol):
    """The calls in hand, as a stopping server sees them."""

    @property
    def idle(self) -> bool:
        """Whether no call is in hand."""

    def begin(self) -> None:
        """Refuse new calls from now on."""

    def force(self) -> None:
        """End the calls in hand, or hand them on."""


class Config(uvicorn.Config):
    """uvicorn's settings, and who stands at the door."""

    strangers: Strangers


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's HTTP protocol with what it lacks: a limit to the time and size of a request's head.

    A connection is a stranger's until the application has seen whose it is.
    """

    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _head_bytes = 0
    _fields_bytes = 0
    _stranger: Stranger | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Expect a request, if there is room for one more who may make one."""
        super().connection_made(transport)
        strangers = cast("Config", self.config).strangers
        self._stranger = strangers.enter(self.client[0] if self.client else "", transport)
        if self._stranger is None:
            transport.abort()
        else:
            self.app_state = bring(self.app_state, self._stranger)
            self._expect(HEAD_TIMEOUT_S)

    def connection_lost(self, exc: Exception | None) -> None:
        """Expect nothing more."""
        self._relax()
        if self._stranger is not None:
            self._stranger.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self.send_400_response("Request head too large.")

    def handle_websocket_upgrade(self) -> None:
        """Hand the connection over."""
        self._relax()
        self._in_head = False
        super().handle_websocket_upgrade()
        # It refers to this protocol, as this to it: as uvicorn does at the end of other connections.
        self.parser = cast("HttpRequestParser", None)

    def on_message_begin(self) -> None:
        """Take the first byte of a request."""
        super().on_message_begin()
        self._in_head, self._head_bytes, self._fields_bytes = True, 0, 0
        if self._deadline is None:
            self._expect(HEAD_TIMEOUT_S)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; many small or one large may come in a single read.

        Raises:
            ValueError: the head is too large, which makes it an invalid request.
        """
        self._fields_bytes += len(name) + len(value) + 4  # a colon, a blank, and the end of the line
        if self._fields_bytes + len(self.url) > MAX_HEAD_BYTES:
            raise ValueError("request head too large")
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Take the end of a head."""
        self._in_head = False
        self._expect(BODY_TIMEOUT_S)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Take the end of a request."""
        self._relax()
        super().on_message_complete()

    def _expect(self, within_s: float) -> None:
        self._relax()
        self._deadline = self.loop.call_later(within_s, self.transport.abort)

    def _relax(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class DrainingServer(uvicorn.Server):
    """A server that goes on serving after SIGTERM or SIGINT until the calls in hand are over.

    uvicorn closes every WebSocket the moment it gets the signal, whatever its graceful timeout. Here the
    first signal calls ``drain.begin()`` and nothing else changes: status callbacks of live calls still get
    in, and it is for the application to refuse new calls. When ``drain.idle`` holds, the server stops with
    exit code 0. A second signal, or ``drain_timeout_s`` seconds, calls ``drain.force()``; a third ends at
    once.
    """

    def __init__(self, config: uvicorn.Config, drain: Drain, *, drain_timeout_s: float) -> None:
        super().__init__(config)
        self._drain = drain
        self._drain_timeout_s = drain_timeout_s
        self._signals = 0
        self._force_at: float | None = None
        self._exit_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Count a signal; ``on_tick`` acts on it, for this may run between any two instructions."""
        # Not kept in _captured_signals: uvicorn would raise it again after serving, and exit code 0 be lost.
        self._signals += 1
        if self.should_exit or self._signals > 2:
            self.should_exit = self.force_exit = True

    async def on_tick(self, counter: int) -> bool:
        """Look every 0.1 s whether to begin, force or end draining."""
        if self._signals:
            self._advance(time.monotonic())
        return await super().on_tick(counter)

    def _advance(self, now: float) -> None:
        if self._force_at is None:
            self._force_at = now + self._drain_timeout_s
            self._drain.begin()
        if self._exit_at is None and (now >= self._force_at or self._signals > 1):
            self._exit_at = now + FORCED_TIMEOUT_S
            self._drain.force()
        if self._drain.idle or (self._exit_at is not None and now >= self._exit_at):
            self.should_exit = True


def config(
    app: ASGIApp,
    host: str,
    port: int,
    *,
    strangers: Strangers | None = None,
    loop: uvicorn.config.LoopFactoryType = "uvloop",
) -> Config:
    """Return how uvicorn serves the gateway: nothing is said of the server, and nothing is unbounded."""
    chosen = Config(
        app,
        host=host,
        port=port,
        loop=loop,
        http=BoundedHttp,
        ws=SocketProtocol,
        ws_max_size=MEDIA_MESSAGE_BYTES,
        # A connection without a message for 20 s is asked whether it lives; a call sends fifty a second.
        ws_ping_interval=20.0,
        ws_ping_timeout=20.0,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        # Signatures are checked against PUBLIC_URL, and a peer's word for its address is not taken.
        proxy_headers=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=3,
        backlog=2048,
    )
    chosen.strangers = Strangers() if strangers is None else strangers
    return chosen
