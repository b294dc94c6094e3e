"""What happened in a call: its turns, its events and its tool calls."""

from collections.abc import Mapping, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec.structs import asdict
from sqlalchemy import RowMapping, Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import tidy
from gateway.store.identifiers import CallId
from gateway.store.models import events, tool_calls, turns
from gateway.store.records import Happening, ToolRun, Turn
from gateway.store.statements import put

MOST: Final = 10_000
"""Rows of one call that are read at once."""
_T = TypeVar("_T")


async def put_turns(connection: AsyncConnection, written: Sequence[Turn]) -> None:
    """Write turns, each in the place of what was known of it before."""
    await put(connection, turns, ["call_id", "turn_id"], [_row(asdict(turn)) for turn in written])


async def put_events(connection: AsyncConnection, written: Sequence[Happening]) -> None:
    """Write events, each once."""
    await put(connection, events, ["call_id", "sequence"], [_row(asdict(event)) for event in written])


async def put_tools(connection: AsyncConnection, written: Sequence[ToolRun]) -> None:
    """Write tool calls, each in the place of what was known of it before."""
    await put(connection, tool_calls, ["call_id", "tool_call_id"], [_row(asdict(run)) for run in written])


async def turns_of(connection: AsyncConnection, call_id: CallId) -> tuple[Turn, ...]:
    """The turns of a call, in order."""
    return await _read(connection, Turn, turns, call_id, "sequence", "turn_id")


async def events_of(
    connection: AsyncConnection, call_id: CallId, after: int = -1, limit: int = MOST
) -> tuple[Happening, ...]:
    """The events of a call, in order, from the one numbered ``after`` on."""
    query = select(events).where(events.c.call_id == call_id, events.c.sequence > after)
    rows = await connection.execute(query.order_by(events.c.sequence).limit(min(limit, MOST)))
    return tuple(_record(Happening, row) for row in rows.mappings())


async def tools_of(connection: AsyncConnection, call_id: CallId) -> tuple[ToolRun, ...]:
    """The tool calls of a call, in order."""
    return await _read(connection, ToolRun, tool_calls, call_id, "at", "tool_call_id")


async def _read(
    connection: AsyncConnection, form: type[_T], table: Table, call_id: CallId, *order: str
) -> tuple[_T, ...]:
    query = select(table).where(table.c.call_id == call_id).order_by(*order).limit(MOST)
    rows = (await connection.execute(query)).mappings()
    return tuple(_record(form, row) for row in rows)


def _record(form: type[_T], row: RowMapping) -> _T:
    # The names of columns are of a subclass of str, which msgspec does not take.
    return msgspec.convert({str(name): value for name, value in row.items()}, form)


def _row(values: Mapping[str, object]) -> dict[str, object]:
    tidied: dict[str, object] = {}
    for name, value in values.items():
        if isinstance(value, str):
            tidied[name] = tidy.text(value)
        else:
            tidied[name] = tidy.document(value) if isinstance(value, dict) else value
    return tidied
