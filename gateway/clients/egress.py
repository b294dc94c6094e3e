"""Requests to addresses that others give us: a customer's webhook, a lookup, a tool.

Such an address may be meant to reach what only we can reach. The rules are therefore asked where the
connection is made: the name is looked up once, everything it leads to is checked, and one of these very
addresses is connected to, while the certificate and the ``Host`` header stay those of the name.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Self

import httpcore
import httpx

from gateway.clients.egress_rules import EgressRules, Target
from gateway.clients.http import Answer
from gateway.errors import EndpointError, EndpointFailed, EndpointRejected, EndpointTimeout

LARGEST_ANSWER: Final = 64 * 1024
_CONNECT_S: Final = 5.0
_IDLE_S: Final = 15.0
_LOOKUPS: Final = 32
_MOST_ADDRESSES: Final = 3  # tried one after the other, of those a name has
_TROUBLE: Final = (TimeoutError, httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError)

Resolver = Callable[[str], Awaitable[Sequence[str]]]
"""Looks up a name: every address it has, as text, best first. Raises OSError if it has none."""


@dataclass(frozen=True, slots=True)
class Reply(Answer):
    """An answer; ``whole`` is false if the rest of its body was dropped: too long, too slow, broken off."""

    whole: bool = True


@dataclass(frozen=True, slots=True)
class Lanes:
    """How many requests go out at a time: to all hosts, to one, and how many may wait for one."""

    all: int = 256
    running: int = 4
    waiting: int = 64


class SystemResolver:
    """The operating system's name service, in threads that nothing else waits for.

    A name server that does not answer holds one thread for each name, never those of calls.
    """

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_LOOKUPS, thread_name_prefix="egress")
        self._running: dict[str, asyncio.Future[list[str]]] = {}

    async def __call__(self, host: str) -> list[str]:
        """Look up a name; whoever asks for the same name meanwhile shares the answer."""
        lookup = self._running.get(host)
        if lookup is None:
            if len(self._running) >= _LOOKUPS:
                raise OSError("too many names are being looked up")
            lookup = asyncio.get_running_loop().run_in_executor(self._threads, _addresses, host)
            self._running[host] = lookup
            lookup.add_done_callback(lambda _: self._running.pop(host, None))
        return await asyncio.shield(lookup)

    def close(self) -> None:
        """Start no more lookups."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def _addresses(host: str) -> list[str]:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Connects to a host by the addresses its name has now, if all of them are allowed.

    https://www.encode.io/httpcore/network-backends/
    """

    def __init__(self, rules: EgressRules, resolver: Resolver, network: httpcore.AsyncNetworkBackend) -> None:
        self._rules = rules
        self._resolver = resolver
        self._network = network

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address that takes it.

        Raises:
            EgressRefused: one of the addresses is out of bounds; nothing was connected to.
            httpcore.ConnectError: the name leads nowhere, or nobody listens there.
            httpcore.ConnectTimeout: the name service or the host does not answer.
        """
        addresses = await self._look_up(host, timeout)
        self._rules.check(host, port, addresses)
        tried = addresses[:_MOST_ADDRESSES]
        failure: Exception = httpcore.ConnectError("the name leads nowhere")
        for address in tried:
            share = None if timeout is None else timeout / len(tried)
            try:
                return await self._network.connect_tcp(address, port, share, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def _look_up(self, host: str, timeout_s: float | None) -> Sequence[str]:
        try:
            async with asyncio.timeout(timeout_s):
                return await self._resolver(host)
        except TimeoutError:
            raise httpcore.ConnectTimeout("the name service does not answer") from None
        except OSError:
            return []

    async def sleep(self, seconds: float) -> None:
        """Wait; httpcore asks for it between attempts."""
        await self._network.sleep(seconds)


class Egress:
    """Asks addresses that others give us. No redirects, no proxies, no cookies; answers are bounded.

    Args:
        rules: What is allowed.
        resolver: Who looks up names.
        tls: Whom to trust; the usual authorities by default.
        lanes: How many at a time; one slow host leaves room for the others.
        network: What connects to an address, once it is checked.
    """

    def __init__(
        self,
        rules: EgressRules,
        resolver: Resolver | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        lanes: Lanes = Lanes(),
        network: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._rules = rules
        self._system = SystemResolver()
        self._lanes = _Lanes(lanes)
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(trust_env=False),
            max_connections=lanes.all,
            max_keepalive_connections=lanes.all // 4,
            keepalive_expiry=_IDLE_S,
            network_backend=CheckedNetwork(
                rules, resolver or self._system, network or httpcore.AnyIOBackend()
            ),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @property
    def hosts(self) -> int:
        """How many hosts are being asked."""
        return len(self._lanes)

    def check(self, url: str) -> None:
        """See whether a URL may be asked, before there is anything to ask; nothing is looked up.

        Raises:
            EgressRefused: it may not.
        """
        self._rules.target(url)

    async def close(self) -> None:
        """Close what is kept open."""
        await self._pool.aclose()
        self._system.close()

    async def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        content: bytes = b"",
        deadline_s: float = 10.0,
        largest_body: int = LARGEST_ANSWER,
    ) -> Reply:
        """Send one request. The answer's status is the answer, though its body be cut at the deadline.

        Raises:
            EgressRefused: the address may not be asked.
            EndpointFailed: no connection, or no answer within ``deadline_s`` seconds.
            EndpointRejected: the request can't be sent as it is.
        """
        target = self._rules.target(url)
        sent = [("Accept-Encoding", "identity"), ("User-Agent", "vatel-gateway"), *headers.items()]
        request = self._pool.stream(
            method, _address(target), headers=sent, content=content, extensions=_patience(deadline_s)
        )
        reading, failure = _Reading(largest_body), None
        try:
            async with asyncio.timeout(deadline_s), self._lanes.enter(target.host), request as response:
                await reading.read(response)
        except _TROUBLE as error:
            failure = _failure(error, target.host, deadline_s)
        # Raised out here, where httpcore's error is over: that one holds the request with headers and body.
        if failure and not reading.status:
            raise failure
        return reading.reply()


class _Reading:
    """What has come of an answer so far: nothing while the status is 0."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._headers = httpx.Headers()
        self._body = bytearray()
        self._whole = False
        self.status = 0

    async def read(self, response: httpcore.Response) -> None:
        self._headers = httpx.Headers(response.headers)
        self.status = response.status
        if self._headers.get("content-encoding", "identity").lower() != "identity":
            return  # nobody asked for it, and what is packed small can be endless
        async for part in response.aiter_stream():
            room = self._largest - len(self._body)
            self._body += part[:room]
            if len(part) > room:
                return
        self._whole = True

    def reply(self) -> Reply:
        return Reply(self.status, bytes(self._body), self._headers, self._whole)


class _Lanes:
    """A few requests to each host at a time, the rest in line; hosts that nobody asks are forgotten."""

    def __init__(self, bounds: Lanes) -> None:
        self._bounds = bounds
        self._hosts: dict[str, tuple[asyncio.Semaphore, int]] = {}

    def __len__(self) -> int:
        return len(self._hosts)

    @asynccontextmanager
    async def enter(self, host: str) -> AsyncIterator[None]:
        room, inside = self._hosts.get(host) or (asyncio.Semaphore(self._bounds.running), 0)
        if inside >= self._bounds.running + self._bounds.waiting:
            raise EndpointFailed(f"too many requests to {host} wait already")
        self._hosts[host] = room, inside + 1
        try:
            async with room:
                yield
        finally:
            inside = self._hosts[host][1] - 1
            if inside:
                self._hosts[host] = room, inside
            else:
                del self._hosts[host]


def _address(target: Target) -> httpcore.URL:
    scheme, host, path = (part.encode() for part in (target.scheme, target.host, target.path))
    return httpcore.URL(scheme=scheme, host=host, port=target.port, target=path)


def _patience(deadline_s: float) -> dict[str, dict[str, float]]:
    whole = dict.fromkeys(("read", "write", "pool"), deadline_s)
    return {"timeout": {**whole, "connect": min(_CONNECT_S, deadline_s)}}


def _failure(error: Exception, host: str, deadline_s: float) -> EndpointError:
    """What httpcore raised, in our terms; never its own words, which may be the peer's."""
    match error:
        case httpcore.ConnectError() | httpcore.ConnectTimeout() | httpcore.PoolTimeout():
            return EndpointFailed(f"{host} can't be reached: {type(error).__name__}")
        case TimeoutError() | httpcore.TimeoutException():
            return EndpointTimeout(f"{host} did not answer within {deadline_s:g} s")
        case httpcore.LocalProtocolError():
            return EndpointRejected(f"the request to {host} can't be sent")
        case _:
            return EndpointFailed(f"{host} gave no usable answer: {type(error).__name__}")
