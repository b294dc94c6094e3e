"""Agents' own words, kept at hand: a session that takes a call up needs its agent's prompt at once."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from gateway import logs
from gateway.clients.vatel.agent import VersionId
from gateway.clients.vatel.agents import Agents
from gateway.errors import VendorError, VendorNotFound
from gateway.ids import AgentId

_ASKERS: Final = 2
_AGAIN_S: Final = 10.0  # after a failure

_Key = tuple[AgentId, VersionId | None]


@dataclass(frozen=True, slots=True)
class AgentWords:
    """What an agent is told, and says first, when nothing else is said for a call."""

    prompt: str = field(default="", repr=False)
    first_message: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class BookLimits:
    """How long words are good, in seconds, and how much is kept and asked for at once."""

    fresh_s: float = 300.0
    deadline_s: float = 5.0
    most: int = 1000
    waiting: int = 100


@dataclass(slots=True)
class BookCounts:
    """What became of questions since the start."""

    answered: int = 0
    failed: int = 0


@dataclass(slots=True)
class _Entry:
    words: AgentWords | None = None
    ask_at: float = float("-inf")
    asked: bool = False  # and not answered yet


class AgentBook:
    """Knows the words of agents that had a call before; never makes one wait.

    Args:
        agents: Answers.
        limits: Bounds.
        clock: Seconds that only ever go on.
    """

    def __init__(
        self, agents: Agents, limits: BookLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._agents = agents
        self._limits = limits = limits or BookLimits()
        self._clock = clock
        self._entries: OrderedDict[_Key, _Entry] = OrderedDict()  # the one longest not wanted first
        self._wanted: asyncio.Queue[_Key] = asyncio.Queue(limits.waiting)
        self._log = logs.get()
        self.counts = BookCounts()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Words are asked for in here."""
        async with asyncio.TaskGroup() as group:
            askers = [group.create_task(self._ask_on()) for _ in range(_ASKERS)]
            yield
            for asker in askers:
                asker.cancel()

    def known(self, agent_id: AgentId, version_id: VersionId | None = None) -> AgentWords | None:
        """What is known, old or not; it is asked for anew, beside, if it is not fresh."""
        key = (agent_id, version_id)
        entry = self._entry(key)
        if not entry.asked and entry.ask_at <= self._clock() and not self._wanted.full():
            entry.asked = True
            self._wanted.put_nowait(key)
        return entry.words

    async def fetch(self, agent_id: AgentId, version_id: VersionId | None = None) -> AgentWords | None:
        """What is known, asked for now if nothing is; bounded in time, and never raises."""
        key = (agent_id, version_id)
        entry = self._entry(key)
        if entry.words is None:
            await self._ask(key)
        return entry.words

    def _entry(self, key: _Key) -> _Entry:
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        if len(self._entries) > self._limits.most:
            self._entries.popitem(last=False)
        return entry

    async def _ask_on(self) -> None:
        while True:
            key = await self._wanted.get()
            try:
                await self._ask(key)
            except Exception:  # noqa: BLE001 - what nobody waits for must not end the calls of everybody
                self._log.exception("gateway error")

    async def _ask(self, key: _Key) -> None:
        entry = self._entries.get(key) or _Entry()
        try:
            entry.words = await self._words(*key)
            entry.ask_at = self._clock() + self._limits.fresh_s
            self.counts.answered += 1
        except VendorError as error:
            if isinstance(error, VendorNotFound):
                entry.words = None
            entry.ask_at = self._clock() + _AGAIN_S
            self.counts.failed += 1
            self._log.info("agent's words can't be had", error=str(error), remedy=error.remedy)
        finally:
            entry.asked = False

    async def _words(self, agent_id: AgentId, version_id: VersionId | None) -> AgentWords:
        deadline_s = self._limits.deadline_s
        agent = await self._agents.get(agent_id, deadline_s=deadline_s)
        if version_id is None:
            return AgentWords(agent.prompt, agent.first_message)
        nodes = (await self._agents.version(agent_id, version_id, deadline_s=deadline_s)).nodes
        return AgentWords(
            _first(nodes, "prompt") or agent.prompt,
            _first(nodes, "first_message") or agent.first_message,
        )


def _first(nodes: tuple[dict[str, object], ...], name: str) -> str:
    """A version's own text, where its first node has one: the form of nodes is Vatel's own affair."""
    value = nodes[0].get(name) if nodes else None
    return value if isinstance(value, str) else ""
