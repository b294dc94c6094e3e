"""One owner for every call: renews this process's leases, lets go of what was lost, takes what nobody has."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from gateway import logs
from gateway.calls.registry import Registry
from gateway.services.leases import LeaseKeeper
from gateway.services.succession import Succession
from gateway.store import leases
from gateway.store.database import Database
from gateway.store.errors import StoreError
from gateway.store.identifiers import CallId
from gateway.store.leases import LASTS, Lease

BEAT_S: Final = 2.0
LASTS_S: Final = LASTS.total_seconds()
_BEAT_DEADLINE_S: Final = 1.5
_AT_ONCE: Final = 10
"""Calls that are fetched back at the same time."""
_SWEEP_S: Final = 60.0


def new_owner() -> str:
    """The name of this process, which no other has or had."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"


class Ownership:
    """The heart of a process among others: it beats every two seconds.

    While the database is away the calls go on, and nobody takes any: whoever can't renew can't take either,
    and once it is back everybody has the time of a lease to renew before anybody takes. But a process that
    was itself stopped for longer than a lease lasts keeps still until the database has said what is its own.
    """

    def __init__(
        self, database: Database, registry: Registry, keeper: LeaseKeeper, succession: Succession
    ) -> None:
        self._database = database
        self._registry = registry
        self._keeper = keeper
        self._fence = keeper.fence
        self._succession = succession
        self._steady_since: float | None = None
        self._swept = 0.0
        self._log = logs.get()
        keeper.lost = self._disown

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Renew and take in here."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._renew()), group.create_task(self._take())]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _renew(self) -> None:
        while True:
            began = time.monotonic()
            await self.beat(began)
            await asyncio.sleep(max(0.1, began + BEAT_S - time.monotonic()))

    async def beat(self, now: float) -> None:
        """Renew the leases, and learn which are no longer ours."""
        asked, stopped = self._keeper.confirmed, self._fence.shut(now)
        try:
            async with self._database.write(_BEAT_DEADLINE_S) as connection:
                ours = await leases.beat(connection, self._keeper.owner)
        except StoreError:
            self._steady_since = None
            if not stopped:  # nobody else knows better
                self._fence.open(now + LASTS_S)
            return
        for call_id in (asked & self._keeper.confirmed) - ours:
            self._disown(call_id)
        if stopped:
            self._log.warning("process was stopped", calls_kept=len(ours))
            self._steady_since = None
        self._steady_since = now if self._steady_since is None else self._steady_since
        self._fence.open(now + LASTS_S)

    def _disown(self, call_id: CallId) -> None:
        self._keeper.disowned(call_id)
        self._registry.disown(call_id)

    # What others have left

    async def _take(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            now = time.monotonic()
            since = self._steady_since
            # Everybody else has had the time to renew since the database was last away.
            if since is not None and now - since > LASTS_S + BEAT_S and not self._registry.draining:
                await self._take_all()
            if now - self._swept > _SWEEP_S:
                self._swept = now
                await self._sweep()

    async def _take_all(self) -> None:
        while found := await self._expired():
            self._log.warning("calls without a process", calls=len(found))
            async with asyncio.TaskGroup() as group:
                for lease in found:
                    group.create_task(self._succession.rescue(lease))

    async def _expired(self) -> list[Lease]:
        try:
            async with self._database.write(_BEAT_DEADLINE_S) as connection:
                return list(await leases.take_expired(connection, self._keeper.owner, _AT_ONCE))
        except StoreError:
            return []

    async def _sweep(self) -> None:
        try:
            async with self._database.write(_BEAT_DEADLINE_S) as connection:
                await leases.sweep(connection)
        except StoreError:
            return
