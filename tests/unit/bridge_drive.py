"""A bridge in virtual time, whose caller hears all that it is sent, and whose agents and streams may go."""

from collections import deque
from typing import TypeVar

from gateway.audio.clips import ClipName, Clips
from gateway.bridge import commands, events
from gateway.bridge.commands import Command
from gateway.bridge.history import Past
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.machine import Bridge
from gateway.bridge.report import Note
from gateway.ids import CallSid, MarkName, SessionId, StreamSid, TurnId
from gateway.wire import agent_session, media_stream
from tests.unit.bridge_line import BOOK
from tests.unit.bridge_talk import pcm

CLIPS = Clips({ClipName.ONE_MOMENT: b"\x10" * 8000, ClipName.STILL_THERE: b"\x20" * 8000})
CALM = Limits(media_gap_s=1000.0, media_suspect_s=1000.0, media_thin_s=1000.0)  # nobody need say anything
LOST = events.AgentLost("broken pipe")
STOP = media_stream.Stop()
GONE = events.CallerLost("closed")
LOUD = bytes([0x10]) * 160
_T = TypeVar("_T")


def start(number: int = 1) -> media_stream.Start:
    """A stream of the call opens."""
    return media_stream.Start(StreamSid(f"MZ{number}"), CallSid("CA1"))


def started(number: int = 1) -> agent_session.SessionStarted:
    """A session of the agent's begins."""
    return agent_session.SessionStarted(SessionId(f"session-{number}"))


class Drive:
    """Feeds a bridge, plays what it sends, brings its marks back, and keeps what it commands."""

    def __init__(
        self,
        limits: Limits = CALM,
        *,
        clips: Clips = CLIPS,
        past: Past | None = None,
        book: ToolBook = BOOK,
        open_line: bool = True,
    ) -> None:
        self.bridge = Bridge(limits, book, clips, past)
        self.now = 0.0
        self.log: list[tuple[float, Command]] = []
        self._ends = 0.0
        self._marks: deque[tuple[float, MarkName]] = deque()
        self.feed(events.Admitted())
        if open_line:
            self.feed(started())
            self.feed(start())

    def feed(self, event: events.Event | None) -> list[Command]:
        """Something happens; return what is commanded."""
        done = self.bridge.handle(event, self.now)
        for command in done:
            self.log.append((self.now, command))
            match command:
                case commands.Play(audio=audio):
                    self._ends = max(self._ends, self.now) + len(audio) / 8000
                case commands.PlaceMark(name=name):
                    self._marks.append((max(self._ends, self.now), name))
                case commands.Clear():
                    self._ends = self.now
                    self._marks = deque((self.now, name) for _, name in self._marks)
        return done

    def wait(self, seconds: float) -> None:
        """Let time pass."""
        until = self.now + seconds
        while True:
            due = self.bridge.deadline
            times = [at for at in (due, self._marks[0][0] if self._marks else None) if at is not None]
            at = min(times, default=until + 1)
            if at > until:
                break
            self.now = max(self.now, at)
            if self._marks and self._marks[0][0] <= self.now:
                self.feed(media_stream.Mark(self._marks.popleft()[1]))
            else:
                self.feed(None)
        self.now = until

    def say(self, turn: str, words: str, ms: int = 500, *, final: bool = True) -> list[Command]:
        """The agent says something."""
        done = self.feed(agent_session.ResponseText(TurnId(turn), words, True))
        return done + self.feed(agent_session.ResponseAudio(TurnId(turn), pcm(ms), final))

    def lose_stream(self) -> list[Command]:
        """The stream is gone, and its marks with it."""
        self._marks.clear()
        self._ends = 0.0
        return self.feed(GONE)

    def all(self, kind: type[_T]) -> list[_T]:
        """The commands of a kind so far."""
        return [command for _, command in self.log if isinstance(command, kind)]

    def when(self, kind: type[Command], nth: int = 0) -> float:
        """When a command of a kind came."""
        return [at for at, command in self.log if isinstance(command, kind)][nth]

    def told(self, kind: type[_T]) -> list[_T]:
        """The notes of a kind so far."""
        notes: list[Note] = [tell.note for tell in self.all(commands.Tell)]
        return [note for note in notes if isinstance(note, kind)]

    def heard(self, byte: int) -> list[float]:
        """When sound that begins with this byte was sent."""
        return [at for at, c in self.log if isinstance(c, commands.Play) and c.audio[0] == byte]

    def ended(self) -> commands.Final | None:
        """How the call ended, if it has."""
        return next((command for _, command in self.log if isinstance(command, commands.Final)), None)
