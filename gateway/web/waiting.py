"""The waiting room's doors: callers for whom there is no place yet hear where in line they are, and music."""

import time
from dataclasses import dataclass
from typing import Final

from starlette.requests import Request
from starlette.responses import Response
from twilio.twiml.voice_response import VoiceResponse

from gateway import logs
from gateway.audio import music
from gateway.calls.metrics import Metrics
from gateway.calls.registry import Registry
from gateway.ids import CallSid
from gateway.policy.admission import Refusal
from gateway.policy.waiting import Move
from gateway.wire import queueing
from gateway.wire.queueing import Waiter

_KEPT_S: Final = 30 * 24 * 3600
CLOSED: Final = frozenset({Refusal.DRAINING, Refusal.STOPPED})
"""Waiting would not help here."""
_POSITION: Final = "{position}"


@dataclass(frozen=True, slots=True)
class WaitingUrls:
    """Where Twilio asks about callers who wait: this process, which knows them."""

    wait: str
    queued: str
    music: str

    @classmethod
    def at(cls, base: str) -> "WaitingUrls":
        """The addresses below that of a process."""
        return cls(f"{base}/twilio/wait", f"{base}/twilio/queued", f"{base}/twilio/music")


class Waiting:
    """Lets callers wait, tells them how far they are, and calls them in."""

    def __init__(self, registry: Registry, urls: WaitingUrls, sentence: str, metrics: Metrics) -> None:
        self._registry = registry
        self._admission = registry.admission
        self._urls = urls
        self._sentence = sentence
        self._metrics = metrics
        self._music = music.wav(music.phrase())
        self._log = logs.get()

    def offer(self, call_sid: CallSid, refusal: Refusal, otherwise: VoiceResponse) -> str | None:
        """The document that has a caller wait; ``None`` if it can't, or waiting would not help."""
        if refusal in CLOSED or not self._admission.room.enter(call_sid, time.monotonic()):
            return None
        self._metrics.queued.labels(refusal.value).inc()
        self._log.info("caller waits", call_sid=call_sid, reason=refusal.value)
        return queueing.enqueue(self._urls.wait, self._urls.queued, otherwise)

    def document(self, waiter: Waiter) -> str:
        """What a caller hears while it waits."""
        turn = self._admission.room.turn(
            waiter.call_sid, self._registry.places, time.monotonic(), waiter.waited_s
        )
        if turn.move is not Move.WAIT or self._registry.draining:
            return queueing.leave()
        told = turn.position is not None
        return queueing.wait(
            self._sentence.replace(_POSITION, str(turn.position)) if told else "", self._urls.music
        )

    def left(self, call_sid: CallSid, outcome: str) -> None:
        """A caller waits no longer: it has an agent, has gone, or has waited too long."""
        waited_s = self._admission.room.leave(call_sid, time.monotonic())
        if waited_s is not None:
            self._metrics.queue_left.labels(outcome).inc()
            self._metrics.queue_time.observe(waited_s)
            self._log.info("caller waits no longer", call_sid=call_sid, outcome=outcome)

    async def music(self, _request: Request) -> Response:
        """A few seconds of music. It never changes, so that Twilio may keep it."""
        headers = {"Cache-Control": f"public, max-age={_KEPT_S}, immutable"}
        return Response(self._music, media_type="audio/wav", headers=headers)
