"""What both sides of a WebSocket on picows need: messages put together, and no log of handshakes."""

import asyncio
import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias, cast

from picows import WSCloseCode, WSFrame, WSListener, WSMsgType, WSProtocolError, WSTransport

# Looked up once: these are used for every message.
TEXT: Final = WSMsgType.TEXT
CONTINUATION: Final = WSMsgType.CONTINUATION
CONTROL: Final = frozenset({WSMsgType.PING, WSMsgType.PONG, WSMsgType.CLOSE})

NORMAL: Final = 1000
NO_CODE: Final = 1005
ABNORMAL: Final = 1006
NEVER_SENT: Final = frozenset({1004, NO_CODE, ABNORMAL, 1015})

SIP_BYTES: Final = 4096
"""Most that is read at once: half of the buffer picows begins with, so that a burst does not fill it."""

Hear: TypeAlias = Callable[[bytes], None]
"""Takes a message."""


class Mute:
    """A logger which keeps nothing: picows logs handshakes, and a session's token is in them."""

    def isEnabledFor(self, _level: int) -> bool:  # noqa: N802 - the name logging gave it
        """Spare picows the making of records."""
        return False

    def debug(self, *_: object) -> None:
        """Keep nothing."""

    log = info = warning = error = exception = debug


MUTE: Final = Mute()


@dataclass(frozen=True, slots=True)
class Told:
    """Whom to tell what about one connection."""

    connected: Callable[[WSTransport], None]
    message: Callable[[WSMsgType, bytes], None]
    """A whole message: TEXT, not yet checked to be UTF-8, or BINARY."""
    control: Callable[[WSMsgType, bytes], None]
    """A PING, PONG or CLOSE frame."""
    disconnected: Callable[[WSTransport], None]
    writable: Callable[[bool], None] = lambda _: None
    """Whether the peer keeps up with what is written."""


class Ears(WSListener):
    """What picows calls for one connection: puts the frames of a message together, within the limit.

    A ``WSProtocolError`` raised here, or by whom is told, makes picows send its code and hang up.

    ``hear`` may be set to take whole text messages, not yet checked to be UTF-8, without a step between.
    """

    def __init__(self, told: Told, max_message_bytes: int) -> None:
        self._told = told
        self.hear: Hear = functools.partial(told.message, TEXT)
        self._max_message_bytes = max_message_bytes
        self._kind = TEXT
        self._parts: list[bytes] | None = None
        self._parts_bytes = 0

    def deafen(self) -> None:
        """Hear no more text: the owner is done."""
        self.hear = _ignore

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Take the accepted upgrade."""
        self._told.connected(transport)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        """Take the end of the connection, after which nothing more is told, and nobody kept in memory."""
        told, self._told, self.hear = self._told, _NOBODY, _ignore
        told.disconnected(transport)

    def pause_writing(self) -> None:
        """Take that the write buffer is above its high mark."""
        self._told.writable(False)

    def resume_writing(self) -> None:
        """Take that the write buffer is below its low mark."""
        self._told.writable(True)

    def on_ws_frame(self, _transport: WSTransport, frame: WSFrame) -> None:
        """Take one frame."""
        kind = frame.msg_type
        if frame.rsv1 or frame.rsv2 or frame.rsv3:
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "reserved bits without an extension")
        if kind == TEXT and frame.fin and self._parts is None:  # nearly always
            self.hear(frame.get_payload_as_bytes())
        elif kind in CONTROL:
            self._told.control(kind, frame.get_payload_as_bytes())
        elif (kind == CONTINUATION) is (self._parts is None):
            raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "fragments out of order")
        else:
            self._collect(kind, frame)

    def _collect(self, kind: WSMsgType, frame: WSFrame) -> None:
        if self._parts is None:
            self._kind, self._parts, self._parts_bytes = kind, [], 0
        # A frame costs memory even when it is empty.
        self._parts_bytes += max(frame.payload_size, 32)
        if self._parts_bytes > self._max_message_bytes:
            raise WSProtocolError(WSCloseCode.MESSAGE_TOO_BIG, "message above the limit")
        self._parts.append(frame.get_payload_as_bytes())
        if frame.fin:
            message, self._parts = b"".join(self._parts), None
            self._tell(self._kind, message)

    def _tell(self, kind: WSMsgType, message: bytes) -> None:
        if kind == TEXT:
            self.hear(message)
        else:
            self._told.message(kind, message)


class Sips(asyncio.BufferedProtocol):
    """Stands before picows' protocol and has it read little at a time.

    Its buffer doubles whenever one read fills it, and never shrinks: an agent that is half a second ahead
    would cost every call tens of KiB for good. Messages that do not fit make it grow all the same.
    """

    def __init__(self, protocol: asyncio.BufferedProtocol) -> None:
        self._protocol = protocol
        self._buffer = cast("Callable[[int], memoryview]", protocol.get_buffer)
        # In its own place, without a step between: it is called for every message.
        self.buffer_updated = protocol.buffer_updated  # type: ignore[method-assign]  # the same method

    def get_buffer(self, sizehint: int) -> memoryview:
        """Return where to read to."""
        return self._buffer(sizehint)[:SIP_BYTES]

    def eof_received(self) -> bool | None:
        """Take that nothing follows."""
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """Take the end of the connection."""
        self._protocol.connection_lost(exc)

    def pause_writing(self) -> None:
        """Take that the write buffer is above its high mark."""
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        """Take that the write buffer is below its low mark."""
        self._protocol.resume_writing()


def _ignore(*_: object) -> None:
    """Take what nobody wants."""


_NOBODY: Final = Told(_ignore, _ignore, _ignore, _ignore, _ignore)


def read_close(payload: bytes) -> tuple[int, str]:
    """Return code and reason of a CLOSE frame: 1005 when it names none."""
    code = int.from_bytes(payload[:2]) if payload else NO_CODE
    if payload and (code in NEVER_SENT or not 1000 <= code <= 4999):
        raise WSProtocolError(WSCloseCode.PROTOCOL_ERROR, "close code out of range")
    return code, payload[2:].decode(errors="replace")


def usable(wire: WSTransport) -> bool:
    """Tell whether a frame still gets anywhere.

    picows stops writing when it is told of the lost connection, a turn of the loop after the transport gave
    it up; what is written in between is lost, and the loop warns of it.
    """
    return not (wire.is_disconnected or wire.underlying_transport.is_closing())


def write_close(wire: WSTransport, code: int, reason: str = "") -> None:
    """Send a CLOSE frame with any code: picows accepts them, its type hints know the registered ones only."""
    if usable(wire):
        sent = NORMAL if code in NEVER_SENT else code
        wire.send_close(cast("WSCloseCode", sent), reason.encode()[:123].decode(errors="ignore"))
