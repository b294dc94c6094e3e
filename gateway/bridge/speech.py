"""The agent's speech: brought to the line's rate, played ahead of real time, cut when the caller speaks."""

from gateway.audio.mulaw import BYTES_PER_MS
from gateway.audio.transcode import PCM_BYTES_PER_MS, AgentToCaller
from gateway.bridge.commands import Clear, Command, Play, Tell
from gateway.bridge.deadlines import earliest
from gateway.bridge.limits import Limits
from gateway.bridge.playout import Playout
from gateway.bridge.report import BargedIn, FirstAudio, TurnReport
from gateway.bridge.turns import Statement, Turn, Turns
from gateway.ids import MarkName, TurnId
from gateway.wire.agent_session import ResponseAudio, ResponseText

ANNOUNCEMENT = TurnId("announcement")
"""The turn that is the gateway's own, not the agent's."""

FILLER = TurnId("filler")
"""What is heard while the agent says nothing."""

_WHOLE_S = 1.5
"""Of an agent that never says that a turn is over: after so long without more of it, it is."""


class AgentSpeech:
    """What the agent says, from its messages to the caller's ear."""

    def __init__(self, limits: Limits) -> None:
        self._filter = AgentToCaller()
        self._gathered = bytearray()  # PCM of the turn being spoken, from now until ``_gather_until``
        self._gather_ms = limits.gather_ms
        self._gather_size = limits.gather_ms * PCM_BYTES_PER_MS
        self._enough_s = limits.enough_s
        self._turns = Turns()
        self._playing: Turn | None = None  # whose audio the filter holds the end of
        self.playout = Playout(limits)
        self._opened_at: float | None = None
        self._asked_at: float | None = None  # when the caller stopped speaking, until the agent answers
        self._broken_off_ms = limits.broken_off_ms
        self._session = ""  # tells the turns of a later session from those of the first
        self._repeating = False  # the session's first turn was heard from the one before it
        self._repeated: TurnId | None = None
        self._tells_finals = False  # this agent says when a turn is over
        self._will_tell = False  # and this one has said that it was not
        self._forgets = False  # and yet began another turn then: it never says when one is over
        self.first_audio_ms: float | None = None
        self.late_chunks = 0
        self.dropped = 0

    @property
    def speaking(self) -> bool:
        """Whether a turn has begun of which more is to come."""
        return self._turns.speaking

    @property
    def repeating(self) -> bool:
        """Whether the agent's first words are those that were heard last."""
        return self._repeating

    def repeats(self, turn_id: TurnId) -> bool:
        """Whether a turn is the one that was heard already, and is kept from the caller."""
        return self._repeating and self._repeated in (None, turn_id)

    @property
    def unfinished(self) -> bool:
        """Whether more of a turn is to come, of an agent that would say so if it were over."""
        return self._tells_finals and self._turns.speaking

    @property
    def promised(self) -> bool:
        """Whether more is to come by the agent's messages; some never say that a turn is over."""
        tells = self._tells_finals or (self._will_tell and not self._forgets)
        return tells and self._turns.speaking

    @property
    def deadline(self) -> float | None:
        """When something must be done though nothing happens."""
        return earliest(self.playout.deadline, self._gather_until if self._gathered else None)

    @property
    def _gather_until(self) -> float:
        """When Twilio needs more; until then, small chunks wait for one another: fewer are cheaper."""
        return self.playout.plays_until - self._enough_s

    def tick(self, now: float) -> list[Command]:
        """Do what is due."""
        turn = self._playing
        if turn is None or not self._gathered or now < self._gather_until:
            return self.playout.tick(now)
        return self._timed(self._feed(turn, self._converted(), now), now) + self.playout.tick(now)

    def open(self, now: float) -> list[Command]:
        """The stream is there: play what was said before."""
        self._opened_at = now
        return self._timed(self.playout.open(now), now)

    def gather(self, event: ResponseAudio, now: float) -> float | None:
        """Take a chunk that has time, and tell until when; do nothing if there is more to do than that."""
        turn, audio = self._playing, event.audio
        if turn is None or not audio or event.is_final or self._repeating:
            return None
        if turn.id != (self._named(event.turn_id) if self._session else event.turn_id):
            return None
        until = self._gather_until
        if len(self._gathered) + len(audio) >= self._gather_size or now >= until:
            return None
        self._gathered += audio
        self.playout.fed_at = now
        return until

    def say(self, event: ResponseAudio, now: float) -> list[Command]:
        """Play a chunk of a turn, unless that turn was cut."""
        self._tells_finals = self._tells_finals or event.is_final
        self._will_tell = self._will_tell or event.says_so
        if self._repeating and self._is_repeated(event.turn_id):
            self._repeating = not event.is_final
            return []
        if not event.audio:
            return self._say_nothing(event, now)
        turn = self._turns.speak(self._named(event.turn_id))
        if turn is None:
            self.late_chunks += 1
            return []
        commands = []
        if turn is not self._playing:
            self._forgets = self._forgets or self._playing is not None
            commands = self.end(now)
        self._playing, turn.spoken = turn, False
        if turn.began_at is None:
            self._begin(turn, now)
        self._gathered += event.audio
        self.playout.fed_at = now
        if event.is_final:
            commands += self.end(now)
        elif len(self._gathered) >= self._gather_size or now >= self._gather_until:
            commands += self._feed(turn, self._converted(), now)
        return self._timed(commands, now)

    def fill(self, mulaw: bytes, now: float) -> list[Command]:
        """Play a sound of the gateway's own behind what there is: mu-law in whole frames, told to nobody."""
        turn = Turn(FILLER, spoken=True)
        return self._feed(turn, mulaw, now) + self.playout.close(turn, now)

    def break_off(self, now: float) -> list[Command]:
        """The agent is gone: what it said to its end is heard, what it was saying is over soon."""
        turn, self._playing = self._playing, None
        commands = [] if turn is None else self._feed(turn, self._converted() + self._filter.flush(), now)
        if not (self._tells_finals or self._will_tell) and now - self.playout.fed_at > _WHOLE_S:
            for whole in self._turns.speaking_turns():
                whole.spoken = True
        for broken in self._turns.break_off():
            broken.dropped += self.playout.trim(broken, self._broken_off_ms)
            commands += self.playout.close(broken, now)
        return commands

    def outlook(self) -> tuple[list[str], str]:
        """What of the turns that are not over will be heard, and what of the last of them will not."""
        return self._turns.outlook()

    def renew(self, epoch: int, *, repeating: bool) -> None:
        """Another session speaks from now on.

        Args:
            epoch: Tells its turns from those of other sessions.
            repeating: Its first turn is the one that was heard last, and is not to be heard again.
        """
        self._session = f"{epoch}:"
        self._repeating, self._repeated = repeating, None
        self._tells_finals = self._will_tell = self._forgets = False

    def suspend(self, now: float) -> None:
        """The stream is gone; what is said waits for another one."""
        self.playout.suspend(now)

    def announce(self, pcm: bytes, text: str, now: float) -> list[Command]:
        """Say this and nothing else: what the agent was saying is cut, and it is not heard again."""
        commands = self.interrupt(now)
        turn = Turn(ANNOUNCEMENT)
        self._turns.add(turn)
        self._turns.write(turn.id, text, final=True)
        self._begin(turn, now)
        self._playing = turn
        commands += self._feed(turn, self._filter.feed(pcm), now)
        return commands + self.end(now)

    def caller_stopped(self, now: float) -> None:
        """The caller has said something, and waits for an answer."""
        self._asked_at = now

    def write(self, event: ResponseText) -> Statement | None:
        """Note what a turn says; the amended report if the turn was over before."""
        if self._repeating and self._is_repeated(event.turn_id):
            return None
        return self._turns.write(self._named(event.turn_id), event.text, final=event.is_final)

    def end(self, now: float) -> list[Command]:
        """Nothing follows in the turn being spoken, whether the agent said so or not."""
        turn, self._playing = self._playing, None
        if turn is None:
            return []
        commands = self._feed(turn, self._converted() + self._filter.flush(), now)
        turn.spoken = True
        return commands + self.playout.close(turn, now)

    def interrupt(self, now: float) -> list[Command]:
        """The caller barged in: nothing more of the turns so far is to be heard."""
        unsent = self._drop_gathered()
        self._filter.reset()
        self._playing, self._repeating = None, False
        commands, lost = self.playout.cut(now)
        self._turns.cut()
        cleared = any(isinstance(command, Clear) for command in commands)
        return [*commands, Tell(BargedIn((lost + unsent) / BYTES_PER_MS, cleared))]

    def mark(self, name: MarkName, now: float) -> list[Command]:
        """A mark came back."""
        return self.playout.mark_returned(name, now)

    def underway(self) -> list[TurnReport]:
        """The turns being spoken of which enough was heard to account for it."""
        return self._turns.underway()

    def over(self) -> list[Statement]:
        """The turns that came to their end since the last time."""
        return self._turns.over()

    def finish(self, now: float, *, told: bool = False) -> list[Statement]:
        """The call is over: close the account of every turn.

        Args:
            now: The time.
            told: Whether Twilio told us, and so ended its playback half a round trip ago.
        """
        self._drop_gathered()
        self.playout.settle(now - (self.playout.round_trip_s if told else 0.0))
        return self._turns.over(everything=True)

    def counts(self) -> dict[str, int]:
        """What was counted, by name."""
        return {
            "late_chunks": self.late_chunks,
            "agent_audio_dropped_ms": self.dropped // BYTES_PER_MS,
            "marks_missing": self.playout.marks_missing,
            "marks_stale": self.playout.marks_stale,
            "clear_storms": self.playout.calm.storms,
        }

    def _say_nothing(self, event: ResponseAudio, now: float) -> list[Command]:
        """A chunk without audio: it can announce a turn, or end it, but not disturb another."""
        turn = self._turns.expect(self._named(event.turn_id))
        if turn is None or not event.is_final:
            return []
        turn.spoken = True
        return self._timed(self.end(now), now) if turn is self._playing else []

    def _named(self, turn_id: TurnId) -> TurnId:
        """The name of a turn that no other session's has."""
        return TurnId(self._session + turn_id) if self._session and turn_id else turn_id

    def _is_repeated(self, turn_id: TurnId) -> bool:
        """Whether this is the session's first turn; with any other one, that is over."""
        if self._repeated is None:
            self._repeated = turn_id
        self._repeating = self._repeated == turn_id
        return self._repeating

    def _begin(self, turn: Turn, now: float) -> None:
        turn.began_at = now
        if self._asked_at is not None:
            turn.agent_ms = (now - self._asked_at) * 1000.0
        self._asked_at = None

    def _timed(self, commands: list[Command], now: float) -> list[Command]:
        """Tell when the caller is sent the first audio of the call."""
        if self.first_audio_ms is not None or self._opened_at is None:
            return commands
        if not any(isinstance(command, Play) for command in commands):
            return commands
        self.first_audio_ms = (now - self._opened_at) * 1000.0
        return [*commands, Tell(FirstAudio(self.first_audio_ms))]

    def _converted(self) -> bytes:
        """What was gathered, as mu-law."""
        audio = self._filter.feed(bytes(self._gathered)) if self._gathered else b""
        self._gathered.clear()
        return audio

    def _drop_gathered(self) -> int:
        """Say nothing of what was gathered, which was spoken all the same; return its size as mu-law."""
        if self._playing is None:
            return 0
        size = len(self._converted())
        self._playing.received += size
        return size

    def _feed(self, turn: Turn, audio: bytes, now: float) -> list[Command]:
        commands, dropped = self.playout.feed(turn, audio, now)
        self.dropped += dropped
        # Up to a mark and not across it, where it would be cut into two messages.
        self._gather_size = min(self._gather_ms, self.playout.until_mark_ms) * PCM_BYTES_PER_MS
        return commands
