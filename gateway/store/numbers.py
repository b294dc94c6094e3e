"""Our telephone numbers: who answers them and how."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, select, update
from sqlalchemy import delete as sql_delete
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.ids import E164, AgentId
from gateway.store import tidy
from gateway.store.models import numbers
from gateway.store.records import Json
from gateway.store.statements import Offered
from gateway.store.statements import put as put_rows

MOST: Final = 10_000
"""Numbers that are read at once."""
_TUPLES: Final = ("transfer_numbers", "tools")


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One of our numbers. What is None is as the settings or the agent have it."""

    number: E164 = field(repr=False)
    label: str = ""
    agent_id: AgentId | None = None
    version_id: str | None = None
    first_message: str | None = field(default=None, repr=False)
    prompt: str | None = field(default=None, repr=False)
    fallback_number: E164 | None = field(default=None, repr=False)
    transfer_numbers: tuple[E164, ...] | None = field(default=None, repr=False)
    tools: tuple[str, ...] | None = None
    max_duration_s: int | None = None
    recording: bool = False
    recording_notice: str | None = None
    weights: dict[AgentId, int] | None = None
    lookup_url: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        for name in _TUPLES:
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, tuple(value))


@dataclass(frozen=True, slots=True)
class Connection:
    """Whether Twilio calls us for a number, and its configuration from before it did."""

    connected: bool
    before: Json | None


_COLUMNS: Final = [numbers.c[name] for name in Number.__slots__]


async def put(connection: AsyncConnection, number: Number, now: datetime) -> None:
    """Add a number, or change all of how it is answered; its connection stays as it is."""
    row = {
        name: tidy.text(value) if isinstance(value, str) else value for name, value in asdict(number).items()
    }
    row |= {name: list(row[name]) for name in _TUPLES if row[name] is not None}
    row |= {"created_at": now, "updated_at": now}
    await put_rows(connection, numbers, ["number"], [row], _kept)


def _kept(_new: Offered) -> dict[str, ColumnElement[object]]:
    return {"created_at": numbers.c.created_at}


async def get(connection: AsyncConnection, number: E164) -> Number | None:
    """Find a number."""
    query = select(*_COLUMNS).where(numbers.c.number == number)
    row = (await connection.execute(query)).mappings().first()
    return Number(**row) if row is not None else None


async def every(connection: AsyncConnection) -> Sequence[Number]:
    """All numbers, in order."""
    rows = (await connection.execute(select(*_COLUMNS).order_by(numbers.c.number).limit(MOST))).mappings()
    return [Number(**row) for row in rows]


async def remove(connection: AsyncConnection, number: E164) -> bool:
    """Forget a number. False if it is not known."""
    return (await connection.execute(sql_delete(numbers).where(numbers.c.number == number))).rowcount == 1


async def connection_of(connection: AsyncConnection, number: E164) -> Connection | None:
    """How a number stands at Twilio, as far as we know; None if the number is not known."""
    query = select(numbers.c.connected, numbers.c.before_connect).where(numbers.c.number == number)
    row = (await connection.execute(query)).first()
    return Connection(row.connected, row.before_connect) if row is not None else None


async def connected(connection: AsyncConnection, number: E164, before: Json, now: datetime) -> bool:
    """Twilio calls us now. Connected again, what was there the first time stays: it is not ours."""
    unconnected = update(numbers).where(numbers.c.number == number, numbers.c.connected.is_(False))
    values = {"connected": True, "before_connect": tidy.document(before), "updated_at": now}
    return (await connection.execute(unconnected.values(**values))).rowcount == 1


async def disconnected(connection: AsyncConnection, number: E164, now: datetime) -> bool:
    """Twilio's configuration is what it was before. False if the number was not connected."""
    standing = update(numbers).where(numbers.c.number == number, numbers.c.connected.is_(True))
    values = {"connected": False, "before_connect": None, "updated_at": now}
    return (await connection.execute(standing.values(**values))).rowcount == 1
