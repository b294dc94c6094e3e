"""One media stream as Twilio conducts it: caller audio up, agent audio down, keys and marks.

Pure: time is an argument, in seconds since the stream's ``start``.
https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

from collections import deque
from dataclasses import dataclass, field
from typing import assert_never

from gateway.emulators.twilio.line_audio import FRAME_BYTES, FRAME_S, SILENCE, AudioUnusable, Track
from gateway.emulators.twilio.line_impairments import Impairments, Lane
from gateway.emulators.twilio.line_messages import (
    INVALID,
    Clear,
    Complaint,
    FromServer,
    Mark,
    Media,
    Script,
    StreamNames,
    parse,
)
from gateway.emulators.twilio.playout import KEPT_LIMIT_S, Playout, Returned

BUFFER_FULL = 31931
KEYS = frozenset("0123456789*#ABCD")
KEY_S = 0.1
PAUSE_S = 0.5

MAX_IN_FLIGHT = 20_000
MAX_RECORDS = 10_000
MAX_SPEECH_BYTES = 600 * 8000
MAX_KEYS = 200
MAX_BEHIND = 100


@dataclass(frozen=True, slots=True)
class LineWarning:
    """Something Twilio's debugger would show, by its code."""

    at_s: float
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class MarkReturned:
    """A mark sent back to the server; ``flushed`` if a clear did it."""

    at_s: float
    name: str
    flushed: bool


@dataclass(frozen=True, slots=True)
class LineEvent:
    """One line of the stream's timeline."""

    at_s: float
    kind: str
    detail: str = ""


@dataclass(slots=True)
class _Up:
    """What travels up: caller audio with its presentation time, a key, or a returned mark."""

    arrival: float
    what: bytes | str | Returned = field(repr=False)
    timestamp_ms: int = 0


class LineCore:
    """The state of one stream.

    Feed ``receive``, ``queue`` and ``press``; send what ``due`` returns; call it again at ``deadline``.

    Args:
        names: The stream's identifiers and parameters.
        impairments: How the way ails, each way.

    """

    def __init__(self, names: StreamNames, impairments: Impairments | None = None) -> None:
        ailments = impairments or Impairments()
        self.names = names
        self.playout = Playout()
        self.spoken = Track(KEPT_LIMIT_S)
        self.spoken_bytes = 0
        self.queued_bytes = 0
        self.first_audio_at: float | None = None
        self.warnings: list[LineWarning] = []
        self.marks: list[MarkReturned] = []
        self.clears: list[float] = []
        self.events: deque[LineEvent] = deque(maxlen=MAX_RECORDS)
        self._script = Script(names)
        self._up_lane, self._down_lane = Lane(ailments, "up"), Lane(ailments, "down")
        self._up: deque[_Up] = deque()
        self._down: deque[tuple[float, FromServer]] = deque()
        self._speech = bytearray()
        self._keys: deque[tuple[float, str]] = deque()
        self._next_frame = 1

    def opening(self) -> list[str]:
        """The two messages every stream begins with."""
        return [self._script.connected(), self._script.start()]

    def closing(self) -> list[str]:
        """The message a stream ends with when it is Twilio that ends it."""
        return [self._script.stop()]

    def receive(self, raw: str | bytes, now: float) -> None:
        """Take a message from the server; a bad one is recorded and dropped, as Twilio does."""
        try:
            message = parse(raw, self.names.stream_sid)
        except Complaint as complaint:
            self._warn(now, complaint.code, str(complaint))
            return
        if len(self._down) >= MAX_IN_FLIGHT:
            self._warn(now, BUFFER_FULL, "too many messages at once")
            return
        self._down.append((self._down_lane.arrival(now), message))

    def queue(self, mulaw: bytes) -> int:
        """Have the caller speak; return the count of bytes spoken once this is over.

        Raises:
            AudioUnusable: More than ten minutes of speech would be waiting.

        """
        if len(self._speech) + len(mulaw) > MAX_SPEECH_BYTES:
            raise AudioUnusable("more than ten minutes of caller audio are waiting")
        self._speech.extend(mulaw)
        self.queued_bytes += len(mulaw)
        return self.queued_bytes

    def press(self, digits: str, now: float) -> None:
        """Have the caller press keys, ten a second; ``w`` waits half a second.

        Raises:
            ValueError: Not a key of a telephone.

        """
        at = max(now, self._keys[-1][0] + KEY_S if self._keys else now)
        for digit in digits[:MAX_KEYS]:
            if digit in "wW":
                at += PAUSE_S
            elif digit in KEYS:
                self._keys.append((at, digit))
                at += KEY_S
            else:
                raise ValueError(f"{digit!r} is not a key of a telephone")

    @property
    def deadline(self) -> float:
        """When ``due`` has something to do next, in seconds."""
        times = [self._next_frame * FRAME_S]
        if self._down:
            times.append(self._down[0][0])
        if self._keys:
            times.append(self._keys[0][0])
        if self._up:
            times.append(self._up[0].arrival)
        if self.playout.deadline is not None:
            times.append(self.playout.deadline)
        return min(times)

    def due(self, now: float) -> list[str]:
        """What goes to the server by now, in order."""
        while self._down and self._down[0][0] <= now:
            arrival, message = self._down.popleft()
            self._return_marks(arrival)
            self._obey(message, arrival)
        self._return_marks(now)
        while self._keys and self._keys[0][0] <= now:
            at, digit = self._keys.popleft()
            self._up.append(_Up(self._up_lane.arrival(at), digit))
            self._tell(at, "key", digit)
        self._skip(now)
        while self._next_frame * FRAME_S <= now:
            self._speak()
        messages = []
        while self._up and self._up[0].arrival <= now:
            messages.append(self._write(self._up.popleft()))
        return messages

    def _skip(self, now: float) -> None:
        """Leave frames out when the machine is too slow to send them all: catching up would never end."""
        behind = int(now / FRAME_S) - self._next_frame
        if behind > MAX_BEHIND:
            self._next_frame += behind
            self._tell(now, "overloaded", f"{behind} frames left out: this machine is too slow")

    def _obey(self, message: FromServer, at: float) -> None:
        match message:
            case Media(payload):
                self._play(payload, at)
            case Mark(name):
                if not self.playout.mark(name, at):
                    self._warn(at, INVALID, "too many marks are pending")
            case Clear():
                cut_s = self.playout.clear(at)
                if len(self.clears) < MAX_RECORDS:
                    self.clears.append(at)
                self._tell(at, "clear", f"{cut_s * 1000:.0f} ms cut")
            case _:
                assert_never(message)

    def _play(self, payload: bytes, at: float) -> None:
        idle = not self.playout.queued_s(at)
        surplus = self.playout.put(self._down_lane.thin(payload), at)
        if self.first_audio_at is None:
            self.first_audio_at = at
        if idle:
            self._tell(at, "agent speaks")
        # https://www.twilio.com/docs/api/errors/31931: sent once per stream.
        if surplus and all(warning.code != BUFFER_FULL for warning in self.warnings):
            self._warn(at, BUFFER_FULL, "more than ten minutes of audio are queued")

    def _return_marks(self, now: float) -> None:
        for mark in self.playout.due(now):
            self._up.append(_Up(self._up_lane.arrival(now), mark))
            if len(self.marks) < MAX_RECORDS:
                self.marks.append(MarkReturned(now, mark.name, mark.flushed))

    def _speak(self) -> None:
        frame = bytes(self._speech[:FRAME_BYTES])
        del self._speech[:FRAME_BYTES]
        end = self._next_frame * FRAME_S
        self._next_frame += 1
        if frame:
            self.spoken.lay(frame, end - FRAME_S)
            self.spoken_bytes += len(frame)
        # A lost frame leaves a jump of the timestamp and nothing else.
        if not self._up_lane.loses():
            padded = frame + SILENCE * (FRAME_BYTES - len(frame))
            self._up.append(_Up(self._up_lane.arrival(end), padded, round(end * 1000)))

    def _write(self, up: _Up) -> str:
        match up.what:
            case bytes(frame):
                return self._script.media(frame, up.timestamp_ms)
            case str(digit):
                return self._script.dtmf(digit)
            case Returned(name):
                return self._script.mark(name)
            case _:
                assert_never(up.what)

    def _warn(self, at: float, code: int, text: str) -> None:
        if len(self.warnings) < MAX_RECORDS:
            self.warnings.append(LineWarning(at, code, text))
            self._tell(at, "warning", f"{code} {text}")

    def _tell(self, at: float, kind: str, detail: str = "") -> None:
        self.events.append(LineEvent(at, kind, detail))
