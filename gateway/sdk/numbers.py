"""Our numbers: listed, imported to Vatel, labelled, routed, connected."""

from typing import Unpack

from gateway.sdk import requests
from gateway.sdk.models import Connection, Imported, Labelled, NumberList, Route
from gateway.sdk.requests import RouteFields, Secret
from gateway.sdk.sending import AsyncSender, Sender


class Numbers:
    """The numbers of a gateway. Everything raises ``ApiError``."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def list(self) -> NumberList:
        """All numbers: at Twilio, at Vatel, and set up here."""
        return self._sender.ask(requests.list_numbers())

    def import_(
        self,
        number: str,
        *,
        account_sid: str | None = None,
        auth_token: Secret | None = None,
        label: str = "",
    ) -> Imported:
        """Have Vatel know a number; account and token are the gateway's own if not given."""
        return self._sender.ask(requests.import_number(number, account_sid, auth_token, label))

    def label(self, number: str, label: str) -> Labelled:
        """Call a number something else."""
        return self._sender.ask(requests.label_number(number, label))

    def route(self, number: str) -> Route:
        """How a number is answered; ``NotFound`` if the settings apply."""
        return self._sender.ask(requests.get_route(number))

    def set_route(self, number: str, **how: Unpack[RouteFields]) -> Route:
        """Have a number answered so from the next call on; the whole route is replaced."""
        return self._sender.ask(requests.put_route(number, how))

    def clear_route(self, number: str) -> None:
        """Have a number answered as the settings say."""
        self._sender.ask(requests.delete_route(number))

    def connect(self, number: str) -> Connection:
        """Have Twilio send a number's calls here."""
        return self._sender.ask(requests.connect_number(number))

    def disconnect(self, number: str, *, force: bool = False) -> Connection:
        """Restore what took a number's calls before; with ``force``, whoever takes them now."""
        return self._sender.ask(requests.disconnect_number(number, force=force))


class AsyncNumbers:
    """``Numbers``, with ``await``."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def list(self) -> NumberList:
        """``Numbers.list``."""
        return await self._sender.ask(requests.list_numbers())

    async def import_(
        self,
        number: str,
        *,
        account_sid: str | None = None,
        auth_token: Secret | None = None,
        label: str = "",
    ) -> Imported:
        """``Numbers.import_``."""
        return await self._sender.ask(requests.import_number(number, account_sid, auth_token, label))

    async def label(self, number: str, label: str) -> Labelled:
        """``Numbers.label``."""
        return await self._sender.ask(requests.label_number(number, label))

    async def route(self, number: str) -> Route:
        """``Numbers.route``."""
        return await self._sender.ask(requests.get_route(number))

    async def set_route(self, number: str, **how: Unpack[RouteFields]) -> Route:
        """``Numbers.set_route``."""
        return await self._sender.ask(requests.put_route(number, how))

    async def clear_route(self, number: str) -> None:
        """``Numbers.clear_route``."""
        await self._sender.ask(requests.delete_route(number))

    async def connect(self, number: str) -> Connection:
        """``Numbers.connect``."""
        return await self._sender.ask(requests.connect_number(number))

    async def disconnect(self, number: str, *, force: bool = False) -> Connection:
        """``Numbers.disconnect``."""
        return await self._sender.ask(requests.disconnect_number(number, force=force))
