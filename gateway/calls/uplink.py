"""Caller audio on its way to the agents: what a turn of the loop brought, of all calls, is converted at once.

A frame costs a filter several times as much by itself as among others, because each step of numpy costs more
to begin than to do. So a process becomes cheaper as it becomes busy, and a frame waits for nothing but those
that were read with it.
"""

import asyncio
import time
from typing import Final, Protocol

from gateway.audio.transcode import CallerToAgent
from gateway.calls.metrics import Metrics

_TOGETHER: Final = 11
"""Frames of 20 ms that fit one product of the filter."""
_APART_S: Final = 0.0005
"""A frame so long after the one before was read alone, and none is to be expected with it."""
_SAMPLE: Final = 16
"""Every so many-th message is timed, the first too: a histogram costs a tenth of a frame."""


class Receiver(Protocol):
    """A session that is sent caller audio."""

    filter: CallerToAgent
    """What brings this session's audio to its rate."""

    def send_audio(self, pcm: bytes) -> None:
        """Take PCM16 at 24 kHz."""

    def fail(self, error: Exception) -> None:
        """Take that sending raised: a bug, which is this session's alone."""


class Uplink:
    """The way of a process's calls to their agents."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._waiting: dict[Receiver, bytes] = {}
        self._called = False
        self._count = 0
        self._last_at = 0.0
        self._timed_from = 0.0

    def put(self, receiver: Receiver, mulaw: bytes, at: float) -> None:
        """Send a session audio, at the latest when the loop has read what there is to be read.

        Args:
            receiver: Whose audio it is; what was put for it before goes first.
            mulaw: At 8 kHz.
            at: When it came, on the monotonic clock in seconds.
        """
        alone = at - self._last_at > _APART_S
        self._last_at = at
        self._count += 1
        if self._count % _SAMPLE == 1:
            self._timed_from = self._timed_from or at
        if receiver in self._waiting:
            self.flush()
        self._waiting[receiver] = mulaw
        if alone or len(self._waiting) >= _TOGETHER:
            self.flush()
        elif not self._called:
            self._called = True
            asyncio.get_running_loop().call_soon(self._turn_over)

    def flush(self) -> None:
        """Send all that waits, now: before anything else is sent to one of those sessions."""
        waiting = self._waiting
        if len(waiting) == 1:
            receiver, mulaw = waiting.popitem()
            _send(receiver, receiver.filter.feed(mulaw))
        elif waiting:
            self._waiting = {}
            made = CallerToAgent.feed_all([(receiver.filter, mulaw) for receiver, mulaw in waiting.items()])
            for receiver, pcm in zip(waiting, made, strict=True):
                _send(receiver, pcm)
        if self._timed_from:
            self._metrics.up.observe(time.monotonic() - self._timed_from)
            self._timed_from = 0.0

    def _turn_over(self) -> None:
        self._called = False
        self.flush()


def _send(receiver: Receiver, pcm: bytes) -> None:
    try:
        receiver.send_audio(pcm)
    except Exception as error:  # noqa: BLE001 - the edge of a call: the others' audio goes on
        receiver.fail(error)
