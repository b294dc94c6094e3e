"""The socket of a Vatel session: callbacks in, never-waiting sends out, and one notice when it is lost.

It runs on picows, whose frames are parsed and built in C, because fifty messages a second each way and call
make the socket library the largest cost of a call. No task is spent per connection or per message.
"""

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Callable
from enum import Enum
from typing import Final, cast

from picows import WSError, WSInvalidStatusError, WSInvalidURL, WSMsgType, WSTransport, ws_connect

from gateway.clients.addresses import socket_for
from gateway.clients.agent_socket_terms import LostSocket, SocketLimits
from gateway.clients.frames import MUTE, NORMAL, TEXT, Ears, Sips, Told, read_close, usable, write_close
from gateway.errors import VendorError, VendorRejected, VendorTimeout, VendorUnreachable, VendorUnusable

INTERNAL_ERROR: Final = 1011

READ_BUFFER_BYTES: Final = 8 * 1024
"""A tenth of a second of speech. It doubles whenever one read fills it, and never shrinks: see ``Sips``."""
OWN_STALL_S: Final = 0.25
"""A timer that comes later than this tells of a stall of this process, not of its peer."""


@functools.cache
def tls_context() -> ssl.SSLContext:
    """Return the context of all connections: verified, and made once, which takes tens of milliseconds."""
    return ssl.create_default_context()


class State(Enum):
    """What a socket is doing."""

    OPENING = "opening"
    OPEN = "open"
    CLOSING = "closing"
    LOST = "lost"


class AgentSocket:
    """One connection to Vatel, made by ``connect``.

    ``on_message`` gets the payload of each message as bytes. No message is delivered before an awaited
    ``connect`` has returned. ``on_lost`` is called once, from the loop and never from inside another call,
    unless ``close`` came first; ``on_late`` whenever a ping is not answered as soon as a live peer would.
    """

    def __init__(
        self,
        on_message: Callable[[bytes], None],
        on_lost: Callable[[LostSocket], None],
        on_late: Callable[[], None],
        limits: SocketLimits,
    ) -> None:
        self._on_message = on_message
        self._on_lost = on_lost
        self._on_late = on_late
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._state = State.OPENING
        self._wire: WSTransport | None = None
        self._pipe: asyncio.WriteTransport
        self._ears: Ears
        self._early: list[bytes] | None = []
        self._timer: asyncio.TimerHandle | None = None
        self._pinged_at: float | None = None
        self._gone = asyncio.Event()
        self._epilogue: asyncio.Task[None] | None = None

    @classmethod
    async def connect(
        cls,
        url: str,
        *,
        on_message: Callable[[bytes], None],
        on_lost: Callable[[LostSocket], None],
        on_late: Callable[[], None] = lambda: None,
        limits: SocketLimits | None = None,
    ) -> "AgentSocket":
        """Open the session at ``url``.

        Raises:
            VendorTimeout: no accepted upgrade within ``open_timeout_s``.
            VendorRejected: a status below 500 other than 101; the error carries it.
            VendorUnusable: a status from 500 on, or no WebSocket on the other side.
            VendorUnreachable: no connection, or no valid certificate.
        """
        limits = limits or SocketLimits()
        opening = cls(on_message, on_lost, on_late, limits)
        try:
            async with asyncio.timeout(limits.open_timeout_s):
                await opening._open(url)
        except (WSError, OSError, ValueError) as exc:
            opening._abandon()
            # Not chained: what picows raised may quote the address, and the address holds the token.
            raise _failure(exc) from None
        except BaseException:
            opening._abandon()
            raise
        # In this order: the awaiting caller runs on to its next await before the loop calls back.
        opening._loop.call_soon(opening._release)
        return opening

    async def _open(self, url: str) -> None:
        told = Told(self._connected, self._deliver, self._control, self._disconnected)
        self._ears = Ears(told, self._limits.max_message_bytes)
        await ws_connect(
            lambda: self._ears,
            url,
            ssl_context=tls_context() if url.startswith("wss:") else None,
            websocket_handshake_timeout=self._limits.open_timeout_s,
            logger_name=cast("str", MUTE),  # "string or logger-like object", say picows' documentation
            enable_auto_pong=False,
            max_frame_size=self._limits.max_message_bytes,
            max_redirects=0,
            read_buffer_init_size=READ_BUFFER_BYTES,
            socket_factory=socket_for,
        )
        if self._wire is None:
            # picows returns normally when the peer hangs up without an answer.
            raise VendorUnreachable("Vatel closed the connection without an answer")

    def send(self, message: bytes, *, droppable: bool = True) -> bool:
        """Send one text message without waiting; tell whether it was sent.

        Args:
            message: UTF-8.
            droppable: refuse it when the peer is more than ``max_backlog_bytes`` behind. What is not
                droppable is sent up to ``hard_backlog_bytes``, where the connection is given up.
        """
        wire = self._wire
        if self._state is not State.OPEN or wire is None or wire.is_disconnected or self._pipe.is_closing():
            return False
        backlog = self._pipe.get_write_buffer_size()
        if backlog and not self._bears(backlog, droppable=droppable):
            return False
        wire.send(TEXT, message)
        return True

    def _bears(self, backlog: int, *, droppable: bool) -> bool:
        """Whether a peer so many bytes behind is sent more; one that is too far behind is given up."""
        if droppable and backlog > self._limits.max_backlog_bytes:
            return False
        if backlog > self._limits.hard_backlog_bytes:
            self._lose(LostSocket(None, "Vatel reads too slowly", clean=False))
            return False
        return True

    async def close(self, code: int = NORMAL) -> None:
        """Say goodbye and cut the connection within ``close_timeout_s``; do nothing if it is closed."""
        if self._wire is None or self._state is State.LOST:
            return
        try:
            if self._state is State.OPEN:
                self._turn(State.CLOSING)
                self._close_frame(code)
            async with asyncio.timeout(self._limits.close_timeout_s):
                await self._gone.wait()
        except TimeoutError:
            pass
        finally:
            self._wire.disconnect(graceful=False)

    @property
    def backlog_bytes(self) -> int:
        """How much waits in this process because the peer reads too slowly."""
        return 0 if self._wire is None else self._pipe.get_write_buffer_size()

    @property
    def closed(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._state is not State.OPEN

    # What picows tells, through Ears.

    def _connected(self, wire: WSTransport) -> None:
        if self._state is not State.OPENING:
            wire.disconnect(graceful=False)
            return
        self._wire, self._pipe = wire, wire.underlying_transport
        self._turn(State.OPEN)
        self._pipe.set_protocol(Sips(cast("asyncio.BufferedProtocol", self._pipe.get_protocol())))
        pipe: socket.socket | None = self._pipe.get_extra_info("socket")
        if pipe is not None:
            pipe.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self._limits.kernel_buffer_bytes)
        self._watch(self._limits.ping_interval_s, self._ping)

    def _control(self, kind: WSMsgType, payload: bytes) -> None:
        if kind == WSMsgType.PONG:
            self._answered()
        elif kind == WSMsgType.CLOSE:
            self._peer_closed(payload)
        elif self.backlog_bytes <= self._limits.hard_backlog_bytes and self._state is State.OPEN:
            # Above it, an answer to a peer that reads nothing would only make the backlog longer.
            cast("WSTransport", self._wire).send_pong(payload)

    def _deliver(self, _kind: WSMsgType, message: bytes) -> None:
        if self._early is not None:
            self._early.append(message)
        else:
            self._take(message)

    def _take(self, message: bytes) -> None:
        if self._state is not State.OPEN:
            return
        try:
            self._on_message(message)
        except Exception as exc:  # noqa: BLE001 - a bug in a call ends that call, and its caller logs it
            self._fail(INTERNAL_ERROR, f"{type(exc).__name__} while taking a message", exc)

    def _release(self) -> None:
        early, self._early = self._early or [], None
        for message in early:
            self._take(message)
        self._ears.hear = self._take

    def _peer_closed(self, payload: bytes) -> None:
        code, reason = read_close(payload)
        if self._state is State.OPEN:
            self._close_frame(code)
        cast("WSTransport", self._wire).disconnect()
        self._lose(LostSocket(code, reason or "closed by Vatel", clean=True))

    def _disconnected(self, wire: WSTransport) -> None:
        self._gone.set()
        if self._timer is not None:
            self._timer.cancel()
        self._epilogue = self._loop.create_task(_hear_out(wire))
        # picows closes by itself when a frame is malformed, and tells only here.
        sent = wire.close_handshake.sent if wire.close_handshake is not None else None
        if self._state is State.OPEN and sent is not None:
            reason = sent.reason or "Vatel broke the WebSocket protocol"
            self._lose(LostSocket(int(cast("int", sent.code)), reason, clean=False))
        else:
            self._lose(LostSocket(None, "connection lost", clean=False))

    # Keeping watch, and the end.

    def _watch(self, delay_s: float, call: Callable[..., None], *args: object) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if self._state is State.OPEN:
            self._timer = self._loop.call_later(delay_s, call, *args)

    def _ping(self) -> None:
        wire = cast("WSTransport", self._wire)
        if usable(wire):
            wire.send_ping()
        self._pinged_at = self._loop.time()
        late_s = min(self._limits.ping_late_s, self._limits.ping_timeout_s)
        self._watch(late_s, self._late, self._pinged_at + late_s)

    def _late(self, due: float) -> None:
        now, rest_s = self._loop.time(), max(0.0, self._limits.ping_timeout_s - self._limits.ping_late_s)
        self._watch(rest_s, self._unanswered, now + rest_s)
        if now - due <= OWN_STALL_S:  # else the answer may be waiting, as below
            self._on_late()

    def _unanswered(self, due: float) -> None:
        # Timers run before the network is read: after a stall of our own the answer may be waiting.
        if self._loop.time() - due > OWN_STALL_S:
            grace_s = self._limits.ping_timeout_s / 3
            self._watch(grace_s, self._unanswered, self._loop.time() + grace_s)
            return
        self._lose(LostSocket(None, f"no answer to a ping in {self._limits.ping_timeout_s:g} s", clean=False))

    def _answered(self) -> None:
        if self._pinged_at is None:
            return
        elapsed = self._loop.time() - self._pinged_at
        self._pinged_at = None
        self._watch(max(0.0, self._limits.ping_interval_s - elapsed), self._ping)

    def _close_frame(self, code: int) -> None:
        write_close(cast("WSTransport", self._wire), code)

    def _fail(self, code: int, reason: str, error: Exception | None = None) -> None:
        if self._state is State.OPEN:
            self._close_frame(code)
            self._lose(LostSocket(code, reason, clean=False, error=error))

    def _lose(self, lost: LostSocket) -> None:
        """End the connection and tell the owner, unless either was done before."""
        if self._state is not State.OPEN:
            return
        self._turn(State.LOST)
        wire = cast("WSTransport", self._wire)
        if not wire.is_disconnected:
            wire.disconnect()
            # A graceful end waits for a peer that may never read again.
            self._timer = self._loop.call_later(self._limits.close_timeout_s, wire.disconnect, False)
        self._loop.call_soon(self._on_lost, lost)

    def _abandon(self) -> None:
        """Give up opening: what picows still connects is cut at once."""
        self._turn(State.LOST)
        if self._wire is not None:
            self._wire.disconnect(graceful=False)

    def _turn(self, state: State) -> None:
        self._state = state
        if state is not State.OPEN and self._timer is not None:
            self._timer.cancel()


async def _hear_out(wire: WSTransport) -> None:
    """Take the violation picows keeps in a future: left there, it would be logged as never retrieved."""
    with contextlib.suppress(WSError):
        await wire.wait_disconnected()


def _failure(exc: Exception) -> VendorError:
    """Say in our terms, and without the address, why a connection could not be opened."""
    match exc:
        case TimeoutError():
            return VendorTimeout("Vatel did not open the session in time")
        case WSInvalidStatusError(response=response) if response is not None:
            status = int(response.status)
            error = VendorRejected if status < 500 else VendorUnusable
            return error(f"Vatel answered the session with status {status}", status=status)
        case ssl.SSLCertVerificationError():
            return VendorUnreachable(f"the certificate of Vatel is not valid: {exc.verify_message}")
        case WSInvalidURL() | ValueError():
            return VendorUnreachable("the address of the session is not a WebSocket address")
        case WSError():
            return VendorUnusable("Vatel did not answer as a WebSocket server")
        case _:
            return VendorUnreachable(f"no connection to Vatel: {type(exc).__name__}")
