"""Calls: placed, listed, looked into, ended."""

from collections.abc import AsyncIterator, Iterator
from typing import Unpack

from gateway.sdk import requests
from gateway.sdk.files import Fetched, Target
from gateway.sdk.models import Call, CallEvent, Placed, ToolCall, Turn
from gateway.sdk.requests import CallFilter, NewCall
from gateway.sdk.sending import AsyncSender, Sender

_ROWS = 1000


class Calls:
    """The calls of a gateway. Everything raises ``ApiError``."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender

    def place(self, to: str, *, idempotency_key: str | None = None, **how: Unpack[NewCall]) -> Placed:
        """Place a call. It waits its turn; ``get`` and ``transcript`` say how it goes on.

        Each request is sent once. After ``Unanswered`` ask again with its ``idempotency_key`` and the same
        arguments: whatever became of the first one, nobody is called a second time.

        Args:
            to: Whom to call, in international form.
            idempotency_key: Your name for this call, such as an order's; made up if not given.
            how: All else there is to say of it: see ``NewCall``.
        """
        return self._sender.ask(requests.place_call(to, how, idempotency_key))

    def list(self, *, page: int = 100, **which: Unpack[CallFilter]) -> Iterator[Call]:
        """All calls of a filter, newest first, fetched ``page`` at a time as they are wanted."""
        return self._sender.pages(lambda cursor: requests.list_calls(which, page, cursor))

    def get(self, call_id: str) -> Call:
        """One call."""
        return self._sender.ask(requests.get_call(call_id))

    def transcript(self, call_id: str) -> tuple[Turn, ...]:
        """What was said so far, in order."""
        return tuple(self._sender.pages(lambda cursor: requests.transcript(call_id, _ROWS, cursor)))

    def events(self, call_id: str) -> tuple[CallEvent, ...]:
        """What happened so far, in order."""
        return tuple(self._sender.pages(lambda cursor: requests.events(call_id, _ROWS, cursor)))

    def tool_calls(self, call_id: str) -> tuple[ToolCall, ...]:
        """The tools the agent asked for so far, in order."""
        return tuple(self._sender.pages(lambda cursor: requests.tool_calls(call_id, _ROWS, cursor)))

    def hangup(self, call_id: str) -> None:
        """End a call; one that waits is never placed."""
        self._sender.ask(requests.hang_up(call_id))

    def transfer(self, call_id: str, to: str) -> None:
        """Connect a call to a person; if nobody takes it, the agent has it back."""
        self._sender.ask(requests.transfer(call_id, to))

    def recording(self, call_id: str, target: Target) -> Fetched:
        """Fetch a recording into a file, which appears when it is whole, or into a binary stream."""
        return self._sender.fetch(requests.recording(call_id), target)

    def export(self, target: Target, *, form: str = "json", **which: Unpack[CallFilter]) -> Fetched:
        """Fetch all calls of a filter as one file, ``json`` or ``csv``."""
        return self._sender.fetch(requests.export_calls(which, form), target)


class AsyncCalls:
    """``Calls``, with ``await``."""

    def __init__(self, sender: AsyncSender) -> None:
        self._sender = sender

    async def place(self, to: str, *, idempotency_key: str | None = None, **how: Unpack[NewCall]) -> Placed:
        """``Calls.place``."""
        return await self._sender.ask(requests.place_call(to, how, idempotency_key))

    def list(self, *, page: int = 100, **which: Unpack[CallFilter]) -> AsyncIterator[Call]:
        """``Calls.list``."""
        return self._sender.pages(lambda cursor: requests.list_calls(which, page, cursor))

    async def get(self, call_id: str) -> Call:
        """``Calls.get``."""
        return await self._sender.ask(requests.get_call(call_id))

    async def transcript(self, call_id: str) -> tuple[Turn, ...]:
        """``Calls.transcript``."""
        pages = self._sender.pages(lambda cursor: requests.transcript(call_id, _ROWS, cursor))
        return tuple([row async for row in pages])

    async def events(self, call_id: str) -> tuple[CallEvent, ...]:
        """``Calls.events``."""
        pages = self._sender.pages(lambda cursor: requests.events(call_id, _ROWS, cursor))
        return tuple([row async for row in pages])

    async def tool_calls(self, call_id: str) -> tuple[ToolCall, ...]:
        """``Calls.tool_calls``."""
        pages = self._sender.pages(lambda cursor: requests.tool_calls(call_id, _ROWS, cursor))
        return tuple([row async for row in pages])

    async def hangup(self, call_id: str) -> None:
        """``Calls.hangup``."""
        await self._sender.ask(requests.hang_up(call_id))

    async def transfer(self, call_id: str, to: str) -> None:
        """``Calls.transfer``."""
        await self._sender.ask(requests.transfer(call_id, to))

    async def recording(self, call_id: str, target: Target) -> Fetched:
        """``Calls.recording``."""
        return await self._sender.fetch(requests.recording(call_id), target)

    async def export(self, target: Target, *, form: str = "json", **which: Unpack[CallFilter]) -> Fetched:
        """``Calls.export``."""
        return await self._sender.fetch(requests.export_calls(which, form), target)
