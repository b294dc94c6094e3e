"""The agent's speech: brought to the line's rate, played ahead of real time, cut when the caller speaks."""

from gateway.audio.transcode import AgentToCaller
from gateway.bridge.commands import Clear, Command, Play, Tell
from gateway.bridge.limits import Limits
from gateway.bridge.playout import Playout
from gateway.bridge.report import BargedIn, FirstAudio, TurnReport
from gateway.bridge.turns import Turn, Turns
from gateway.ids import MarkName
from gateway.wire.agent_session import ResponseAudio, ResponseText

_BYTES_PER_MS = 8

AgentSaid = ResponseAudio | ResponseText


class AgentSpeech:
    """What the agent says, from its messages to the caller's ear."""

    def __init__(self, limits: Limits) -> None:
        self._filter = AgentToCaller()
        self._turns = Turns()
        self._playing: Turn | None = None  # whose audio the filter holds the end of
        self.playout = Playout(limits)
        self._opened_at: float | None = None
        self.first_audio_ms: float | None = None
        self.late_chunks = 0
        self.dropped_ms = 0.0

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun of which more is to come."""
        return self._turns.speaking

    def open(self, now: float) -> list[Command]:
        """The stream is there: play what was said before."""
        self._opened_at = now
        return self._timed(self.playout.open(now), now)

    def say(self, event: AgentSaid, now: float) -> list[Command]:
        """Play a chunk of a turn, or note what it says, unless that turn was cut."""
        turn = self._turns.get(event.turn_id)
        if turn is None:
            self.late_chunks += 1
            return []
        if isinstance(event, ResponseText):
            turn.say(event.text, final=event.is_final)
            return []
        return self._audio(turn, event, now)

    def _audio(self, turn: Turn, event: ResponseAudio, now: float) -> list[Command]:
        commands: list[Command] = []
        for unfinished in self._turns.others(turn):
            commands += self._end(unfinished, now)
        turn.spoken = False
        self._playing = turn
        audio = self._filter.feed(event.audio)
        if event.is_final:
            commands += self._feed(turn, audio + self._filter.flush(), now)
            self._playing = None
            commands += self._end(turn, now)
        else:
            commands += self._feed(turn, audio, now)
        return self._timed(commands, now)

    def interrupt(self, now: float) -> list[Command]:
        """The caller barged in: nothing more of the turns so far is to be heard."""
        self._filter.reset()
        self._playing = None
        commands, lost = self.playout.cut(now)
        self._turns.cut()
        cleared = any(isinstance(command, Clear) for command in commands)
        return [*commands, Tell(BargedIn(lost / _BYTES_PER_MS, cleared))]

    def mark(self, name: MarkName, now: float) -> list[Command]:
        """A mark came back."""
        return self.playout.mark_returned(name, now)

    def over(self) -> list[TurnReport]:
        """The turns that came to their end since the last time."""
        return self._turns.over()

    def finish(self, now: float) -> list[TurnReport]:
        """The call is over: close the account of every turn."""
        self.playout.settle(now)
        return self._turns.over(everything=True)

    def counts(self) -> dict[str, int]:
        """What was counted, by name."""
        return {
            "late_chunks": self.late_chunks,
            "agent_audio_dropped_ms": round(self.dropped_ms),
            "marks_missing": self.playout.marks_missing,
            "marks_stale": self.playout.marks_stale,
        }

    def _timed(self, commands: list[Command], now: float) -> list[Command]:
        """Tell when the caller is sent the first audio of the call."""
        if self.first_audio_ms is not None or self._opened_at is None:
            return commands
        if not any(isinstance(command, Play) for command in commands):
            return commands
        self.first_audio_ms = (now - self._opened_at) * 1000.0
        return [*commands, Tell(FirstAudio(self.first_audio_ms))]

    def _feed(self, turn: Turn, audio: bytes, now: float) -> list[Command]:
        commands, dropped = self.playout.feed(turn, audio, now)
        self.dropped_ms += dropped / _BYTES_PER_MS
        return commands

    def _end(self, turn: Turn, now: float) -> list[Command]:
        commands: list[Command] = []
        if self._playing is turn:
            commands += self._feed(turn, self._filter.flush(), now)
            self._playing = None
        turn.spoken = True
        return commands + self.playout.close(turn, now)
