"""Twilio's side of a call done by hand: what the emulator, which keeps to the rules, would never do."""

import asyncio
import base64
import json
import secrets
import xml.etree.ElementTree as ET
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Self
from urllib.parse import urlencode

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN
from gateway.emulators.twilio.signature import HEADER, sign
from tests.integration.gateway_rig import CALLER, NUMBER, Rig

FORM = "application/x-www-form-urlencoded"
SILENCE = b"\xff" * 160


def new_call_sid() -> str:
    """The name of a call nobody knows."""
    return f"CA{secrets.token_hex(16)}"


def call_form(call_sid: str, **more: str) -> dict[str, str]:
    """The form of a voice webhook."""
    return {
        "AccountSid": ACCOUNT_SID,
        "ApiVersion": "2010-04-01",
        "CallSid": call_sid,
        "CallStatus": "ringing",
        "Direction": "inbound",
        "From": CALLER,
        "To": NUMBER,
        "CallerName": "",
    } | more


class Hand:
    """Posts webhooks and opens sockets at a gateway's doors."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self.url = url
        self.http = http

    @classmethod
    @asynccontextmanager
    async def at(cls, rig: Rig) -> AsyncIterator[Self]:
        """A hand at a rig's gateway."""
        async with httpx.AsyncClient(trust_env=False, timeout=10) as http:
            yield cls(rig.url, http)

    async def post(
        self,
        path: str,
        form: dict[str, str],
        *,
        signature: str | bytes | None = None,
        body: bytes | None = None,
        content_type: str = FORM,
    ) -> httpx.Response:
        """POST a form, signed rightly unless told otherwise."""
        right = sign(AUTH_TOKEN, f"{self.url}{path}", form)
        chosen = right if signature is None else signature
        shown = chosen if isinstance(chosen, bytes) else chosen.encode()
        headers = {b"content-type": content_type.encode(), HEADER.encode(): shown}
        content = urlencode(form).encode() if body is None else body
        return await self.http.post(f"{self.url}{path}", content=content, headers=headers)

    async def voice(self, call_sid: str) -> str:
        """Announce a call; return its ticket."""
        answer = await self.post("/twilio/voice", call_form(call_sid))
        assert answer.status_code == 200, answer.text
        return ticket_of(answer.text)

    @asynccontextmanager
    async def socket(self, *, signature: str | None = None, **more: Any) -> AsyncIterator[ClientConnection]:
        """A media socket, signed rightly unless told otherwise; nothing has been said on it."""
        url = f"ws{self.url.removeprefix('http')}/twilio/media"
        right = sign(AUTH_TOKEN, url)
        headers = {HEADER: right if signature is None else signature}
        options = {"compression": None, "ping_interval": None, "close_timeout": 1, "proxy": None} | more
        async with connect(url, additional_headers=headers, **options) as socket:
            yield socket

    @asynccontextmanager
    async def stream(self, call_sid: str, ticket: str, **more: Any) -> AsyncIterator[ClientConnection]:
        """A media socket that has said ``start``."""
        async with self.socket(**more) as socket:
            for text in opening(call_sid, ticket):
                await socket.send(text)
            yield socket


def ticket_of(document: str) -> str:
    """The ticket in a voice webhook's answer."""
    parameter = ET.fromstring(document).find("./Connect/Stream/Parameter")
    assert parameter is not None, document
    return parameter.attrib["value"]


def stream_sid(call_sid: str) -> str:
    """The name of the stream of a call."""
    return "MZ" + call_sid[2:]


def opening(call_sid: str, ticket: str | None) -> list[str]:
    """``connected`` and ``start``."""
    parameters = {} if ticket is None else {"ticket": ticket}
    body = {
        "accountSid": ACCOUNT_SID,
        "streamSid": stream_sid(call_sid),
        "callSid": call_sid,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": parameters,
    }
    start = {"event": "start", "sequenceNumber": "1", "streamSid": stream_sid(call_sid), "start": body}
    return [json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}), json.dumps(start)]


def media(call_sid: str, number: int, payload: bytes = SILENCE) -> str:
    """A frame of caller audio; numbers begin with 1."""
    body = {
        "track": "inbound",
        "chunk": str(number),
        "timestamp": str(20 * number),
        "payload": base64.b64encode(payload).decode(),
    }
    return json.dumps(
        {
            "event": "media",
            "sequenceNumber": str(number + 1),
            "streamSid": stream_sid(call_sid),
            "media": body,
        }
    )


def stop(call_sid: str) -> str:
    """The stream's last message."""
    return json.dumps({"event": "stop", "streamSid": stream_sid(call_sid), "stop": {"callSid": call_sid}})


async def closed(socket: ClientConnection, seconds: float = 5.0) -> int | None:
    """Read a socket to its end; return the close code."""
    async with asyncio.timeout(seconds):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed:
            return socket.close_code


async def first_media_s(socket: ClientConnection, seconds: float = 5.0) -> float:
    """How long until the first agent audio comes."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with asyncio.timeout(seconds):
        while json.loads(await socket.recv())["event"] != "media":
            pass
    return loop.time() - began
