"""Writes journal entries into the tables, each exactly once, in order.

Next to the tables stands how far each stream of entries has come, written in the same transaction. So
entries that come again, because a commit's answer was lost or a process was killed, are known and left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import calls, conversations, outbox
from gateway.store.database import Database
from gateway.store.errors import RecordRefused
from gateway.store.identifiers import StreamName
from gateway.store.models import journal_streams as streams
from gateway.store.records import AnyRecord, CallChange, Happening, Outgoing, ToolRun, Turn
from gateway.store.statements import put


class Entry(msgspec.Struct, frozen=True):
    """Records that are written together or not at all, and their place in the stream, from 1 on."""

    number: int
    records: list[AnyRecord]


_T = TypeVar("_T", CallChange, Turn, Happening, ToolRun, Outgoing)
_decoder = msgspec.json.Decoder(Entry)


@dataclass(slots=True)
class Outcome:
    """How many entries were written that had not been before, and why some can never be."""

    written: int = 0
    problems: list[str] = field(default_factory=list)


async def deliver(
    database: Database, stream: StreamName, lines: Sequence[bytes], deadline_s: float
) -> Outcome:
    """Write entries.

    Raises:
        StoreUnavailable: the database is away; all of this may be tried again.
    """
    entries, problems = _read(lines)
    outcome = Outcome(problems=problems)
    try:
        outcome.written = await _write(database, stream, entries, deadline_s)
    except RecordRefused:
        for entry in entries:  # one of them is bad: the others must not suffer
            try:
                outcome.written += await _write(database, stream, [entry], deadline_s, stubs=True)
            except RecordRefused as error:
                outcome.problems.append(str(error))
                await _write(database, stream, [Entry(entry.number, [])], deadline_s)
    return outcome


async def close(database: Database, stream: StreamName, deadline_s: float) -> None:
    """Forget a stream that is over: all of it is delivered, and nothing keeps it any more."""
    async with database.write(deadline_s) as connection:
        await connection.execute(delete(streams).where(streams.c.stream == stream))


def _read(lines: Sequence[bytes]) -> tuple[list[Entry], list[str]]:
    entries, problems = [], []
    for line in lines:
        try:
            entries.append(_decoder.decode(line))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            problems.append("an entry can't be read")  # a broken disk; what it says may be private
    return entries, problems


async def _write(
    database: Database,
    stream: StreamName,
    entries: Sequence[Entry],
    deadline_s: float,
    stubs: bool = False,
) -> int:
    if not entries:
        return 0
    async with database.write(deadline_s) as connection:
        query = select(streams.c.position).where(streams.c.stream == stream).with_for_update()
        position = (await connection.execute(query)).scalar() or 0
        new = [entry for entry in entries if entry.number > position]
        records = [record for entry in new for record in entry.records]
        for record in records if stubs else ():
            if not isinstance(record, Outgoing):
                await calls.make(connection, record.call_id)
        await write(connection, records)
        last = max(position, *(entry.number for entry in entries))
        row = {"stream": stream, "position": last, "updated_at": datetime.now(UTC)}
        await put(connection, streams, ["stream"], [row])
    return len(new)


async def write(connection: AsyncConnection, records: Sequence[AnyRecord]) -> None:
    """Write records in a transaction of the caller's: calls first, since the others belong to them."""
    for change in _only(CallChange, records):
        await calls.put(connection, change)
    await conversations.put_turns(connection, _only(Turn, records))
    await conversations.put_events(connection, _only(Happening, records))
    await conversations.put_tools(connection, _only(ToolRun, records))
    for message in _only(Outgoing, records):
        await outbox.add(connection, message)


def _only(form: type[_T], records: Sequence[AnyRecord]) -> list[_T]:
    return [record for record in records if isinstance(record, form)]
