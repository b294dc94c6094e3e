"""picows' side of one accepted connection, and where a connection is."""

import asyncio
from collections.abc import Callable
from enum import Enum, auto
from typing import Final

from picows import WSAutoPingStrategy, WSUpgradeResponseWithListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # absent from the stub, used by picows.api
from uvicorn.config import Config

from gateway.clients.frames import MUTE

READ_BUFFER_BYTES: Final = 4096


_updated: Final = WSProtocol.buffer_updated  # looked up once: it is called for every message


class Phase(Enum):
    """Where a connection is."""

    ASKED = auto()
    """The application has not answered the upgrade."""
    REFUSING = auto()
    """The application is sending the body of its refusal."""
    OPEN = auto()
    CLOSING = auto()
    """Refused, or a close frame is sent."""
    LOST = auto()


class Wire(WSProtocol):  # type: ignore[misc]  # untyped, see the import
    """picows' protocol, which tells at once when it met a violation."""

    violated: Callable[[], None] | None = None
    lull: Callable[[], None] | None = None
    """Whom to tell that all that was read has been handed on."""

    def buffer_updated(self, nbytes: int) -> None:
        """Take what was read."""
        _updated(self, nbytes)
        if self.lull is not None:
            self.lull()
        if self.transport.is_close_frame_sent and self.violated is not None:
            violated, self.violated = self.violated, None
            violated()


class Drain(asyncio.BufferedProtocol):
    """Reads and forgets, until the connection is lost."""

    scratch = bytearray(4096)

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def get_buffer(self, _sizehint: int) -> bytearray:
        """Return memory for what will be forgotten."""
        return self.scratch

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell picows, whose connection it was."""
        self._wire.connection_lost(exc)


def make_wire(config: Config, answer: WSUpgradeResponseWithListener) -> Wire:
    """Return picows' side of one connection, which gives ``answer`` to the upgrade."""
    interval_s, timeout_s = config.ws_ping_interval, config.ws_ping_timeout
    watch = bool(interval_s and timeout_s)
    interval_s = interval_s if interval_s and watch else 1.0
    return Wire(
        host_port=None,
        ws_path=None,
        is_client_side=False,
        ws_listener_factory=lambda _request: answer,
        logger=MUTE,
        disconnect_on_exception=True,
        websocket_handshake_timeout=None,
        enable_auto_ping=watch,
        auto_ping_idle_timeout=interval_s,
        # picows does not allow it to be longer.
        auto_ping_reply_timeout=min(timeout_s or interval_s, interval_s),
        auto_ping_strategy=WSAutoPingStrategy.PING_WHEN_IDLE,
        enable_auto_pong=False,
        max_frame_size=config.ws_max_size,
        extra_headers=None,
        read_buffer_init_size=READ_BUFFER_BYTES,
    )
