"""How each number is answered, held in memory: a webhook never waits for the database."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from gateway import logs
from gateway.errors import SettingsError, TemplateError
from gateway.ids import E164, AgentId
from gateway.policy.choice import Choice, Share
from gateway.policy.template import Template
from gateway.services.number_rules import routed
from gateway.store import numbers as store
from gateway.store.database import Database
from gateway.store.errors import StoreError
from gateway.store.tidy import LONGEST_TEXT

REFRESH_S: Final = 5.0
"""Seconds after which a change made by another process is seen here, at the latest."""

# What a row raises that somebody has changed by hand into something else than we store.
_MALFORMED: Final = (AttributeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """How a number is answered, ready for use. What is None is as the settings or the agent have it.

    Attributes:
        number: In international form.
        label: What people call it.
        agents: Whose turn it is: ask ``agent``.
        version_id: A published version of the agent.
        first_message: What the agent says first.
        prompt: Instead of the agent's own.
        fallback_number: The person callers get when no agent can be had.
        transfer_numbers: Numbers the agent may transfer to.
        tools: Names of the tools the agent may use.
        max_duration_s: The longest call, in seconds.
        recording: Whether calls are recorded.
        recording_notice: What callers hear before they are recorded.
        lookup_url: Who is asked about a caller before the agent answers.
    """

    number: E164 = field(repr=False)
    label: str = ""
    agents: Choice | None = None
    version_id: str | None = None
    first_message: Template | None = field(default=None, repr=False)
    prompt: Template | None = field(default=None, repr=False)
    fallback_number: E164 | None = field(default=None, repr=False)
    transfer_numbers: tuple[E164, ...] | None = field(default=None, repr=False)
    tools: frozenset[str] | None = None
    max_duration_s: int | None = None
    recording: bool = False
    recording_notice: str | None = None
    lookup_url: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, row: store.Number) -> "Route":
        """Make ready what is stored.

        Raises:
            SettingsError: the weights are out of range.
            TemplateError: a text is malformed.
        """
        shares = [Share(agent, weight) for agent, weight in (row.weights or {}).items()]
        if not shares and row.agent_id is not None:
            shares = [Share(row.agent_id)]
        return cls(
            number=row.number,
            label=row.label,
            agents=Choice(shares) if shares else None,
            version_id=row.version_id,
            first_message=_template(row.first_message),
            prompt=_template(row.prompt),
            fallback_number=row.fallback_number,
            transfer_numbers=row.transfer_numbers,
            tools=frozenset(row.tools) if row.tools is not None else None,
            max_duration_s=row.max_duration_s,
            recording=row.recording,
            recording_notice=row.recording_notice,
            lookup_url=row.lookup_url,
        )

    @property
    def recorded(self) -> bool:
        """Whether calls are recorded: nobody is without having been told."""
        return self.recording and bool(self.recording_notice)

    def agent(self, token: str) -> AgentId | None:
        """The agent for a call, the same whenever asked with the same token; None: the settings' one."""
        return self.agents.agent(token) if self.agents is not None else None


class Routes:
    """All routes, as they were when the database was last read.

    Args:
        database: Where they are.
        refresh_s: Seconds between two readings.
    """

    def __init__(self, database: Database, refresh_s: float = REFRESH_S) -> None:
        self._database = database
        self._refresh_s = refresh_s
        self._rows: Mapping[E164, store.Number] = {}
        self._routes: Mapping[E164, Route] = {}
        # Readings take turns: one that began before a change must not undo what a later one has seen.
        self._turn = asyncio.Lock()
        self._away = False
        self._log = logs.get()

    def route(self, number: str) -> Route | None:
        """How a number is answered; None: as the settings say. At once, and without the database."""
        return self._routes.get(E164(number))

    def notice(self, number: E164) -> str:
        """What is heard before calls of a number are recorded; nothing if they are not."""
        route = self._routes.get(number)
        return (route.recording_notice or "") if route is not None and route.recording else ""

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Routes are there, and kept fresh, in here.

        Raises:
            StoreUnavailable: they can't be read even once: calls would go to the wrong agents.
        """
        self._take(await self._read())
        async with asyncio.TaskGroup() as group:
            keeping = group.create_task(self._keep_fresh())
            yield
            keeping.cancel()

    async def refresh(self) -> bool:
        """Read the routes now. While the database is away, what is there serves on; then False."""
        async with self._turn:
            try:
                self._take(await self._read())
            except (StoreError, *_MALFORMED) as error:
                if not self._away:
                    self._log.warning("routes not refreshed", error=str(error))
                self._away = True
                return False
        if self._away:
            self._log.info("routes refreshed again")
        self._away = False
        return True

    async def _keep_fresh(self) -> None:
        while True:
            await asyncio.sleep(self._refresh_s)
            await self.refresh()

    async def _read(self) -> Sequence[store.Number]:
        async with self._database.read() as connection:
            return await store.every(connection)

    def _take(self, rows: Sequence[store.Number]) -> None:
        """Make the rows that have changed ready; one that can't be leaves the route as it was."""
        routes = dict[E164, Route]()
        for row in filter(routed, rows):
            known = self._routes.get(row.number)
            if self._rows.get(row.number) != row:
                known = self._made(row) or known
            if known is not None:
                routes[row.number] = known
        self._routes, self._rows = routes, {row.number: row for row in rows}

    def _made(self, row: store.Number) -> Route | None:
        try:
            return Route.of(row)
        except (SettingsError, TemplateError, *_MALFORMED) as error:
            self._log.error("route unusable", number=logs.masked(row.number), error=str(error))
            return None


def _template(text: str | None) -> Template | None:
    return Template.parse(text, longest=LONGEST_TEXT) if text is not None else None
