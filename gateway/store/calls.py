"""Calls: what is known of each, and the list of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from sqlalchemy import ColumnElement, Select, case, func, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import E164, AgentId, CallSid, SessionId
from gateway.store import cursors, tidy
from gateway.store.cursors import Cursor
from gateway.store.identifiers import CallId, KeyId, made_at
from gateway.store.models import calls
from gateway.store.records import CallChange, Direction, Json, Status, Via
from gateway.store.statements import Changes, Offered, insert
from gateway.store.statements import put as put_rows

LARGEST_PAGE: Final = 200
_STEPS: Final = ("ringing_at", "answered_at", "ended_at")
"""The course of a call, in order: the first word on each stands, and none is before those ahead of it."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call. Durations and latencies are milliseconds, times are UTC."""

    id: CallId
    direction: Direction
    via: Via
    status: Status
    created_at: datetime
    digits_masked: bool
    call_sid: CallSid | None
    session_id: SessionId | None
    from_number: E164 | None = field(repr=False)
    to_number: E164 | None = field(repr=False)
    number: E164 | None = field(repr=False)
    agent_id: AgentId | None
    version_id: str | None
    ending: str | None
    ended_by: str | None
    answered_by: str | None
    ringing_at: datetime | None
    answered_at: datetime | None
    first_audio_at: datetime | None
    ended_at: datetime | None
    duration_ms: float | None
    ring_ms: float | None
    first_audio_ms: float | None
    agent_ms: float | None
    gateway_ms: float | None
    carrier_ms: float | None
    metadata: Json | None = field(repr=False)
    variables: Json | None = field(repr=False)
    callback_url: str | None = field(repr=False)
    api_key_id: KeyId | None
    carrier_cost: float | None
    carrier_currency: str | None
    vatel_cost: float | None
    summary: str | None = field(repr=False)
    extracted: Json | None = field(repr=False)
    recording_state: str | None
    recording_path: str | None

    def __post_init__(self) -> None:
        for name, form in (("direction", Direction), ("via", Via), ("status", Status)):
            object.__setattr__(self, name, form(getattr(self, name)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which calls: those to which all that is given here applies; ``since`` is in, ``until`` is not."""

    number: E164 | None = None
    from_number: E164 | None = None
    to_number: E164 | None = None
    agent_id: AgentId | None = None
    direction: Direction | None = None
    status: Status | None = None
    ending: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Calls, newest first, and the cursor of the next page if there is one."""

    calls: tuple[Call, ...]
    next: str | None


async def put(connection: AsyncConnection, change: CallChange) -> None:
    """Write what has become known of a call, and make it if it is new."""
    row: dict[str, object] = {}
    for name in change.__struct_fields__:
        value = getattr(change, name)
        if value is not None and name != "call_id":
            row[name] = tidy.text(value) if isinstance(value, str) else value
            row[name] = tidy.document(value) if isinstance(value, dict) else row[name]
    row["id"] = change.call_id
    made_up = "created_at" not in row
    if made_up:  # only if the first change was lost
        row["created_at"] = made_at(change.call_id) or datetime.now(UTC)
    await put_rows(connection, calls, ["id"], [row], _guards(change.status, made_up=made_up))


async def make(connection: AsyncConnection, call_id: CallId) -> None:
    """See that there is a row for a call whose first change is lost, or still on its way elsewhere."""
    row = {"id": call_id, "created_at": made_at(call_id) or datetime.now(UTC)}
    await connection.execute(insert(connection, calls).values(**row).on_conflict_do_nothing())


@lru_cache
def _guards(status: Status | None, *, made_up: bool) -> Changes:
    """What a change must not undo, whichever process comes second.

    Args:
        status: What it says of the call's.
        made_up: Whether the call's beginning is only guessed.
    """

    def guarded(new: Offered) -> dict[str, ColumnElement[object]]:
        changes: dict[str, ColumnElement[object]] = {}
        if made_up:
            changes["created_at"] = calls.c.created_at
        if status is not None:
            kept = [each.value for each in Status if each.rank > status.rank or (each.final and status.final)]
            changes["status"] = case((calls.c.status.in_(kept), calls.c.status), else_=new.status)
        # Twilio's callback says how the greeting ended; its record of the call, read later, "machine" alone.
        # What the bridge measured stands before the whole seconds of Twilio's.
        for name in ("ending", "ended_by", "answered_by", "duration_ms"):
            if name in new:
                changes[name] = func.coalesce(calls.c[name], new[name])
        for at, name in enumerate(_STEPS):
            if name in new:
                changes[name] = func.coalesce(
                    calls.c[name], _not_before(new[name], ("created_at", *_STEPS[:at]))
                )
        return changes

    return guarded


def _not_before(time: ColumnElement[object], names: Sequence[str]) -> ColumnElement[object]:
    """A time, or that of the latest of the steps before it: the carrier tells times in whole seconds."""
    latest = time
    for name in names:
        latest = case((calls.c[name] > latest, calls.c[name]), else_=latest)
    return latest


async def get(connection: AsyncConnection, call_id: CallId) -> Call | None:
    """Find a call by our name for it."""
    return await _one(connection, select(calls).where(calls.c.id == call_id))


async def by_sid(connection: AsyncConnection, call_sid: CallSid) -> Call | None:
    """Find a call by Twilio's name for it."""
    return await _one(connection, select(calls).where(calls.c.call_sid == call_sid))


async def by_session(connection: AsyncConnection, session_id: SessionId) -> Call | None:
    """Find a call by Vatel's name for its newest session."""
    return await _one(connection, select(calls).where(calls.c.session_id == session_id).limit(1))


async def page(
    connection: AsyncConnection, which: Filter, *, limit: int = 50, cursor: str | None = None
) -> Page:
    """List calls, newest first; ``limit`` is held between 1 and 200.

    Raises:
        CursorRefused: the cursor is none of ours.
    """
    limit = max(1, min(limit, LARGEST_PAGE))
    query = listing(which, limit + 1, cursors.decode(cursor) if cursor is not None else None)
    rows = (await connection.execute(query)).mappings().all()
    found = tuple(Call(**row) for row in rows[:limit])
    more = Cursor(found[-1].created_at, found[-1].id).encode() if len(rows) > limit else None
    return Page(found, more)


def listing(which: Filter, limit: int, after: Cursor | None) -> Select[tuple[object, ...]]:
    """The statement of a page."""
    query = select(calls).order_by(calls.c.created_at.desc(), calls.c.id.desc()).limit(limit)
    for each in fields(which):
        value = getattr(which, each.name)
        if value is not None and each.name not in ("since", "until"):
            query = query.where(calls.c[each.name] == value)
    if which.since is not None:
        query = query.where(calls.c.created_at >= which.since)
    if which.until is not None:
        query = query.where(calls.c.created_at < which.until)
    if after is not None:
        query = query.where(tuple_(calls.c.created_at, calls.c.id) < tuple_(after.at, after.id))
    return query


async def _one(connection: AsyncConnection, query: Select[tuple[object, ...]]) -> Call | None:
    row = (await connection.execute(query)).mappings().first()
    return Call(**row) if row is not None else None
