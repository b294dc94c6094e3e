"""Certificates that are no good: nobody is talked to, and one that is about to expire is told of."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from gateway.cli import check
from gateway.clients import agent_socket, certificate
from gateway.clients.agent_socket import AgentSocket
from gateway.clients.certificate import Validity, validity
from gateway.clients.egress import Egress
from gateway.clients.egress_rules import EgressRules
from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.vatel import Vatel
from gateway.errors import EndpointFailed, VendorUnreachable
from gateway.ids import AccountSid, AgentId, CallSid
from tests.integration.certificates import Authority
from tests.integration.test_cli_check import installation
from tests.loopback import free_url, response

pytestmark = pytest.mark.anyio
FINE = response(200, '{"token": "t-1"}')


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"))


BAD: dict[str, Callable[[Authority], ssl.SSLContext]] = {
    "expired": lambda authority: authority.server(days=-1),
    "of another host": lambda authority: authority.server("other.example"),
    "self-signed": lambda authority: authority.server(signed=False),
    "TLS 1.0": lambda authority: authority.old(),
}
EACH = pytest.mark.parametrize("made", BAD.values(), ids=BAD.keys())


class Site:
    """A server over TLS, and what it was asked."""

    def __init__(self) -> None:
        self.port = 0
        self.asked = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            self.asked += 1
            writer.write(FINE)
            await reader.read()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def serving(tls: ssl.SSLContext) -> AsyncIterator[Site]:
    site = Site()
    server = await asyncio.start_server(site.serve, "127.0.0.1", 0, ssl=tls)
    asyncio.get_running_loop().set_exception_handler(lambda _loop, _context: None)  # handshakes that fail
    site.port = server.sockets[0].getsockname()[1]
    async with server:
        yield site


async def test_a_good_certificate_is_talked_to(authority: Authority) -> None:
    async with serving(authority.server()) as site, pool(tls=authority.trusted) as http:
        vatel = Vatel(http, f"https://localhost:{site.port}", "key-1")
        assert await vatel.session_token(AgentId("a")) == "t-1"


@EACH
async def test_vatel_and_twilio_are_not_told_a_secret_over_a_bad_certificate(
    authority: Authority, made: Callable[[Authority], ssl.SSLContext]
) -> None:
    async with serving(made(authority)) as site, pool(tls=authority.trusted) as http:
        url = f"https://localhost:{site.port}"
        with pytest.raises(VendorUnreachable):
            await Vatel(http, url, "key-1").session_token(AgentId("a"))
        with pytest.raises(VendorUnreachable):
            await Twilio(http, url, AccountSid("AC1"), ("SK1", "secret")).hang_up(CallSid("CA1"))
    assert site.asked == 0


@EACH
async def test_a_session_is_not_opened_over_a_bad_certificate(
    authority: Authority, made: Callable[[Authority], ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_socket, "tls_context", lambda: authority.trusted)
    async with serving(made(authority)) as site:
        with pytest.raises(VendorUnreachable):
            await AgentSocket.connect(
                f"wss://localhost:{site.port}/v1", on_message=lambda _: None, on_lost=lambda _: None
            )
    assert site.asked == 0


@EACH
async def test_a_tool_is_not_asked_over_a_bad_certificate(
    authority: Authority, made: Callable[[Authority], ssl.SSLContext]
) -> None:
    async with serving(made(authority)) as site:
        rules = EgressRules(private_hosts=[f"localhost:{site.port}"], loopback=True)
        async with Egress(rules, tls=authority.trusted) as egress:
            with pytest.raises(EndpointFailed):
                await egress.ask("POST", f"https://localhost:{site.port}/", headers={})
    assert site.asked == 0


@pytest.mark.parametrize("days", [5, 13, 15, 60])
async def test_it_is_known_how_long_a_certificate_is_good(authority: Authority, days: int) -> None:
    async with serving(authority.server(days=days)) as site:
        seen = await validity("localhost", site.port, tls=authority.trusted)
    assert seen.days == pytest.approx(days, abs=0.1)


@pytest.mark.parametrize(
    ("kind", "problem"),
    [
        ("expired", "certificate has expired"),
        ("of another host", "Hostname mismatch"),
        ("self-signed", "self-signed certificate"),
        ("TLS 1.0", "no TLS connection"),
    ],
)
async def test_what_is_wrong_with_a_certificate_is_told(
    authority: Authority, kind: str, problem: str
) -> None:
    async with serving(BAD[kind](authority)) as site:
        seen = await validity("localhost", site.port, tls=authority.trusted)
    assert seen.days is None
    assert problem in seen.problem


async def test_a_server_that_is_not_there_has_no_certificate() -> None:
    port = int((await free_url()).rpartition(":")[2])
    assert (await validity("127.0.0.1", port)).problem == "no TLS connection: ConnectionRefusedError"


@pytest.mark.parametrize(
    ("seen", "verdict", "text"),
    [
        (Validity(13.2), "warning", "expires in 13 days"),
        (Validity(14.0), "ok", "good for 14 days"),
        (Validity(None, "certificate has expired"), "failed", "certificate has expired"),
    ],
)
async def test_the_check_warns_two_weeks_before_the_certificate_expires(
    monkeypatch: pytest.MonkeyPatch, seen: Validity, verdict: str, text: str
) -> None:
    async def shown(host: str, port: int) -> Validity:
        assert (host, port) == ("gateway.example.com", 8443)
        return seen

    monkeypatch.setattr(certificate, "validity", shown)
    async with installation() as (chosen, _):
        public = chosen.model_copy(update={"public_url": "https://gateway.example.com:8443/x"})
        async with pool() as http:
            [finding] = await check._certificate(public, http)
            assert await check._certificate(chosen, http) == []
    assert (finding.what, finding.verdict.value, finding.text) == ("certificate", verdict, text)
