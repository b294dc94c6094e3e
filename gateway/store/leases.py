"""Whose each live call is: one process at a time, told by the clock of the database.

A process holds a call as long as it renews the lease. Another may take the call when the lease has expired,
when its owner hands it over, or when Twilio itself asks how the call goes on: then the owner's stream is
over, whatever the lease says. Each time the epoch grows, and whoever had the call before finds that it is no
longer among those it renews.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import Select, Update, case, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import CallSid
from gateway.store.identifiers import CallId
from gateway.store.models import call_leases as leases
from gateway.store.statements import insert

LASTS: Final = timedelta(seconds=6)
"""How long a lease is good without being renewed."""
KEPT: Final = timedelta(minutes=10)
"""How long it stays known how a call ended, or that it may be had: Twilio may still ask."""


class State(StrEnum):
    """What becomes of a call."""

    LIVE = "live"
    HANDED = "handed"  # whoever wants it may have it
    OVER = "over"


@dataclass(frozen=True, slots=True)
class Lease:
    """A call, and whose it is. ``resume`` is JSON."""

    call_id: CallId
    call_sid: CallSid
    owner: str
    epoch: int
    recoveries: int
    until: datetime
    state: State
    falls_back: bool
    resume: str = field(repr=False)
    created_at: datetime

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", State(self.state))


async def clock(connection: AsyncConnection) -> datetime:
    """The time all processes agree on."""
    if connection.dialect.name != "postgresql":  # SQLite has its users' own clock
        return datetime.now(UTC)
    now: datetime = (await connection.execute(select(func.clock_timestamp()))).scalar_one()
    return now


async def take(
    connection: AsyncConnection, call_id: CallId, call_sid: CallSid, owner: str, resume: str
) -> bool:
    """Begin a lease. ``False`` if another process has the call: Twilio was answered twice."""
    now = await clock(connection)
    row = {
        "call_id": call_id,
        "call_sid": call_sid,
        "owner": owner,
        "until": now + LASTS,
        "resume": resume,
        "created_at": now,
    }
    await connection.execute(insert(connection, leases).values(**row).on_conflict_do_nothing())
    mine = select(leases.c.owner).where(leases.c.call_id == call_id, leases.c.state == State.LIVE)
    return (await connection.execute(mine)).scalar() == owner


async def describe(connection: AsyncConnection, call_id: CallId, owner: str, resume: str) -> bool:
    """Write what is known now of a call that is this owner's."""
    return await _done(connection, _mine(call_id, owner).values(resume=resume))


async def beat(connection: AsyncConnection, owner: str) -> frozenset[CallId]:
    """Renew all of a process's leases; the calls that are still its own."""
    until = await clock(connection) + LASTS
    renewed = update(leases).where(leases.c.owner == owner, leases.c.state == State.LIVE)
    rows = await connection.execute(renewed.values(until=until).returning(leases.c.call_id))
    return frozenset(rows.scalars())


async def hand_over(
    connection: AsyncConnection, calls: Collection[CallId], owner: str, *, failed: bool = False
) -> frozenset[CallId]:
    """Let whoever wants go on with calls; those of them that were this owner's.

    ``failed`` if it is because their process failed them, which counts as if it were gone.
    """
    statement = update(leases).where(
        leases.c.call_id.in_(calls), leases.c.owner == owner, leases.c.state == State.LIVE
    )
    offered = statement.values(state=State.HANDED, recoveries=leases.c.recoveries + int(failed))
    rows = await connection.execute(offered.returning(leases.c.call_id))
    return frozenset(rows.scalars())


async def end(connection: AsyncConnection, call_id: CallId, owner: str, *, falls_back: bool) -> bool:
    """A call is over; ``until`` is from now on when."""
    now = await clock(connection)
    mine = _mine(call_id, owner)
    return await _done(connection, mine.values(state=State.OVER, falls_back=falls_back, until=now))


async def take_over(
    connection: AsyncConnection, call_id: CallId, call_sid: CallSid, owner: str
) -> Lease | None:
    """Take a call whose stream is over, as Twilio itself says. One that is over comes back as it is."""
    until = await clock(connection) + LASTS
    same = (leases.c.call_id == call_id, leases.c.call_sid == call_sid)
    taken = await _one(connection, _taking(owner, until).where(*same))
    if taken is not None:
        return taken
    return await _one(connection, select(leases).where(*same))


async def take_expired(connection: AsyncConnection, owner: str, limit: int) -> Sequence[Lease]:
    """Take calls whose process is gone."""
    now = await clock(connection)
    gone = (leases.c.state == State.LIVE, leases.c.owner != owner, leases.c.until < now)
    free = select(leases.c.call_id).where(*gone).order_by(leases.c.until).limit(limit)
    chosen = free.with_for_update(skip_locked=True).scalar_subquery()
    statement = _taking(owner, now + LASTS).where(leases.c.call_id.in_(chosen), *gone)
    rows = (await connection.execute(statement.returning(leases))).mappings().all()
    return [Lease(**row) for row in rows]


async def sweep(connection: AsyncConnection) -> None:
    """Forget calls that have been over, or on offer, for long, and those not heard of for a day."""
    now = await clock(connection)
    over = delete(leases).where(leases.c.state != State.LIVE, leases.c.until < now - KEPT)
    await connection.execute(over)
    await connection.execute(delete(leases).where(leases.c.until < now - timedelta(days=1)))


async def count(connection: AsyncConnection) -> int:
    """How many calls are live anywhere."""
    query = select(func.count()).select_from(leases).where(leases.c.state != State.OVER)
    return (await connection.execute(query)).scalar_one()


def _mine(call_id: CallId, owner: str) -> Update:
    return update(leases).where(
        leases.c.call_id == call_id, leases.c.owner == owner, leases.c.state == State.LIVE
    )


def _taking(owner: str, until: datetime) -> Update:
    """Taking a call that is live, or offered: only what another process has lost is a recovery."""
    again = case(((leases.c.state == State.LIVE) & (leases.c.owner != owner), 1), else_=0)
    return (
        update(leases)
        .where(leases.c.state != State.OVER)
        .values(
            owner=owner,
            epoch=leases.c.epoch + 1,
            recoveries=leases.c.recoveries + again,
            until=until,
            state=State.LIVE,
        )
    )


async def _one(connection: AsyncConnection, statement: Update | Select[tuple[object, ...]]) -> Lease | None:
    if isinstance(statement, Update):
        row = (await connection.execute(statement.returning(leases))).mappings().first()
    else:
        row = (await connection.execute(statement)).mappings().first()
    return Lease(**row) if row is not None else None


async def _done(connection: AsyncConnection, statement: Update) -> bool:
    return (await connection.execute(statement)).rowcount == 1
