"""Requests to addresses that others gave: which machine is connected to, and what a bad one can do."""

import asyncio
import shlex
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpcore
import pytest

from gateway.clients.egress import Egress, Lanes, Reply, SystemResolver
from gateway.clients.egress_rules import EgressRules
from gateway.errors import EgressRefused, EndpointError, EndpointFailed, EndpointTimeout
from tests.loopback import SILENCE, Answer, Loopback, free_url, response
from tests.unit.egress_tricks import PRIVATE_ANSWERS, tricks

pytestmark = pytest.mark.anyio
NAME = "hooks.example.com"
DEADLINE_S = 0.25
"""For answers that never come."""


class Names:
    """A name service that answers one thing after the other; the last one is repeated."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = answers
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        return self._answers[min(len(self.asked), len(self._answers)) - 1]


class Internet(httpcore.AnyIOBackend):
    """A network on which every address but those in ``dead`` leads to one port of this machine."""

    def __init__(self, port: int, dead: Sequence[str] = ()) -> None:
        self._port = port
        self._dead = dead
        self.connected: list[tuple[str, int]] = []

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.connected.append((host, port))
        if host in self._dead:
            raise httpcore.ConnectError("no route")
        return await super().connect_tcp("127.0.0.1", self._port, timeout, local_address, socket_options)


async def get(egress: Egress, url: str, deadline_s: float = 5.0) -> Reply:
    return await egress.ask("GET", url, headers={}, deadline_s=deadline_s)


async def asked(answer: Answer, deadline_s: float = 5.0) -> Reply:
    async with Loopback(answer) as server, Egress(EgressRules(loopback=True)) as egress:
        return await get(egress, server.url, deadline_s)


async def failure(answer: Answer, deadline_s: float = 5.0) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        await asked(answer, deadline_s)
    return caught.value


# Over TLS, by name


class Site:
    """A https server of this machine: which names it was asked for, and by which connections."""

    def __init__(self, certificate: Path) -> None:
        self.names: list[str | None] = []
        self.hosts: list[str] = []
        self.port = 0
        self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._tls.load_cert_chain(certificate)
        self._tls.sni_callback = lambda _socket, name, _context: self.names.append(name)
        self.trust = ssl.create_default_context(cafile=str(certificate))

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Site"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                self.hosts += [line[6:] for line in head.split("\r\n") if line.lower().startswith("host: ")]
                writer.write(response(200, "taken"))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of ``NAME``, with its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "site.pem"
    command = (
        f"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN={NAME}"
        f" -addext subjectAltName=DNS:{NAME} -keyout {path} -out {path}.crt"
    )
    subprocess.run(shlex.split(command), check=True, capture_output=True, timeout=30)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


async def test_the_checked_address_is_connected_to_in_the_name_of_the_host(certificate: Path) -> None:
    names = Names(["8.8.4.4"])
    async with Site(certificate).open() as site:
        internet = Internet(site.port)
        async with Egress(EgressRules(), names, tls=site.trust, network=internet) as egress:
            reply = await get(egress, f"https://{NAME}/hook")
    assert (reply.status, reply.body, reply.whole) == (200, b"taken", True)
    assert (internet.connected, names.asked) == ([("8.8.4.4", 443)], [NAME])
    assert (site.names, site.hosts) == ([NAME], [NAME])


async def test_a_certificate_of_another_name_will_not_do(certificate: Path) -> None:
    async with Site(certificate).open() as site:
        internet = Internet(site.port)
        async with Egress(EgressRules(), Names(["8.8.4.4"]), tls=site.trust, network=internet) as egress:
            with pytest.raises(EndpointFailed, match=r"other\.example\.com can't be reached: ConnectError"):
                await get(egress, "https://other.example.com/")
    assert site.hosts == []


async def test_a_name_is_looked_up_once_for_each_connection_and_checked_each_time(certificate: Path) -> None:
    names = Names(["8.8.4.4"], ["127.0.0.1"])
    async with Site(certificate).open() as site:
        internet = Internet(site.port)
        async with Egress(EgressRules(), names, tls=site.trust, network=internet) as egress:
            for _ in range(2):  # the second over the connection of the first
                await get(egress, f"https://{NAME}/")
            assert names.asked == [NAME]
        async with Egress(EgressRules(), names, tls=site.trust, network=internet) as egress:
            with pytest.raises(EgressRefused):
                await get(egress, f"https://{NAME}/")
    assert internet.connected == [("8.8.4.4", 443)]
    assert len(names.asked) == 2


@pytest.mark.parametrize("addresses", PRIVATE_ANSWERS, ids=str)
async def test_a_name_that_leads_inside_is_not_connected_to(addresses: Sequence[str]) -> None:
    internet = Internet(1)
    async with Egress(EgressRules(), Names(addresses), network=internet) as egress:
        with pytest.raises(EgressRefused):
            await get(egress, f"https://{NAME}/")
    assert internet.connected == []


async def test_a_trick_is_not_even_looked_up() -> None:
    names, internet = Names(["8.8.8.8"]), Internet(1)
    async with Egress(EgressRules(), names, network=internet) as egress:
        for url in tricks():
            with pytest.raises(EgressRefused):
                await get(egress, url)
    assert (names.asked, internet.connected) == ([], [])


async def test_another_address_of_the_name_is_tried_where_the_first_is_dead(certificate: Path) -> None:
    names = Names(["2606:4700:4700::1111", "8.8.4.4"])
    async with Site(certificate).open() as site:
        internet = Internet(site.port, dead=["2606:4700:4700::1111"])
        async with Egress(EgressRules(), names, tls=site.trust, network=internet) as egress:
            assert (await get(egress, f"https://{NAME}/")).status == 200
    assert [address for address, _ in internet.connected] == ["2606:4700:4700::1111", "8.8.4.4"]


async def test_a_listed_host_of_ones_own_network_is_reached(certificate: Path) -> None:
    async with Site(certificate).open() as site:
        rules = EgressRules(private_hosts=[f"{NAME}:{site.port}"])
        async with Egress(rules, Names(["127.0.0.1"]), tls=site.trust) as egress:
            assert (await get(egress, f"https://{NAME}:{site.port}/")).status == 200
    assert site.hosts == [f"{NAME}:{site.port}"]


# The system's name service


async def test_the_system_looks_up_names() -> None:
    names = SystemResolver()
    first, second = await asyncio.gather(names("localhost"), names("localhost"))
    names.close()
    assert first == second
    assert set(first) <= {"127.0.0.1", "::1"}
    assert len(first) == len(set(first)) > 0


async def test_a_name_that_leads_nowhere_may_be_tried_again() -> None:
    async with Egress(EgressRules(), Names([])) as egress:
        with pytest.raises(EndpointFailed, match="can't be reached"):
            await get(egress, f"https://{NAME}/")


async def test_a_name_service_that_is_down_or_silent_may_be_tried_again() -> None:
    async def down(host: str) -> Sequence[str]:
        raise OSError(host)

    async def silent(host: str) -> Sequence[str]:
        await asyncio.Event().wait()
        return [host]

    for resolver in (down, silent):
        async with Egress(EgressRules(), resolver) as egress:
            with pytest.raises(EndpointFailed):
                await get(egress, f"https://{NAME}/", DEADLINE_S)


# What comes back


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


async def hanging_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def breaking_off(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")
    writer.close()


@pytest.mark.parametrize(
    ("answer", "length", "whole"),
    [
        (response(200, b"x" * 65536), 65536, True),
        (response(200, b"x" * 65537), 65536, False),
        (endless, 65536, False),
        (breaking_off, 4, False),
        (response(200, b"packed", Content_Encoding="gzip"), 0, False),
    ],
    ids=["just fits", "too long", "endless", "broken off", "packed"],
)
async def test_of_a_body_only_so_much_is_read(answer: Answer, length: int, whole: bool) -> None:
    reply = await asked(answer)
    assert (reply.status, len(reply.body), reply.whole) == (200, length, whole)


async def test_a_body_that_drips_is_cut_at_the_deadline() -> None:
    reply = await asked(dripping, DEADLINE_S)
    assert (reply.status, reply.whole) == (200, False)


@pytest.mark.parametrize(
    "answer", [SILENCE, b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"], ids=repr
)
async def test_an_answer_has_a_deadline(answer: Answer) -> None:
    error = await failure(answer, DEADLINE_S)
    assert (type(error), str(error)) == (EndpointTimeout, "127.0.0.1 did not answer within 0.25 s")


@pytest.mark.parametrize("answer", [hanging_up, b"SSH-2.0-x\r\n\r\n", b"HTTP/1.1 x\r\n\r\n", b"x" * 200_000])
async def test_what_is_no_http_may_be_tried_again(answer: Answer) -> None:
    error = await failure(answer)
    assert (type(error), error.retryable) == (EndpointFailed, True)


async def test_nobody_there_may_be_tried_again() -> None:
    async with Egress(EgressRules(loopback=True)) as egress:
        with pytest.raises(EndpointFailed, match=r"127\.0\.0\.1 can't be reached: ConnectError"):
            await get(egress, await free_url())


async def test_no_proxy_no_redirect_and_no_cookie_is_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with Loopback(response(500)) as proxy, Egress(EgressRules(loopback=True)) as egress:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, proxy.url)
        async with Loopback(response(302, Location=proxy.url, Set_Cookie="a=b")) as server:
            for _ in range(2):
                assert (await get(egress, f"{server.url}/a?b=c")).status == 302
    assert proxy.requests == []
    assert [(each.method, each.target) for each in server.requests] == [("GET", "/a?b=c")] * 2
    assert "cookie" not in server.requests[1].headers
    assert server.requests[0].headers["accept-encoding"] == "identity"


# Room for each host


async def test_a_slow_host_holds_up_no_other() -> None:
    both = asyncio.Barrier(3)

    async def silent(_: asyncio.StreamWriter) -> None:
        await both.wait()

    egress = Egress(
        EgressRules(loopback=True), Names(["127.0.0.1"]), lanes=Lanes(all=4, running=2, waiting=3)
    )
    async with Loopback(silent) as slow, Loopback(response(200)) as quick, egress:
        slow_url = slow.url.replace("127.0.0.1", "localhost")
        async with asyncio.timeout(5), asyncio.TaskGroup() as group:
            waiting = [group.create_task(settled(egress, slow_url)) for _ in range(5)]
            await both.wait()  # two of them are there, so three wait
            assert "wait already" in await settled(egress, slow_url)
            assert [(await get(egress, quick.url)).status for _ in range(3)] == [200, 200, 200]
            assert not any(task.done() for task in waiting)
            assert egress.hosts == 1
        assert egress.hosts == 0
    assert [task.result() for task in waiting] == ["localhost did not answer within 0.5 s"] * 5


async def settled(egress: Egress, url: str) -> str:
    with pytest.raises(EndpointFailed) as caught:
        await get(egress, url, 0.5)
    return str(caught.value)


async def test_a_host_has_room_again_when_its_requests_are_over() -> None:
    async with Loopback(SILENCE, response(200)) as server:
        lanes = Lanes(running=1, waiting=0)
        async with Egress(EgressRules(loopback=True), lanes=lanes) as egress:
            with pytest.raises(EndpointFailed, match="did not answer"):
                await get(egress, server.url, DEADLINE_S)
            assert (await get(egress, server.url)).status == 200
