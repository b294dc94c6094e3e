"""Both sides of a call on one axis of time: the caller on the left, what the caller heard on the right.

Time is the gateway's: ``now`` in seconds of a monotonic clock, handed in with everything. Caller audio stands
where it arrived, agent audio where it would play if messages to Twilio took no time. Both are off by the way
between: on the telephone the right channel sounds later and the left one was spoken earlier, so a recording
shows the caller answering late by one round trip, commonly 0.1 to 0.3 s. What a clear cuts is not affected,
since the audio and the clear travel the same way.

Sizes and places are samples of 8 kHz mu-law, a byte each. A frame costs an append to a list; the work is done
once for each ``take``.
"""

from typing import Final

from gateway.audio.mulaw import RATE, SILENCE

DRIFT: Final = RATE // 10
"""How far caller audio may be from the clock before it is set right."""
PATIENCE: Final = 2 * RATE
"""How long a place on the left stays open for caller audio that is held up on the network."""
AHEAD: Final = 60 * RATE
"""Most agent audio beyond now; the playout keeps about a second there."""
_SILENCE: Final = bytes([SILENCE])


class Stereo:
    """The recording of one call, as far as it is not taken yet.

    Agent audio counts from the start, because what was sent before the recording begins may be heard after.
    """

    def __init__(self) -> None:
        self._left = _Track()
        self._right = _Track()
        self._begun = False
        self._gap_at = -1  # where in the left track's pieces silence was put that may yet turn out too long
        self._gap_begins = 0
        self.dropped = 0
        """Bytes of caller audio that came faster than time passes, and have no place."""

    def begin(self, now: float) -> None:
        """Record from here on. The second time changes nothing."""
        if self._begun:
            return
        self._begun = True
        at = _place(now)
        self._left.forget(at)
        self._right.forget(at)
        self._right.fill(at)
        self._right.take(at)

    def caller(self, mulaw: bytes, now: float) -> None:
        """Take caller audio that has just arrived; before the beginning it is passed over.

        Frames lie end to end. One that comes late leaves a gap of silence before it; if others come right
        behind it, they had only been held up, and the gap closes again.
        """
        if not self._begun or not mulaw:
            return
        left = self._left
        late = _place(now) - len(mulaw) - left.end
        if late > DRIFT:
            self._gap_begins, self._gap_at = left.end, len(left.pieces)
            left.fill(left.end + late)
        elif late < 0:
            if self._gap_at >= 0:
                late += self._close_gap(-late)
            if late < -DRIFT:
                self.dropped += len(mulaw)
                return
        left.lay(mulaw)

    def sent(self, mulaw: bytes, now: float) -> None:
        """Take agent audio handed to Twilio: it plays when everything before it has been played."""
        at = _place(now)
        right = self._right
        if not self._begun:
            right.forget(at)
        if right.end < at:
            right.fill(at)
        right.lay(mulaw if right.end + len(mulaw) <= at + AHEAD else mulaw[: max(0, at + AHEAD - right.end)])

    def cleared(self, now: float) -> None:
        """Drop what has not been played by now: nobody heard it."""
        self._right.cut(_place(now))

    def take(self, now: float) -> bytes:
        """Both channels up to where they can no longer change, interleaved: left, right, left, right...

        That is the end of the caller's audio, less than a frame behind now as a rule; where the caller's
        audio is missing, it is ``PATIENCE`` behind now.
        """
        at = _place(now)
        if self._gap_at >= 0 and self._gap_begins < at - PATIENCE:
            self._gap_at = -1
        settled = self._left.end if self._gap_at < 0 else self._gap_begins
        return self._take(min(at, max(settled, at - PATIENCE)))

    def finish(self, now: float) -> bytes:
        """All that is left up to now, interleaved. What was sent and would play later is not heard."""
        self._gap_at = -1
        return self._take(_place(now))

    def _close_gap(self, ahead: int) -> int:
        """Shorten the silence by as much as there is of it; return how much that was."""
        pieces = self._left.pieces
        silence = pieces[self._gap_at]
        closed = min(ahead, len(silence))
        pieces[self._gap_at] = silence[closed:]
        self._left.end -= closed
        if closed == len(silence):
            self._gap_at = -1
        return closed

    def _take(self, until: int) -> bytes:
        size = until - self._left.begin
        if not self._begun or size <= 0:
            return b""
        pieces = len(self._left.pieces)
        both = bytearray(2 * size)
        both[::2] = self._left.take(until)
        both[1::2] = self._right.take(until)
        if self._gap_at >= 0:
            self._gap_at -= pieces - len(self._left.pieces)
        return bytes(both)


class _Track:
    """Audio without a hole, in the pieces it came in."""

    __slots__ = ("begin", "end", "pieces")

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.begin = 0
        self.end = 0

    def lay(self, audio: bytes) -> None:
        if audio:
            self.pieces.append(audio)
            self.end += len(audio)

    def fill(self, until: int) -> None:
        """Lay silence up to a place."""
        if until > self.end:
            self.lay(_SILENCE * (until - self.end))

    def cut(self, at: int) -> None:
        """Drop what lies beyond a place."""
        while self.pieces and self.end > at:
            last = self.pieces.pop()
            self.end -= len(last)
            if self.end < at:
                self.lay(last[: at - self.end])

    def forget(self, before: int) -> None:
        """Drop the pieces that end before a place; if none is left, begin there."""
        gone = 0
        while gone < len(self.pieces) and self.begin + len(self.pieces[gone]) <= before:
            self.begin += len(self.pieces[gone])
            gone += 1
        del self.pieces[:gone]
        if not self.pieces:
            self.begin = self.end = max(before, self.begin)

    def take(self, until: int) -> bytes:
        """Remove and return what lies before a place, silence where there is nothing yet."""
        self.fill(until)
        taken: list[bytes] = []
        missing = max(0, until - self.begin)
        self.begin += missing
        count = 0
        while missing > 0:
            piece = self.pieces[count]
            taken.append(piece[:missing])
            missing -= len(piece)
            count += 1
        # Of the last piece the end may stay, in the last one's place.
        self.pieces[:count] = [self.pieces[count - 1][missing:]] if missing else []
        return b"".join(taken)


def _place(now: float) -> int:
    return round(now * RATE)
