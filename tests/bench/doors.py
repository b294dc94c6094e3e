"""The doors of the load: the agents' server, and the ways to a caller's media socket."""

import asyncio
import base64
import hashlib
import hmac
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Callable

import httpx
from picows import WSListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # absent from the stub, used by picows.api

from gateway.clients.frames import MUTE
from tests.bench.generator import Door


class AgentDoor(asyncio.Protocol):
    """Vatel's address: ``POST /v1/session-token`` and the socket ``/v1/connection``, on one port."""

    def __init__(self, factory: Callable[[], WSListener]) -> None:
        self._factory = factory
        self._request = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "set_protocol")
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._request += data
        head, end, body = self._request.partition(b"\r\n\r\n")
        if not end:
            return
        if head.startswith(b"GET "):
            self._upgrade()
            return
        fields = dict(line.lower().split(b":", 1) for line in head.split(b"\r\n")[1:])
        if len(body) >= int(fields.get(b"content-length", b"0")):
            self._request = b""
            answer = b'{"token":"token-of-the-load"}'
            head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
            self._transport.write(head % len(answer) + answer)  # type: ignore[attr-defined]

    def _upgrade(self) -> None:
        wire = WSProtocol(
            None, None, False, lambda _request: self._factory(), MUTE, True,
            5.0, False, 10, 10, 1, True, 1 << 20, None, 8192,
        )  # fmt: skip
        self._transport.pause_reading()  # type: ignore[attr-defined]
        self._transport.set_protocol(wire)
        wire.connection_made(self._transport)
        wire.get_buffer(-1)[: len(self._request)] = self._request
        wire.buffer_updated(len(self._request))
        self._transport.resume_reading()  # type: ignore[attr-defined]


class RelayDoors:
    """A relay has one address and asks for nothing."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def __call__(self, number: int) -> Door:
        return Door(self._url, f"CA{number:032x}")


class GatewayDoors:
    """The gateway wants to be asked as Twilio asks: a signed webhook, whose TwiML names socket and ticket."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, public_url: str, auth_token: str) -> None:
        self._http = http
        self._base_url = base_url
        self._public_url = public_url
        self._auth_token = auth_token

    async def __call__(self, number: int) -> Door:
        call_sid = f"CA{number:032x}"
        form = {
            "AccountSid": f"AC{1:032x}",
            "CallSid": call_sid,
            "CallStatus": "ringing",
            "Direction": "inbound",
            "From": f"+1555{number:07d}",
            "To": "+15550001111",
        }
        signature = sign(self._public_url + "/twilio/voice", form, self._auth_token)
        answer = await self._http.post(
            self._base_url + "/twilio/voice", data=form, headers={"X-Twilio-Signature": signature}
        )
        answer.raise_for_status()
        stream = ET.fromstring(answer.text).find(".//Stream")  # our own gateway's answer
        assert stream is not None, answer.text
        parameters = {tag.attrib["name"]: tag.attrib["value"] for tag in stream.iter("Parameter")}
        path = urllib.parse.urlsplit(stream.attrib["url"]).path
        return Door("ws" + self._base_url.removeprefix("http") + path, call_sid, parameters)


def sign(url: str, form: dict[str, str], auth_token: str) -> str:
    """Sign a webhook as Twilio does: https://www.twilio.com/docs/usage/security#validating-requests."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1).digest()).decode()
