"""The two ways of asking: at once, and with ``await``. What they have in common is in ``core``."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

import httpx

from gateway.sdk import core
from gateway.sdk.core import LARGEST_ANSWER, Reply, carried, pause_s, same_page, sent, too_large
from gateway.sdk.errors import ApiError, refusal
from gateway.sdk.files import Fetched, Sink, Target
from gateway.sdk.requests import Question

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
FETCH_S = 3600.0
"""The longest fetching of a file, in seconds; it may pause for the deadline of its question."""


class Page(Protocol[T_co]):
    """A part of a list, and the way to the next."""

    @property
    def rows(self) -> Sequence[T_co]:
        """What is on it."""

    @property
    def next_cursor(self) -> str | None:
        """Where the next begins; None on the last one."""


class Sender:
    """Asks, and waits for the answer."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http

    def ask(self, question: Question[T]) -> T:
        """The answer.

        Raises:
            ApiError: there is none, or it is no.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                with carried(question):
                    return core.read(question, self._reply(question))
            except ApiError as error:
                pause = pause_s(question, error, attempt)
                if pause is None:
                    raise
            time.sleep(pause)

    def pages(self, question: Callable[[str | None], Question[Page[T]]]) -> Iterator[T]:
        """What is on all pages."""
        cursor: str | None = None
        while True:
            page = self.ask(question(cursor))
            yield from page.rows
            if page.next_cursor is None:
                return
            if page.next_cursor == cursor:
                raise same_page()
            cursor = page.next_cursor

    def fetch(self, question: Question[None], target: Target) -> Fetched:
        """Fetch a file.

        Raises:
            ApiError: there is none, or it did not come whole.
            OSError: it can't be written.
        """
        end = time.monotonic() + FETCH_S
        with carried(question), self._http.stream(**sent(question)) as response:
            if response.status_code != 200:
                raise self._refusal(response, question)
            with Sink(target) as sink:
                for chunk in response.iter_raw():
                    if time.monotonic() > end:
                        raise TimeoutError
                    sink.write(chunk)
            return Fetched(sink.size, response.headers.get("content-type", ""))

    def _reply(self, question: Question[Any]) -> Reply:
        with self._http.stream(**sent(question)) as response:
            body = self._body(response, question)
            return Reply(response.status_code, body, response.headers.get("retry-after", ""))

    def _body(self, response: httpx.Response, question: Question[Any]) -> bytes:
        body, end = bytearray(), time.monotonic() + question.deadline_s
        for chunk in response.iter_raw():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise too_large()
            if time.monotonic() > end:
                raise TimeoutError
        return bytes(body)

    def _refusal(self, response: httpx.Response, question: Question[Any]) -> ApiError:
        body = self._body(response, question)
        return refusal(response.status_code, body, response.headers.get("retry-after", ""))


class AsyncSender:
    """Asks, and awaits the answer."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def ask(self, question: Question[T]) -> T:
        """The answer.

        Raises:
            ApiError: there is none, or it is no.
        """
        attempt = 0
        while True:
            attempt += 1
            try:
                with carried(question):
                    return core.read(question, await self._reply(question))
            except ApiError as error:
                pause = pause_s(question, error, attempt)
                if pause is None:
                    raise
            await asyncio.sleep(pause)

    async def pages(self, question: Callable[[str | None], Question[Page[T]]]) -> AsyncIterator[T]:
        """What is on all pages."""
        cursor: str | None = None
        while True:
            page = await self.ask(question(cursor))
            for row in page.rows:
                yield row
            if page.next_cursor is None:
                return
            if page.next_cursor == cursor:
                raise same_page()
            cursor = page.next_cursor

    async def fetch(self, question: Question[None], target: Target) -> Fetched:
        """Fetch a file.

        Raises:
            ApiError: there is none, or it did not come whole.
            OSError: it can't be written.
        """
        with carried(question):
            async with asyncio.timeout(FETCH_S), self._http.stream(**sent(question)) as response:
                if response.status_code != 200:
                    raise await self._refusal(response)
                with Sink(target) as sink:
                    async for chunk in response.aiter_raw():
                        await asyncio.to_thread(sink.write, chunk)
                return Fetched(sink.size, response.headers.get("content-type", ""))

    async def _reply(self, question: Question[Any]) -> Reply:
        async with asyncio.timeout(question.deadline_s), self._http.stream(**sent(question)) as response:
            body = await self._body(response)
            return Reply(response.status_code, body, response.headers.get("retry-after", ""))

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise too_large()
        return bytes(body)

    async def _refusal(self, response: httpx.Response) -> ApiError:
        body = await self._body(response)
        return refusal(response.status_code, body, response.headers.get("retry-after", ""))
