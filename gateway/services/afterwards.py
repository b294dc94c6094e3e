"""What becomes known of a call after its end: Vatel's summary, what it extracted, and what both charge.

Twilio prices a call minutes after it, and Vatel sums it up when its models have: both are asked, more and
more rarely, for two days. Calls that this gateway has bridged are looked up here; those that Vatel dials, and
the prices of those we place, by the dialler.

A call whose process was killed has no end in its record, unless another process took it up. So calls that
were live when this process began are looked up too, until somebody says that they are over.
"""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from sqlalchemy import or_, select

from gateway import logs
from gateway.bridge.report import Ending
from gateway.clients.twilio.values import CallRecord
from gateway.clients.vatel.call import Call
from gateway.errors import VendorError, VendorNotFound
from gateway.ids import CallSid, SessionId
from gateway.store.database import Database
from gateway.store.errors import StoreError
from gateway.store.identifiers import CallId
from gateway.store.journal import Journal
from gateway.store.models import calls
from gateway.store.records import CallChange, Direction, Json, Status, Via, ended

_MOST: Final = 200
_REMEMBERED: Final = 50_000
_LIVE: Final = (Status.RINGING, Status.IN_PROGRESS)


class TwilioCalls(Protocol):
    """Twilio's calls, as far as they are read here."""

    async def fetch(self, sid: CallSid) -> CallRecord:
        """Look at a call."""


class VatelCalls(Protocol):
    """Vatel's calls, as far as they are read here."""

    async def get(self, session_id: SessionId) -> Call:
        """Look at a call."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often is asked, in seconds."""

    every_s: float = 15.0
    after_s: float = 15.0  # of a call's end
    within_s: float = 172_800.0
    first_pause_s: float = 30.0  # between two looks at one call; then twice as long, and so on
    longest_pause_s: float = 7200.0
    between_s: float = 0.2  # two requests
    lost_after_s: float = 60.0  # the carrier says that a call is over, and its process does not


@dataclass(frozen=True, slots=True)
class _Open:
    """A call of which something is not known yet."""

    id: CallId
    call_sid: CallSid | None
    session_id: SessionId | None
    direction: Direction
    priced: bool
    summed_up: bool


class Afterwards:
    """Completes the records of calls that are over.

    Args:
        database: Where they are.
        journal: Takes what is learned.
        twilio: Knows the carrier's price.
        vatel: Knows the rest.
        pace: How often is asked.
        tell: Tells customers of the end of a call whose process did not.
    """

    def __init__(
        self,
        database: Database,
        journal: Journal,
        twilio: TwilioCalls,
        vatel: VatelCalls,
        pace: Pace | None = None,
        tell: Callable[[str, CallId, Json], None] = lambda _kind, _call_id, _data: None,
    ) -> None:
        self._database = database
        self._journal = journal
        self._twilio = twilio
        self._vatel = vatel
        self._pace = pace or Pace()
        self._tell = tell
        self._began = datetime.now(UTC)
        self._pauses: OrderedDict[CallId, tuple[float, float]] = OrderedDict()
        self._log = logs.get()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Records are completed in here."""
        async with asyncio.TaskGroup() as group:
            looking = group.create_task(self._look_on())
            yield
            looking.cancel()

    async def _look_on(self) -> None:
        while True:
            await asyncio.sleep(self._pace.every_s)
            try:
                for call in await self._open():
                    if self._due(call.id):
                        await self._look(call)
                        await asyncio.sleep(self._pace.between_s)
                for call_id, call_sid in await self._left():
                    if self._due(call_id):
                        await self._end(call_id, call_sid)
                        await asyncio.sleep(self._pace.between_s)
            except StoreError as error:
                self._log.warning("records not completed", error=str(error))

    async def _open(self) -> Sequence[_Open]:
        now = datetime.now(UTC)
        unpriced = calls.c.carrier_cost.is_(None) & calls.c.call_sid.is_not(None)
        unread = calls.c.vatel_cost.is_(None) & calls.c.session_id.is_not(None)
        query = (
            select(calls)
            .where(calls.c.via == Via.GATEWAY, calls.c.status == Status.COMPLETED)
            .where(calls.c.ended_at >= now - timedelta(seconds=self._pace.within_s))
            .where(calls.c.ended_at < now - timedelta(seconds=self._pace.after_s))
            .where(or_(unpriced & (calls.c.direction == Direction.INBOUND), unread))
            .order_by(calls.c.ended_at.desc())
            .limit(_MOST)
        )
        async with self._database.read() as connection:
            rows = (await connection.execute(query)).mappings().all()
        return [
            _Open(
                row["id"],
                row["call_sid"],
                row["session_id"],
                Direction(row["direction"]),
                priced=row["carrier_cost"] is not None,
                summed_up=row["vatel_cost"] is not None,
            )
            for row in rows
        ]

    async def _left(self) -> list[tuple[CallId, CallSid]]:
        """Calls that other processes, which may be gone, had before this one began."""
        query = (
            select(calls.c.id, calls.c.call_sid)
            .where(calls.c.via == Via.GATEWAY, calls.c.status.in_(_LIVE), calls.c.call_sid.is_not(None))
            .where(calls.c.created_at < self._began)
            .where(or_(calls.c.direction == Direction.INBOUND, calls.c.status == Status.IN_PROGRESS))
            .order_by(calls.c.created_at.desc())
            .limit(_MOST)
        )
        async with self._database.read() as connection:
            return [(row[0], row[1]) for row in (await connection.execute(query)).all()]

    async def _end(self, call_id: CallId, call_sid: CallSid) -> None:
        """Write down the end of a call that the carrier says is over, and that nobody has told of."""
        self._pause(call_id)
        try:
            found = await self._twilio.fetch(call_sid)
        except VendorError as error:
            self._log.warning("call not looked up", call_id=call_id, error=str(error))
            return
        at = found.ended_at or self._began
        # Its own process, if it lives, is about to say better why it ended.
        if found.status.final and datetime.now(UTC) - at >= timedelta(seconds=self._pace.lost_after_s):
            self._journal.put(ended(call_id, Ending.GATEWAY_ERROR, at))
            self._tell("call.ended", call_id, {})
            self._log.warning("call ended without its process", call_id=call_id, call_sid=call_sid)

    async def _look(self, call: _Open) -> None:
        self._pause(call.id)
        if call.call_sid and not call.priced and call.direction is Direction.INBOUND:
            await self._ask_twilio(call.id, call.call_sid)
        if call.session_id and not call.summed_up:
            await self._ask_vatel(call.id, call.session_id)

    async def _ask_twilio(self, call_id: CallId, call_sid: CallSid) -> None:
        try:
            found = await self._twilio.fetch(call_sid)
        except VendorError as error:
            self._log.warning("price not had", call_id=call_id, error=str(error))
            return
        if found.price is not None:
            cost = abs(float(found.price))
            self._journal.put(
                CallChange(call_id=call_id, carrier_cost=cost, carrier_currency=found.price_unit or None)
            )

    async def _ask_vatel(self, call_id: CallId, session_id: SessionId) -> None:
        try:
            found = await self._vatel.get(session_id)
        except VendorNotFound:
            return  # not written down there yet, or never
        except VendorError as error:
            self._log.warning("summary not had", call_id=call_id, error=str(error))
            return
        if not found.ended or not (found.summary or found.cost):
            return
        extracted = {each.name: each.value for each in found.extracted_variables if each.name}
        self._journal.put(
            CallChange(
                call_id=call_id,
                summary=found.summary or None,
                extracted=extracted or None,
                vatel_cost=found.cost,
            )
        )

    def _due(self, call_id: CallId) -> bool:
        at, _ = self._pauses.get(call_id, (0.0, 0.0))
        return asyncio.get_running_loop().time() >= at

    def _pause(self, call_id: CallId) -> None:
        """Look again only after a while, twice as long each time."""
        _, last_s = self._pauses.pop(call_id, (0.0, 0.0))
        pause_s = min(self._pace.longest_pause_s, 2 * last_s or self._pace.first_pause_s)
        self._pauses[call_id] = (asyncio.get_running_loop().time() + pause_s, pause_s)
        while len(self._pauses) > _REMEMBERED:
            self._pauses.popitem(last=False)
