"""The caller's end of a call: reads Twilio's socket without ever waiting, writes it from an outbox."""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from gateway.bridge.events import CallerLost, Event, Leg, Malformed, ignore
from gateway.calls.metrics import Metrics
from gateway.calls.outbox import Full, Outbox
from gateway.clients.frames import Hear
from gateway.errors import WireError
from gateway.ids import MarkName, StreamSid
from gateway.wire import media_stream

WRITE_DEADLINE_S: Final = 2.0
_CLOSE_DEADLINE_S: Final = 1.0
CLOSED: Final = (WebSocketDisconnect, OSError, RuntimeError)
"""Starlette's words for a socket that is closed."""
_NORMAL: Final = 1000
_POLICY_VIOLATION: Final = 1008
_SAMPLE: Final = 16
"""Every so many-th message is timed, the first too: a histogram costs a tenth of a frame."""
DIRECT: Final = "vatel_gateway.direct"
"""The ASGI extension of a server that spares us the waiting: its value is a ``Direct``."""


class Direct(Protocol):
    """What a server offers that can do without a task for each message: ``gateway.web.socket_protocol``."""

    def listen(self, hear: Hear, lull: Callable[[], None], ended: Callable[[int], None]) -> None:
        """Give every message to ``hear`` as it comes, and the close code to ``ended``.

        ``lull`` is called when all that was read at once has been given.
        """

    def write(self, text: str) -> bool:
        """Send text at once, or do nothing and say so."""


class CallerLine:
    """One call's media stream. What comes of it is given to ``take`` as events."""

    def __init__(
        self, socket: WebSocket, stream_sid: StreamSid, take: Callable[[Event], None], metrics: Metrics
    ) -> None:
        self._socket = socket
        self._direct: Direct | None = socket.scope.get("extensions", {}).get(DIRECT)
        self._stream_sid = stream_sid
        self._writer = media_stream.Writer(stream_sid)
        self._take = take
        self._metrics = metrics
        self._outbox = Outbox()
        self._clear_at: float | None = None
        self._held: media_stream.Media | None = None
        self._written = 0
        self._delays = (0.0, 0)  # of what was timed on its way to the caller: seconds in all, and how many
        self._close_code = _NORMAL
        self.done = asyncio.Event()

    async def read(self) -> None:
        """Hand on what Twilio sends until the stream is over."""
        if self._direct is not None:
            self._direct.listen(self._hear, self._lull, self._ended)
            await self.done.wait()
        while not self.done.is_set():
            message = await self._socket.receive()
            if message["type"] == "websocket.receive":
                self._hear(message.get("text") or message.get("bytes") or b"")
                self._lull()
            else:
                self._ended(message.get("code", 0))
        if self._close_code != _NORMAL:
            await self.close()

    def _hear(self, message: str | bytes) -> None:
        """Take a message. Audio waits for the rest of what was read with it, and is carried on as one piece.

        That is one frame, unless this process is behind: then it catches up for less than a frame each.
        """
        try:
            event: Event = media_stream.parse(message)
        except WireError:
            event = Malformed(Leg.CALLER)
        if type(event) is media_stream.Media:
            together = event if self._held is None else media_stream.join(self._held, event)
            if together is None:
                self._lull()
            self._held = together or event
            return
        self._lull()
        if type(event) is media_stream.Start and event.stream_sid != self._stream_sid:
            # Twilio opens a socket for each stream. Whose this one is now, nobody knows.
            self._close_code = _POLICY_VIOLATION
            self.done.set()
            event = CallerLost("another stream began on the same socket")
        self._take(event)

    def _lull(self) -> None:
        """Carry on the audio that waits."""
        if self._held is not None:
            held, self._held = self._held, None
            self._take(held)

    def _ended(self, code: int) -> None:
        self._lull()
        self.done.set()
        self._take(CallerLost(f"socket closed, code {code}"))

    def detach(self) -> None:
        """Hear nothing more of this stream: the call has another one, or none."""
        self._take = ignore

    async def write(self) -> None:
        """Write what is in the outbox; a peer that does not read is lost."""
        while True:
            text, at = await self._outbox.get()
            try:
                async with asyncio.timeout(WRITE_DEADLINE_S):
                    await self._socket.send({"type": "websocket.send", "text": text})
            except TimeoutError:
                self._take(CallerLost("Twilio does not read"))
                return
            except CLOSED:
                self._take(CallerLost("socket closed while writing"))
                return
            self._observe(at)

    def play(self, audio: bytes, at: float) -> None:
        """Queue audio; ``at`` is when it came from the agent, on the monotonic clock in seconds."""
        self._put(self._writer.media(audio), at)

    def mark(self, name: MarkName, at: float) -> None:
        """Queue a mark."""
        self._put(self._writer.mark(name), at)

    def clear(self, at: float) -> None:
        """Queue a clear, ahead of everything: what has not been written would be cleared anyway."""
        self._outbox.drop()
        self._clear_at = at
        self._put(self._writer.clear(), at)

    @property
    def delay_ms(self) -> float | None:
        """How long audio to the caller took to be written, on average; ``None`` before there was any."""
        total_s, count = self._delays
        return total_s * 1000.0 / count if count else None

    async def close(self) -> None:
        """Close the stream, of which nothing is heard then: bounded, and never raises."""
        if self._socket.application_state is WebSocketState.CONNECTED:
            with suppress(TimeoutError, *CLOSED):
                async with asyncio.timeout(_CLOSE_DEADLINE_S):
                    await self._socket.close(self._close_code)
        self.detach()

    def _put(self, text: str, at: float) -> None:
        try:
            if self._direct is not None and self._outbox.idle and self._direct.write(text):
                self._observe(at)
            else:
                self._outbox.put(text, at)
        except Full:
            self._take(CallerLost("Twilio reads too slowly"))

    def _observe(self, at: float) -> None:
        self._written += 1
        if self._clear_at == at:
            self._clear_at = None
            self._metrics.clear.observe(time.monotonic() - at)
        elif self._written % _SAMPLE == 1:
            delay_s = time.monotonic() - at
            self._delays = self._delays[0] + delay_s, self._delays[1] + 1
            self._metrics.down.observe(delay_s)
