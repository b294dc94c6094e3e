"""The two clients: a gateway's API at once, and with ``await``."""

from types import TracebackType
from typing import Self

import httpx

from gateway.sdk import core, requests
from gateway.sdk.access import AsyncKeys, AsyncWebhooks, Keys, Webhooks
from gateway.sdk.calls import AsyncCalls, Calls
from gateway.sdk.models import Whoami
from gateway.sdk.numbers import AsyncNumbers, Numbers
from gateway.sdk.requests import Secret
from gateway.sdk.sending import AsyncSender, Sender


class Gateway:
    """A gateway's API. Close it, or use it in ``with``; it may be used by several threads.

    Requests that change nothing are tried three times; others are sent once. Every one has a deadline.

    Args:
        url: The gateway's address: https, or http on this machine.
        key: An API key.

    Attributes:
        calls: Placing, reading and ending calls.
        numbers: Our numbers.
        keys: API keys.
        webhooks: Webhooks that could not be delivered.

    Raises:
        SettingsError: address or key will not do.
    """

    def __init__(self, url: str, key: Secret) -> None:
        self.url = core.base_url(url)
        self._http = httpx.Client(**core.options(self.url, key))
        self._sender = Sender(self._http)
        self.calls = Calls(self._sender)
        self.numbers = Numbers(self._sender)
        self.keys = Keys(self._sender)
        self.webhooks = Webhooks(self._sender)

    def __repr__(self) -> str:
        return f"Gateway({self.url!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def whoami(self) -> Whoami:
        """The gateway's version, and what the key may do."""
        return self._sender.ask(requests.whoami())

    def close(self) -> None:
        """Close its connections."""
        self._http.close()


class AsyncGateway:
    """``Gateway``, with ``await`` and ``async with``, on asyncio."""

    def __init__(self, url: str, key: Secret) -> None:
        self.url = core.base_url(url)
        self._http = httpx.AsyncClient(**core.options(self.url, key))
        self._sender = AsyncSender(self._http)
        self.calls = AsyncCalls(self._sender)
        self.numbers = AsyncNumbers(self._sender)
        self.keys = AsyncKeys(self._sender)
        self.webhooks = AsyncWebhooks(self._sender)

    def __repr__(self) -> str:
        return f"AsyncGateway({self.url!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def whoami(self) -> Whoami:
        """The gateway's version, and what the key may do."""
        return await self._sender.ask(requests.whoami())

    async def close(self) -> None:
        """Close its connections."""
        await self._http.aclose()
