"""An independent model of the far side of a media stream, and a bridge between it and an agent.

Written from Twilio's description of a stream's playback: audio and marks queue up and are played in real
time; a mark comes back when it is reached, at once when nothing is queued; a clear empties the queue and
brings back the marks that were in it. Time is counted in samples of 8 kHz.
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.audio.transcode import AgentToCaller
from gateway.bridge import commands, events
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.machine import Bridge
from gateway.bridge.report import TurnReport
from gateway.bridge.speech import ANNOUNCEMENT
from gateway.ids import E164, CallSid, MarkName, SessionId, StreamSid, TurnId
from gateway.wire import agent_session, media_stream

SECOND = 8000
MS = 8
START = media_stream.Start(StreamSid("MZ1"), CallSid("CA1"))
STARTED = agent_session.SessionStarted(SessionId("session"))
NUMBER = E164("+15550100")
BOOK = ToolBook({"lookup": 10.0, "order": 4.0}, (NUMBER,))

NEVER = float("inf")
PLAIN = Limits(
    join_timeout_s=2.5,
    recoveries=0,
    attempt_s=NEVER,
    session_s=NEVER,
    greeting_filler_s=NEVER,
    answer_filler_s=NEVER,
    answer_lost_s=NEVER,
    tool_filler_s=NEVER,
    start_noise_s=NEVER,
    start_phrase_s=NEVER,
    gap_noise_s=NEVER,
    gap_phrase_s=NEVER,
    look_every_s=NEVER,
    media_suspect_s=NEVER,
    media_thin_s=NEVER,
    reattach_s=0.0,
    transfer_wait_s=0.0,
)
"""The first loss is the end, and the gateway makes no sound of its own: for the rules that need neither."""


def plain(**bounds: Any) -> Limits:
    """Such a call with other bounds."""
    return replace(PLAIN, **bounds)


Parts = list[tuple[str, int]]
"""Whose audio it is, and how many samples."""


class Line:
    """Twilio's playback of one stream; ``out`` takes what comes back, which is on its way ``delay`` long."""

    def __init__(self, out: Callable[[int, events.Event], None]) -> None:
        self._out = out
        self._queue: deque[tuple[Parts, bytes] | MarkName] = deque()
        self._into = 0  # samples played of the first message
        self._at = 0
        self.ended = False
        self.queued = 0
        self.most_queued = 0
        self.silent: list[tuple[int, int]] = []  # from when until when nothing was there to play
        self.heard = bytearray()
        self.heard_of: Counter[str] = Counter()

    def take(self, command: commands.Command, parts: Parts, at: int) -> None:
        """A message arrives."""
        self.play(at)
        if self.ended:
            return
        if not self.queued:
            self.silent.append((self._at, at))
            self._at = at
        match command:
            case commands.Play(audio=audio):
                self._queue.append((parts, audio))
                self.queued += len(audio)
                self.most_queued = max(self.most_queued, self.queued)
            case commands.PlaceMark(name=name) if self._queue:
                self._queue.append(name)
            case commands.PlaceMark(name=name):
                self._out(at, media_stream.Mark(name))
            case commands.Clear():
                flushed = [item for item in self._queue if isinstance(item, str)]
                self._queue.clear()
                self._into = self.queued = 0
                for name in flushed:
                    self._out(at, media_stream.Mark(name))
            case _:
                self.ended = True

    def play(self, until: int) -> None:
        """Let time pass."""
        while self._queue and not self.ended:
            head = self._queue[0]
            if isinstance(head, str):
                self._queue.popleft()
                self._out(self._at, media_stream.Mark(head))
                continue
            size = min(until - self._at, len(head[1]) - self._into)
            if size <= 0:
                return
            self._hear(head, size)
            self._at += size
            if self._into == len(head[1]):
                self._queue.popleft()
                self._into = 0

    def next_at(self) -> int | None:
        """When the next mark is reached, if nothing more arrives."""
        at = self._at - self._into
        for item in self._queue:
            if isinstance(item, str):
                return at
            at += len(item[1])
        return None

    def _hear(self, head: tuple[Parts, bytes], size: int) -> None:
        parts, audio = head
        self.heard += audio[self._into : self._into + size]
        start = 0
        for owner, count in parts:
            overlap = min(start + count, self._into + size) - max(start, self._into)
            self.heard_of[owner] += max(0, overlap)
            start += count
        self._into += size
        self.queued -= size


@dataclass
class Spoken:
    """A turn as the agent says it, and as an independent filter renders it in one piece."""

    name: str
    pieces: list[bytearray] = field(default_factory=list)  # each rendered to its end
    sounding: bool = False  # more of the last piece may come
    past: bool = False  # an interruption came since: what still comes of it is late
    cut: bool = False
    given: int = 0  # samples the bridge has been able to send
    sent: bytearray = field(default_factory=bytearray)
    counter: AgentToCaller = field(default_factory=AgentToCaller)

    @property
    def whole(self) -> bytes:
        """All of it as mu-law."""
        audio = b""
        for piece in self.pieces:
            once = AgentToCaller()
            audio += once.feed(bytes(piece))
            if not (self.sounding and piece is self.pieces[-1]):
                audio += once.flush()
        return audio


@dataclass
class Path:
    """How messages travel: constant delays in samples, and what becomes of marks."""

    down: int = 0
    up: int = 0
    lost: Callable[[int], bool] = lambda _: False
    late: int = 0


class World:
    """A bridge, a line and an agent, in virtual time."""

    def __init__(self, limits: Limits | None = None, book: ToolBook = BOOK, path: Path | None = None) -> None:
        self.limits = limits or PLAIN
        self.bridge = Bridge(self.limits, book)
        self.path = path or Path()
        self.line = Line(self._come_back)
        self.now = 0
        self._down: deque[tuple[int, commands.Command, Parts]] = deque()
        self._up: list[tuple[int, int, events.Event]] = []
        self._count = 0
        self._idle_ticks = 0
        self.turns: dict[str, Spoken] = {}
        self.sounding: Spoken | None = None
        self.agent_gone = False
        self.cut_at: int | None = None
        self.log: list[commands.Command] = []
        self.final: commands.Final | None = None
        self.on_commands: Callable[[list[commands.Command]], None] = lambda _: None
        self.media_every: int | None = None
        self._next_media = 0
        self._sequence = 0

    # The agent

    def say(self, name: str, pcm: bytes, *, final: bool = False) -> list[commands.Command]:
        """A chunk of a turn."""
        turn = self.turns.setdefault(name, Spoken(name))
        if not turn.past and not self.final and not self.agent_gone:
            self._account(turn, pcm, final)
        return self.feed(agent_session.ResponseAudio(TurnId(name), pcm, final))

    def write(self, name: str, text: str, *, final: bool = False) -> list[commands.Command]:
        """What a turn says."""
        self.turns.setdefault(name, Spoken(name))
        return self.feed(agent_session.ResponseText(TurnId(name), text, final))

    def interrupt(self) -> list[commands.Command]:
        """The caller was heard to speak."""
        self._cut()
        return self.feed(agent_session.Interruption())

    def announce(self, pcm: bytes) -> list[commands.Command]:
        """A message is to be said instead of everything else."""
        self._cut()
        self.turns[ANNOUNCEMENT] = Spoken(ANNOUNCEMENT)
        self._account(self.turns[ANNOUNCEMENT], pcm, True)
        self.agent_gone = True
        return self.feed(events.LeaveMessage(pcm, "Please call us back."))

    def _cut(self) -> None:
        self.cut_at = self.now
        for turn in self.turns.values():
            if not turn.past and not self.final:
                turn.past, turn.cut = True, not self.through(turn)
        self.sounding = None if not self.final else self.sounding

    def end_turn(self) -> None:
        """Nothing follows in the turn being spoken: its tail can be sent."""
        if self.sounding:
            self.sounding.given += len(self.sounding.counter.flush())
            self.sounding.sounding = False
        self.sounding = None

    def end_session(self, event: events.Event) -> list[commands.Command]:
        """The agent's session is over, or lost: nothing more can come of it."""
        self.end_turn()
        self.agent_gone = True
        return self.feed(event)

    def through(self, turn: Spoken) -> bool:
        """Whether all of a turn had been played when a clear sent now would arrive."""
        return not turn.sounding and len(turn.sent) == turn.given == self.heard_by_arrival(turn.name)

    def heard_by_arrival(self, name: str) -> int:
        """What will have been played of a turn when a message sent now arrives."""
        self._arrive(self.now + self.path.down)
        self.line.play(self.now + self.path.down)
        return self.line.heard_of[name]

    # The bridge

    def feed(self, event: events.Event | None) -> list[commands.Command]:
        """Give the bridge an event, carry out its commands and check what must always hold."""
        was_over = self.final is not None
        done = self.bridge.handle(event, self.now / SECOND)
        assert not (was_over and done), "nothing follows the end"
        deadline = self.bridge.deadline
        if not isinstance(event, media_stream.Media):  # the hot path leaves what is due to the timer
            assert deadline is None or deadline > self.now / SECOND, "a deadline in the past"
        for command in done:
            assert self.final is None, "nothing follows the end"
            self._carry_out(command)
        self.log += done
        self.on_commands(done)
        return done

    def later(self, event: events.Event) -> None:
        """Twilio sends something."""
        self._come_back(self.now, event)

    def pass_time(self, samples: int) -> None:
        """Let time pass, and everything happen that is due."""
        until = self.now + samples
        while (at := self._next_at()) <= until:
            self._idle_ticks = self._idle_ticks + 1 if at == self.now else 0
            assert self._idle_ticks < 500, "time stands still"
            self.now = max(self.now, at)
            self._happen()
        self.now = until
        self._arrive(until)
        self.line.play(until)

    def _happen(self) -> None:
        self._arrive(self.now)
        self.line.play(self.now)
        due = sorted(item for item in self._up if item[0] <= self.now)
        self._up = [item for item in self._up if item[0] > self.now]
        for _, _, event in due:
            self.feed(event)
        if self.media_every and self._next_media <= self.now:
            self._next_media = self.now + self.media_every
            self._sequence += 1
            self.feed(media_stream.Media(bytes([255]) * 160, self._sequence))
        if self._due():
            self.feed(None)

    def _due(self) -> bool:
        deadline = self.bridge.deadline
        return self.final is None and deadline is not None and deadline <= self.now / SECOND

    def _next_at(self) -> int:
        times = [at for at, _, _ in self._up]
        if self._down:
            times.append(self._down[0][0])
        mark_at = self.line.next_at()
        if mark_at is not None and not self.line.ended:
            times.append(mark_at)
        if self.final is None and self.bridge.deadline is not None:
            at = int(self.bridge.deadline * SECOND)
            while at / SECOND < self.bridge.deadline:
                at += 1
            times.append(at)
        if self.final is None and self.media_every:
            times.append(self._next_media)
        return max(self.now, min(times, default=2**62))

    def _arrive(self, until: int) -> None:
        while self._down and self._down[0][0] <= until:
            at, command, parts = self._down.popleft()
            self.line.take(command, parts, at)

    def _come_back(self, at: int, event: events.Event) -> None:
        self._count += 1
        late = 0
        if isinstance(event, media_stream.Mark):
            if self.path.lost(self._count):
                return
            late = self.path.late
        self._up.append((at + self.path.up + late, self._count, event))

    def _carry_out(self, command: commands.Command) -> None:
        parts: Parts = []
        if isinstance(command, commands.Play):
            parts = self._attribute(command.audio)
        if isinstance(command, commands.HangUp | commands.FallBack | commands.Release):
            self.final = command
        if isinstance(command, commands.ToCaller | commands.Final):
            self._down.append((self.now + self.path.down, command, parts))

    def _attribute(self, audio: bytes) -> Parts:
        """Whose audio it is: turns are sent in the order they were said, whole or up to their cut."""
        parts: Parts = []
        for _ in range(2):
            for turn in self.turns.values():
                size = 0 if turn.cut else min(len(audio), turn.given - len(turn.sent))
                turn.sent += audio[:size]
                audio = audio[size:]
                parts += [(turn.name, size)] if size else []
            if audio:  # a turn the bridge takes for ended, though nobody said so: a piece ends here
                self.end_turn()
        assert not audio, "audio that nobody said, or of a turn that was cut"
        return parts

    def _account(self, turn: Spoken, pcm: bytes, final: bool) -> None:
        if pcm and self.sounding is not turn:
            self.end_turn()
            self.sounding, turn.sounding = turn, True
            turn.pieces.append(bytearray())
        if self.sounding is turn:
            turn.pieces[-1] += pcm
            turn.given += len(turn.counter.feed(pcm))
            if final:
                self.end_turn()

    # What came of it

    def reports(self) -> dict[str, TurnReport]:
        """The turns as reported, by name; each once."""
        turns = self.bridge.report.turns
        assert len({turn.turn_id for turn in turns}) == len(turns), "a turn reported twice"
        return {turn.turn_id: turn for turn in turns}
