"""One way of asking Vatel: keys, deadlines, safe repetitions, typed bodies both ways."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from pydantic import SecretStr

from gateway.clients.http import Answer, Stream, ask, stream
from gateway.clients.vatel.reading import read
from gateway.clients.vatel.refusals import refusal
from gateway.errors import VendorError, VendorGarbled, VendorTimeout, VendorUnreachable, VendorUnusable

_PASSING: Final = frozenset({429, 500, 502, 503, 504})
_LARGEST_REFUSAL: Final = 64 * 1024

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often, and after what pauses, a request that changes nothing is repeated; all within its deadline.

    Attributes:
        attempts: How many requests are sent at most.
        first_pause_s: The pause before the second; each one after is twice as long.
        longest_pause_s: Whoever asks for more with ``Retry-After`` is not asked again.
        sleep: Waits so many seconds.
    """

    attempts: int = 3
    first_pause_s: float = 0.2
    longest_pause_s: float = 5.0
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request.

    Attributes:
        method: GET is repeated when it fails in passing; nothing else ever is.
        path: From ``/v1`` on.
        deadline_s: For all of it, repetitions included.
        connect_s: For the connection, where it has to be made.
        query: What stands behind the question mark.
        body: A Struct, sent as JSON.
        remedies: What to do about a refusal, by status, where the operation knows better.
        hidden: Texts of the request that no error may repeat.
        largest_answer: In bytes.
    """

    method: str
    path: str
    deadline_s: float
    connect_s: float = 3.0
    query: Mapping[str, str | int] = field(default_factory=dict)
    body: msgspec.Struct | None = field(default=None, repr=False)
    remedies: Mapping[int, str] = field(default_factory=dict)
    hidden: Sequence[str] = field(default=(), repr=False)
    largest_answer: int = 4 * 1024 * 1024


class Rest:
    """Asks Vatel, over the pool it is given. Whatever goes wrong is a ``VendorError``."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, api_key: str, retries: Retries) -> None:
        self._http = http
        self._headers = {"Authorization": f"Bearer {api_key}"}
        self._retries = retries
        self.base_url = base_url.rstrip("/")

    async def ask(self, question: Question, kind: type[_T]) -> _T:
        """Send a request and read its answer as ``kind``.

        Raises:
            VendorError: it was refused, or not answered well and in time.
        """
        return read((await self._answer(question)).body, kind)

    async def tell(self, question: Question) -> None:
        """Send a request whose answer says nothing.

        Raises:
            VendorError: it was refused, or not answered in time.
        """
        await self._answer(question)

    @asynccontextmanager
    async def stream(self, question: Question) -> AsyncIterator[Stream]:
        """Send a request whose answer is read as it comes; the deadline is for its beginning.

        Raises:
            VendorError: it was refused, or not answered in time.
        """
        async with AsyncExitStack() as stack:

            async def once(within_s: float) -> Stream:
                opened = stream(
                    self._http, question.method, vendor="Vatel", **self._sent(question), deadline_s=within_s
                )
                answer = await stack.enter_async_context(opened)
                if answer.status == 200:
                    return answer
                raise await _refused(answer, question, within_s)

            yield await self._repeated(once, question.deadline_s)

    async def _answer(self, question: Question) -> Answer:
        async def once(within_s: float) -> Answer:
            sent = self._sent(question)
            most = question.largest_answer
            answer = await ask(
                self._http,
                question.method,
                vendor="Vatel",
                deadline_s=within_s,
                connect_s=question.connect_s,
                largest_body=most,
                **sent,
            )
            if not 200 <= answer.status < 300:
                raise refusal(answer, question.remedies, question.hidden)
            return answer

        if question.method != "GET":
            return await once(question.deadline_s)
        return await self._repeated(once, question.deadline_s)

    def _sent(self, question: Question) -> dict[str, Any]:
        sent: dict[str, Any] = {"url": f"{self.base_url}{question.path}", "headers": self._headers}
        if question.query:
            sent["params"] = dict(question.query)
        if question.body is not None:
            sent["content"] = msgspec.json.encode(question.body, enc_hook=_reveal)
            sent["headers"] = self._headers | {"Content-Type": "application/json"}
        return sent

    async def _repeated(self, once: Callable[[float], Awaitable[_T]], deadline_s: float) -> _T:
        """Ask until there is an answer, or an error that will not pass in time."""
        now = asyncio.get_running_loop().time
        end, own_pause, retries = now() + deadline_s, self._retries.first_pause_s, self._retries
        for attempt in range(1, retries.attempts + 1):
            try:
                return await once(end - now())
            except VendorTimeout:  # which comes at the deadline only
                break
            except VendorError as error:
                pause = max(own_pause, error.retry_after_s or 0.0)
                patient = pause <= retries.longest_pause_s and now() + pause < end
                if attempt == retries.attempts or not _passes(error) or not patient:
                    raise
            await retries.sleep(pause)
            own_pause *= 2
        raise VendorTimeout(f"Vatel did not answer within {deadline_s:.2g} s")


def segment(text: str) -> str:
    """An identifier as one segment of a path, whatever is in it."""
    return quote(text, safe="")


def _passes(error: VendorError) -> bool:
    """Whether the same request may well do a moment later."""
    if error.status is not None:
        return error.status in _PASSING
    return isinstance(error, VendorUnreachable | VendorUnusable) and not isinstance(error, VendorGarbled)


async def _refused(answer: Stream, question: Question, within_s: float) -> VendorError:
    parts = answer.chunks(largest=_LARGEST_REFUSAL, stall_s=within_s, deadline_s=within_s)
    body = b"".join([part async for part in parts])
    return refusal(Answer(answer.status, body, answer.headers), question.remedies, question.hidden)


def _reveal(value: object) -> str:
    """A secret as it is sent; nowhere else."""
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    raise NotImplementedError(type(value).__name__)
