"""A small server that plays the application towards the Twilio emulator."""

import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from gateway.emulators.server import LoopbackServer
from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.fixtures import NUMBER

CALLER = "+4989123456"
HUMAN = "+14155550199"
TONE = bytes(range(1, 126)) * 64  # 8000 bytes, one second, none of them silence


@dataclass
class Server:
    """The server's side of a test: TwiML by path, requests and frames as they came."""

    twiml: dict[str, str] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    forms: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bad_signatures: list[str] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)
    talk: Callable[["Socket"], Awaitable[None]] | None = None
    accept: bool = True
    token: str = "emulated-auth-token"
    url: str = ""

    @property
    def media_url(self) -> str:
        return self.url.replace("http", "ws") + "/media"

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                WebSocketRoute("/media", self.media),
                Route("/{path:path}", self.hook, methods=["GET", "POST"]),
            ]
        )

    async def hook(self, request: Request) -> Response:
        form = await request.form()
        params = {key: str(value) for key, value in form.items()}
        url = self.url + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        valid = RequestValidator(self.token).validate(
            url, form, request.headers.get("x-twilio-signature", "")
        )
        if not valid:
            self.bad_signatures.append(url)
        path = request.url.path
        self.forms.append((path, params or dict(request.query_params)))
        if path in self.files:
            return Response(self.files[path], media_type="audio/wav")
        body = (
            self.twiml.get(path, "<Response/>").replace("{media}", self.media_url).replace("{url}", self.url)
        )
        return Response(body, self.status.get(path, 200), media_type="text/xml")

    async def media(self, ws: WebSocket) -> None:
        signature = ws.headers.get("x-twilio-signature", "")
        if not RequestValidator(self.token).validate(self.media_url, {}, signature):
            self.bad_signatures.append(self.media_url)
        if not self.accept:
            await ws.close(1008)
            return
        await ws.accept()
        socket = Socket(ws, self)
        try:
            await socket.until("start")
            if self.talk is not None:
                await self.talk(socket)
            await socket.until("stop")
        except WebSocketDisconnect:
            pass

    def asked(self, path: str) -> list[dict[str, str]]:
        return [params for at, params in self.forms if at == path]


@dataclass
class Socket:
    ws: WebSocket
    server: Server
    sid: str = ""

    async def until(self, event: str) -> dict[str, Any]:
        while True:
            frame: dict[str, Any] = json.loads(await self.ws.receive_text())
            self.server.frames.append(frame)
            self.sid = frame.get("streamSid", self.sid)
            if frame["event"] == event:
                return frame

    async def send(self, event: str, **body: object) -> None:
        await self.ws.send_text(json.dumps({"event": event, "streamSid": self.sid, **body}))

    async def play(self, audio: bytes) -> None:
        await self.send("media", media={"payload": base64.b64encode(audio).decode()})

    async def mark(self, name: str) -> None:
        await self.send("mark", mark={"name": name})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with LoopbackServer(server.app()) as running:
        server.url = running.url
        yield server


CONNECT = '<Response><Connect><Stream url="{media}">{inside}</Stream></Connect>{after}</Response>'


def connecting(inside: str = "", after: str = "") -> str:
    return CONNECT.replace("{inside}", inside).replace("{after}", after)


async def ring(twilio: TwilioEmulator, server: Server, from_: str = CALLER) -> Call:
    return await twilio.call_in(NUMBER, from_, f"{server.url}/voice")


async def ring_stream(twilio: TwilioEmulator, server: Server) -> Call:
    server.twiml["/voice"] = connecting()
    call = await ring(twilio, server)
    await call.stream()
    return call


def outgoing(server: Server) -> dict[str, Any]:
    return {
        "to": HUMAN,
        "from_": NUMBER,
        "url": f"{server.url}/voice",
        "status_callback": f"{server.url}/status",
        "status_callback_event": ["initiated", "ringing", "answered", "completed"],
    }


async def rest(
    twilio: TwilioEmulator, ask: Callable[[Client], Any], user: tuple[str, str] | None = None
) -> Any:
    """Ask through Twilio's own client, which blocks, in a thread."""
    name, password = user or (twilio.account.sid, twilio.account.auth_token)
    client = Client(name, password, account_sid=twilio.account.sid)
    client.api.base_url = twilio.url
    try:
        return await anyio.to_thread.run_sync(ask, client)
    finally:
        session = getattr(client.http_client, "session", None)
        if session is not None:
            session.close()


async def refusal(
    twilio: TwilioEmulator, ask: Callable[[Client], Any], user: tuple[str, str] | None = None
) -> tuple[int, int | None]:
    with pytest.raises(TwilioRestException) as caught:
        await rest(twilio, ask, user)
    return caught.value.status, caught.value.code
