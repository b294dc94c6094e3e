"""The doors of a load: the agents' server, and Twilio's way to a media socket."""

import asyncio
import logging
import urllib.parse
import xml.etree.ElementTree as ET
from collections.abc import Callable
from typing import Any, Final

import httpx
from picows import WSListener
from picows.picows import WSProtocol  # type: ignore[attr-defined]  # absent from the stub, used by picows.api

from gateway.emulators.load.legs import Door
from gateway.emulators.twilio.signature import HEADER, sign

ACCOUNT_SID: Final = f"AC{1:032x}"
_ANSWER: Final = b'{"token":"token-of-the-load"}'
_HEAD: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
_LOG: Final = logging.getLogger(__name__)
_LARGEST_MESSAGE: Final = 1 << 20


class AgentDoor(asyncio.Protocol):
    """Vatel's address: ``POST /v1/session-token`` and the socket ``/v1/connection``, on one port."""

    def __init__(self, factory: Callable[[], WSListener]) -> None:
        self._factory = factory
        self._request = b""
        self._transport: Any = None  # uvloop's is none of asyncio's classes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a connection."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Take a part of a request."""
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
            self._transport.write(_HEAD % len(_ANSWER) + _ANSWER)

    def _upgrade(self) -> None:
        wire = WSProtocol(
            None, None, False, lambda _request: self._factory(), _LOG, True,
            5.0, False, 10, 10, 1, True, _LARGEST_MESSAGE, None, 8192,
        )  # fmt: skip
        # uvloop chooses how to read when reading starts.
        self._transport.pause_reading()
        self._transport.set_protocol(wire)
        wire.connection_made(self._transport)
        wire.get_buffer(-1)[: len(self._request)] = self._request
        wire.buffer_updated(len(self._request))
        self._transport.resume_reading()


class GatewayDoors:
    """The gateway wants to be asked as Twilio asks: a signed webhook, whose TwiML names socket and ticket."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, auth_token: str) -> None:
        self._http = http
        self._base_url = base_url
        self._auth_token = auth_token

    async def __call__(self, number: int) -> Door:
        """Have the gateway answer a call."""
        call_sid = f"CA{number:032x}"
        form = {
            "AccountSid": ACCOUNT_SID,
            "CallSid": call_sid,
            "CallStatus": "ringing",
            "Direction": "inbound",
            "From": f"+1555{number:07d}",
            "To": "+15550001111",
        }
        url = f"{self._base_url}/twilio/voice"
        headers = {HEADER: sign(self._auth_token, url, form)}
        answer = await self._http.post(url, data=form, headers=headers)
        answer.raise_for_status()
        stream = ET.fromstring(answer.text).find(".//Stream")  # noqa: S314 - our own gateway's answer
        if stream is None:
            raise httpx.HTTPError(f"the gateway did not connect a call: {answer.text}")
        parameters = {tag.attrib["name"]: tag.attrib["value"] for tag in stream.iter("Parameter")}
        signature = sign(self._auth_token, stream.attrib["url"])
        path = urllib.parse.urlsplit(stream.attrib["url"]).path
        return Door(
            f"ws{self._base_url.removeprefix('http')}{path}", call_sid, parameters, {HEADER: signature}
        )
