"""Carries the requests of Twilio's library over httpx: its own transport ignores timeouts."""

import asyncio
import logging
from typing import Any, Final

import httpx
import msgspec
from twilio.http import AsyncHttpClient
from twilio.http.response import Response

from gateway.clients.http import Answer, ask
from gateway.clients.twilio.gate import Gate, Urgency
from gateway.clients.twilio.refusals import refusal
from gateway.errors import VendorUnusable

_LARGEST_ANSWER: Final = 1024 * 1024
_THROTTLED: Final = 429
_CALL: Final = "CA"


class _Problem(msgspec.Struct):
    code: int | None = None
    message: str = ""


class Transport(AsyncHttpClient):  # type: ignore[misc]  # the library has no types
    """Sends what the library asks for, to ``base_url`` and nowhere else, each within ``deadline_s`` s."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, deadline_s: float, gate: Gate) -> None:
        super().__init__(logging.getLogger("twilio"), True, deadline_s)
        self._http = http
        self._gate = gate
        self._base = f"{base_url}/"
        self._deadline_s = deadline_s

    async def request(
        self,
        method: str,
        uri: str,
        params: dict[str, object] | None = None,
        data: dict[str, object] | None = None,
        headers: dict[str, str] | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the library's signature
        allow_redirects: bool = False,
    ) -> Response:
        """Send one request; a list in ``data`` becomes a repeated field.

        Raises:
            VendorError: it was not answered, or the answer is to slow down.
        """
        if not uri.startswith(self._base):
            # A list names its next page's address, and the request for it carries the credentials.
            raise VendorUnusable("Twilio's answer leads to another host")
        request: dict[str, Any] = {"params": params, "data": data, "headers": headers, "auth": auth}
        answer = await self._answer(method, uri, timeout or self._deadline_s, request)
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)

    async def _answer(self, method: str, uri: str, deadline_s: float, request: dict[str, Any]) -> Answer:
        """Ask when it is our turn; for a live call, once more after Twilio asked to slow down."""
        now, urgency = asyncio.get_running_loop().time, _urgency(method, uri)
        end = now() + deadline_s
        while True:
            async with self._gate.passing(urgency, (end - now()) / 2):
                answer = await ask(
                    self._http,
                    method,
                    uri,
                    vendor="Twilio",
                    deadline_s=end - now(),
                    largest_body=_LARGEST_ANSWER,
                    **request,
                )
            if answer.status != _THROTTLED:
                self._gate.answered()
                return answer
            pause_s = self._gate.throttled(urgency, answer.retry_after_s)
            if urgency is not Urgency.LIVE or pause_s > (end - now()) / 2:
                raise _throttled(answer)
            await asyncio.sleep(pause_s)


def _urgency(method: str, uri: str) -> Urgency:
    """What is changed of a call, or of a caller in a queue, is urgent: somebody is on the line."""
    changed = uri.partition("?")[0].rpartition("/")[2].startswith(_CALL)
    return Urgency.LIVE if method == "POST" and changed else Urgency.OTHER


def _throttled(answer: Answer) -> Exception:
    """The error for a 429: the library's own loses how long to wait."""
    try:
        problem = msgspec.json.decode(answer.body, type=_Problem)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        problem = _Problem()
    wait_s = answer.retry_after_s
    return refusal(answer.status, problem.code, problem.message or "slow down", retry_after_s=wait_s)
