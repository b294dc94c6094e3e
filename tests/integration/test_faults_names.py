"""The name service fails: vendors are found where they were last, by their name all the same."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from gateway.clients import agent_socket
from gateway.clients.addresses import GOOD_S, last_good
from gateway.clients.http import pool
from gateway.clients.vatel import Vatel
from gateway.errors import VendorTimeout, VendorUnreachable
from gateway.ids import AgentId
from tests.integration.agent_peers import QUICK, Owner, echo, vatel
from tests.integration.certificates import Authority
from tests.integration.test_faults_tls import serving
from tests.loopback import Loopback, response

pytestmark = pytest.mark.anyio
HOST = "vatel.test"
TOKEN = response(200, '{"token": "t-1"}')


class Names:
    """The name service of this process."""

    def __init__(self) -> None:
        self.trouble: OSError | None = None
        self.delay_s = 0.0
        self._system = socket.getaddrinfo

    def look_up(self, host: Any, port: Any, *more: Any, **named: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name != HOST:
            return self._system(host, port, *more, **named)
        time.sleep(self.delay_s)
        if self.trouble is not None:
            raise self.trouble
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", int(port)))]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop whose name service can be changed."""
    return "asyncio", {"use_uvloop": False}


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Iterator[Names]:
    service = Names()
    monkeypatch.setattr(socket, "getaddrinfo", service.look_up)
    last_good.cache_clear()
    yield service
    last_good.cache_clear()


async def token(port: int, scheme: str = "http", **named: Any) -> str:
    """Ask over a connection that is new."""
    async with pool(**named) as http:
        return await Vatel(http, f"{scheme}://{HOST}:{port}", "key-1").session_token(AgentId("a"))


def port_of(server: Loopback) -> int:
    return int(server.url.rpartition(":")[2])


NOWHERE = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
FAILED = socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")


@pytest.mark.parametrize("trouble", [NOWHERE, FAILED])
async def test_a_host_whose_name_fails_is_found_where_it_was(names: Names, trouble: OSError) -> None:
    async with Loopback(TOKEN) as server:
        assert await token(port_of(server)) == "t-1"
        names.trouble = trouble
        assert await token(port_of(server)) == "t-1"
        assert [request.headers["host"] for request in server.requests] == [f"{HOST}:{port_of(server)}"] * 2
    assert last_good().used == 1


async def test_a_name_service_that_does_not_answer_is_not_waited_for(names: Names) -> None:
    async with Loopback(TOKEN) as server:
        await token(port_of(server))
        names.delay_s = 1.4
        began = time.monotonic()
        assert await token(port_of(server)) == "t-1"
        assert time.monotonic() - began < 2.0


async def test_a_host_that_was_never_reached_is_not_found(names: Names) -> None:
    names.trouble = NOWHERE
    async with Loopback(TOKEN) as server:
        with pytest.raises(VendorUnreachable):
            await token(port_of(server))


async def test_an_address_is_good_for_ten_minutes(names: Names) -> None:
    names.trouble = NOWHERE
    async with Loopback(TOKEN) as server:
        last_good().note(HOST, "127.0.0.1", time.monotonic() - GOOD_S + 5)
        assert await token(port_of(server)) == "t-1"
        last_good().note(HOST, "127.0.0.1", time.monotonic() - GOOD_S - 1)
        with pytest.raises(VendorUnreachable):
            await token(port_of(server))


async def test_a_host_that_refuses_is_not_asked_elsewhere(names: Names) -> None:
    async with Loopback(TOKEN) as server:
        port = port_of(server)
        await token(port)
    with pytest.raises((VendorUnreachable, VendorTimeout)):
        await token(port)
    assert last_good().used == 0


async def test_no_more_addresses_are_kept_than_agreed() -> None:
    last_good.cache_clear()
    for number in range(150):
        last_good().note(f"host-{number}", "127.0.0.1", 0.0)
    assert last_good().use("host-49", 1.0) is None
    assert last_good().use("host-50", 1.0) == "127.0.0.1"
    last_good.cache_clear()


async def test_a_host_proves_itself_by_its_name_wherever_it_is_found(
    names: Names, tmp_path_factory: pytest.TempPathFactory
) -> None:
    authority = Authority(tmp_path_factory.mktemp("ca"))
    async with serving(authority.server(HOST)) as site:
        assert await token(site.port, "https", tls=authority.trusted) == "t-1"
        names.trouble = NOWHERE
        assert await token(site.port, "https", tls=authority.trusted) == "t-1"
    async with serving(authority.server("other.example")) as site:
        with pytest.raises(VendorUnreachable):
            await token(site.port, "https", tls=authority.trusted)
    assert last_good().used == 2


@pytest.mark.parametrize("scheme", ["ws", "wss"])
async def test_a_session_is_opened_where_vatel_was_last(
    names: Names,
    scheme: str,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    authority = Authority(tmp_path_factory.mktemp("ca"))
    monkeypatch.setattr(agent_socket, "tls_context", lambda: authority.trusted)
    tls = {"ssl": authority.server(HOST)} if scheme == "wss" else {}
    async with vatel(echo, **tls) as port:
        for trouble in (None, NOWHERE, FAILED):
            names.trouble = trouble
            owner = Owner()
            agent = await agent_socket.AgentSocket.connect(
                f"{scheme}://{HOST}:{port}/v1/connection?token=t",
                on_message=owner.on_message,
                on_lost=owner.on_lost,
                limits=QUICK,
            )
            agent.send(b"hello")
            await owner.until(lambda owner=owner: owner.messages)  # type: ignore[misc]
            await agent.close()
    assert last_good().used == 2


async def test_a_session_with_a_host_that_was_never_reached_is_not_opened(names: Names) -> None:
    names.trouble = NOWHERE
    owner = Owner()
    with pytest.raises(VendorUnreachable):
        await agent_socket.AgentSocket.connect(
            f"ws://{HOST}:1/", on_message=owner.on_message, on_lost=owner.on_lost, limits=QUICK
        )
