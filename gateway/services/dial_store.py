"""What dialling asks of the database beyond single intents and calls."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import RowMapping, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import E164, CallSid, SessionId
from gateway.store.errors import KeyReused
from gateway.store.identifiers import CallId, IntentId
from gateway.store.intents import Intent, State
from gateway.store.models import calls
from gateway.store.models import dial_intents as intents
from gateway.store.records import Direction, Status, Via

_MOST: Final = 10_000
_FINAL: Final = tuple(status.value for status in Status if status.final)


@dataclass(frozen=True, slots=True)
class Placed:
    """A call that was asked for: for accounts of what a key has used."""

    call_id: CallId
    key: str
    to: E164
    at: datetime
    over: bool


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A call of which something is still to be learned from its carrier."""

    intent: Intent
    call_sid: CallSid | None
    session_id: SessionId | None
    status: Status
    answered_at: datetime | None
    ended_at: datetime | None


async def replayed(
    connection: AsyncConnection, key: str, idempotency_key: str, sha256: str, since: datetime
) -> Intent | None:
    """The intent an idempotency key stands for; None if it is new, or was used before ``since``.

    Raises:
        KeyReused: it stands for another request.
    """
    query = select(intents).where(
        intents.c.api_key_id == key,
        intents.c.idempotency_key == idempotency_key,
        intents.c.created_at >= since,
    )
    row = (await connection.execute(query)).mappings().first()
    if row is not None and row["body_sha256"] != sha256:
        raise KeyReused
    return Intent(**row) if row is not None else None


async def forget_keys(connection: AsyncConnection, before: datetime) -> None:
    """Let idempotency keys of old requests be used anew."""
    old = update(intents).where(intents.c.idempotency_key.is_not(None), intents.c.created_at < before)
    await connection.execute(old.values(idempotency_key=None))


async def of_call(connection: AsyncConnection, call_id: CallId, *, lock: bool = False) -> Intent | None:
    """The intent that is to become a call; with ``lock``, nobody changes it until the transaction ends."""
    query = select(intents).where(intents.c.call_id == call_id)
    row = (await connection.execute(query.with_for_update() if lock else query)).mappings().first()
    return Intent(**row) if row is not None else None


async def pair_posted(connection: AsyncConnection, intent: IntentId, to: E164, from_: E164) -> bool:
    """Whether another call between the same numbers is on its way, with an outcome that is not known yet.

    Two of them could not be told apart in the carrier's list. Those who ask for the same pair take turns.
    """
    if connection.dialect.name == "postgresql":  # SQLite has one writer anyway
        await connection.execute(select(func.pg_advisory_xact_lock(func.hashtext(f"{to}{from_}"))))
    query = select(intents.c.request).where(intents.c.state == State.POSTED, intents.c.id != intent)
    requests = (await connection.execute(query.limit(_MOST))).scalars()
    return any((request.get("to"), request.get("from_")) == (to, from_) for request in requests)


async def again(connection: AsyncConnection, intent: IntentId, owner: str, until: datetime) -> bool:
    """The carrier was asked and certainly has no such call: the intent may be dialled anew by its owner."""
    mine = update(intents).where(
        intents.c.id == intent, intents.c.state == State.POSTED, intents.c.owner == owner
    )
    done = await connection.execute(mine.values(state=State.INTENDED, posted_at=None, lease_until=until))
    return done.rowcount == 1


async def placed_unnamed(connection: AsyncConnection, intent: IntentId, now: datetime) -> bool:
    """The carrier has the call, and has not said what it calls it."""
    posted = update(intents).where(intents.c.id == intent, intents.c.state == State.POSTED)
    return (await connection.execute(posted.values(state=State.PLACED, resolved_at=now))).rowcount == 1


async def proved(connection: AsyncConnection, intent: IntentId, call_sid: CallSid, now: datetime) -> bool:
    """The carrier says that it has the call, even one to be dialled again, or given up as absent."""
    known = (State.INTENDED, State.POSTED, State.ABSENT)
    found = update(intents).where(intents.c.id == intent, intents.c.state.in_(known))
    done = await connection.execute(found.values(state=State.PLACED, call_sid=call_sid, resolved_at=now))
    return done.rowcount == 1


async def hide_keys(connection: AsyncConnection, intent: Intent) -> None:
    """Keep stars for the keys pressed in a call, which may be a PIN: it is placed, or never will be."""
    keys = intent.request.get("send_digits")
    if keys:
        hidden = intent.request | {"send_digits": "*" * len(str(keys))}
        await connection.execute(update(intents).where(intents.c.id == intent.id).values(request=hidden))


async def keep(
    connection: AsyncConnection, waiting: Collection[IntentId], owner: str, until: datetime
) -> None:
    """Keep all that waits here for longer."""
    mine = update(intents).where(intents.c.id.in_(waiting), intents.c.owner == owner)
    await connection.execute(mine.where(intents.c.state == State.INTENDED).values(lease_until=until))


async def claimed(connection: AsyncConnection, call_id: CallId, names: Collection[str]) -> set[str]:
    """Those of a carrier's names for calls that are other calls of ours."""
    found: set[str] = set()
    for column in (calls.c.call_sid, calls.c.session_id):
        query = select(column).where(column.in_(names), calls.c.id != call_id)
        found.update((await connection.execute(query)).scalars())
    query = select(intents.c.call_sid).where(intents.c.call_sid.in_(names), intents.c.call_id != call_id)
    found.update((await connection.execute(query)).scalars())
    return found


async def placed_since(connection: AsyncConnection, since: datetime) -> Sequence[Placed]:
    """The calls asked for since then, and older ones that are not over, the oldest first."""
    over = calls.c.status.in_(_FINAL)
    query = (
        select(
            intents.c.call_id,
            intents.c.api_key_id,
            intents.c.request,
            intents.c.created_at,
            over.label("over"),
        )
        .join(calls, calls.c.id == intents.c.call_id)
        .where(or_(intents.c.created_at >= since, ~over))
        .order_by(intents.c.created_at.desc())
        .limit(_MOST)
    )
    rows = (await connection.execute(query)).all()
    return [Placed(row[0], row[1], row[2].get("to", ""), row[3], bool(row[4])) for row in reversed(rows)]


async def over_among(connection: AsyncConnection, some: Collection[CallId]) -> set[CallId]:
    """Those of some calls that are over."""
    query = select(calls.c.id).where(calls.c.id.in_(list(some)[:_MOST]), calls.c.status.in_(_FINAL))
    return set((await connection.execute(query)).scalars())


async def not_over(connection: AsyncConnection, via: Via, limit: int) -> Sequence[Unfinished]:
    """Calls the carrier has, of which no end is known, the oldest first."""
    query = _unfinished(via).where(calls.c.status.not_in(_FINAL), intents.c.state == State.PLACED)
    return await _read(connection, query.order_by(calls.c.created_at).limit(limit))


async def unpriced(
    connection: AsyncConnection, via: Via, ended: tuple[datetime, datetime], limit: int
) -> Sequence[Unfinished]:
    """Calls that ended between two moments and whose cost is not known, those that ended last first."""
    cost = calls.c.carrier_cost if via is Via.GATEWAY else calls.c.vatel_cost
    query = _unfinished(via).where(calls.c.status == Status.COMPLETED, cost.is_(None))
    query = query.where(calls.c.ended_at >= ended[0], calls.c.ended_at < ended[1])
    return await _read(connection, query.order_by(calls.c.ended_at.desc()).limit(limit))


def lease(now: datetime, lease_s: float) -> datetime:
    """Until when something taken now is held."""
    return now + timedelta(seconds=lease_s)


_CALL: Final = ("call_sid", "session_id", "status", "answered_at", "ended_at")


def _unfinished(via: Via):  # type: ignore[no-untyped-def]  # a statement of forty columns has no type of use
    columns = [calls.c[name].label(f"call_{name}") for name in _CALL]
    query = select(intents, *columns).join(calls, calls.c.id == intents.c.call_id)
    return query.where(calls.c.direction == Direction.OUTBOUND, calls.c.via == via)


async def _read(connection: AsyncConnection, query) -> list[Unfinished]:  # type: ignore[no-untyped-def]  # as above
    return [_of(row) for row in (await connection.execute(query)).mappings()]


def _of(row: RowMapping) -> Unfinished:
    intent = Intent(**{column.name: row[column] for column in intents.columns})
    return Unfinished(
        intent,
        row["call_call_sid"],
        row["call_session_id"],
        Status(row["call_status"]),
        row["call_answered_at"],
        row["call_ended_at"],
    )
