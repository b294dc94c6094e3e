"""The agent of one call, whichever of its sessions is on the line."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway.bridge.events import Briefed, Event, ignore
from gateway.bridge.history import Past, Voice
from gateway.calls.agent_line import AgentLine
from gateway.calls.plan import Words
from gateway.calls.uplink import Uplink
from gateway.clients.vatel import Vatel
from gateway.clients.vatel.agent_book import AgentBook, AgentWords
from gateway.ids import ToolCallId
from gateway.policy import takeup

_OWN_WORDS_S: Final = 0.8
"""How long to look for what the agent is usually told: its caller waits."""


class AgentSide:
    """Opens sessions one after another; of those before the present one nothing more is heard."""

    def __init__(
        self,
        vatel: Vatel,
        plan_words: Callable[[], Awaitable[Words]],
        take: Callable[[Event], None],
        log: FilteringBoundLogger,
        uplink: Uplink,
        *,
        book: AgentBook | None = None,
        language: str = "en",
    ) -> None:
        self._vatel = vatel
        self._plan_words = plan_words
        self._take = take
        self._log = log
        self._uplink = uplink
        self._book = book
        self._language = language
        self._line: AgentLine | None = None
        self._refused = 0
        self.words: Words | None = None

    @property
    def audio_refused(self) -> int:
        """Messages of caller audio that no session took."""
        return self._refused + (0 if self._line is None else self._line.audio_refused)

    async def join(self, past: Past | None, told: Callable[[Words], None]) -> None:
        """Open a session; what becomes of it is told in events. Cancelling it gives the session up.

        Args:
            past: What it has to know of the call so far; ``None`` for a call that begins.
            told: Is given what the agents of this call are told, once.
        """
        before, self._line = self._line, AgentLine(self._vatel, self._take, self._log)
        line = self._line
        async with asyncio.TaskGroup() as group:
            if before is not None:
                self._uplink.flush()
                before.detach()
                self._refused += before.audio_refused
                group.create_task(before.close())
            if self.words is None:
                self.words = await self._plan_words()
                told(self.words)
            group.create_task(line.join(await self._said_to(self.words, past)))
            group.create_task(self._brief(self.words, greets=past is None))

    def send_audio(self, mulaw: bytes, at: float) -> None:
        """Send caller audio that came ``at`` then; what the agent is too slow to take is counted."""
        if self._line is not None:
            self._uplink.put(self._line, mulaw, at)
        else:
            self._refused += 1

    def answer(self, call_id: ToolCallId, output: str) -> None:
        """Answer a tool call."""
        if self._line is not None:
            self._uplink.flush()
            self._line.answer(call_id, output)

    async def close(self) -> None:
        """End the session, of which nothing is heard then: bounded, and never raises."""
        if self._line is not None:
            self._uplink.flush()
            await self._line.close()
        self._take = ignore

    async def _brief(self, words: Words, *, greets: bool) -> None:
        """Find out whether the agent speaks first, and have its own words at hand, should it be lost."""
        own = await self._own(words)
        first = words.first_message
        if greets and (first or (first is None and own is not None and own.first_message)):
            self._take(Briefed(greets=True))

    async def _own(self, words: Words) -> AgentWords | None:
        if self._book is None:
            return None
        known = self._book.known(words.agent_id, words.version_id)
        return known or await self._book.fetch(words.agent_id, words.version_id)

    async def _said_to(self, words: Words, past: Past | None) -> Words:
        """What a session is told that takes the call up in the middle."""
        if past is None:
            return words
        heard = any(line.voice is Voice.AGENT for line in past.lines)
        first = past.repeat or takeup.opening(
            self._language, past.unheard, past.caller_waits, anything_heard=heard or bool(past.repeat)
        )
        own_prompt = words.prompt if words.prompt is not None else await self._own_prompt(words)
        said = words if first is None else replace(words, first_message=first)
        if own_prompt is None:  # a prompt without it would make another agent of it
            return said
        lines = [(line.voice.value, line.text) for line in past.lines]
        runs = [takeup.ToolRun(tool.name, tool.arguments, tool.output) for tool in past.tools]
        return replace(said, prompt=takeup.prompt(own_prompt, lines, runs, self._language))

    async def _own_prompt(self, words: Words) -> str | None:
        try:
            async with asyncio.timeout(_OWN_WORDS_S):
                own = await self._own(words)
        except TimeoutError:
            own = None
        return None if own is None else own.prompt
