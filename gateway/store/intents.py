"""Dial intents: nobody is ever dialled twice.

An intent is committed before the carrier is asked (``intended``), and again right before the request leaves
(``posted``). A process that dies before the second may be followed by another that dials; one that dies
after it may not: whether the carrier acted must be found out first (``placed`` or ``absent``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Update, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import CallSid
from gateway.store import tidy
from gateway.store.errors import KeyReused
from gateway.store.identifiers import CallId, IntentId
from gateway.store.models import dial_intents as intents
from gateway.store.records import Json
from gateway.store.statements import insert


class State(StrEnum):
    """How far an intent is."""

    INTENDED = "intended"
    POSTED = "posted"
    PLACED = "resolved_placed"
    ABSENT = "resolved_absent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Intent:
    """The intent to dial somebody; ``request`` is what the carrier is asked, without secrets."""

    id: IntentId
    call_id: CallId
    state: State
    request: Json = field(repr=False)
    call_sid: CallSid | None
    detail: str | None
    owner: str | None
    lease_until: datetime | None
    api_key_id: str
    idempotency_key: str | None
    body_sha256: str | None
    created_at: datetime
    posted_at: datetime | None
    resolved_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "state", State(self.state))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIntent:
    """What is to be dialled, for whom, and by which process."""

    id: IntentId
    call_id: CallId
    request: Json = field(repr=False)
    owner: str
    lease_until: datetime
    created_at: datetime
    api_key_id: str = ""
    idempotency_key: str | None = None
    body_sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Intended:
    """The intent that stands, and whether it is the one just given or one of an earlier request."""

    intent: Intent
    fresh: bool


async def intend(connection: AsyncConnection, new: NewIntent) -> Intended:
    """Write an intent. An idempotency key used before brings back the intent it stands for.

    Raises:
        KeyReused: that one was made by another request.
    """
    row = {name: getattr(new, name) for name in NewIntent.__slots__}
    row |= {"request": tidy.document(new.request), "state": State.INTENDED}
    statement = insert(connection, intents).values(**row)
    keys = ["api_key_id", "idempotency_key"]
    statement = statement.on_conflict_do_nothing(index_elements=keys)
    added = (await connection.execute(statement.returning(intents))).mappings().first()
    if added is not None:
        return Intended(Intent(**added), fresh=True)
    query = select(intents).where(
        intents.c.api_key_id == new.api_key_id, intents.c.idempotency_key == new.idempotency_key
    )
    standing = Intent(**(await connection.execute(query)).mappings().one())
    if standing.body_sha256 != new.body_sha256:
        raise KeyReused
    return Intended(standing, fresh=False)


async def get(connection: AsyncConnection, intent: IntentId) -> Intent | None:
    """Find an intent."""
    row = (await connection.execute(select(intents).where(intents.c.id == intent))).mappings().first()
    return Intent(**row) if row is not None else None


async def post(connection: AsyncConnection, intent: IntentId, owner: str, now: datetime) -> bool:
    """The carrier is about to be asked: ask only if this is true and has been committed."""
    mine = _in(intent, State.INTENDED).where(intents.c.owner == owner, intents.c.lease_until > now)
    return await _done(connection, mine.values(state=State.POSTED, posted_at=now))


async def placed(connection: AsyncConnection, intent: IntentId, call_sid: CallSid, now: datetime) -> bool:
    """The carrier has the call, as its answer, a callback or its list of calls tells."""
    # A late callback is right even where a search found nothing before.
    statement = _in(intent, State.POSTED, State.ABSENT)
    return await _done(connection, statement.values(state=State.PLACED, call_sid=call_sid, resolved_at=now))


async def refused(connection: AsyncConnection, intent: IntentId, detail: str, now: datetime) -> bool:
    """The carrier said no, or we did before it was asked: nobody was dialled."""
    statement = _in(intent, State.INTENDED, State.POSTED)
    return await _done(
        connection, statement.values(state=State.REFUSED, detail=tidy.text(detail, 500), resolved_at=now)
    )


async def absent(connection: AsyncConnection, intent: IntentId, detail: str, now: datetime) -> bool:
    """The outcome was not known, and it is proved that the carrier has no such call."""
    statement = _in(intent, State.POSTED)
    return await _done(
        connection, statement.values(state=State.ABSENT, detail=tidy.text(detail, 500), resolved_at=now)
    )


async def renew(connection: AsyncConnection, intent: IntentId, owner: str, until: datetime) -> bool:
    """Keep an intent for longer. False if it is no longer this owner's."""
    mine = _in(intent, State.INTENDED, State.POSTED).where(intents.c.owner == owner)
    return await _done(connection, mine.values(lease_until=until))


async def abandoned(
    connection: AsyncConnection, owner: str, now: datetime, lease: timedelta, limit: int = 20
) -> Sequence[Intent]:
    """Take over intents whose process is gone: dial those ``intended``, look up those ``posted``."""
    free = (
        select(intents.c.id)
        .where(
            intents.c.state.in_([State.INTENDED, State.POSTED]),
            or_(intents.c.lease_until.is_(None), intents.c.lease_until <= now),
        )
        .order_by(intents.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    taken = (
        update(intents)
        .where(
            intents.c.id.in_(free.scalar_subquery()),
            or_(intents.c.lease_until.is_(None), intents.c.lease_until <= now),
        )
        .values(owner=owner, lease_until=now + lease)
        .returning(intents)
    )
    rows = (await connection.execute(taken)).mappings().all()
    return sorted((Intent(**row) for row in rows), key=lambda intent: intent.id)


def _in(intent: IntentId, *states: State) -> Update:
    return update(intents).where(intents.c.id == intent, intents.c.state.in_(states))


async def _done(connection: AsyncConnection, statement: Update) -> bool:
    return (await connection.execute(statement)).rowcount == 1
