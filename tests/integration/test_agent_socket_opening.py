"""Opening the session's socket: refused, unanswered, answered wrongly, and over TLS."""

import asyncio
import logging
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from gateway.clients import agent_socket
from gateway.clients.agent_socket import AgentSocket
from gateway.clients.agent_socket_terms import SocketLimits
from gateway.errors import VendorError, VendorRejected, VendorTimeout, VendorUnreachable, VendorUnusable
from tests.integration.agent_peers import QUICK, SECRET, Owner, accept, echo, raw, vatel

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: they hand over connections in ways of their own."""
    return "asyncio", {"use_uvloop": request.param}


async def refused(port: int, scheme: str = "ws", limits: SocketLimits = QUICK) -> VendorError:
    with pytest.raises(VendorError) as caught:
        await Owner().open(port, limits, scheme)
    assert SECRET not in repr(caught.value)
    assert caught.value.__cause__ is None
    return caught.value


async def test_nobody_listening_is_unreachable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert type(await refused(port)) is VendorUnreachable


async def test_an_address_without_sense_is_unreachable_and_not_repeated() -> None:
    for url in (
        f"https://vatel/?token={SECRET}",
        f"ws://vatel:99999/?token={SECRET}",
        f"ws:///?token={SECRET}",
    ):
        with pytest.raises(VendorUnreachable) as caught:
            await AgentSocket.connect(url, on_message=print, on_lost=print)
        assert SECRET not in repr(caught.value)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, VendorRejected),
        (403, VendorRejected),
        (404, VendorRejected),
        (429, VendorRejected),
        (302, VendorRejected),
        (500, VendorUnusable),
        (503, VendorUnusable),
    ],
)
async def test_a_refused_upgrade_carries_its_status(status: int, kind: type[VendorError]) -> None:
    def refuse(connection: ServerConnection, _: Request) -> Response:
        response = connection.respond(status, "no")
        response.headers["Location"] = "ws://localhost:1/"
        return response

    async with vatel(echo, process_request=refuse) as port:
        error = await refused(port)
    assert (type(error), error.status) == (kind, status)


async def test_a_peer_that_never_answers_times_out() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with raw(silent) as port:
        began = time.monotonic()
        assert type(await refused(port)) is VendorTimeout
        assert 0.3 < time.monotonic() - began < 1.0
        await asyncio.sleep(0.5)  # whatever is left of the attempt ends without a word


async def test_an_upgrade_accepted_too_late_leaves_no_connection() -> None:
    left = asyncio.Event()

    async def late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.45)
        await accept(reader, writer)
        await reader.read()
        left.set()

    async with raw(late) as port:
        assert type(await refused(port)) is VendorTimeout
        async with asyncio.timeout(2):
            await left.wait()


async def test_a_cancelled_connect_leaves_no_connection() -> None:
    left = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()

    async with raw(silent) as port:
        opening = asyncio.ensure_future(Owner().open(port))
        await asyncio.sleep(0.1)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        async with asyncio.timeout(2):
            await left.wait()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", VendorUnusable),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", VendorRejected),
        (b"HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\n\r\n", VendorUnusable),
        (b"x" * 70_000, VendorUnusable),
        (b"", VendorUnreachable),
    ],
)
async def test_an_answer_that_is_no_upgrade(answer: bytes, kind: type[VendorError]) -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer)
        if not answer:
            writer.transport.abort()
        await reader.read()

    async with raw(other) as port:
        assert type(await refused(port)) is kind


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of localhost, with its key in the same file."""
    path = tmp_path_factory.mktemp("tls") / "localhost.pem"
    command = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    )
    names = ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(
        [*command.split(), *names, "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True
    )
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


async def test_a_certificate_nobody_vouches_for_is_refused(certificate: Path) -> None:
    async with vatel(echo, ssl=server_tls(certificate)) as port:
        error = await refused(port, "wss")
    assert type(error) is VendorUnreachable
    assert "certificate" in str(error)


async def test_a_trusted_certificate_lets_messages_through(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(agent_socket, "tls_context", lambda: ssl.create_default_context(cafile=certificate))
    owner = Owner()
    async with vatel(echo, ssl=server_tls(certificate)) as port:
        agent = await owner.open(port, SocketLimits(), "wss")
        agent.send(b"over tls")
        await owner.until(lambda: owner.messages)
        await agent.close()
    assert (owner.messages, owner.lost) == ([b"over tls"], [])


async def test_the_token_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(1)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    owner = Owner()
    async with vatel(echo) as port:
        agent = await owner.open(port)
        await agent.close()
        await refused(1)
    assert SECRET not in caplog.text
