"""The WebSocket protocol class against clients that break the protocol, read nothing, or send too much."""

import asyncio
import contextlib
import logging
import os
import struct

import pytest
from websockets.asyncio.client import ClientConnection

from gateway.web.socket_protocol import FLOOD, MAX_HELD
from tests.integration.asgi_peers import CAP, App, client, frame, raw, request, serving

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: they hand over connections in ways of their own."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(request(Sec_WebSocket_Version="8"), id="old version"),
        pytest.param(request(leave_out="Sec-WebSocket-Version"), id="no version"),
        pytest.param(request(leave_out="Sec-WebSocket-Key"), id="no key"),
        pytest.param(request(Sec_WebSocket_Key="c2hvcnQ="), id="short key"),
        pytest.param(request(Sec_WebSocket_Key="%%%"), id="garbage key"),
        pytest.param(request().replace(b"GET", b"POST"), id="not GET"),
        pytest.param(request(Content_Length="3") + b"abc", id="body"),
        pytest.param(request().replace(b"/media", "/mediä".encode()), id="target not ASCII"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + os.urandom(64), id="TLS"),
        pytest.param(b"\x00" * 100, id="zeros"),
        pytest.param(b"GET / HTTP/1.1\r\nHost x\r\n\r\n", id="broken header"),
    ],
)
async def test_an_illegal_handshake_is_a_400(asked: bytes, caplog: pytest.LogCaptureFixture) -> None:
    app = App()
    async with serving(app) as (server, port):
        async with raw(port, asked) as (reader, _):
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        assert (app.scopes, server.server_state.connections) == ([], set())
    assert "Traceback" not in caplog.text


async def test_frames_before_the_answer_are_a_400() -> None:
    async def then(app: App) -> None:
        await app.receive()
        await app.receive()

    app = App(then)
    async with serving(app) as (_, port), raw(port, request()) as (reader, writer):
        await asyncio.sleep(0.05)
        writer.write(frame(b"early"))
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        assert (await app.until_ended())["code"] == 1006


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        pytest.param(frame(b"\xff\xfe"), 1007, id="text not UTF-8"),
        pytest.param(frame(b"\xc3", 0x01) + frame(b"\x28", 0x80), 1007, id="fragments not UTF-8"),
        pytest.param(frame(b"x", 0xC1), 1002, id="reserved bit"),
        pytest.param(frame(b"x", 0x83), 1002, id="unknown opcode"),
        pytest.param(frame(b"x", masked=False), 1002, id="not masked"),
        pytest.param(frame(b"x", 0x80), 1002, id="continuation of nothing"),
        pytest.param(frame(b"x", 0x01) + frame(b"y"), 1002, id="message within a message"),
        pytest.param(frame(b"x", 0x09), 1002, id="fragmented ping"),
        pytest.param(frame(b"x" * 126, 0x89), 1002, id="long ping"),
        pytest.param(frame(b"\x03", 0x88), 1002, id="half a close code"),
        pytest.param(frame(struct.pack("!H", 1006), 0x88), 1002, id="close code never sent"),
        pytest.param(frame(struct.pack("!H", 5000), 0x88), 1002, id="close code out of range"),
        pytest.param(bytes([0x82, 0xFF]) + (1 << 40).to_bytes(8), 1009, id="a terabyte announced"),
        pytest.param(b"\x82\xff" + (CAP + 1).to_bytes(8) + bytes(CAP + 5), 1009, id="one above the cap"),
        pytest.param(frame(b"", 0x01) + frame(bytes(33000), 0x00) * 2, 1009, id="fragments above the cap"),
        pytest.param(frame(b"", 0x01) + frame(b"", 0x00) * 5000, 1009, id="fragments without end"),
    ],
)  # fmt: skip
async def test_a_violation_ends_with_its_code(
    sent: bytes, code: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    async with serving(app) as (server, port):
        async with raw(port, request()) as (reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(sent)
            answer = await reader.read()
        assert struct.unpack("!H", answer[2:4]) == (code,)
        assert answer[0] == 0x88
        assert (await app.until_ended())["code"] == code
        assert server.server_state.connections == set()
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_what_follows_a_violation_is_forgotten() -> None:
    app = App()
    async with serving(app) as (_, port), raw(port, request()) as (reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(frame(b"x", 0x83))
        with contextlib.suppress(ConnectionError, RuntimeError):  # uvloop's word for a closed transport
            for _ in range(200):
                writer.write(frame(b"late") * 1000)
                await asyncio.sleep(0)
            await reader.read()
        await app.until_ended()
    assert [message["type"] for message in app.got] == ["websocket.connect", "websocket.disconnect"]


# The gateway runs on uvloop. asyncio's own transports do not tell a protocol to pause when picows writes to
# them with ``writelines``, from CPython 3.12 on.
on_uvloop = pytest.mark.parametrize(
    "anyio_backend", [pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop")]
)


@on_uvloop
async def test_a_stalled_peer_stalls_only_its_writer_and_misses_nothing() -> None:
    sent = 0

    async def then(app: App) -> None:
        nonlocal sent
        await app.accept()
        for _ in range(400):
            await app.send({"type": "websocket.send", "bytes": bytes(50_000)})
            sent += 1

    async with serving(App(then)) as (_, port), raw(port, request()) as (reader, _):
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.5)
        held = sent
        await asyncio.sleep(0.2)
        assert held == sent < 400
        total = 400 * 50_004 + 4  # and a close frame
        assert len(await reader.readexactly(total)) == total


@on_uvloop
async def test_a_stalled_writer_is_released_when_its_peer_is_gone() -> None:
    async def then(app: App) -> None:
        await app.accept()
        for _ in range(4000):
            await app.send({"type": "websocket.send", "bytes": bytes(50_000)})

    app = App(then)
    async with serving(app) as (_, port):
        async with raw(port, request()) as (reader, _writer):
            await reader.readuntil(b"\r\n\r\n")
            await asyncio.sleep(0.3)
            assert not app.ended.is_set()
        await app.until_ended()


async def test_what_an_application_does_not_read_waits_outside() -> None:
    go = asyncio.Event()

    async def then(app: App) -> None:
        await app.accept()
        await go.wait()
        await app.send({"type": "websocket.send", "text": "reading"})
        for _ in range(20_000):
            await app.receive()

    app = App(then)
    async with serving(app) as (server, port), client(port) as ws:
        sending = asyncio.ensure_future(_send_many(ws, 20_000))
        await asyncio.sleep(0.5)
        (connection,) = server.server_state.connections
        assert MAX_HELD <= len(connection._inbox) <= 2 * MAX_HELD  # type: ignore[union-attr]
        assert not sending.done()
        go.set()
        await app.until_ended()
        await sending
    texts = [message["text"] for message in app.got if message["type"] == "websocket.receive"]
    assert texts == [f"{number:>200}" for number in range(20_000)]


async def _send_many(ws: ClientConnection, count: int) -> None:
    for number in range(count):
        await ws.send(f"{number:>200}")


async def test_a_flood_of_tiny_messages_in_one_read_is_refused() -> None:
    go = asyncio.Event()

    async def then(app: App) -> None:
        await app.accept()
        await go.wait()
        while (await app.receive())["type"] == "websocket.receive":
            pass

    app = App(then)
    async with serving(app) as (_, port), raw(port, request()) as (reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        # The large message makes the buffer grow, so that thousands of small ones fit one read.
        writer.write(frame(bytes(CAP - 1), 0x82))
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.write(frame(b"") * (FLOOD + 2000))
        answer = await reader.read()
        go.set()
        end = await app.until_ended()
    assert (end["code"], answer[2:4]) == (1008, struct.pack("!H", 1008))
    assert len(app.got) == FLOOD + 2
