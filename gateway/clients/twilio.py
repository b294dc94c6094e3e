"""Twilio's REST API: its own library, over an HTTP client whose timeouts hold."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http import AsyncHttpClient
from twilio.http.response import Response
from twilio.rest import Client

from gateway.clients.http import ask
from gateway.errors import VendorError, VendorRejected, VendorUnusable
from gateway.ids import AccountSid, CallSid

NOT_IN_PROGRESS: Final = 21220
NOT_FOUND: Final = 20404
_ODD: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What the library raises over an answer that is JSON of another form, or none."""
_LARGEST_STATUS: Final = 599
"""The library gives the HTTP status as the code of an answer that has none."""

_CREDENTIALS: Final = "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and its secret)."
_REMEDIES: Final = {
    401: _CREDENTIALS,
    20003: _CREDENTIALS,
    20404: "Twilio knows no such call or number in this account.",
    20429: "Too many requests at once: they may be repeated after a pause.",
}


class _Transport(AsyncHttpClient):  # type: ignore[misc]  # the library has no types
    """Carries the library's requests over httpx: its own transport ignores timeouts."""

    def __init__(self, http: httpx.AsyncClient, deadline_s: float) -> None:
        super().__init__(logging.getLogger("twilio"), True, deadline_s)
        self._http = http
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
        """Send one request; a list in ``data`` becomes a repeated field."""
        request: dict[str, Any] = {"params": params, "data": data, "headers": headers, "auth": auth}
        answer = await ask(
            self._http,
            method,
            uri,
            vendor="Twilio",
            deadline_s=timeout or self._deadline_s,
            largest_body=1024 * 1024,
            **request,
        )
        return Response(answer.status, answer.body.decode("utf-8", "replace"), answer.headers)


class Twilio:
    """Asks Twilio. Every call has a deadline and raises a ``VendorError``."""

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        account_sid: AccountSid,
        login: tuple[str, str],
        *,
        deadline_s: float = 3.0,
    ) -> None:
        user, password = login
        self._client = Client(user, password, account_sid, http_client=_Transport(http, deadline_s))
        # The library would read these from the environment and send requests elsewhere.
        self._client.region = self._client.edge = None
        self._client.api.base_url = base_url.rstrip("/")
        self._account_sid = account_sid

    async def hang_up(self, call_sid: CallSid) -> None:
        """End a call; one that has ended already is fine.

        Raises:
            VendorError: Twilio could not be told.
        """
        try:
            await self._update(call_sid, status="completed")
        except VendorError as error:
            if error.code not in (NOT_IN_PROGRESS, NOT_FOUND):
                raise

    async def redirect(self, call_sid: CallSid, twiml: str) -> None:
        """Have a live call go on with another document.

        Raises:
            VendorError: Twilio refused, or could not be told.
        """
        await self._update(call_sid, twiml=twiml)

    async def account_status(self) -> str:
        """The status of the account: ``active``, ``suspended`` or ``closed``."""
        with _translating():
            account = await self._client.api.v2010.accounts(self._account_sid).fetch_async()
            return str(account.status)

    async def voice_url(self, number: str) -> str | None:
        """The voice webhook of one of the account's numbers; ``None`` if it has no such number."""
        with _translating():
            found = await self._client.incoming_phone_numbers.list_async(phone_number=number, limit=1)
        if not found:
            return None
        # A trunk or an application takes the number's calls, whatever its voice webhook says.
        return str(found[0].trunk_sid or found[0].voice_application_sid or found[0].voice_url or "")

    async def _update(self, call_sid: CallSid, **change: str) -> None:
        with _translating():
            await self._client.calls(call_sid).update_async(**change)


@contextmanager
def _translating() -> Iterator[None]:
    """Say in our terms what Twilio's library raises: its own errors, or any other over an odd answer.

    Raises:
        VendorError: the request failed.
    """
    try:
        yield
    except TwilioRestException as error:
        raise _refusal(error.status, error.code, str(error.msg)) from None
    except TwilioServiceException as error:
        raise _refusal(error.status, error.code, str(error.detail or error.title)) from None
    except (TwilioException, *_ODD) as error:
        raise VendorUnusable(f"Twilio's answer can't be used: {type(error).__name__}") from None


def _refusal(status: object, code: object, message: str) -> VendorError:
    """The error for an answer that is none of success; its parts are as the answer had them."""
    status = status if isinstance(status, int) else 500
    code = code if isinstance(code, int) else status
    kind = VendorRejected if 400 <= status < 500 and status != 429 else VendorUnusable
    page = f"See https://www.twilio.com/docs/api/errors/{code}" if code > _LARGEST_STATUS else None
    return kind(
        f"Twilio answered {status}, code {code}: {message[:200]}",
        remedy=_REMEDIES.get(code, page),
        status=status,
        code=code,
    )
