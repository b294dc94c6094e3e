"""The agent's part: one for each session. It greets, hears the caller out, answers, and calls tools."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Protocol

from gateway.emulators.chaos.facts import Said
from gateway.emulators.chaos.watermarks import Voice
from gateway.emulators.vatel.session import Session
from gateway.emulators.voice import SAMPLE_RATE

CHUNK_S: Final = 0.2
FASTER: Final = 4.0
"""So many times faster than it sounds, speech is sent."""
_WORD_S: Final = 0.25
_LONGEST_WAIT_S: Final = 60.0
TOOL: Final = "lookup"


class State(StrEnum):
    """What an agent is doing."""

    JOINING = "joining"
    GREETING = "greeting"
    LISTENING = "listening"
    CALLER = "hearing the caller"
    THINKING = "thinking"
    TOOL = "waiting for a tool"
    SPEAKING = "speaking"
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Manner:
    """How agents take part. Seconds.

    Attributes:
        first_audio_s: From the caller's last word, or the session's start, to the first audio.
        facts: How many facts a turn names.
        tool_every: Every so manieth turn asks a tool first; 0 never.
        tool_s: How long it waits for the tool.

    """

    first_audio_s: float = 0.8
    facts: int = 3
    tool_every: int = 0
    tool_s: float = 15.0


class Prompter(Protocol):
    """Knows the calls: tells an agent what to say, and keeps what it did."""

    def joined(self, part: "AgentPart") -> None:
        """A session has started."""

    def heard(self, part: "AgentPart") -> str:
        """What the caller has just said."""

    def lines(self, part: "AgentPart", facts: int) -> str:
        """What the agent says next."""

    def said(self, part: "AgentPart", said: Said) -> None:
        """The agent has begun to say something."""


@dataclass(slots=True)
class AgentPart:
    """One session's agent.

    Attributes:
        number: Of the session, from 1 on: its sound is made of it.
        call: The number of the call it turned out to be in.
        sent_s: How much it has said.
        turn_s: How long its newest turn is.
        turn_from_s: How much of it the caller had heard before that turn.
        joined_s: When it started; ``None`` before.
        tool_outputs: What tools answered.

    """

    number: int
    session: Session
    voice: Voice = field(repr=False)
    manner: Manner
    call: int | None = None
    state: State = State.JOINING
    sent_s: float = 0.0
    turn_s: float = 0.0
    turn_from_s: float = 0.0
    joined_s: float | None = None
    muted: bool = False
    turns: int = 0
    tool_outputs: list[str] = field(default_factory=list)

    @property
    def first_message(self) -> str:
        """What it was told to say first."""
        return self.session.record.token_request.first_message or ""

    @property
    def prompt(self) -> str:
        """What it was told to know."""
        return self.session.record.token_request.prompt or ""

    @property
    def told(self) -> str:
        """Everything it was told when it was opened."""
        return f"{self.prompt}\n{self.first_message}"

    async def play(self, prompter: Prompter) -> None:
        """Take part until the session is over."""
        session = self.session
        prompter.joined(self)
        try:
            self.state = State.THINKING
            await self._pause(self.manner.first_audio_s)
            self.state = State.GREETING
            await self._say(self.first_message or prompter.lines(self, self.manner.facts), prompter)
            while not session.ending:
                self.state = State.LISTENING
                await self._until(lambda: session.caller_speaking or session.utterances, _LONGEST_WAIT_S)
                self.state = State.CALLER
                if not await self._until(lambda: session.utterances, _LONGEST_WAIT_S):
                    break
                await self._answer(prompter)
        finally:
            self.state = State.OVER

    async def _answer(self, prompter: Prompter) -> None:
        session = self.session
        session.utterances = 0
        if self.muted:
            return
        self.state = State.THINKING
        session.transcript(prompter.heard(self))
        self.turns += 1
        if self.manner.tool_every and self.turns % self.manner.tool_every == 0:
            await self._ask_tool()
        self.state = State.THINKING
        await self._pause(self.manner.first_audio_s)
        if not session.utterances:  # the caller has gone on speaking: hear that first
            self.state = State.SPEAKING
            await self._say(prompter.lines(self, self.manner.facts), prompter)

    async def _ask_tool(self) -> None:
        session = self.session
        self.state = State.TOOL
        call = session.tool_call(TOOL, {"session": self.number, "call": self.call})
        if await self._until(lambda: call in session.record.tool_outputs, self.manner.tool_s):
            self.tool_outputs.append(session.record.tool_outputs.get(call, ""))

    async def _say(self, text: str, prompter: Prompter) -> None:
        """Send a turn's words and sound, and wait until it would have been heard."""
        session = self.session
        if session.ending or self.muted:
            return
        seconds = min(3.0, max(0.6, round(len(text.split()) * _WORD_S / CHUNK_S) * CHUNK_S))
        turn_id = f"{self.number}-{len(session.record.turns) + 1}"
        turn = session.record.turn(turn_id)
        prompter.said(self, Said(text, seconds, self.number))
        session.text(turn_id, text, final=True)
        self.turn_s = seconds
        portions = round(seconds / CHUNK_S)
        size = 2 * round(SAMPLE_RATE * CHUNK_S)
        for portion in range(portions):
            at = round(self.sent_s * SAMPLE_RATE) * 2
            session.say(turn_id, self.voice.stretch(size, at), final=portion == portions - 1)
            self.sent_s += CHUNK_S
            await self._until(lambda: turn.cut, CHUNK_S / FASTER)
            if turn.cut or session.ending or self.muted:
                return
        await self._until(lambda: turn.cut, session.remaining_s)

    async def _pause(self, seconds: float) -> None:
        await self._until(lambda: False, seconds)

    async def _until(self, condition: Callable[[], object], seconds: float) -> bool:
        await self.session.until(lambda: condition() or self.session.ending, seconds)
        await asyncio.sleep(0)
        return bool(condition())
