"""The WebSocket protocol class inside a real uvicorn, against well-behaved and ill-behaved clients."""

import asyncio
import struct
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn.protocols.utils import ClientDisconnected
from websockets.exceptions import InvalidStatus

from gateway.calls.caller_line import DIRECT
from gateway.web import server as gateway_server
from tests.integration.asgi_peers import CAP, App, client, closed, frame, raw, request, serving

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: they hand over connections in ways of their own."""
    return "asyncio", {"use_uvloop": request.param}


async def test_text_bytes_and_fragments_go_both_ways() -> None:
    async with serving(App()) as (_, port), client(port) as ws:
        for message in ("zwölf", b"\x00\xff", "", b"", "x" * CAP):
            await ws.send(message)
            assert await ws.recv() == message
        await ws.send(["a", "", "bc"])
        assert await ws.recv() == "abc"
        await ws.send([b"a", b"bc"])
        assert await ws.recv() == b"abc"


async def test_an_application_may_listen_instead_of_receiving() -> None:
    heard: list[bytes] = []
    ended = asyncio.get_running_loop().create_future()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        direct = scope["extensions"][DIRECT]

        def hear(message: bytes) -> None:
            heard.append(message)
            direct.write("heard")

        direct.listen(hear, lambda: heard.append(b""), ended.set_result)
        assert direct.write("welcome")
        await ended
        assert not direct.write("too late")

    async with serving(app) as (_, port), client(port) as ws:
        assert await ws.recv() == "welcome"
        said: list[str | bytes | list[str]] = ["text", b"binary", ["in ", "parts"]]
        for message in said:
            await ws.send(message)
            assert await ws.recv() == "heard"
        await ws.close(4001)
        assert await ended == 4001
    assert heard[:5] == [b"", b"text", b"", b"binary", b""], "what was read at once is over: nothing"
    assert heard[-2:] == [b"in parts", b""]


async def test_the_scope_says_what_was_asked() -> None:
    app = App()
    offered: dict[str, Any] = {"additional_headers": {"X-Twilio-Signature": "s="}, "subprotocols": ["a", "b"]}
    async with serving(app, root_path="/gw") as (_, port), client(port, **offered) as ws:
        address = ws.local_address
    (scope,) = app.scopes
    headers = dict(scope.pop("headers"))
    assert headers[b"x-twilio-signature"] == b"s="
    assert scope["extensions"].pop(DIRECT)
    assert scope == {
        "type": "websocket",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "scheme": "ws",
        "server": ("127.0.0.1", port),
        "client": address[:2],
        "root_path": "/gw",
        "path": "/gw/media",
        "raw_path": b"/gw/media",
        "query_string": b"a=b%20c",
        "subprotocols": ["a", "b"],
        "state": {},
        "extensions": {"websocket.http.response": {}},
    }


async def test_a_trusted_proxy_says_who_asked() -> None:
    app = App()
    said = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "203.0.113.7"}
    async with serving(app, proxy_headers=True) as (_, port), client(port, additional_headers=said):
        pass
    assert (app.scopes[0]["scheme"], app.scopes[0]["client"]) == ("wss", ("203.0.113.7", 0))


async def test_headers_and_subprotocol_of_the_answer_are_the_applications() -> None:
    async def then(app: App) -> None:
        await app.accept(subprotocol="b", headers=[(b"x-call", b"1"), (b"x-call", b"2")])
        await app.receive()

    async with serving(App(then)) as (_, port), client(port, subprotocols=["a", "b"]) as ws:
        assert ws.subprotocol == "b"
        assert ws.response is not None
        assert ws.response.headers.get_all("x-call") == ["1", "2"]
        assert ws.protocol.extensions == []  # compression was offered


async def test_a_close_before_accept_is_a_403() -> None:
    async def then(app: App) -> None:
        await app.receive()
        await app.send({"type": "websocket.close"})
        await app.receive()

    app = App(then)
    async with serving(app) as (server, port):
        with pytest.raises(InvalidStatus) as caught:
            await client(port)
        assert caught.value.response.status_code == 403
        assert (await app.until_ended())["code"] == 1006
        await asyncio.sleep(0.05)
        assert server.server_state.connections == set()


async def test_a_refusal_has_status_headers_and_body_of_the_applications() -> None:
    async def then(app: App) -> None:
        await app.receive()
        start = {"type": "websocket.http.response.start", "status": 429, "headers": [(b"retry-after", b"7")]}
        await app.send(start)
        await app.send({"type": "websocket.http.response.body", "body": b"too ", "more_body": True})
        await app.send({"type": "websocket.http.response.body", "body": b"many"})

    async with serving(App(then)) as (_, port):
        with pytest.raises(InvalidStatus) as caught:
            await client(port)
    response = caught.value.response
    assert (response.status_code, response.body, response.headers["retry-after"]) == (429, b"too many", "7")


@pytest.mark.parametrize("accepted", [False, True])
async def test_an_application_that_raises(accepted: bool, caplog: pytest.LogCaptureFixture) -> None:
    async def then(app: App) -> None:
        if accepted:
            await app.accept()
        raise LookupError("a bug")

    async with serving(App(then)) as (_, port):
        if accepted:
            async with client(port) as ws:
                assert await closed(ws) == (1011, "")
        else:
            with pytest.raises(InvalidStatus, match="500"):
                await client(port)
    assert "LookupError: a bug" in caplog.text


async def test_an_application_that_returns_says_goodbye() -> None:
    async with serving(App(App.accept)) as (_, port), client(port) as ws:
        assert await closed(ws) == (1000, "")


async def test_the_application_closes_with_code_and_reason() -> None:
    async def then(app: App) -> None:
        await app.accept()
        await app.send({"type": "websocket.close", "code": 4001, "reason": "no ticket"})
        await app.receive()
        with pytest.raises(ClientDisconnected):
            await app.send({"type": "websocket.send", "text": "late"})

    app = App(then)
    async with serving(app) as (_, port), client(port) as ws:
        assert await closed(ws) == (4001, "no ticket")
        assert await app.until_ended() == {
            "type": "websocket.disconnect",
            "code": 4001,
            "reason": "no ticket",
        }


async def test_pings_are_answered_and_pongs_ignored() -> None:
    async with serving(App()) as (_, port), client(port) as ws:
        async with asyncio.timeout(2):
            await (await ws.ping(b"hello"))
        await ws.pong(b"unasked")
        await ws.send("still there")
        assert await ws.recv() == "still there"


async def test_a_silent_peer_is_asked_whether_it_lives() -> None:
    app = App()
    async with serving(app, ws_ping_interval=0.1, ws_ping_timeout=0.1) as (_, port):
        async with client(port):
            await asyncio.sleep(0.5)
            assert not app.ended.is_set()
        app.ended.clear()
        async with raw(port, request()) as (reader, _writer):
            await reader.readuntil(b"\r\n\r\n")
            assert (await app.until_ended())["code"] == 1006


@pytest.mark.parametrize(("sent", "told"), [(4005, 4005), (1000, 1000), (None, 1005)])
async def test_the_peers_goodbye_is_told_and_answered(sent: int | None, told: int) -> None:
    app = App()
    payload = b"" if sent is None else struct.pack("!H", sent) + "tschüß".encode()
    async with serving(app) as (server, port):
        async with raw(port, request()) as (reader, writer):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(frame(payload, 0x88))
            answer = await reader.read()
        reason = "" if sent is None else "tschüß"
        assert answer == b"\x88\x02" + struct.pack("!H", sent or 1000)
        assert await app.until_ended() == {"type": "websocket.disconnect", "code": told, "reason": reason}
        assert server.server_state.connections == set()


async def test_a_peer_gone_without_a_word_is_a_1006() -> None:
    app = App()
    async with serving(app) as (server, port):
        async with client(port) as ws:
            ws.transport.abort()
            assert (await app.until_ended())["code"] == 1006
        assert server.server_state.connections == set()


async def test_a_peer_gone_before_the_answer_is_a_1006() -> None:
    async def then(app: App) -> None:
        await app.receive()
        await app.receive()
        await app.send({"type": "websocket.accept"})

    app = App(then)
    async with serving(app) as (server, port):
        async with raw(port, request()):
            await asyncio.sleep(0.05)
        assert (await app.until_ended())["code"] == 1006
        assert server.server_state.connections == set()


async def test_the_end_is_told_as_often_as_it_is_asked_for() -> None:
    async def then(app: App) -> None:
        await app.accept()
        assert await app.receive() == await app.receive()

    app = App(then)
    async with serving(app) as (_, port):
        async with client(port):
            pass
        assert (await app.until_ended())["code"] == 1000


async def test_messages_out_of_order_are_the_applications_bug() -> None:
    async def then(app: App) -> None:
        for kind in ("websocket.send", "websocket.http.response.body"):
            with pytest.raises(RuntimeError, match="out of order"):
                await app.send({"type": kind, "text": "x"})
        await app.echo()

    async with serving(App(then)) as (_, port), client(port) as ws:
        await ws.send("fine")
        assert await ws.recv() == "fine"


async def test_a_stopping_server_closes_with_1012_and_answers_the_unanswered_with_503() -> None:
    async def then(app: App) -> None:
        if len(app.scopes) == 1:
            await app.echo()
        else:
            await app.receive()
            await app.receive()

    app = App(then)
    async with serving(app) as (server, port), client(port) as ws, raw(port, request()) as (reader, _):
        await asyncio.sleep(0.05)
        server.should_exit = True
        assert await closed(ws) == (1012, "")
        assert (await reader.read()).startswith(b"HTTP/1.1 503 ")


async def test_a_connection_may_ask_for_a_page_first() -> None:
    async def page(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await App()(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    asked = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    async with (
        serving(page, http=gateway_server.BoundedHttp) as (_, port),
        raw(port, asked) as (reader, writer),
    ):
        assert (await reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        writer.write(request())
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
        writer.write(frame(b"hi"))
        assert await reader.readexactly(4) == b"\x81\x02hi"
