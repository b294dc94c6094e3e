"""Keeps the leases of this process's calls in the database, behind the back of the calls."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from gateway import logs
from gateway.calls.fence import Fence
from gateway.calls.plan import Plan, Words
from gateway.ids import CallSid
from gateway.services import resumption
from gateway.store import leases
from gateway.store.database import Database
from gateway.store.errors import RecordRefused, StoreUnavailable
from gateway.store.identifiers import CallId

_BATCH: Final = 100
_WRITE_S: Final = 2.0
_PAUSE_S: Final = 0.3
_HAND_OVER_S: Final = 2.0
_FLUSH_S: Final = 1.0


@dataclass(slots=True, eq=False)
class _Tenancy:
    """One call, and what is to be written of it."""

    plan: Plan
    call_sid: CallSid
    resume: str = field(repr=False)
    taken: bool = False  # the database says that the call is ours
    falls_back: bool | None = None  # over, and how
    handing: asyncio.Future[bool] | None = None
    failed: bool = False


class LeaseKeeper:
    """The leases of one process: a ``gateway.calls.tenure.Tenure``.

    Args:
        database: Where they are.
        owner: This process's name, never used before.
        flush: Writes down all that is known of the calls: ``Journal.flush``.
    """

    def __init__(self, database: Database, owner: str, flush: Callable[[float], Awaitable[bool]]) -> None:
        self.owner = owner
        self._database = database
        self._flush = flush
        self._calls: dict[CallId, _Tenancy] = {}
        self._due: dict[CallId, _Tenancy] = {}  # no more than there are calls: a call is in here once
        self._wake = asyncio.Event()
        self._log = logs.get()
        self.fence = Fence()
        self.lost: Callable[[CallId], None] = lambda _call_id: None

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Leases are written in here; leaving it writes what is due, once."""
        async with asyncio.TaskGroup() as group:
            writing = group.create_task(self._write())
            try:
                yield
            finally:
                writing.cancel()
        await self._try_to_put(list(self._due.values()))

    @property
    def confirmed(self) -> frozenset[CallId]:
        """The live calls the database knows to be ours."""
        return frozenset(
            call_id for call_id, each in self._calls.items() if each.taken and each.handing is None
        )

    # What the registry tells

    def began(self, plan: Plan, call_sid: CallSid) -> None:
        """A call is carried here from now on; one that was taken over is ours already."""
        tenancy = _Tenancy(plan, call_sid, resumption.written(plan, None), taken=plan.epoch > 0)
        self._calls[plan.call_id] = tenancy
        if not tenancy.taken:
            self._write_soon(tenancy)

    def told(self, call_id: CallId, words: Words) -> None:
        """It is known what the agent of a call is told."""
        tenancy = self._calls.get(call_id)
        if tenancy is not None:
            tenancy.resume = resumption.written(tenancy.plan, words)
            self._write_soon(tenancy)

    def over(self, call_id: CallId, *, falls_back: bool) -> None:
        """A call is over here."""
        tenancy = self._calls.pop(call_id, None)
        if tenancy is None or tenancy.handing is not None:
            return
        tenancy.falls_back = falls_back
        self._write_soon(tenancy)

    async def hand_over(self, call_id: CallId, *, failed: bool) -> bool:
        """Let any process go on with a call, which finds all that was said written down."""
        tenancy = self._calls.get(call_id)
        if tenancy is None or not tenancy.taken:
            return False
        tenancy.handing, tenancy.failed = asyncio.get_running_loop().create_future(), failed
        try:
            async with asyncio.timeout(_HAND_OVER_S):
                await self._flush(_FLUSH_S)
                self._write_soon(tenancy)
                return await tenancy.handing
        except TimeoutError:
            return False

    def disowned(self, call_id: CallId) -> None:
        """A call is another process's: nothing more is written of it."""
        self._calls.pop(call_id, None)
        self._due.pop(call_id, None)

    # To the database

    def _write_soon(self, tenancy: _Tenancy) -> None:
        self._due[tenancy.plan.call_id] = tenancy
        self._wake.set()

    async def _write(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._due:
                batch = list(self._due.values())[:_BATCH]
                for tenancy in batch:
                    del self._due[tenancy.plan.call_id]
                if not await self._try_to_put(batch):
                    for tenancy in batch:  # what has come up since is newer
                        self._due.setdefault(tenancy.plan.call_id, tenancy)
                    await asyncio.sleep(_PAUSE_S)

    async def _try_to_put(self, batch: list[_Tenancy]) -> bool:
        """Write; ``False`` if the database is away."""
        try:
            lost = await self._put(batch) if batch else []
        except StoreUnavailable:
            return False
        except RecordRefused as error:
            self._log.error("lease refused", detail=str(error))
            return True
        for tenancy in lost:
            self._log.warning("call is another process's", call_id=tenancy.plan.call_id)
            self.lost(tenancy.plan.call_id)
        return True

    async def _put(self, batch: list[_Tenancy]) -> list[_Tenancy]:
        lost: list[_Tenancy] = []
        took: list[_Tenancy] = []
        handed: list[_Tenancy] = []
        async with self._database.write(_WRITE_S) as connection:
            for each in batch:
                call_id = each.plan.call_id
                if each.falls_back is not None:
                    await leases.end(connection, call_id, self.owner, falls_back=each.falls_back)
                elif each.handing is not None:
                    if await leases.hand_over(connection, [call_id], self.owner, failed=each.failed):
                        handed.append(each)
                elif each.taken:
                    await leases.describe(connection, call_id, self.owner, each.resume)
                elif await leases.take(connection, call_id, each.call_sid, self.owner, each.resume):
                    took.append(each)
                else:
                    lost.append(each)
        for each in took:
            each.taken = True
        for each in handed:
            if each.handing is not None and not each.handing.done():
                each.handing.set_result(True)
        return lost
