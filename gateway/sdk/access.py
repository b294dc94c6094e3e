"""What is about the gateway itself: its keys, and the webhooks it could not deliver."""

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime

from gateway.sdk import requests
from gateway.sdk.models import DeadWebhook, Key, MadeKey
from gateway.sdk.sending import AsyncSender, Sender

_ROWS = 200


class Keys:
    """The API keys of a gateway. Everything raises ``ApiError``."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self) -> Iterator[Key]:
        """All keys, newest first, those that are over too."""
        return self._sender.pages(lambda cursor: requests.list_keys(_ROWS, cursor))

    def create(self, name: str, scopes: Sequence[str], *, expires_in_days: int | None = None) -> MadeKey:
        """Make a key; its text is in this answer and nowhere else."""
        return self._sender.ask(requests.create_key(name, tuple(scopes), expires_in_days))

    def revoke(self, key_id: str) -> None:
        """Take a key back, at once and for good."""
        self._sender.ask(requests.revoke_key(key_id))


class Webhooks:
    """The webhooks a gateway gave up. Everything raises ``ApiError``."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def dead(self) -> Iterator[DeadWebhook]:
        """All that were given up, newest first."""
        return self._sender.pages(lambda cursor: requests.dead_webhooks(_ROWS, cursor))

    def replay(self, webhook_id: str) -> None:
        """Have one delivered after all."""
        self._sender.ask(requests.replay_webhook(webhook_id))

    def replay_since(self, since: datetime) -> int:
        """Have all delivered after all that came up then or later; how many these are."""
        return self._sender.ask(requests.replay_webhooks(since)).replayed


class AsyncKeys:
    """``Keys``, with ``await``."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def list(self) -> AsyncIterator[Key]:
        """``Keys.list``."""
        return self._sender.pages(lambda cursor: requests.list_keys(_ROWS, cursor))

    async def create(
        self, name: str, scopes: Sequence[str], *, expires_in_days: int | None = None
    ) -> MadeKey:
        """``Keys.create``."""
        return await self._sender.ask(requests.create_key(name, tuple(scopes), expires_in_days))

    async def revoke(self, key_id: str) -> None:
        """``Keys.revoke``."""
        await self._sender.ask(requests.revoke_key(key_id))


class AsyncWebhooks:
    """``Webhooks``, with ``await``."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    def dead(self) -> AsyncIterator[DeadWebhook]:
        """``Webhooks.dead``."""
        return self._sender.pages(lambda cursor: requests.dead_webhooks(_ROWS, cursor))

    async def replay(self, webhook_id: str) -> None:
        """``Webhooks.replay``."""
        await self._sender.ask(requests.replay_webhook(webhook_id))

    async def replay_since(self, since: datetime) -> int:
        """``Webhooks.replay_since``."""
        return (await self._sender.ask(requests.replay_webhooks(since))).replayed
