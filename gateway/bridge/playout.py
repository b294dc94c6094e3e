"""Agent audio on its way to the caller: what waits here, what is at Twilio, what was heard.

Twilio queues whatever it is sent and plays it in order; a mark comes back when everything before it has
been played, or when a clear flushed it (https://www.twilio.com/docs/voice/media-streams/websocket-messages).
Returned marks are the credit: no more than the lead is ever unheard at Twilio, and nothing here sleeps.
Where a mark fails to return before Twilio runs dry, the clock stands in for it.

Sizes are bytes of mu-law: 8 a millisecond. Time at Twilio is reckoned as if messages took none to get
there. That is right for a cut, since the audio and the clear travel the same way.
"""

from collections import deque
from dataclasses import dataclass, field

from gateway.audio.mulaw import BYTES_PER_MS, FRAME, RATE
from gateway.bridge.calm import Calm
from gateway.bridge.commands import Clear, Command, PlaceMark, Play, Tell
from gateway.bridge.deadlines import earliest
from gateway.bridge.limits import Limits
from gateway.bridge.report import RoundTrip
from gateway.bridge.turns import Turn
from gateway.ids import MarkName

_REFILL_S = 0.1
"""A mark that is not back so long before Twilio runs dry is no longer waited for."""


@dataclass(slots=True)
class _Waiting:
    """Audio of one turn that has not been sent."""

    turn: Turn
    audio: bytearray
    closed: bool = False  # nothing follows: send the last part of a frame too


@dataclass(slots=True)
class _Stretch:
    """Audio between two marks; none in the fence behind a clear."""

    number: int
    ends: float  # when it will have been played, and the mark behind it is due
    parts: list[tuple[Turn, int]] = field(default_factory=list)
    size: int = 0


class Playout:
    """The ledger of agent audio: waiting, sent, heard or cut."""

    def __init__(self, limits: Limits) -> None:
        self._lead = _frames(limits.playout_lead_ms)
        # Half the lead at most: one half is refilled while the other is heard.
        self._stretch_size = min(_frames(limits.mark_every_ms), _frames(limits.playout_lead_ms // 2))
        self._refill_s = min(_REFILL_S, self._lead / RATE / 5)
        self._waiting_bound = int(limits.waiting_audio_s * RATE)
        self._grace_s = limits.mark_grace_s
        self._idle_flush_s = limits.idle_flush_s
        self._waiting: deque[_Waiting] = deque()
        self._waiting_size = 0
        self._sent: deque[_Stretch] = deque()  # behind a mark that is not back
        self._open: _Stretch | None = None  # sent, no mark behind it yet
        self._unheard = 0
        self._generation = 0
        self._number = 0
        self.plays_until = 0.0  # when Twilio has played all it was sent; in the past if nothing since
        self._late_s = 0.0  # how much later than reckoned the last mark says Twilio plays
        self._round_trip_s: float | None = None
        self._unproved = False  # something was sent since the last clear and no mark proves it played
        self.fed_at = 0.0  # when audio last came, gathered or not
        self._held = True  # there is no stream yet
        self.calm = Calm()
        self.idle_since = 0.0
        self.marks_missing = 0
        self.marks_stale = 0

    @property
    def idle(self) -> bool:
        """Nothing waits, and the caller has heard all that was sent."""
        return not self._waiting_size and not self._unheard

    @property
    def quiet_since(self) -> float | None:
        """When the caller had heard all that there was; ``None`` while there is more."""
        return None if self._waiting_size or self._unheard else self.idle_since

    @property
    def unheard_ms(self) -> float:
        """Audio at Twilio that the caller has not heard."""
        return self._unheard / BYTES_PER_MS

    @property
    def round_trip_s(self) -> float:
        """The shortest time a mark took beyond the audio before it; zero until one is back."""
        return self._round_trip_s or 0.0

    @property
    def until_mark_ms(self) -> int:
        """How much more audio goes before the next mark."""
        return (self._stretch_size - (self._open.size if self._open else 0)) // BYTES_PER_MS

    def remaining_s(self, now: float) -> float:
        """How long it takes until all of it has been heard, if nothing goes wrong."""
        return max(0.0, self.plays_until - now) + self._waiting_size / RATE

    @property
    def deadline(self) -> float | None:
        """When something must be done though nothing happens."""
        flush_at = self.fed_at + self._idle_flush_s if self._lingering else None
        calm_at = self.calm.until if self._waiting_size and not self._held else None
        return earliest(self._overdue_at(), flush_at, calm_at)

    def open(self, now: float) -> list[Command]:
        """The stream is there: send what waited for it."""
        self._held = False
        return self._pump(now)

    def feed(self, turn: Turn, audio: bytes, now: float) -> tuple[list[Command], int]:
        """Take audio of a turn; return what to send now, and the bytes dropped at the bound."""
        kept = audio[: max(0, self._waiting_bound - self._waiting_size)]
        if kept:
            last = self._waiting[-1] if self._waiting else None
            if last is not None and last.turn is turn:
                last.audio += kept
                last.closed = False
            else:
                self._waiting.append(_Waiting(turn, bytearray(kept)))
            self._waiting_size += len(kept)
            turn.received += len(kept)
        return self._pump(now), len(audio) - len(kept)

    def close(self, turn: Turn, now: float) -> list[Command]:
        """Nothing follows in this turn: send its last part of a frame, with a mark behind it."""
        for waiting in self._waiting:
            if waiting.turn is turn:
                waiting.closed = True
        return self._pump(now)

    def trim(self, turn: Turn, keep_ms: int) -> int:
        """Drop what waits of a turn, but for so much that is still to be heard; return how many bytes."""
        keep = max(0, keep_ms * BYTES_PER_MS - self._unheard)
        dropped = 0
        for waiting in self._waiting:
            if waiting.turn is turn:
                size = len(waiting.audio)
                del waiting.audio[keep:]
                dropped += size - len(waiting.audio)
                keep -= len(waiting.audio)
        self._waiting = deque(waiting for waiting in self._waiting if waiting.audio)
        self._waiting_size -= dropped
        return dropped

    def suspend(self, now: float) -> None:
        """The stream is gone, and what Twilio had not played with it; what waits here waits on."""
        waiting, size = self._waiting, self._waiting_size
        self._waiting, self._waiting_size = deque(), 0
        self.settle(now, dropped=True)
        self._waiting, self._waiting_size = waiting, size
        self._held = True
        self._unproved = False
        self._generation += 1
        self._number = 0

    def mark_returned(self, name: MarkName, now: float) -> list[Command]:
        """A mark is back: what lies before it was heard, unless a clear flushed it."""
        number = self._own(name)
        if number is None:
            self.marks_stale += 1
            return []
        if number == self._number:
            self._unproved = False
        if not self._sent or number < self._sent[0].number:
            return []  # given up before, and counted as heard by the clock
        commands: list[Command] = []
        while self._sent and self._sent[0].number <= number:
            stretch = self._sent.popleft()
            self._heard(stretch, now, proved=True)
            if stretch.number == number:
                commands.append(Tell(RoundTrip(self._measure(stretch, now) * 1000.0)))
        return commands + self._pump(now)

    def tick(self, now: float) -> list[Command]:
        """Do what is due: give up marks that are overdue, send what waits for company, or for calm."""
        self.calm.tick(now)
        while (due := self._overdue_at()) is not None and now >= due:
            self.marks_missing += 1
            self._heard(self._sent.popleft(), now, proved=False)
        if self._lingering and now >= self.fed_at + self._idle_flush_s:
            for waiting in self._waiting:
                waiting.closed = True
            return self._pump(now) + self._place_mark(now)
        return self._pump(now)

    def cut(self, now: float) -> tuple[list[Command], int]:
        """Drop all that is not heard; return what to send, and how many bytes the caller will not hear."""
        lost = self.settle(now)
        if not self._unproved:
            return [], lost
        self._unproved = False
        self._generation += 1
        self._number = 0
        fence = self._next_stretch(now)
        self._sent.append(fence)
        self.calm.cleared(now)
        return [Clear(), PlaceMark(self._name(fence))], lost

    def settle(self, now: float, *, dropped: bool = False) -> int:
        """Close the account: what was reckoned to have been played is heard, the rest is cut.

        With ``dropped`` the turns go on without it.
        """
        played = self._unheard - min(self._unheard, self._unplayed(now))
        lost = self._waiting_size + self._unheard - played
        if self._open:
            self._sent.append(self._open)
            self._open = None
        for stretch in self._sent:
            for turn, size in stretch.parts:
                heard = min(size, played)
                turn.heard += heard
                turn.dropped += size - heard if dropped else 0
                played -= heard
        self._sent.clear()
        self._waiting.clear()
        self._waiting_size = self._unheard = 0
        self.plays_until = now
        self._late_s = 0.0
        self.idle_since = now
        return lost

    def _unplayed(self, now: float) -> int:
        return max(0, round((self.plays_until + self._late_s - now) * RATE))

    @property
    def _room(self) -> int:
        return self._lead - self._unheard

    @property
    def _blocked(self) -> bool:
        """What waits could be sent if Twilio held less."""
        return self._room < min(FRAME, self._waiting_size)

    @property
    def _lingering(self) -> bool:
        """Less than a frame waits, or audio without a mark is out: the agent paused within its turn."""
        if self._open is not None:
            return True
        part = 0 < self._waiting_size < FRAME and not self._held and self.calm.until is None
        return part and self._room >= FRAME

    def _pump(self, now: float) -> list[Command]:
        """Send what waits, as far as the lead allows, in whole frames."""
        commands: list[Command] = []
        while self._waiting and not self._held and self.calm.until is None:
            head = self._waiting[0]
            gap = self._stretch_size - (self._open.size if self._open else 0)
            size = min(len(head.audio), self._room, gap)
            if size < len(head.audio) or not head.closed:
                size -= size % FRAME
            if size <= 0:
                break
            commands += self._send(head, size, now)
            if not head.audio:
                self._waiting.popleft()
                if head.closed:
                    commands += self._place_mark(now)
        return commands

    def _send(self, head: _Waiting, size: int, now: float) -> list[Command]:
        audio = bytes(head.audio[:size])
        del head.audio[:size]
        self._waiting_size -= size
        self._unheard += size
        self._unproved = True
        if now >= self.plays_until + self._late_s:
            self._late_s = 0.0  # Twilio had run dry: this plays when it gets there
        self.plays_until = max(now, self.plays_until) + size / RATE
        stretch = self._open = self._open or self._next_stretch(now)
        stretch.ends = self.plays_until
        stretch.size += size
        stretch.parts.append((head.turn, size))
        full = stretch.size >= self._stretch_size or self._room < FRAME
        return [Play(audio), *(self._place_mark(now) if full else [])]

    def _next_stretch(self, now: float) -> _Stretch:
        self._number += 1
        return _Stretch(self._number, ends=now)

    def _place_mark(self, now: float) -> list[Command]:
        stretch = self._open
        if stretch is None:
            return []
        self._open = None
        stretch.ends = max(stretch.ends, now)
        self._sent.append(stretch)
        return [PlaceMark(self._name(stretch))]

    def _name(self, stretch: _Stretch) -> MarkName:
        return MarkName(f"g{self._generation}.{stretch.number}")

    def _own(self, name: MarkName) -> int | None:
        """The number of a mark of this generation; older ones were flushed by a clear, not heard."""
        generation, _, number = name.partition(".")
        if generation != f"g{self._generation}" or not (number.isascii() and number.isdigit()):
            return None
        value = int(number[:9])
        placed = self._number - 1 if self._open else self._number
        return value if value <= placed else None

    def _heard(self, stretch: _Stretch, now: float, *, proved: bool) -> None:
        for turn, size in stretch.parts:
            turn.heard += size
            if proved:
                turn.proved += size
        self._unheard -= stretch.size
        if self.idle:
            self.idle_since = now

    def _measure(self, stretch: _Stretch, now: float) -> float:
        """Learn the round trip, and how late Twilio plays beyond the shortest one seen."""
        took = max(0.0, now - stretch.ends)
        shortest = took if self._round_trip_s is None else min(self._round_trip_s, took)
        self._round_trip_s = shortest
        self._late_s = took - shortest
        return took

    def _overdue_at(self) -> float | None:
        if not self._sent:
            return None
        ends = self._sent[0].ends
        overdue = ends + (self._round_trip_s or 0.0) + self._grace_s
        if not self._waiting_size or not self._blocked:
            return overdue
        return min(overdue, max(ends, self.plays_until - self._refill_s))


def _frames(duration_ms: int) -> int:
    """Bytes of the whole frames in a duration, one at least: less could never be sent."""
    return max(FRAME, duration_ms * BYTES_PER_MS // FRAME * FRAME)
