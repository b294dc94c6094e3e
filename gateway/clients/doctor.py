"""Looks at a gateway from outside, as Twilio would: through its public address, with signed requests."""

from dataclasses import dataclass
from typing import Any, Final

import httpx
from twilio.request_validator import RequestValidator
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus, WebSocketException

from gateway.clients.http import ask
from gateway.errors import VendorError
from gateway.wire.signature import websocket_url

_DEADLINE_S: Final = 5.0
_NOBODY: Final = "CA" + "0" * 32
"""A call that does not exist: a status callback about it changes nothing."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back: an HTTP status, or why none did."""

    status: int | None
    problem: str = ""


class Doctor:
    """Signs requests as Twilio does and sends them to the public address."""

    def __init__(self, http: httpx.AsyncClient, public_url: str, account_sid: str, auth_token: str) -> None:
        self._http = http
        self._base = public_url
        self._account_sid = account_sid
        self._validator = RequestValidator(auth_token)

    async def alive(self) -> Reply:
        """Whether a gateway answers there."""
        return await self._ask("GET", "/healthz")

    async def signed(self) -> Reply:
        """A signed status callback: 200 if it arrives as it was sent."""
        form = {"CallSid": _NOBODY, "AccountSid": self._account_sid, "CallStatus": "ringing", "Blank": ""}
        signature = self._validator.compute_signature(f"{self._base}/twilio/status", form)
        return await self._ask(
            "POST", "/twilio/status", data=form, headers={"X-Twilio-Signature": str(signature)}
        )

    async def unsigned(self) -> Reply:
        """The same without a signature: 403 if the door is shut to others."""
        form = {"CallSid": _NOBODY, "AccountSid": self._account_sid, "CallStatus": "ringing"}
        return await self._ask("POST", "/twilio/status", data=form)

    async def upgrade(self) -> Reply:
        """A signed WebSocket upgrade: 101 if WebSockets get through."""
        url = f"{websocket_url(self._base)}/twilio/media"
        signature = str(self._validator.compute_signature(url, {}))
        try:
            async with connect(
                url,
                additional_headers={"X-Twilio-Signature": signature},
                open_timeout=_DEADLINE_S,
                close_timeout=1.0,
                compression=None,
                proxy=None,
            ):
                return Reply(101)
        except InvalidStatus as error:
            return Reply(error.response.status_code)
        except (InvalidHandshake, WebSocketException, OSError, TimeoutError) as error:
            return Reply(None, type(error).__name__)

    async def _ask(self, method: str, path: str, **request: Any) -> Reply:
        try:
            answer = await ask(
                self._http,
                method,
                f"{self._base}{path}",
                vendor="PUBLIC_URL",
                deadline_s=_DEADLINE_S,
                **request,
            )
        except VendorError as error:
            return Reply(None, str(error))
        return Reply(answer.status)
