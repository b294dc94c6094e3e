"""One way of asking over HTTP: pooled, with a deadline, a bounded answer, and our own errors."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from gateway.clients.addresses import Steady
from gateway.errors import VendorError, VendorGarbled, VendorTimeout, VendorUnreachable, VendorUnusable

_CONNECT_DEADLINE_S: Final = 3.0
_TROUBLE: Final = (TimeoutError, httpx.HTTPError, httpx.InvalidURL)


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read whole."""

    status: int
    body: bytes
    headers: httpx.Headers

    @property
    def retry_after_s(self) -> float | None:
        """How long the vendor asks us to wait, where it says so in seconds."""
        value = self.headers.get("retry-after", "")
        return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else None


def pool(connections: int = 100, *, tls: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """A pooled client: no redirects, no proxies from the environment, certificates verified.

    ``tls`` says whom to trust, by default the usual authorities.

    It keeps no cookies, which would carry something of one call into the next, and asks for answers as they
    are: an answer packed small can be endless.
    """
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=20)
    return httpx.AsyncClient(
        transport=Steady(httpx.AsyncHTTPTransport(verify=tls or True, limits=limits, trust_env=False)),
        headers={"Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=False,
    )


class Stream:
    """An HTTP answer that is read as it comes."""

    def __init__(self, response: httpx.Response, vendor: str) -> None:
        self.status = response.status_code
        self.headers = response.headers
        self._response = response
        self._vendor = vendor

    async def chunks(self, *, largest: int, stall_s: float, deadline_s: float) -> AsyncIterator[bytes]:
        """The body, piece by piece.

        Raises:
            VendorTimeout: nothing came for ``stall_s`` seconds, or not all of it within ``deadline_s``.
            VendorUnusable: it is larger than ``largest`` bytes, or breaks off.
        """
        parts = self._response.aiter_raw()
        now = asyncio.get_running_loop().time
        end, size = now() + deadline_s, 0
        while True:
            failure = None
            try:
                async with asyncio.timeout(min(stall_s, end - now())):
                    part = await anext(parts, None)
            except (TimeoutError, httpx.HTTPError) as error:
                failure = _failure(error, self._vendor, stall_s if end > now() else deadline_s)
            if failure:
                raise failure
            if part is None:
                return
            size += len(part)
            if size > largest:
                raise VendorGarbled(f"{self._vendor} answered with more than {largest} bytes")
            yield part


@asynccontextmanager
async def stream(
    client: httpx.AsyncClient, method: str, url: str, *, vendor: str, deadline_s: float, **request: Any
) -> AsyncIterator[Stream]:
    """Send one request; what is given has its status and headers, within ``deadline_s`` seconds.

    Raises:
        VendorUnreachable: no connection, so nothing was done.
        VendorTimeout: not answered in time.
        VendorUnusable: the answer is compressed, or no HTTP.
    """
    answering = client.stream(method, url, timeout=_patience(deadline_s), **request)
    failure = None
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(deadline_s):
                response = await stack.enter_async_context(answering)
        except _TROUBLE as error:
            failure = _failure(error, vendor, deadline_s)
        if failure:
            raise failure
        _check_encoding(response, vendor)
        yield Stream(response, vendor)


async def ask(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    vendor: str,
    deadline_s: float,
    connect_s: float = _CONNECT_DEADLINE_S,
    largest_body: int = 64 * 1024,
    **request: Any,
) -> Answer:
    """Send one request and read its answer.

    Raises:
        VendorUnreachable: no connection within ``connect_s`` seconds, so nothing was done.
        VendorTimeout: not answered within ``deadline_s`` seconds.
        VendorUnusable: the answer is larger than ``largest_body`` bytes, compressed, or no HTTP.
    """
    answering = client.stream(method, url, timeout=_patience(deadline_s, connect_s), **request)
    try:
        async with asyncio.timeout(deadline_s), answering as response:
            _check_encoding(response, vendor)
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > largest_body:
                    raise VendorGarbled(f"{vendor} answered with more than {largest_body} bytes")
        # What was read refers to its response, and would be left to the collector with it.
        response.stream = httpx.ByteStream(b"")
        return Answer(response.status_code, bytes(body), response.headers)
    except _TROUBLE as error:
        failure = _failure(error, vendor, deadline_s)
    # Raised out here, where httpx's error is over: that one holds the request with its headers and body.
    raise failure


def _patience(deadline_s: float, connect_s: float = _CONNECT_DEADLINE_S) -> httpx.Timeout:
    return httpx.Timeout(deadline_s, connect=connect_s, pool=connect_s)


def _check_encoding(response: httpx.Response, vendor: str) -> None:
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise VendorGarbled(f"{vendor} answered in an encoding nobody asked for")


def _failure(error: Exception, vendor: str, deadline_s: float) -> VendorError:
    """What httpx raised, in our terms."""
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout() | httpx.PoolTimeout():
            return VendorUnreachable(f"{vendor} can't be reached: {type(error).__name__}")
        case TimeoutError() | httpx.TimeoutException():
            return VendorTimeout(f"{vendor} did not answer within {deadline_s:.2g} s")
        case _:
            return VendorUnusable(f"{vendor} gave no usable answer: {type(error).__name__}")
