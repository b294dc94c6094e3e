"""Delivers webhooks from the outbox to customers' endpoints: at least once, each process its own share.

One task speaks to the database: in one transaction it writes down what became of requests and takes as many
webhooks as there are free places. Each request is a task. A process that is killed leaves webhooks with a
lease; when it runs out they are taken again, and go out under the same name.
"""

import asyncio
import random
import secrets
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from pydantic import SecretStr
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway import logs
from gateway.clients.egress import Egress
from gateway.clients.signed_post import Endpoint, post_event
from gateway.errors import GatewayError, SettingsError
from gateway.services import delivery_store as parcels
from gateway.services.delivery_places import Places
from gateway.services.delivery_rules import DELIVERED, DeliveryLimits, Fate, Tried, Verdict, judge
from gateway.services.delivery_store import DeadLetter, Parcel
from gateway.store import outbox
from gateway.store.database import Database
from gateway.store.errors import StoreError
from gateway.store.identifiers import MessageId
from gateway.wire import events_out

_ROUNDS: Final = 8  # of looking for webhooks whose endpoints have places, in one transaction
_GONE_REMEMBERED: Final = 1000
_FIRST_RETRY_S: Final = 0.1
_LAST_RETRY_S: Final = 5.0
_GONE: Final = Verdict(Fate.DEAD, "the endpoint is gone: it answered 410 before", answered=False)

SecretsFor = Callable[[str], tuple[SecretStr, ...]]
"""What signs events for an endpoint: one secret, or the new and the old one while it is changed."""


@dataclass(slots=True)
class DeliveryCounts:
    """What became of webhooks in this process."""

    delivered: int = 0
    failed: int = 0  # attempts
    dead: int = 0  # events that were given up


@dataclass(frozen=True, slots=True)
class _Outcome:
    parcel: Parcel
    verdict: Verdict


class Deliveries:
    """Delivers what is due, as long as ``running`` is entered.

    Args:
        database: Where the outbox is.
        egress: Sends the requests; made with ``limits.lanes``, so that none waits within its deadline.
        secrets_for: What signs events for an endpoint.
        limits: What deliveries may cost.
        now: The time of day.
        chance: Something between 0 and 1, for pauses.
    """

    def __init__(
        self,
        database: Database,
        egress: Egress,
        secrets_for: SecretsFor,
        limits: DeliveryLimits | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._database = database
        self._egress = egress
        self._secrets_for = secrets_for
        self._limits = limits = limits or DeliveryLimits()
        self._now = now
        self._chance = chance
        self._owner = f"deliveries_{secrets.token_hex(8)}"
        self._places = Places(limits)
        self._posts: dict[MessageId, asyncio.Task[None]] = {}
        self._outcomes: list[_Outcome] = []
        self._gone: OrderedDict[str, float] = OrderedDict()
        self._work = asyncio.Event()
        self._closing = asyncio.Event()
        self._look_s = limits.first_look_s
        self._retry_s = 0.0
        self._log = logs.get()
        self.counts = DeliveryCounts()

    @property
    def under_way(self) -> int:
        """Requests that are under way, or of which it is not yet written down what became of them."""
        return len(self._posts) + len(self._outcomes)

    @property
    def behind(self) -> bool:
        """Whether the database is away, so that nothing is taken."""
        return self._retry_s > 0

    def nudge(self) -> None:
        """Something was written, or is about to be: look now, and more often for a moment."""
        self._look_s = self._limits.first_look_s
        self._work.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Deliver in here. Leaving it takes at most ``close_s``, and the database's own deadline."""
        async with asyncio.TaskGroup() as group:
            worker = group.create_task(self._run())
            try:
                yield
            finally:
                self._closing.set()
                self._work.set()
                await asyncio.wait([worker])

    async def dead_letters(self, before: MessageId | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """What was given up, the newest first; the page after ends at the last one's ``before``.

        Raises:
            StoreError: the database failed.
        """
        async with self._database.read() as connection:
            return await parcels.dead_letters(connection, before, min(max(limit, 1), 1000))

    async def replay(self, message: MessageId) -> bool:
        """Deliver a dead letter after all. False if it is none.

        Raises:
            StoreError: the database failed.
        """
        async with self._database.write() as connection:
            revived = await outbox.revive(connection, message, self._now())
        self.nudge()
        return revived

    async def replay_since(self, since: datetime) -> int:
        """Deliver all dead letters after all whose events came up since then; how many these are.

        Raises:
            StoreError: the database failed.
        """
        async with self._database.write() as connection:
            revived = await parcels.revive_since(connection, since, self._now())
        self.nudge()
        return revived

    # The task that speaks to the database

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as posts:
            while not self._closing.is_set():
                self._work.clear()
                try:
                    busy = await self._turn(posts)
                except StoreError as error:
                    await self._away(error)
                else:
                    self._retry_s = 0.0
                    await self._rest(busy)
            await self._finish()

    async def _turn(self, posts: asyncio.TaskGroup) -> bool:
        """Write down what became of requests and begin new ones. Whether there was any of this to do."""
        if not (self._outcomes or await self._anything_due()):
            return False
        settled, taken = list(self._outcomes), list[Parcel]()
        entered: list[str] = []
        try:
            async with self._database.write() as connection:
                await self._settle(connection, settled)
                await self._take(connection, taken, entered)
        except BaseException:
            for endpoint in entered:
                self._places.leave(endpoint)
            raise
        self._forget(settled)
        for parcel in taken:
            self._posts[parcel.id] = posts.create_task(self._deliver(parcel))
        return bool(settled or taken)

    async def _anything_due(self) -> bool:
        """Whether to begin a transaction that writes: SQLite has one at a time, and calls want it, too."""
        if self._places.free <= 0:
            return False
        async with self._database.read() as connection:
            return await parcels.any_due(
                connection,
                self._now(),
                but_endpoints=self._places.full_endpoints(),
                but_hosts=self._places.full_hosts(),
            )

    async def _take(self, connection: AsyncConnection, taken: list[Parcel], entered: list[str]) -> None:
        now, lease = self._now(), timedelta(seconds=self._limits.lease_s)
        for _ in range(_ROUNDS):
            room = self._places.free
            if room <= 0:
                return
            offered = await parcels.due(
                connection,
                now,
                but_endpoints=self._places.full_endpoints(),
                but_hosts=self._places.full_hosts(),
                limit=room,
            )
            # A request that has outlived its lease is still the only one under its name here.
            wanted = {
                name: endpoint
                for name, endpoint in offered
                if name not in self._posts and self._places.enter(endpoint)
            }
            entered.extend(wanted.values())
            if wanted:
                taken.extend(await parcels.take(connection, list(wanted), self._owner, now, lease))
            if len(offered) < room:
                return

    async def _settle(self, connection: AsyncConnection, outcomes: Sequence[_Outcome]) -> None:
        now = self._now()
        for parcel, verdict in ((each.parcel, each.verdict) for each in outcomes):
            if verdict.fate is Fate.DELIVERED:
                await outbox.delivered(connection, parcel.id, self._owner, now)
                continue
            next_at = verdict.next_at if verdict.fate is Fate.LATER else None
            await outbox.failed(connection, parcel.id, self._owner, verdict.reason, next_at)
            if verdict.fate is Fate.GONE:
                self.counts.dead += await parcels.bury(connection, parcel.endpoint, verdict.reason, now)
            elif verdict.hold_until is not None:
                await parcels.hold(connection, parcel.endpoint, now, verdict.hold_until)

    def _forget(self, settled: Sequence[_Outcome]) -> None:
        del self._outcomes[: len(settled)]
        for outcome in settled:
            self._places.leave(outcome.parcel.endpoint)

    async def _rest(self, busy: bool) -> None:
        """Wait for work, ever longer if there is none."""
        limits = self._limits
        self._look_s = limits.first_look_s if busy else min(2 * self._look_s, limits.last_look_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._look_s):
                await self._work.wait()

    async def _away(self, error: StoreError) -> None:
        if not self._retry_s:
            self._log.warning("webhooks wait: database away", error=str(error))
        self._retry_s = min(2 * self._retry_s, _LAST_RETRY_S) or _FIRST_RETRY_S
        with suppress(TimeoutError):
            async with asyncio.timeout(self._retry_s):
                await self._closing.wait()

    async def _finish(self) -> None:
        """Let requests end, break off those that do not, and give back what is left."""
        if self._posts:
            await asyncio.wait(self._posts.values(), timeout=self._limits.close_s)
        left = list(self._posts)
        for task in list(self._posts.values()):
            task.cancel()
        try:
            async with self._database.write() as connection:
                await self._settle(connection, self._outcomes)
                await parcels.release(connection, left, self._owner, self._now())
        except StoreError as error:  # their leases run out, and they go out again
            self._log.warning("webhooks left as they are", error=str(error), webhooks=self.under_way)
        else:
            self._forget(list(self._outcomes))

    # A request

    async def _deliver(self, parcel: Parcel) -> None:
        try:
            verdict = _GONE if self._known_gone(parcel) else await self._attempt(parcel)
            self._note(parcel, verdict)
            self._outcomes.append(_Outcome(parcel, verdict))
        finally:
            del self._posts[parcel.id]
            self._work.set()

    async def _attempt(self, parcel: Parcel) -> Verdict:
        try:
            endpoint = Endpoint(parcel.endpoint, self._secrets_for(parcel.endpoint))
            body = events_out.body(parcel.payload)
            deadline_s = self._limits.deadline_s
            await post_event(self._egress, endpoint, parcel.id, self._now(), body, deadline_s=deadline_s)
        except GatewayError as caught:
            error = caught
        except Exception as caught:  # noqa: BLE001 - the edge of a delivery: others must not suffer
            self._log.error("webhook not sent", message_id=parcel.id, error=type(caught).__name__)
            error = GatewayError(f"the request failed: {type(caught).__name__}")
        else:
            return DELIVERED
        tried = Tried(parcel.endpoint, parcel.attempts, parcel.created_at)
        if isinstance(error, SettingsError):
            self._log.error("webhook not signed", message_id=parcel.id, error=str(error))
        return judge(tried, error, self._now(), self._chance(), self._limits.schedule)

    def _note(self, parcel: Parcel, verdict: Verdict) -> None:
        """Count it, and remember what it says of its endpoint."""
        if verdict is _GONE:
            self.counts.dead += 1
            return
        self._places.learn(parcel.endpoint, answered=verdict.answered)
        self._gone.pop(parcel.endpoint, None)
        if verdict.fate is Fate.DELIVERED:
            self.counts.delivered += 1
            return
        self.counts.failed += 1
        if verdict.fate is Fate.GONE:
            self._gone[parcel.endpoint] = asyncio.get_running_loop().time() + self._limits.gone_s
            while len(self._gone) > _GONE_REMEMBERED:
                self._gone.popitem(last=False)
        if verdict.fate is not Fate.LATER:
            self.counts.dead += 1
            fields = {"message_id": parcel.id, "event_type": parcel.event_type, "reason": verdict.reason}
            self._log.warning("webhook given up", attempts=parcel.attempts, **fields)

    def _known_gone(self, parcel: Parcel) -> bool:
        """Whether the endpoint is not to be asked. One that was tried before, or is replayed, goes out."""
        until = self._gone.get(parcel.endpoint, 0.0)
        return parcel.last_error is None and until > asyncio.get_running_loop().time()
