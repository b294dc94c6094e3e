"""The media socket: two locks, the signature before it is accepted and the ticket after."""

import asyncio
from typing import Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway import logs
from gateway.calls.call import Call
from gateway.calls.caller_line import CLOSED
from gateway.calls.metrics import Metrics
from gateway.calls.registry import Registry
from gateway.errors import TicketRefused, WireError
from gateway.web.strangers import known
from gateway.wire import media_stream
from gateway.wire.media_stream import Start
from gateway.wire.signature import SignatureCheck

START_DEADLINE_S: Final = 5.0
MOST_BEFORE_START: Final = 50
MOST_STRANGERS: Final = 200
"""Sockets that have not shown a ticket yet."""
_POLICY_VIOLATION: Final = 1008


class MediaDoor:
    """The endpoint Twilio opens media streams at."""

    def __init__(self, registry: Registry, check: SignatureCheck, metrics: Metrics) -> None:
        self._registry = registry
        self._check = check
        self._metrics = metrics
        self._strangers = 0
        self._log = logs.get()

    async def open(self, socket: WebSocket) -> None:
        """Let a stream in, give it to its call, and stay until the call is over."""
        signature = socket.headers.get("X-Twilio-Signature", "")
        if not self._check.upgrade(socket.scope["path"], signature):
            await self._refuse(socket, "signature")
        elif self._strangers >= MOST_STRANGERS:
            await self._refuse(socket, "too_many")
        else:
            self._strangers += 1
            try:
                call = await self._admit(socket)
            finally:
                self._strangers -= 1
            if call is not None:
                known(socket.scope.get("state"))
                await call.over.wait()

    async def _admit(self, socket: WebSocket) -> Call | None:
        try:
            await socket.accept()
            async with asyncio.timeout(START_DEADLINE_S):
                start = await _read_start(socket)
            return self._registry.claim(start.parameters.get("ticket", ""), start, socket)
        except WebSocketDisconnect:
            self._note("disconnected")
        except (TimeoutError, WireError):
            await self._refuse(socket, "no_start")
        except TicketRefused as error:
            await self._refuse(socket, str(error).replace(" ", "_"))
        return None

    async def _refuse(self, socket: WebSocket, reason: str) -> None:
        """Before ``accept`` this is an HTTP 403, which Twilio logs as error 31920; then it goes on."""
        self._note(reason)
        try:
            await socket.close(_POLICY_VIOLATION)
        except CLOSED:  # it went by itself
            return

    def _note(self, reason: str) -> None:
        self._metrics.doors.labels("/twilio/media", reason).inc()
        self._log.warning("stream refused", reason=reason)


async def _read_start(socket: WebSocket) -> Start:
    """Read up to ``start``, which Twilio sends right behind ``connected``.

    Raises:
        WireError: something else came, and came.
        WebSocketDisconnect: the socket closed.
    """
    for _ in range(MOST_BEFORE_START):
        message = await socket.receive()
        if message["type"] != "websocket.receive":
            raise WebSocketDisconnect
        try:
            event = media_stream.parse(message.get("text") or b"")
        except WireError:
            continue
        if isinstance(event, Start):
            return event
    raise WireError("no start")
