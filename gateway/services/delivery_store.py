"""What deliveries ask of the outbox beyond what became of single messages."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.services.delivery_rules import host
from gateway.store import tidy
from gateway.store.identifiers import CallId, MessageId
from gateway.store.models import webhook_outbox as outbox
from gateway.store.outbox import Delivery, behind_another
from gateway.store.records import Json

_ENDS_OF_A_HOST: Final = ("/", ":", "?")


@dataclass(frozen=True, slots=True)
class Parcel:
    """A webhook taken for delivery."""

    id: MessageId
    endpoint: str = field(repr=False)
    event_type: str
    payload: Json = field(repr=False)
    call_id: CallId | None
    attempts: int  # with this one
    last_error: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A webhook that was given up; it can be replayed."""

    id: MessageId
    endpoint: str = field(repr=False)
    event_type: str
    call_id: CallId | None
    attempts: int
    last_error: str | None
    created_at: datetime

    @property
    def host(self) -> str:
        """Whom it was for; the whole address may hold secrets."""
        return host(self.endpoint)


async def any_due(
    connection: AsyncConnection, now: datetime, *, but_endpoints: Collection[str], but_hosts: Collection[str]
) -> bool:
    """Whether any webhook may go out: no more than a look, for which nobody has to wait."""
    query = _due_but(but_endpoints, but_hosts).limit(1)
    return (await connection.execute(query, {"now": now})).first() is not None


async def due(
    connection: AsyncConnection,
    now: datetime,
    *,
    but_endpoints: Collection[str],
    but_hosts: Collection[str],
    limit: int,
) -> Sequence[tuple[MessageId, str]]:
    """Webhooks that may go out, with their endpoints; until the transaction ends nobody else is given them.

    Those of one call to one endpoint come in order: the next is due when the one before is settled.
    """
    query = _due_but(but_endpoints, but_hosts).order_by(outbox.c.next_at, outbox.c.id).limit(limit)
    rows = await connection.execute(query.with_for_update(skip_locked=True), {"now": now})
    return [(row.id, row.endpoint) for row in rows]


def _due_but(but_endpoints: Collection[str], but_hosts: Collection[str]) -> Select[tuple[MessageId, str]]:
    query = _DUE
    if but_endpoints:
        query = query.where(outbox.c.endpoint.not_in(but_endpoints))
    for name in but_hosts:
        query = query.where(~_at(name))
    return query


async def take(
    connection: AsyncConnection, ids: Collection[MessageId], owner: str, now: datetime, lease: timedelta
) -> Sequence[Parcel]:
    """Take webhooks found due in this transaction, for as long as the lease."""
    statement = (
        update(outbox)
        .where(outbox.c.id.in_(ids), _free(now))
        .values(owner=owner, lease_until=now + lease, attempts=outbox.c.attempts + 1)
        .returning(*(outbox.c[name] for name in Parcel.__slots__))
    )
    return [Parcel(**row) for row in (await connection.execute(statement)).mappings()]


async def release(connection: AsyncConnection, ids: Collection[MessageId], owner: str, now: datetime) -> None:
    """Give back what was taken and not settled; another process may go on at once."""
    mine = update(outbox).where(outbox.c.id.in_(ids), outbox.c.owner == owner)
    await connection.execute(mine.values(owner=None, lease_until=None, next_at=now))


async def hold(connection: AsyncConnection, endpoint: str, now: datetime, until: datetime) -> None:
    """Send an endpoint nothing until then."""
    early = update(outbox).where(_free(now), outbox.c.endpoint == endpoint, outbox.c.next_at < until)
    await connection.execute(early.values(next_at=until))


async def bury(connection: AsyncConnection, endpoint: str, reason: str, now: datetime) -> int:
    """Give up all an endpoint was still to get; how many these were."""
    left = update(outbox).where(_free(now), outbox.c.endpoint == endpoint)
    left = left.values(state=Delivery.DEAD, last_error=tidy.text(reason, 500), owner=None, lease_until=None)
    return (await connection.execute(left)).rowcount


async def dead_letters(
    connection: AsyncConnection, before: MessageId | None, limit: int
) -> Sequence[DeadLetter]:
    """What was given up, the newest first, and older than ``before``."""
    query = select(*(outbox.c[name] for name in DeadLetter.__slots__)).where(outbox.c.state == Delivery.DEAD)
    if before is not None:
        query = query.where(outbox.c.id < before)
    rows = await connection.execute(query.order_by(outbox.c.id.desc()).limit(limit))
    return [DeadLetter(**row) for row in rows.mappings()]


async def revive_since(connection: AsyncConnection, since: datetime, now: datetime) -> int:
    """Deliver all dead ones after all that came up since then; how many these are."""
    dead = update(outbox).where(outbox.c.state == Delivery.DEAD, outbox.c.created_at >= since)
    dead = dead.values(state=Delivery.PENDING, next_at=now, attempts=0, owner=None, lease_until=None)
    return (await connection.execute(dead)).rowcount


def _free(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    nobodys = or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= now)
    return and_(outbox.c.state == Delivery.PENDING, nobodys)


def _due() -> Select[tuple[MessageId, str]]:
    now = bindparam("now", type_=outbox.c.next_at.type)
    return select(outbox.c.id, outbox.c.endpoint).where(
        _free(now), outbox.c.next_at <= now, ~behind_another()
    )


_DUE: Final = _due()
"""Made once: it is asked every second, and making it takes longer than the answer."""


def _at(name: str) -> ColumnElement[bool]:
    """Whether an endpoint is at a host."""
    lower = func.lower(outbox.c.endpoint)
    starts = [f"{scheme}://{name}" for scheme in ("https", "http")]
    return or_(
        lower.in_(starts),
        *(lower.startswith(start + end, autoescape=True) for start in starts for end in _ENDS_OF_A_HOST),
    )
