"""API keys: shown once when they are made, then known here as a hash only."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.store import key_text, tidy
from gateway.store.identifiers import KeyId, new_key
from gateway.store.models import api_keys

LONGEST_NAME: Final = 200
_LONGEST: Final = 200
_USED_TO_THE: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is known of a key, which is not the key."""

    id: KeyId
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def __post_init__(self) -> None:
        object.__setattr__(self, "scopes", tuple(self.scopes))

    def good(self, now: datetime) -> bool:
        """Whether it opens anything now."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)


_COLUMNS: Final = [api_keys.c[name] for name in ApiKey.__slots__]


async def create(
    connection: AsyncConnection,
    name: str,
    scopes: Sequence[str],
    now: datetime,
    expires_at: datetime | None = None,
) -> tuple[ApiKey, SecretStr]:
    """Make a key; its text is given out here and never again."""
    text = key_text.mint().get_secret_value()
    row = {
        "id": new_key(),
        "sha256": _hash(text),
        "name": tidy.text(name, LONGEST_NAME),
        "scopes": list(scopes),
        "created_at": now,
        "expires_at": expires_at,
    }
    made = (await connection.execute(insert(api_keys).values(**row).returning(*_COLUMNS))).mappings().one()
    return ApiKey(**made), SecretStr(text)


async def find(connection: AsyncConnection, presented: str, now: datetime) -> ApiKey | None:
    """The key somebody shows; None if it is unknown, revoked or expired."""
    if not presented.startswith(key_text.PREFIX) or len(presented) > _LONGEST:
        return None
    # A key has 131 random bits: its plain hash can't be guessed, nor learned from how long a search takes.
    query = select(*_COLUMNS).where(api_keys.c.sha256 == _hash(presented))
    row = (await connection.execute(query)).mappings().first()
    key = ApiKey(**row) if row is not None else None
    return key if key is not None and key.good(now) else None


async def used(connection: AsyncConnection, key: KeyId, now: datetime) -> None:
    """Note that a key was used; written once a minute, however often it is."""
    old = or_(api_keys.c.last_used_at.is_(None), api_keys.c.last_used_at <= now - _USED_TO_THE)
    await connection.execute(update(api_keys).where(api_keys.c.id == key, old).values(last_used_at=now))


async def revoke(connection: AsyncConnection, key: KeyId, now: datetime) -> bool:
    """Take a key back. False if there is none to take."""
    live = update(api_keys).where(api_keys.c.id == key, api_keys.c.revoked_at.is_(None))
    return (await connection.execute(live.values(revoked_at=now))).rowcount == 1


async def every(connection: AsyncConnection) -> Sequence[ApiKey]:
    """All keys, the oldest first."""
    rows = (await connection.execute(select(*_COLUMNS).order_by(api_keys.c.id).limit(1000))).mappings()
    return [ApiKey(**row) for row in rows]


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()
