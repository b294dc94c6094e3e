"""A WebSocket protocol class for uvicorn (``Config(ws=SocketProtocol)``), its frames handled in C by picows.

uvicorn's HTTP protocol hands an upgrade request over. It is checked here and shown to the application; when
that accepts, picows takes the connection, and this class is left to carry whole messages between the two.
"""

import asyncio
import logging
import socket
from collections import deque
from collections.abc import Callable
from typing import Any, Final, cast

from picows import (
    WSCloseCode,
    WSMsgType,
    WSProtocolError,
    WSTransport,
    WSUpgradeResponse,
    WSUpgradeResponseWithListener,
)
from starlette.types import Message
from uvicorn.config import Config
from uvicorn.protocols.utils import ClientDisconnected
from uvicorn.server import ServerState

from gateway.calls.caller_line import DIRECT
from gateway.clients.frames import ABNORMAL, NORMAL, TEXT, Ears, Hear, Told, read_close, usable, write_close
from gateway.web.server_wire import Drain, Phase, Wire, make_wire
from gateway.web.strangers import known
from gateway.web.upgrade import Upgrade, refusal

log = logging.getLogger("uvicorn.error")

INTERNAL_STATUS: Final = 500
INTERNAL_ERROR: Final = 1011
SERVICE_RESTART: Final = 1012
VIOLATIONS: Final = frozenset({1002, 1003, 1007, 1008, 1009})

CLOSE_TIMEOUT_S: Final = 2.0
"""From a close frame, or a refusal, until the connection is cut."""
MAX_HELD: Final = 256
"""Messages the application has not read, above which the connection is not read."""
MAX_HELD_BYTES: Final = 256 * 1024
FLOOD: Final = 4096
"""Messages held above which the peer is a nuisance: one read can bring thousands of tiny ones."""
KERNEL_BUFFER_BYTES: Final = 64 * 1024
"""picows doubles its buffer whenever one read fills it, so the kernel must not bring megabytes at once."""


class SocketProtocol(asyncio.Protocol):
    """One connection, from the upgrade request on.

    The application may ``listen`` instead of receiving, and ``write`` instead of sending: neither waits.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._config = config
        self._state = server_state
        self._app_state = app_state
        self._loop = _loop or asyncio.get_running_loop()
        self._phase = Phase.ASKED
        self._transport: asyncio.Transport
        self._upgrade: Upgrade | None = None
        self._scope: dict[str, Any] = {}
        self._wire: Wire | None = None
        self._refusal: tuple[int, list[tuple[bytes, bytes]]] = (INTERNAL_STATUS, [])
        self._body = b""
        self._inbox: deque[Message] = deque([{"type": "websocket.connect"}])
        self._ears: Ears
        self._heard: Hear | None = None
        self._ended: Callable[[int], None] | None = None
        self._held_bytes = 0
        self._paused = False
        self._end: Message | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._cutting: asyncio.TimerHandle | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    # What the loop tells before picows takes over, and the server.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection from the HTTP protocol."""
        self._transport = cast("asyncio.Transport", transport)
        self._state.connections.add(cast("Any", self))

    def data_received(self, data: bytes) -> None:
        """Take the upgrade request, which comes whole; nothing may follow before its answer."""
        if self._phase is not Phase.ASKED:
            return
        if self._upgrade is not None:
            self._refuse(400, [], b"frames before the answer")
            return
        try:
            self._upgrade = Upgrade.parse(data)
            self._scope = self._upgrade.scope(self._config, self._transport, self._app_state)
            self._scope["extensions"][DIRECT] = self
        except ValueError as exc:
            self._refuse(400, [], str(exc).encode())
            return
        task = self._loop.create_task(self._run())
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Take the end of a connection that picows never had."""
        self._lost(ABNORMAL)

    def pause_writing(self) -> None:
        """Take that the peer does not read a refusal."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Take that it does."""
        self._writable.set()

    def shutdown(self) -> None:
        """Close, for the server stops."""
        self._leave(SERVICE_RESTART, 503)

    # The application.

    async def _run(self) -> None:
        code = INTERNAL_ERROR
        try:
            await self._config.loaded_app(self._scope, self.receive, self.send)
            code = NORMAL
        except ClientDisconnected:
            pass
        except Exception:
            log.exception("Exception in ASGI application\n")
        finally:
            self._leave(code)

    def _leave(self, code: int, status: int = INTERNAL_STATUS) -> None:
        """Close what the application left open, or refuse what it did not accept."""
        match self._phase:
            case Phase.ASKED | Phase.REFUSING:
                self._refuse(status, [], b"")
            case Phase.OPEN:
                self._close(code, "")

    async def receive(self) -> Message:
        """Return the next message; once the connection is over, its end again and again."""
        while not self._inbox:
            if self._end is not None:
                return self._end
            self._waiter = self._loop.create_future()
            await self._waiter
        message = self._inbox.popleft()
        self._held_bytes -= len(message.get("text") or message.get("bytes") or b"")
        if self._paused and len(self._inbox) <= MAX_HELD // 2 and self._held_bytes <= MAX_HELD_BYTES // 2:
            self._pause(False)
        return message

    async def send(self, message: Message) -> None:
        """Send a message, when the peer has taken most of what was sent before.

        Raises:
            ClientDisconnected: the connection is over.
        """
        if not self._writable.is_set():
            await self._writable.wait()
        kind = message["type"]
        if self._phase is Phase.LOST or self._transport.is_closing() or (self._end and self._wire):
            raise ClientDisconnected
        match self._phase, kind:
            case Phase.OPEN, "websocket.send":
                self._write(message)
            case Phase.OPEN, "websocket.close":
                self._close(message.get("code", NORMAL), message.get("reason") or "")
            case Phase.ASKED, "websocket.accept":
                self._accept(message)
            case Phase.ASKED, "websocket.close":
                self._refuse(403, [], b"")
            case Phase.ASKED, "websocket.http.response.start":
                self._phase = Phase.REFUSING
                self._refusal = message["status"], list(message.get("headers", []))
            case Phase.REFUSING, "websocket.http.response.body":
                self._body += message.get("body", b"")
                if not message.get("more_body", False):
                    self._refuse(*self._refusal, self._body)
            case _:
                raise RuntimeError(f"ASGI message {kind!r} is out of order")

    def listen(self, hear: Hear, lull: Callable[[], None], ended: Callable[[int], None]) -> None:
        """Give messages to ``hear``, call ``lull`` behind each read, and ``ended`` with the close code."""
        for message in self._inbox:
            hear(message["bytes"] if "bytes" in message else message["text"].encode())
        lull()
        self._inbox.clear()
        self._held_bytes = 0
        cast("Wire", self._wire).lull = lull
        self._heard, self._ended, self._ears.hear = hear, ended, hear
        self._pause(False)
        if self._end is not None:
            ended(self._end["code"])

    def write(self, text: str) -> bool:
        """Send text at once; do nothing, and say so, if ``send`` would have to wait or to raise."""
        if self._phase is not Phase.OPEN or not self._writable.is_set() or self._transport.is_closing():
            return False
        cast("WSTransport", cast("Wire", self._wire).transport).send(TEXT, text)
        return True

    def _write(self, message: Message) -> None:
        wire = cast("WSTransport", cast("Wire", self._wire).transport)
        if (text := message.get("text")) is not None:
            wire.send(TEXT, text)
        else:
            wire.send(WSMsgType.BINARY, message["bytes"])

    def _refuse(self, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
        self._phase = Phase.CLOSING
        self._transport.write(refusal(status, [*self._state.default_headers, *headers], body))
        self._transport.close()
        self._cut_later()
        self._tell_end(ABNORMAL, "")

    def _accept(self, message: Message) -> None:
        headers = [*self._state.default_headers, *message.get("headers", [])]
        extra = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers]
        if message.get("subprotocol"):
            extra.append(("Sec-WebSocket-Protocol", message["subprotocol"]))
        pipe = self._transport.get_extra_info("socket")
        pipe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, KERNEL_BUFFER_BYTES)
        # With the kernel's default of megabytes, a peer that reads nothing shows after minutes.
        pipe.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BUFFER_BYTES)
        told = Told(self._connected, self._message, self._control, self._disconnected, self._flow)
        self._ears = Ears(told, self._config.ws_max_size)
        response = WSUpgradeResponse.create_101_response(extra)
        answer = WSUpgradeResponseWithListener(response, self._ears)
        self._wire = make_wire(self._config, answer)
        # uvloop chooses how to read when reading starts.
        self._transport.pause_reading()
        self._transport.set_protocol(self._wire)
        self._wire.connection_made(self._transport)
        request = cast("Upgrade", self._upgrade).canonical()
        self._wire.get_buffer(-1)[: len(request)] = request
        self._wire.buffer_updated(len(request))
        self._transport.resume_reading()

    # What picows tells.

    def _connected(self, _wire: WSTransport) -> None:
        cast("Wire", self._wire).violated = self._violated
        self._phase = Phase.OPEN

    def _message(self, kind: WSMsgType, payload: bytes) -> None:
        if self._phase is not Phase.OPEN or cast("Wire", self._wire).transport.is_close_frame_sent:
            return
        if self._heard is not None:
            self._heard(payload)
            return
        message: Message = {"type": "websocket.receive"}
        if kind == TEXT:
            try:
                message["text"] = payload.decode()
            except UnicodeDecodeError:
                raise WSProtocolError(WSCloseCode.INVALID_TEXT, "text is not UTF-8") from None
        else:
            message["bytes"] = payload
        self._hold(message, len(payload))

    def _hold(self, message: Message, size: int) -> None:
        if len(self._inbox) >= FLOOD:
            raise WSProtocolError(WSCloseCode.POLICY_VIOLATION, "too many messages")
        self._inbox.append(message)
        self._held_bytes += size
        if len(self._inbox) >= MAX_HELD or self._held_bytes >= MAX_HELD_BYTES:
            self._pause(True)
        self._wake()

    def _control(self, kind: WSMsgType, payload: bytes) -> None:
        wire = cast("WSTransport", cast("Wire", self._wire).transport)
        if kind == WSMsgType.CLOSE:
            code, reason = read_close(payload)
            if self._phase is Phase.OPEN:
                write_close(wire, code)
            self._phase = Phase.CLOSING
            self._tell_end(code, reason)
            self._transport.close()
            self._cut_later()
        elif kind == WSMsgType.PING and self._writable.is_set() and usable(wire):
            # A peer that does not read gets no answers: they would pile up here.
            wire.send_pong(payload)

    def _flow(self, writable: bool) -> None:
        (self._writable.set if writable else self._writable.clear)()

    def _violated(self) -> None:
        """Stop listening: picows sent a close frame and hangs up a moment later, lest the frame be lost."""
        self._phase = Phase.CLOSING
        self._transport.set_protocol(Drain(cast("Wire", self._wire)))
        self._cut_later()

    def _disconnected(self, wire: WSTransport) -> None:
        ended = wire.close_handshake
        sent = int(cast("int", ended.sent.code)) if ended is not None and ended.sent is not None else 0
        self._lost(sent if sent in VIOLATIONS else ABNORMAL)

    # The end.

    def _close(self, code: int, reason: str) -> None:
        wire = cast("Wire", self._wire)
        wire.violated = None
        self._phase = Phase.CLOSING
        write_close(wire.transport, code, reason)
        self._pause(False)
        self._tell_end(code, reason)
        self._cut_later()

    def _cut_later(self) -> None:
        """Bound how long a peer that reads or answers nothing is waited for."""
        self._cutting = self._cutting or self._loop.call_later(CLOSE_TIMEOUT_S, self._transport.abort)

    def _lost(self, code: int) -> None:
        self._phase = Phase.LOST
        if self._cutting is not None:
            self._cutting.cancel()  # it would keep all of this alive until its time
        self._state.connections.discard(cast("Any", self))
        known(self._app_state)
        self._writable.set()
        self._tell_end(code, "")
        self._scope, self._heard, self._ended = {}, None, None  # the collector need not look for what is over

    def _tell_end(self, code: int, reason: str) -> None:
        if self._end is None:
            self._end = {"type": "websocket.disconnect", "code": code, "reason": reason}
            if self._ended is not None:
                self._ears.deafen()
                cast("Wire", self._wire).lull = None
                self._ended(code)
            self._wake()

    def _pause(self, paused: bool) -> None:
        if paused is not self._paused and not self._transport.is_closing():
            self._paused = paused
            (self._transport.pause_reading if paused else self._transport.resume_reading)()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
