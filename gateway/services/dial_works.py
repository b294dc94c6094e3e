"""What goes on behind requests for calls: they leave in turn, and what dead processes left is taken over."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Final

from gateway import logs
from gateway.errors import GatewayError
from gateway.services import dial_store
from gateway.services.dial_course import Course
from gateway.services.dial_means import DialMeans, plan_of
from gateway.services.dial_queue import Accounts, WaitingRoom
from gateway.services.dial_reconciler import Reconciler
from gateway.store import intents
from gateway.store.errors import StoreError
from gateway.store.identifiers import IntentId
from gateway.store.intents import Intent, State
from gateway.store.records import Via

_DAY: Final = timedelta(days=1)
_MOST_AT_WORK: Final = 200
_MOST_ADOPTED: Final = 20
_MOST_INVITED: Final = 1000

Step = Callable[[Intent], Awaitable[float | None]]
"""Something done with an intent; in how many seconds it is to be dialled, or not at all."""


class Works:
    """Runs beside the door that takes requests.

    Args:
        means: What dialling works with.
        course: Brings single intents to their end.
        room: Where intents wait.
        accounts: What keys have used.
        reconciler: Learns from the carriers what their callbacks did not tell.
    """

    def __init__(
        self,
        means: DialMeans,
        course: Course,
        room: WaitingRoom,
        accounts: Accounts,
        reconciler: Reconciler,
    ) -> None:
        self._means = means
        self._course = course
        self._room = room
        self._accounts = accounts
        self._reconciler = reconciler
        self._at_work: dict[IntentId, asyncio.Task[None]] = {}
        self._log = logs.get()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Work in here. Leaving it waits for what has begun: requests and transactions, which have deadlines.

        Raises:
            StoreError: what was placed before can't be read.
        """
        self._means.leaving.reset()
        await self._remember()
        async with asyncio.TaskGroup() as group:
            times = self._means.times
            group.create_task(self._leave(group))
            group.create_task(self._repeat(lambda: self._adopt(group), times.adopt_every_s))
            group.create_task(self._repeat(self._reconcile, times.reconcile_every_s))
            try:
                yield
            finally:
                self._means.leaving.begin()
                self._room.wake()

    async def _remember(self) -> None:
        """Count what was placed before, and expect the streams of calls that still ring."""
        now = self._means.now()
        async with self._means.database.read() as connection:
            placed = await dial_store.placed_since(connection, now - _DAY)
            unfinished = await dial_store.not_over(connection, Via.GATEWAY, _MOST_INVITED)
        self._accounts.restore(placed, now)
        for call in unfinished:
            plan = plan_of(call.intent)
            if plan is not None and call.call_sid is not None and call.answered_at is None:
                self._means.switchboard.invite(plan)
                self._means.switchboard.named(plan.call_id, call.call_sid)

    async def _leave(self, group: asyncio.TaskGroup) -> None:
        """Let calls leave in turn."""
        while (intent := await self._room.next()) is not None:
            self._begin(group, intent, self._course.dial)

    async def _adopt(self, group: asyncio.TaskGroup) -> None:
        """Keep what waits here, and take over what nobody works on any more."""
        means, room = self._means, self._room
        now = means.now()
        until = dial_store.lease(now, means.times.lease_s)
        async with means.database.write() as connection:
            await dial_store.keep(connection, [*room.ids, *self._at_work], means.owner, until)
            await dial_store.forget_keys(connection, now - timedelta(seconds=means.times.key_life_s))
            room_for = min(_MOST_ADOPTED, _MOST_AT_WORK - len(self._at_work))
            lease = timedelta(seconds=means.times.lease_s)
            found = await intents.abandoned(connection, means.owner, now, lease, max(0, room_for))
        for intent in found:
            if intent.id in self._at_work or intent.id in room:
                continue
            self._log.info("intent taken over", call_id=intent.call_id, state=intent.state.value)
            if intent.state is State.POSTED:
                self._begin(group, intent, self._course.resolve)
            else:
                room.add(intent)

    async def _reconcile(self) -> None:
        async with self._means.database.read() as connection:
            over = await dial_store.over_among(connection, self._accounts.live)
        for call_id in over:  # its end was told to another process
            self._accounts.release(call_id)
        await self._reconciler.round()

    def _begin(self, group: asyncio.TaskGroup, intent: Intent, course: Step) -> None:
        task = group.create_task(self._work(intent, course))
        self._at_work[intent.id] = task
        task.add_done_callback(lambda _: self._at_work.pop(intent.id, None))

    async def _work(self, intent: Intent, course: Step) -> None:
        """Bring one intent to its end; what fails here fails this call alone, and is taken up again."""
        try:
            after_s = await course(intent)
            if after_s is not None and not await self._means.leaving.pause(after_s):
                self._room.add(intent)
        except StoreError as error:
            self._log.warning("intent left for later", call_id=intent.call_id, error=str(error))
        except Exception:  # noqa: BLE001 - the edge of a call
            self._log.exception("gateway error", call_id=intent.call_id)

    async def _repeat(self, step: Callable[[], Awaitable[None]], every_s: float) -> None:
        while not self._means.leaving.now:
            try:
                await step()
            except GatewayError as error:
                self._log.warning("dialling is held up", error=str(error))
            await self._means.leaving.pause(every_s)
