"""Where the vendors were last reached: names can fail for minutes while the hosts behind them are well."""

import asyncio
import functools
import socket
import ssl
import time
from collections import OrderedDict
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

import httpx
from picows.url import WSParsedURL

GOOD_S: Final = 600.0
"""How long an address that worked is good for, should its name lead nowhere."""
_LOOK_UP_S: Final = 1.0
_EACH_S: Final = 1.0
_MOST: Final = 100


class LastGood:
    """Addresses that worked, by the name that led to them."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()
        self.used = 0  # how often one stood in for a name that led nowhere

    def note(self, host: str, address: str, now: float) -> None:
        """An address of a host was reached."""
        self._known[host] = (address, now)
        self._known.move_to_end(host)
        if len(self._known) > _MOST:
            self._known.popitem(last=False)

    def use(self, host: str, now: float) -> str | None:
        """The address to try, its name leading nowhere."""
        address, at = self._known.get(host, ("", float("-inf")))
        if now - at > GOOD_S:
            return None
        self.used += 1
        return address


@functools.cache
def last_good() -> LastGood:
    """Return what this process knows."""
    return LastGood()


class Steady(httpx.AsyncBaseTransport):
    """Sends requests; one whose host's name leads nowhere goes to where that host was reached last.

    The host is asked, and has to prove itself, by its name all the same.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        host = request.url.host
        try:
            response = await self._transport.handle_async_request(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            address = last_good().use(host, time.monotonic()) if _nameless(error, host) else None
            if address is None:
                raise
            return await self._transport.handle_async_request(_moved(request, address))
        stream = response.extensions.get("network_stream")
        reached = stream.get_extra_info("server_addr") if stream is not None else None
        if reached and not _literal(host):
            last_good().note(host, str(reached[0]), time.monotonic())
        return response

    async def aclose(self) -> None:
        """Close what is kept open."""
        await self._transport.aclose()


async def socket_for(url: WSParsedURL) -> socket.socket | None:
    """A socket that is connected to a host; ``None`` leaves it to the library, where there is no name.

    Raises:
        OSError: the name leads nowhere, now or lately, or nobody listens there.
    """
    if _literal(url.host):
        return None
    failure = OSError("the name leads nowhere")
    addresses = await _addresses(url.host, url.port)
    for address in addresses:
        try:
            # A dead one must leave time for the next; the last may take all there is.
            async with asyncio.timeout(None if address is addresses[-1] else _EACH_S):
                connected = await _connected(address, url.port)
        except OSError as error:
            failure = error
            continue
        last_good().note(url.host, address, time.monotonic())
        return connected
    raise failure


async def _addresses(host: str, port: int) -> Sequence[str]:
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(_LOOK_UP_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        return list(dict.fromkeys(str(each[4][0]) for each in found))
    except (OSError, TimeoutError):
        address = last_good().use(host, time.monotonic())
        if address is None:
            raise
        return [address]


async def _connected(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        await asyncio.get_running_loop().sock_connect(made, (address, port))
    except BaseException:
        made.close()
        raise
    return made


def _nameless(error: BaseException, host: str) -> bool:
    """Whether it was the name that failed, as far as can be told: a name service may just not answer."""
    if _literal(host):
        return False
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError | ConnectionError):
            return False
        if isinstance(cause, socket.gaierror):
            return True
        cause = cause.__cause__ or cause.__context__
    return isinstance(error, httpx.ConnectTimeout)


def _moved(request: httpx.Request, address: str) -> httpx.Request:
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions={**request.extensions, "sni_hostname": request.url.host},
    )


def _literal(host: str) -> bool:
    try:
        ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
