"""One way of asking over HTTP: pooled, with a deadline, a bounded answer, and our own errors."""

import asyncio
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx

from gateway.errors import VendorTimeout, VendorUnreachable, VendorUnusable

_CONNECT_DEADLINE_S: Final = 3.0


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


def pool(connections: int = 100) -> httpx.AsyncClient:
    """A pooled client: no redirects, no proxies from the environment, certificates verified.

    It keeps no cookies, which would carry something of one call into the next, and asks for answers as they
    are: an answer packed small can be endless.
    """
    return httpx.AsyncClient(
        limits=httpx.Limits(max_connections=connections, max_keepalive_connections=20),
        headers={"Accept-Encoding": "identity"},
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        follow_redirects=False,
        trust_env=False,
    )


async def ask(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    vendor: str,
    deadline_s: float,
    largest_body: int = 64 * 1024,
    **request: Any,
) -> Answer:
    """Send one request and read its answer.

    Raises:
        VendorUnreachable: no connection, so nothing was done.
        VendorTimeout: not answered within ``deadline_s`` seconds.
        VendorUnusable: the answer is larger than ``largest_body`` bytes, compressed, or no HTTP.
    """
    patience = httpx.Timeout(deadline_s, connect=_CONNECT_DEADLINE_S, pool=_CONNECT_DEADLINE_S)
    stream = client.stream(method, url, timeout=patience, **request)
    try:
        async with asyncio.timeout(deadline_s), stream as response:
            if response.headers.get("content-encoding", "identity").lower() != "identity":
                raise VendorUnusable(f"{vendor} answered in an encoding nobody asked for")
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > largest_body:
                    raise VendorUnusable(f"{vendor} answered with more than {largest_body} bytes")
            return Answer(response.status_code, bytes(body), response.headers)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
        raise VendorUnreachable(f"{vendor} can't be reached: {type(error).__name__}") from None
    except (TimeoutError, httpx.TimeoutException):
        raise VendorTimeout(f"{vendor} did not answer within {deadline_s:g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise VendorUnusable(f"{vendor} gave no usable answer: {type(error).__name__}") from None
