"""The caller's part: hears agents out, speaks in turn, and remembers what happened to the call."""

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from gateway.emulators.chaos.actor import AgentPart, State
from gateway.emulators.chaos.ear import Hearing, levels
from gateway.emulators.chaos.facts import Said
from gateway.emulators.chaos.script import Injection
from gateway.emulators.chaos.watermarks import NOBODY, Voice, Watermarks
from gateway.emulators.twilio.call import Call, CallOver
from gateway.emulators.twilio.line import Line, LineOver
from gateway.emulators.twilio.line_audio import FRAME_BYTES, RATE
from gateway.emulators.twilio.line_clock import Clock
from gateway.emulators.vatel.records import TokenRequest

LOOK_S: Final = 0.04
QUIET_S: Final = 0.24
"""When a turn that is whole has been over for so long, the caller speaks."""
_SLACK_S: Final = 0.15
_STREAM_S: Final = 10.0
_BROKEN_OFF_S: Final = 1.5
"""A turn that was broken off is over once nothing more of it came for so long."""
_LEAST_ANSWER_S: Final = 0.3
"""So much must be heard of an agent before it is the caller's turn again."""


@dataclass(frozen=True, slots=True)
class Habits:
    """How callers take part. Seconds.

    Attributes:
        exchanges: How often they speak before they hang up.
        speech_s: For how long each time.
        pause_s: How long they think before.
        patience_s: How long they wait for an agent, or anybody, before they hang up: the call hung.

    """

    exchanges: int = 5
    speech_s: float = 0.9
    pause_s: float = 0.1
    patience_s: float = 25.0


@dataclass(slots=True)
class Strike:
    """An injection that took place, and what was going on then."""

    at_s: float
    injection: Injection
    session: AgentPart | None
    own_turn: bool
    state: State | None
    noticed_s: float | None = None
    found: list[str] = field(default_factory=list)


@dataclass(slots=True)
class CallPart:
    """One caller and the call.

    Attributes:
        number: Of the caller: the sound is made of it.
        request: What the first session's token was asked for with.
        own: When it was the caller's own turn; the last may be open.
        said: What was said in the call, by whom ever.
        facts: How many facts were planted.
        hung: Whether the caller gave up waiting.
        done: How many times the caller has spoken.
        broken_off: Whether the end of the turn that is heard went down on its way.

    """

    number: int
    voice: Voice = field(repr=False)
    habits: Habits
    clock: Clock = field(repr=False)
    marks: Watermarks = field(repr=False)
    recognize: Callable[[int, "CallPart"], None] = field(repr=False)
    call: Call | None = None
    request: TokenRequest | None = None
    sessions: list[AgentPart] = field(default_factory=list)
    own: list[tuple[float, float]] = field(default_factory=list)
    said: list[Said] = field(default_factory=list)
    strikes: list[Strike] = field(default_factory=list)
    facts: int = 0
    hung: bool = False
    done: int = 0
    speaking: bool = False
    hearing: Hearing | None = None
    heard_s: dict[int, float] = field(default_factory=dict)
    last_heard: int = NOBODY
    broken_off: bool = False
    _seen: dict[str, int] = field(default_factory=dict)
    _quiet_s: float = 0.0
    _answered_s: float = 0.0

    @property
    def placed(self) -> Call:
        """The call, which has been placed."""
        assert self.call is not None, "a part is played after its call was placed"
        return self.call

    @property
    def current(self) -> AgentPart | None:
        """The newest session of the call."""
        return self.sessions[-1] if self.sessions else None

    @property
    def own_turn(self) -> bool:
        """Whether it is the caller's own turn at this moment."""
        return bool(self.own) and self.own[-1][1] > self.clock.now()

    async def talk(self) -> None:
        """Take part until the call is over, or everything is said."""
        call = self.placed
        while self.done < self.habits.exchanges and not call.status.final:
            if not await self._turn_comes():
                break
            await self._speak()
        if not call.status.final and not self.hung:
            await self._turn_comes()
        if not call.over:
            with contextlib.suppress(TimeoutError):  # Twilio itself may wait for an answer for so long
                await call.hang_up()

    async def _turn_comes(self) -> bool:
        """Wait until an agent has spoken its turn and was heard; whether one did."""
        call = self.placed
        waited_s, before = 0.0, self._ears()
        while not call.status.final:
            await asyncio.sleep(LOOK_S)
            self._ears()
            if self._is_my_turn():
                return True
            waited_s = 0.0 if self._somebody_there(call) or self._ears() != before else waited_s + LOOK_S
            before = self._ears()
            if waited_s > self.habits.patience_s:
                self.hung = True
                return False
        return False

    def _somebody_there(self, call: Call) -> bool:
        """Whether the call was passed on to a person, or waits in a queue."""
        return bool(call.verbs) and call.verbs[-1].verb in ("Dial", "Enqueue", "Say", "Play")

    def _ears(self) -> float:
        """Listen to what has been played since last time; return how much of agents was heard in all."""
        line = self.placed.line
        if line is not None:
            self._listen(line)
        return sum(self.heard_s.values())

    def _listen(self, line: Line) -> None:
        sid = line.core.names.stream_sid
        if self._seen and sid not in self._seen:
            self.broken_off = True
        seen = self._seen.get(sid, 0)
        fresh = line.heard[seen:]
        fresh = fresh[: len(fresh) - len(fresh) % FRAME_BYTES]
        if not fresh:
            return
        self._seen[sid] = seen + len(fresh)
        for whose, words in zip(self.marks.by_frame(fresh, FRAME_BYTES), levels(fresh) >= 2, strict=True):
            if whose != NOBODY:
                if int(whose) != self.last_heard:
                    self.recognize(int(whose), self)
                self.last_heard = int(whose)
                self.heard_s[self.last_heard] = self.heard_s.get(self.last_heard, 0.0) + FRAME_BYTES / RATE
            self._quiet_s = 0.0 if words else self._quiet_s + FRAME_BYTES / RATE

    def _is_my_turn(self) -> bool:
        agent = next((part for part in reversed(self.sessions) if part.number == self.last_heard), None)
        if agent is None or self._quiet_s < QUIET_S:
            return False
        if agent.state in (State.GREETING, State.SPEAKING, State.THINKING, State.TOOL):
            return False
        if self.broken_off and self._quiet_s >= _BROKEN_OFF_S:
            return True
        if sum(self.heard_s.values()) < self._answered_s:
            return False
        # Whether a newer session is about to speak is nothing that a caller could know.
        return self.heard_s.get(agent.number, 0.0) - agent.turn_from_s >= agent.turn_s - _SLACK_S

    async def _speak(self) -> None:
        """Take the turn, and give it up with the last word."""
        now = self.clock.now()
        began = now - QUIET_S - LOOK_S
        self.own.append((began, float("inf")))
        self._quiet_s, self.broken_off = 0.0, False
        try:
            await asyncio.sleep(self.habits.pause_s)
            line = await self.placed.stream(_STREAM_S)
            self.facts += 1
            self.said.append(Said(f"My fact-{self.number}-{self.facts} you know", self.habits.speech_s))
            self.speaking = True
            size = round(self.habits.speech_s * RATE)
            await line.say(
                self.voice.stretch(size, self.done * size), timeout=self.habits.speech_s + _STREAM_S
            )
        except (CallOver, LineOver, TimeoutError):
            pass  # the stream went away under the caller's words: they are said again, or somebody else comes
        finally:
            self.done += 1
            self.speaking = False
            self.own[-1] = (began, self.clock.now())
            self._answered_s = sum(self.heard_s.values()) + _LEAST_ANSWER_S
