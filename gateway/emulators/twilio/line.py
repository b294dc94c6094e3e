"""Twilio's end of a media stream: the WebSocket client of one call, in real time or faster.

https://www.twilio.com/docs/voice/media-streams
"""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidURI

from gateway.emulators.twilio.line_clock import Clock
from gateway.emulators.twilio.line_core import LineCore, LineEvent, LineWarning, MarkReturned
from gateway.emulators.twilio.playout import Cut, Span
from gateway.errors import GatewayError

MAX_MESSAGE_BYTES = 8 * 1024 * 1024
WAIT_S = 30.0


class LineOver(GatewayError):
    """The stream ended before what was waited for came to pass."""

    remedy = "See line.ended, line.warnings and the server's log for why the stream ended."


class LineEnd(StrEnum):
    """Who ended a stream, and how."""

    HUNG_UP = "hung up"
    ENDED = "ended by Twilio"
    REDIRECTED = "redirected"
    SERVER_CLOSED = "closed by the server"
    LOST = "connection lost"
    REFUSED = "never opened"


# https://www.twilio.com/docs/api/errors/31921 and 31903; an end by Twilio itself is no error.
END_CODES = {LineEnd.SERVER_CLOSED: 31921, LineEnd.LOST: 31903}


@dataclass(frozen=True, slots=True)
class LineLimits:
    """How long the line waits for its peer, in real seconds; less where a redirected call waits with it."""

    open_s: float = 5.0
    send_s: float = 10.0
    close_s: float = 2.0
    redirected_s: float = 0.1


@dataclass(slots=True)
class _Waiter:
    predicate: Callable[[], bool]
    future: "asyncio.Future[None]" = field(repr=False)


class Line:
    """A media stream of one call, with the caller's mouth, ear and keypad at its end.

    Times are seconds since the stream's ``start``, on the emulator's clock.

    Args:
        url: Address as written in the TwiML.
        core: The stream's state.
        clock: The emulator's time.
        headers: Headers of the upgrade, the signature among them.
        limits: How long to wait for the server.
        on_hang_up: What ``hang_up`` does to the call; by default it only ends the stream.
        on_event: Called with every line of the timeline.

    """

    def __init__(
        self,
        url: str,
        core: LineCore,
        clock: Clock,
        *,
        headers: Mapping[str, str] | None = None,
        limits: LineLimits | None = None,
        on_hang_up: Callable[[], None] | None = None,
        on_event: Callable[[LineEvent], None] | None = None,
    ) -> None:
        self.url = url
        self.core = core
        self.ended: LineEnd | None = None
        self.error: int | None = None
        self.close_code: int | None = None
        self.opened_at: float | None = None
        self._clock = clock
        self._headers = dict(headers or {})
        self._limits = limits or LineLimits()
        self._on_hang_up = on_hang_up or (lambda: self.end(LineEnd.HUNG_UP))
        self._on_event = on_event or (lambda _: None)
        self._over_at: float | None = None
        self._wake = asyncio.Event()
        self._gone = asyncio.Event()
        self._waiters: list[_Waiter] = []
        self._injected: list[str] = []

    # What the caller does.

    def queue(self, mulaw: bytes) -> None:
        """Have the caller speak, after what is queued already."""
        self.core.queue(mulaw)

    async def say(self, mulaw: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Have the caller speak, and wait until it is said."""
        target = self.core.queue(mulaw)
        patience = self._clock.real(self._pending_s()) + WAIT_S if timeout is None else timeout
        await self._until(lambda: self.core.spoken_bytes >= target, patience)

    def press(self, digits: str) -> None:
        """Have the caller press keys (``0-9*#A-D``; ``w`` waits half a second)."""
        self.core.press(digits, self.now)
        self._wake.set()

    def inject(self, message: str) -> None:
        """Send a message as it is, as no Twilio would."""
        self._injected.append(message)
        self._wake.set()

    def hang_up(self) -> None:
        """Have the caller hang up."""
        self._on_hang_up()

    # What became of it.

    @property
    def now(self) -> float:
        """Seconds since the stream began; stands still once it is over."""
        if self.opened_at is None:
            return 0.0
        return self._over_at if self._over_at is not None else self._clock.now() - self.opened_at

    @property
    def over(self) -> bool:
        """Whether the socket is closed and will not open again."""
        return self._gone.is_set()

    @property
    def heard(self) -> bytes:
        """What the caller has heard: mu-law, with silence in the gaps."""
        return self.core.playout.heard(self.now)

    @property
    def heard_s(self) -> float:
        """How much agent audio the caller has heard, gaps left out, in seconds."""
        return self.core.playout.heard_s(self.now)

    @property
    def heard_spans(self) -> list[Span]:
        """When agent audio was heard."""
        return self.core.playout.spans(self.now)

    @property
    def spoken(self) -> bytes:
        """What the caller has said, on the same axis as ``heard``."""
        return self.core.spoken.until(self.now)

    @property
    def cut(self) -> list[Cut]:
        """What clears took away unheard."""
        return self.core.playout.cuts

    @property
    def first_audio_at(self) -> float | None:
        """When the first agent audio came."""
        return self.core.first_audio_at

    @property
    def marks(self) -> list[MarkReturned]:
        """The marks returned so far."""
        return self.core.marks

    @property
    def warnings(self) -> list[LineWarning]:
        """What Twilio's debugger would show."""
        return self.core.warnings

    async def wait_heard(self, seconds: float, timeout: float = WAIT_S) -> None:  # noqa: ASYNC109
        """Wait until so much agent audio has been heard; the timeout is in real seconds.

        Raises:
            LineOver: The stream ended first.
            TimeoutError: It takes too long.

        """
        await self._until(lambda: self.heard_s >= seconds, timeout)

    async def wait_until(self, predicate: Callable[["Line"], bool], timeout: float = WAIT_S) -> None:  # noqa: ASYNC109
        """Wait until the predicate holds, tried at every frame; the timeout is in real seconds."""
        await self._until(lambda: predicate(self), timeout)

    async def wait_over(self, timeout: float = WAIT_S) -> None:  # noqa: ASYNC109
        """Wait until the stream has ended; the timeout is in real seconds."""
        async with asyncio.timeout(timeout):
            await self._gone.wait()

    async def _until(self, predicate: Callable[[], bool], patience: float) -> None:
        if predicate():
            return
        if self.over:
            raise LineOver(f"the stream has ended: {self.ended}")
        waiter = _Waiter(predicate, asyncio.get_running_loop().create_future())
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(patience):
                await waiter.future
        finally:
            self._waiters.remove(waiter)

    def _pending_s(self) -> float:
        return (self.core.queued_bytes - self.core.spoken_bytes) / 8000

    # The stream's life.

    def end(self, how: LineEnd) -> None:
        """End the stream; the first to say so wins."""
        if self.ended is None:
            self.ended = how
        self._wake.set()

    async def run(self, on_open: Callable[[], None] = lambda: None) -> LineEnd:
        """Open the socket, conduct the stream to its end, and say how it ended."""
        try:
            socket = await self._open()
            if socket is not None:
                on_open()
                try:
                    await self._conduct(socket)
                finally:
                    await self._close(socket)
        finally:
            self._finish()
        return self.ended or LineEnd.LOST

    async def _open(self) -> ClientConnection | None:
        try:
            return await connect(
                self.url,
                additional_headers=self._headers,
                user_agent_header="Twilio.TmeWs/1.0",
                compression=None,
                proxy=None,
                open_timeout=self._limits.open_s,
                close_timeout=self._limits.close_s,
                ping_interval=None,
                max_size=MAX_MESSAGE_BYTES,
            )
        except (OSError, TimeoutError, InvalidHandshake, InvalidURI) as exc:
            self.error = _refusal(exc)
            self.end(LineEnd.REFUSED)
            self._on_event(LineEvent(0.0, "stream refused", f"{self.error} {exc}"[:200]))
            return None

    async def _conduct(self, socket: ClientConnection) -> None:
        self.opened_at = self._clock.now()
        async with asyncio.TaskGroup() as tasks:
            reader = tasks.create_task(self._read(socket), name=f"line reader {self.core.names.stream_sid}")
            with contextlib.suppress(ConnectionClosed):
                await self._send(socket, self.core.opening())
                await self._drive(socket)
            self._over_at = self.now
            if self.ended is None:
                # A send found the socket closed; the reader is about to learn how.
                await asyncio.wait({reader}, timeout=self._limits.close_s)
            reader.cancel()

    async def _read(self, socket: ClientConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for raw in socket:
                self.core.receive(raw, self.now)
                self._wake.set()
        self.end(LineEnd.LOST if socket.close_code in (None, 1006) else LineEnd.SERVER_CLOSED)

    async def _drive(self, socket: ClientConnection) -> None:
        loop = asyncio.get_running_loop()
        opened = self.opened_at or 0.0
        while self.ended is None:
            self._wake.clear()
            injected, self._injected = self._injected, []
            await self._send(socket, [*injected, *self.core.due(self.now)])
            self._report()
            # The deadline is absolute: what one step is late, the next one is early.
            delay = self._clock.real(self.core.deadline + opened - self._clock.now())
            timer = loop.call_later(delay, self._wake.set)
            await self._wake.wait()
            timer.cancel()

    async def _send(self, socket: ClientConnection, messages: list[str], *, until_ended: bool = True) -> None:
        try:
            async with asyncio.timeout(self._limits.send_s):
                for message in messages:
                    if until_ended and self.ended is not None:
                        return
                    await socket.send(message)
        except TimeoutError:
            self.end(LineEnd.LOST)

    async def _close(self, socket: ClientConnection) -> None:
        if self.ended in (LineEnd.HUNG_UP, LineEnd.ENDED, LineEnd.REDIRECTED):
            with contextlib.suppress(ConnectionClosed):
                await self._send(socket, self.core.closing(), until_ended=False)
        if self.ended is LineEnd.REDIRECTED:
            socket.close_timeout = min(self._limits.close_s, self._limits.redirected_s)
        await socket.close()
        self.close_code = socket.close_code
        self.error = END_CODES.get(self.ended or LineEnd.LOST)

    def _report(self) -> None:
        while self.core.events:
            self._on_event(self.core.events.popleft())
        for waiter in self._waiters:
            if not waiter.future.done() and waiter.predicate():
                waiter.future.set_result(None)

    def _finish(self) -> None:
        self._report()
        if self.ended is None:
            self.ended = LineEnd.LOST
        self._gone.set()
        for waiter in self._waiters:
            if not waiter.future.done():
                waiter.future.set_exception(LineOver(f"the stream has ended: {self.ended}"))


def _refusal(exc: Exception) -> int:
    """Twilio's error for a socket that did not open (https://www.twilio.com/docs/api/errors, 319xx)."""
    match exc:
        case InvalidURI():
            return 31923
        case TimeoutError():
            return 31901
        case ssl.SSLError():
            return 31910
        case OSError():
            return 31902
        case _:
            return 31920
