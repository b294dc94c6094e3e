"""Calls in Vatel's records: looking for them, one of them, and its recording."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from gateway.clients.http import Stream
from gateway.clients.vatel.call import Call, CallFilter, CallPage
from gateway.clients.vatel.rest import Question, Rest, segment
from gateway.ids import SessionId

_PATH = "/v1/calls"
_LARGEST_PAGE = 32 * 1024 * 1024
"""A hundred calls with their transcripts."""
_PAGE_SIZE = 100
_STALL_S = 10.0
_RECORDING_REMEDIES = {404: "Vatel has no such call, or no recording of it (yet)."}


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording on its way: WAV.

    Attributes:
        size: In bytes; ``None`` if Vatel does not say.
    """

    size: int | None
    _stream: Stream = field(repr=False)

    async def chunks(
        self, *, largest: int = 1024 * 1024 * 1024, deadline_s: float = 600.0
    ) -> AsyncIterator[bytes]:
        """Its bytes as they come; nothing is held, so it may be of any size.

        Raises:
            VendorTimeout: it stalled, or was not all there within ``deadline_s``.
            VendorUnusable: it broke off, or is larger than ``largest`` bytes.
        """
        async for chunk in self._stream.chunks(largest=largest, stall_s=_STALL_S, deadline_s=deadline_s):
            yield chunk


class Calls:
    """The organization's calls. Every call raises a ``VendorError`` when it fails."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def list(
        self, which: CallFilter | None = None, *, page: int = 1, page_size: int = 20, deadline_s: float = 10.0
    ) -> CallPage:
        """One page of calls, newest first; a page holds 1 to 100."""
        which = which or CallFilter()
        question = Question(
            method="GET",
            path=_PATH,
            deadline_s=deadline_s,
            query={**which.query(), "page": page, "page_size": page_size},
            hidden=(which.search or "",),
            largest_answer=_LARGEST_PAGE,
        )
        return await self._rest.ask(question, CallPage)

    async def each(
        self, which: CallFilter | None = None, *, most: int = 1_000, deadline_s: float = 10.0
    ) -> AsyncIterator[Call]:
        """Calls of all pages, newest first, but no more than ``most``; the deadline is for each page.

        A call that begins meanwhile moves the others down, so that one may come twice: look at the ids.
        """
        size = min(most, _PAGE_SIZE)
        for page in range(1, -(-most // _PAGE_SIZE) + 1):
            found = await self.list(which, page=page, page_size=size, deadline_s=deadline_s)
            for call in found.calls[: most - (page - 1) * size]:
                yield call
            if not found.pagination.has_next or not found.calls:
                return

    async def get(self, call_id: SessionId, *, deadline_s: float = 5.0) -> Call:
        """One call."""
        question = Question(
            method="GET",
            path=f"{_PATH}/{segment(call_id)}",
            deadline_s=deadline_s,
            largest_answer=_LARGEST_PAGE,
        )
        return await self._rest.ask(question, Call)

    @asynccontextmanager
    async def recording(self, call_id: SessionId, *, deadline_s: float = 10.0) -> AsyncIterator[Recording]:
        """The recording of a call, open as long as the context lasts; the deadline is for its beginning.

        Raises:
            VendorNotFound: there is no such call, or no recording of it.
            VendorError: it failed otherwise.
        """
        question = Question(
            method="GET",
            path=f"{_PATH}/{segment(call_id)}/recording",
            deadline_s=deadline_s,
            remedies=_RECORDING_REMEDIES,
        )
        async with self._rest.stream(question) as opened:
            size = opened.headers.get("content-length", "")
            yield Recording(int(size) if size.isascii() and size.isdigit() else None, opened)
