"""Recordings Twilio keeps: listed, fetched as they are, and deleted."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import httpx

from gateway.clients.twilio.codes import NOT_FOUND
from gateway.clients.twilio.paging import paged
from gateway.clients.twilio.refusals import refusal, translating
from gateway.clients.twilio.values import Recording, RecordingSid, recording
from gateway.errors import VendorError, VendorTimeout, VendorUnreachable, VendorUnusable
from gateway.ids import CallSid

_CONNECT_S: Final = 3.0
_DOWNLOAD_S: Final = 300.0
_LARGEST: Final = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Store:
    """Where the sound of recordings is fetched from: an address that ends in the account, and the login."""

    http: httpx.AsyncClient
    account_url: str
    login: tuple[str, str] = field(repr=False)
    deadline_s: float


class Recordings:
    """The account's recordings. Each request has a deadline; all raise a ``VendorError``."""

    def __init__(self, client: Any, store: Store) -> None:
        self._client = client
        self._store = store

    def of_call(self, sid: CallSid, *, most: int = 100) -> AsyncIterator[Recording]:
        """The recordings of a call, no more than ``most``.

        Raises:
            VendorError: a page could not be had.
        """
        recordings = self._client.calls(sid).recordings
        return paged(lambda size: recordings.page_async(page_size=size), recording, most)

    async def fetch(self, sid: RecordingSid) -> Recording:
        """Look at a recording.

        Raises:
            VendorError: there is none of that name, or Twilio could not be asked.
        """
        with translating():
            return recording(await self._client.recordings(sid).fetch_async())

    async def delete(self, sid: RecordingSid) -> bool:
        """Delete a recording; ``False`` if there is none of that name.

        Raises:
            VendorError: Twilio could not be told.
        """
        try:
            with translating():
                await self._client.recordings(sid).delete_async()
        except VendorError as error:
            if error.code != NOT_FOUND:
                raise
            return False
        return True

    @asynccontextmanager
    async def sound(
        self, sid: RecordingSid, kind: Literal["wav", "mp3"] = "wav", *, within_s: float = _DOWNLOAD_S
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open the sound of a recording as a stream of bytes, read as it is asked for.

        https://www.twilio.com/docs/voice/api/recording#fetch-a-recordings-media-file

        Args:
            sid: Which recording.
            kind: The form of the file: ``wav`` or ``mp3``.
            within_s: How long all of it may take, in seconds.

        Raises:
            VendorError: there is no such sound, or it does not come in time, while opening or reading.
        """
        store = self._store
        until = asyncio.get_running_loop().time() + within_s
        stream = store.http.stream(
            "GET",
            f"{store.account_url}/Recordings/{sid}.{kind}",
            auth=store.login,
            timeout=httpx.Timeout(store.deadline_s, connect=_CONNECT_S, pool=_CONNECT_S),
        )
        with _explaining():
            async with asyncio.timeout(store.deadline_s):
                response = await stream.__aenter__()
        try:
            _judge(response)
            yield _chunks(response, until)
        finally:
            await stream.__aexit__(None, None, None)


def _judge(response: httpx.Response) -> None:
    if response.status_code != httpx.codes.OK:
        code = NOT_FOUND if response.status_code == httpx.codes.NOT_FOUND else None
        raise refusal(response.status_code, code, "the sound of the recording can't be had")
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise VendorUnusable("Twilio answered in an encoding nobody asked for")


async def _chunks(response: httpx.Response, until: float) -> AsyncIterator[bytes]:
    chunks, size = response.aiter_raw(), 0
    while True:
        with _explaining():
            async with asyncio.timeout_at(until):
                chunk = await anext(chunks, None)
        if chunk is None:
            return
        size += len(chunk)
        if size > _LARGEST:
            raise VendorUnusable(f"Twilio sent more than {_LARGEST} bytes of a recording")
        yield chunk


@contextmanager
def _explaining() -> Iterator[None]:
    try:
        yield
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise VendorUnreachable(f"Twilio can't be reached: {type(error).__name__}") from None
    except (TimeoutError, httpx.TimeoutException):
        raise VendorTimeout("the sound of the recording did not come in time") from None
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        raise VendorUnusable(f"the sound of the recording broke off: {type(error).__name__}") from None
