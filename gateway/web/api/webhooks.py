"""Webhooks that could not be delivered: what they were, and another try."""

from datetime import datetime
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field

from gateway.services import delivery_store
from gateway.store import outbox
from gateway.store.database import Database
from gateway.store.identifiers import MessageId
from gateway.store.outbox import Delivery
from gateway.web.api import statements
from gateway.web.api.endpoint import Answer, AnyEndpoint, Ask, Body, Endpoint, Nothing, Params
from gateway.web.api.fields import Listing, Moment, NextCursor, identifier
from gateway.web.api.problem import Kind, Problem, not_found
from gateway.web.api.scopes import Scope
from gateway.web.api.statements import Dead

GROUP: Final = "Webhooks"


class WebhookPath(Params):
    """Which webhook."""

    webhook_id: str = Field(pattern=identifier("msg"), description="The webhook.")


class DeadWebhook(Answer):
    """A webhook that was given up."""

    id: str = Field(description="Its name.", examples=["msg_01kd0c7c2g0000000000000000"])
    event_type: str = Field(description="What it tells.", examples=["call.ended"])
    endpoint: str = Field(
        description="Where it goes, without what may be secret in the address.",
        examples=["https://example.com/hooks"],
    )
    call_id: str | None = Field(description="The call it is about.")
    attempts: int = Field(description="How often it was tried.")
    last_error: str | None = Field(description="Why it was not taken.")
    created_at: datetime = Field(description="When it came up.")

    @classmethod
    def of(cls, dead: Dead) -> "DeadWebhook":
        """What may be shown of it."""
        parts = urlsplit(dead.endpoint)
        shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
        return cls(
            id=dead.id, event_type=dead.event_type, endpoint=shown, call_id=dead.call_id,
            attempts=dead.attempts, last_error=dead.last_error, created_at=dead.created_at,
        )  # fmt: skip


class DeadPage(Answer):
    """Webhooks that were given up, newest first."""

    webhooks: list[DeadWebhook] = Field(description="At most `limit` of them.")
    next_cursor: NextCursor


class Replayed(Answer):
    """A webhook that will be tried again."""

    id: str = Field(description="Its name.")
    state: Literal["pending"] = Field(description="It waits to be delivered.")


class Since(Body):
    """Which webhooks to deliver after all."""

    since: Moment = Field(description="Those that came up then or later.")


class ReplayedSince(Answer):
    """Webhooks that will be tried again."""

    replayed: int = Field(description="How many there are.")


class Webhooks:
    """The outgoing webhooks of a database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def endpoints(self) -> list[AnyEndpoint]:
        """The table."""
        return [
            Endpoint(
                "GET", "/v1/webhooks/dead", "list_dead_webhooks", "List webhooks that were given up",
                Scope.WEBHOOKS_READ, self.dead, query=Listing, answer=DeadPage, group=GROUP,
            ),
            Endpoint(
                "POST", "/v1/webhooks/{webhook_id}/replay", "replay_webhook", "Deliver one after all",
                Scope.WEBHOOKS_WRITE, self.replay, path_values=WebhookPath, answer=Replayed, status=202,
                problems=(Kind.NOT_FOUND, Kind.CONFLICT), group=GROUP,
                description="Its attempts begin anew, with the same id. 409 if it was not given up.",
            ),
            Endpoint(
                "POST", "/v1/webhooks/replay", "replay_webhooks", "Deliver all since a time after all",
                Scope.WEBHOOKS_WRITE, self.replay_since, body=Since, answer=ReplayedSince, status=202,
                group=GROUP,
                description="All that were given up. Attempts begin anew, with the same ids.",
            ),
        ]  # fmt: skip

    async def dead(self, ask: Ask[Nothing, Listing, Nothing]) -> DeadPage:
        """A page of dead ones."""
        async with self._database.read() as connection:
            found, after = await statements.dead_page(connection, ask.query.limit, ask.query.cursor)
        return DeadPage(webhooks=[DeadWebhook.of(each) for each in found], next_cursor=after)

    async def replay(self, ask: Ask[WebhookPath, Nothing, Nothing]) -> Replayed:
        """Have one delivered after all."""
        message = MessageId(ask.path.webhook_id)
        async with self._database.write() as connection:
            if not await outbox.revive(connection, message, ask.now):
                raise _not_dead(await statements.delivery_of(connection, message))
        return Replayed(id=message, state="pending")

    async def replay_since(self, ask: Ask[Nothing, Nothing, Since]) -> ReplayedSince:
        """Have all of some time delivered after all."""
        async with self._database.write() as connection:
            replayed = await delivery_store.revive_since(connection, ask.body.since, ask.now)
        return ReplayedSince(replayed=replayed)


def _not_dead(state: Delivery | None) -> Problem:
    if state is None:
        return not_found("webhook")
    return Problem(Kind.CONFLICT, f"The webhook is {state}: only one that was given up is delivered again.")
