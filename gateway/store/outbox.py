"""Outgoing webhooks: written with what they tell about, then delivered until they are taken or dead."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Update, and_, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tidy
from gateway.store.identifiers import CallId, MessageId
from gateway.store.models import webhook_outbox as outbox
from gateway.store.records import Json, Outgoing
from gateway.store.statements import insert


class Delivery(StrEnum):
    """What became of a webhook."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Message:
    """A webhook to be delivered."""

    id: MessageId
    endpoint: str = field(repr=False)
    event_type: str
    payload: Json = field(repr=False)
    call_id: CallId | None
    attempts: int  # with this one
    created_at: datetime


async def add(connection: AsyncConnection, message: Outgoing) -> None:
    """Write a webhook in the transaction of what it tells; one written before stays as it is."""
    row = {
        "id": message.id,
        "endpoint": tidy.text(message.endpoint),
        "event_type": tidy.text(message.event_type),
        "payload": tidy.document(message.payload),
        "call_id": message.call_id,
        "dedupe_key": message.dedupe_key,
        "next_at": message.at,
        "created_at": message.at,
    }
    await connection.execute(insert(connection, outbox).values(**row).on_conflict_do_nothing())


def behind_another() -> ColumnElement[bool]:
    """Whether a webhook waits for an earlier one of the same call to the same endpoint."""
    earlier = outbox.alias("earlier")
    return exists().where(
        earlier.c.call_id == outbox.c.call_id,
        earlier.c.endpoint == outbox.c.endpoint,
        earlier.c.id < outbox.c.id,
        earlier.c.state == Delivery.PENDING,
    )


async def claim(
    connection: AsyncConnection, owner: str, now: datetime, lease: timedelta, limit: int = 20
) -> Sequence[Message]:
    """Take webhooks that are due, for as long as the lease; no other process gets them meanwhile.

    Those of one call to one endpoint come in order: the next is given out when the one before is settled.
    """
    due = (
        select(outbox.c.id)
        .where(_open(now), outbox.c.next_at <= now, ~behind_another())
        .order_by(outbox.c.next_at, outbox.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(outbox)
        .where(outbox.c.id.in_(due.scalar_subquery()), _open(now))
        .values(owner=owner, lease_until=now + lease, attempts=outbox.c.attempts + 1)
        .returning(*(outbox.c[name] for name in Message.__slots__))
    )
    rows = (await connection.execute(taken)).mappings().all()
    return sorted((Message(**row) for row in rows), key=lambda message: message.id)


def _open(now: datetime) -> ColumnElement[bool]:
    free = or_(outbox.c.lease_until.is_(None), outbox.c.lease_until <= now)
    return and_(outbox.c.state == Delivery.PENDING, free)


async def delivered(connection: AsyncConnection, message: MessageId, owner: str, now: datetime) -> bool:
    """The endpoint took it. False if it is no longer this owner's."""
    return await _settle(
        connection, _mine(message, owner).values(state=Delivery.DELIVERED, delivered_at=now, last_error=None)
    )


async def failed(
    connection: AsyncConnection, message: MessageId, owner: str, error: str, next_at: datetime | None
) -> bool:
    """The endpoint did not take it: try again then, or never. False if it is no longer this owner's."""
    statement = _mine(message, owner).values(last_error=tidy.text(error, 500))
    if next_at is None:
        return await _settle(connection, statement.values(state=Delivery.DEAD))
    return await _settle(connection, statement.values(next_at=next_at))


async def revive(connection: AsyncConnection, message: MessageId, now: datetime) -> bool:
    """Deliver a dead one after all. False if it is not dead."""
    statement = update(outbox).where(outbox.c.id == message, outbox.c.state == Delivery.DEAD)
    return await _settle(connection, statement.values(state=Delivery.PENDING, next_at=now, attempts=0))


async def counts(connection: AsyncConnection) -> dict[Delivery, int]:
    """How many there are in each state."""
    rows = await connection.execute(select(outbox.c.state, func.count()).group_by(outbox.c.state))
    found = {Delivery(state): count for state, count in rows.all()}
    return {state: found.get(state, 0) for state in Delivery}


def _mine(message: MessageId, owner: str) -> Update:
    return update(outbox).where(
        outbox.c.id == message, outbox.c.owner == owner, outbox.c.state == Delivery.PENDING
    )


async def _settle(connection: AsyncConnection, statement: Update) -> bool:
    return (await connection.execute(statement.values(owner=None, lease_until=None))).rowcount == 1
