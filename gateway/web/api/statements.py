"""What the API asks of the database about keys and dead webhooks, page by page."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Select, Table, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import cursors
from gateway.store.cursors import Cursor
from gateway.store.identifiers import CallId, MessageId
from gateway.store.keys import ApiKey
from gateway.store.models import api_keys, webhook_outbox
from gateway.store.outbox import Delivery

_KEY: Final = [api_keys.c[name] for name in ApiKey.__slots__]


@dataclass(frozen=True, slots=True)
class Dead:
    """A webhook that was given up."""

    id: MessageId
    endpoint: str = field(repr=False)
    event_type: str
    call_id: CallId | None
    attempts: int
    last_error: str | None
    created_at: datetime


async def keys_page(
    connection: AsyncConnection, limit: int, cursor: str | None
) -> tuple[list[ApiKey], str | None]:
    """Keys, the newest first, and the cursor of the next page.

    Raises:
        CursorRefused: the cursor is none of ours.
    """
    rows, after = await _page(connection, select(*_KEY), api_keys, limit, cursor)
    return [ApiKey(**row) for row in rows], after


async def dead_page(
    connection: AsyncConnection, limit: int, cursor: str | None
) -> tuple[list[Dead], str | None]:
    """Webhooks that were given up, the newest first, and the cursor of the next page.

    Raises:
        CursorRefused: the cursor is none of ours.
    """
    query = select(*(webhook_outbox.c[name] for name in Dead.__slots__))
    query = query.where(webhook_outbox.c.state == Delivery.DEAD)
    rows, after = await _page(connection, query, webhook_outbox, limit, cursor)
    return [Dead(**row) for row in rows], after


async def delivery_of(connection: AsyncConnection, message: MessageId) -> Delivery | None:
    """What became of a webhook; None if there is no such."""
    query = select(webhook_outbox.c.state).where(webhook_outbox.c.id == message)
    state = (await connection.execute(query)).scalar()
    return Delivery(state) if state is not None else None


async def _page(
    connection: AsyncConnection, query: Select[Any], table: Table, limit: int, cursor: str | None
) -> tuple[list[dict[str, Any]], str | None]:
    place = tuple_(table.c.created_at, table.c.id)
    if cursor is not None:
        after = cursors.decode(cursor)
        query = query.where(place < tuple_(after.at, after.id))
    query = query.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit + 1)
    rows: list[dict[str, Any]] = [{**row} for row in (await connection.execute(query)).mappings()]
    last = rows[limit - 1] if len(rows) > limit else None
    return rows[:limit], Cursor(last["created_at"], last["id"]).encode() if last else None
