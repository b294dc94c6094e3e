"""Recordings of calls, kept in memory."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.line_audio import RATE, SILENCE
from gateway.emulators.twilio.records import new_sid

MAX_RECORDINGS = 1000
LONGEST_S = 600


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording: mono mu-law."""

    call_sid: str
    mulaw: bytes = field(repr=False)
    sid: str = field(default_factory=lambda: new_sid("RE"))
    created: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def duration_s(self) -> int:
        """Whole seconds, at least one."""
        return max(1, round(len(self.mulaw) / RATE))


class Shelf:
    """The recordings there are, the oldest first; the oldest makes room for the newest."""

    def __init__(self) -> None:
        self.recordings: dict[str, Recording] = {}

    def put(self, call_sid: str, mulaw: bytes) -> Recording:
        """Keep a recording of a call."""
        if len(self.recordings) >= MAX_RECORDINGS:
            del self.recordings[next(iter(self.recordings))]
        recording = Recording(call_sid, mulaw[: LONGEST_S * RATE])
        self.recordings[recording.sid] = recording
        return recording

    def record(self, call: Call) -> Recording:
        """Keep what the other party said in a call; silence where there was no media stream."""
        silence = SILENCE * round(min(call.since_answer_s, LONGEST_S) * RATE)
        return self.put(call.sid, b"".join(line.spoken for line in call.lines) or silence)
