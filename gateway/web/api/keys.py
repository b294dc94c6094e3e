"""API keys: made, listed, taken back."""

from datetime import datetime, timedelta
from typing import Annotated, Final

from pydantic import ConfigDict, Field

from gateway.store import keys
from gateway.store.database import Database
from gateway.store.identifiers import KeyId
from gateway.web.api import statements
from gateway.web.api.endpoint import Answer, AnyEndpoint, Ask, Body, Endpoint, Header, Nothing, Params, Reply
from gateway.web.api.fields import WHOLE, Label, Listing, NextCursor, identifier
from gateway.web.api.problem import Kind, not_found
from gateway.web.api.scopes import Scope

GROUP: Final = "Keys"
_PATTERN: Final = identifier("key")
LONGEST_DAYS: Final = 3650


class KeyPath(Params):
    """Which key."""

    key_id: str = Field(pattern=_PATTERN, description="The key, by its name and not its text.")


class NewKey(Body):
    """What a key may do, and for how long."""

    name: Label = Field(description="What people call it.", examples=["Reports"])
    scopes: list[Annotated[Scope, Field(strict=False)]] = Field(
        min_length=1, max_length=len(Scope), description="What it may do.", examples=[["calls:read"]]
    )
    expires_in_days: Annotated[int, Field(ge=1, le=LONGEST_DAYS), WHOLE] | None = Field(
        None, description="When it ends by itself; never, if not given.", examples=[90]
    )


class Key(Answer):
    """What is known of a key, which is not the key."""

    model_config = ConfigDict(from_attributes=True, title="Key")

    id: str = Field(description="Its name.", examples=["key_01kd0c7c2g0000000000000000"])
    name: str = Field(description="What people call it.")
    scopes: list[str] = Field(description="What it may do.", examples=[["calls:read"]])
    created_at: datetime = Field(description="When it was made.")
    expires_at: datetime | None = Field(description="When it ends by itself; null is never.")
    revoked_at: datetime | None = Field(description="When it was taken back.")
    last_used_at: datetime | None = Field(description="When it was last used, to the minute.")


class MadeKey(Key):
    """A new key, and its text, which is shown this once."""

    model_config = ConfigDict(title="MadeKey")

    key: str = Field(description="The key itself: keep it now, it can't be read again.")


class KeyPage(Answer):
    """Keys, newest first; those that are over or were taken back too."""

    keys: list[Key] = Field(description="At most `limit` of them.")
    next_cursor: NextCursor


class Keys:
    """The keys of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def endpoints(self) -> list[AnyEndpoint]:
        """The table."""
        return [
            Endpoint(
                "GET", "/v1/keys", "list_keys", "List keys", Scope.ADMIN, self.page,
                query=Listing, answer=KeyPage, group=GROUP,
            ),
            Endpoint(
                "POST", "/v1/keys", "create_key", "Make a key", Scope.ADMIN, self.create,
                body=NewKey, answer=MadeKey, status=201, group=GROUP,
                answer_headers=(Header("Location", "Where the key can be taken back."),),
                description="The key's text is in this answer and nowhere else: only its hash is kept.",
            ),
            Endpoint(
                "DELETE", "/v1/keys/{key_id}", "revoke_key", "Take a key back", Scope.ADMIN, self.revoke,
                path_values=KeyPath, problems=(Kind.NOT_FOUND,), group=GROUP,
                description="At once and for good. 404 if there is none, or it was taken back before.",
            ),
        ]  # fmt: skip

    async def page(self, ask: Ask[Nothing, Listing, Nothing]) -> KeyPage:
        """A page of keys."""
        async with self._database.read() as connection:
            found, after = await statements.keys_page(connection, ask.query.limit, ask.query.cursor)
        return KeyPage(keys=[Key.model_validate(key) for key in found], next_cursor=after)

    async def create(self, ask: Ask[Nothing, Nothing, NewKey]) -> Reply:
        """Make a key."""
        wanted = ask.body
        expires_at = ask.now + timedelta(days=wanted.expires_in_days) if wanted.expires_in_days else None
        scopes = sorted(set(wanted.scopes))
        async with self._database.write() as connection:
            key, text = await keys.create(connection, wanted.name, scopes, ask.now, expires_at)
        made = MadeKey(**Key.model_validate(key).model_dump(), key=text.get_secret_value())
        return Reply(made, {"Location": f"/v1/keys/{key.id}"})

    async def revoke(self, ask: Ask[KeyPath, Nothing, Nothing]) -> None:
        """Take a key back."""
        async with self._database.write() as connection:
            if not await keys.revoke(connection, KeyId(ask.path.key_id), ask.now):
                raise not_found("key, or it was taken back before")
