"""What Twilio does with the audio it is sent: queue it, play it, return marks, forget it on a clear.

Pure: time is an argument, in seconds since the stream began.
https://www.twilio.com/docs/voice/media-streams/websocket-messages#send-websocket-messages-to-twilio
"""

from collections import deque
from dataclasses import dataclass, field

RATE = 8000
SILENCE = b"\xff"
QUEUE_LIMIT_S = 600.0
KEPT_LIMIT_S = 3600.0
MAX_PENDING_MARKS = 10_000
MAX_CUTS = 1_000


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the time axis, in seconds."""

    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Cut:
    """What a clear took away: audio that was queued and never heard.

    Attributes:
        at_s: When the clear came, in seconds since the stream began.
        duration_s: How much was cut.
        audio: The mu-law audio itself, as far as it was kept.

    """

    at_s: float
    duration_s: float
    audio: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Returned:
    """A mark on its way back, and whether a clear flushed it."""

    name: str
    flushed: bool


@dataclass(slots=True)
class _Pending:
    name: str
    due: int
    flushed: bool = False


class Playout:
    """Twilio's playback buffer of one stream, and the record of what was heard of it.

    The queue is the tail of the record: what lies behind the playing position is still to be heard.

    Args:
        queue_limit_s: Most audio that may wait; the surplus is discarded (warning 31931).
        kept_limit_s: How much of the call is kept as audio; later audio is played, not kept.

    """

    def __init__(self, *, queue_limit_s: float = QUEUE_LIMIT_S, kept_limit_s: float = KEPT_LIMIT_S) -> None:
        self._queue_limit = round(queue_limit_s * RATE)
        self._kept_limit = round(kept_limit_s * RATE)
        self._track = bytearray()
        self._end = 0
        self._spans: list[list[int]] = []
        self._marks: deque[_Pending] = deque()
        self.cuts: list[Cut] = []

    def put(self, audio: bytes, now: float) -> int:
        """Queue mu-law audio of any length; return how many bytes were surplus and discarded."""
        start = max(self._end, _sample(now))
        room = self._queue_limit - (start - _sample(now))
        taken = audio[: max(0, room)]
        if taken:
            self._append(taken, start)
        return len(audio) - len(taken)

    def _append(self, audio: bytes, start: int) -> None:
        if self._spans and self._spans[-1][1] == start:
            self._spans[-1][1] += len(audio)
        else:
            self._spans.append([start, start + len(audio)])
        self._end = start + len(audio)
        if start < self._kept_limit:
            self._track.extend(SILENCE * (start - len(self._track)))
            self._track.extend(audio[: self._kept_limit - start])

    def mark(self, name: str, now: float) -> bool:
        """Return this mark when all audio before it has been played; False if too many are pending."""
        if len(self._marks) >= MAX_PENDING_MARKS:
            return False
        self._marks.append(_Pending(name, max(self._end, _sample(now))))
        return True

    def clear(self, now: float) -> float:
        """Forget what has not been heard; return how many seconds that was. All pending marks fall due."""
        position = _sample(now)
        for pending in self._marks:
            # A mark that was due already proves its audio was heard, whatever comes after.
            pending.flushed = pending.flushed or pending.due > position
            pending.due = min(pending.due, position)
        cut = self._end - position
        if cut <= 0:
            return 0.0
        if len(self.cuts) < MAX_CUTS:
            self.cuts.append(Cut(now, cut / RATE, bytes(self._track[position:])))
        del self._track[position:]
        self._end = position
        self._trim_spans(position)
        return cut / RATE

    def _trim_spans(self, position: int) -> None:
        while self._spans and self._spans[-1][0] >= position:
            self._spans.pop()
        if self._spans:
            self._spans[-1][1] = min(self._spans[-1][1], position)

    def due(self, now: float) -> list[Returned]:
        """Take the marks to be returned by now, in order."""
        position = _sample(now)
        returned = []
        while self._marks and self._marks[0].due <= position:
            pending = self._marks.popleft()
            returned.append(Returned(pending.name, pending.flushed))
        return returned

    @property
    def deadline(self) -> float | None:
        """When the next mark falls due, in seconds."""
        return self._marks[0].due / RATE if self._marks else None

    def queued_s(self, now: float) -> float:
        """How much is queued and not yet heard, in seconds."""
        return max(0, self._end - _sample(now)) / RATE

    def heard_s(self, now: float) -> float:
        """How much audio has been played by now, gaps left out, in seconds."""
        position = _sample(now)
        return sum(min(end, position) - start for start, end in self._spans if start < position) / RATE

    def heard(self, now: float) -> bytes:
        """What was heard by now, from the stream's beginning: mu-law, with silence in the gaps."""
        position = min(_sample(now), self._kept_limit)
        return bytes(self._track[:position]) + SILENCE * (position - len(self._track))

    def spans(self, now: float) -> list[Span]:
        """The stretches in which something was heard by now."""
        position = _sample(now)
        return [
            Span(start / RATE, min(end, position) / RATE) for start, end in self._spans if start < position
        ]


def _sample(now: float) -> int:
    # The small offset keeps a deadline computed as sample / RATE from falling one sample short of itself.
    return int(now * RATE + 1e-6)
