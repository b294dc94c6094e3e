"""The lock on Twilio's webhooks: a form, signed, of our account, or the same refusal whatever is wrong."""

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from gateway import logs
from gateway.calls.metrics import Metrics
from gateway.errors import WireError
from gateway.ids import AccountSid
from gateway.web.strangers import known, party
from gateway.wire import form
from gateway.wire.form import Form
from gateway.wire.hidden import hides
from gateway.wire.signature import SignatureCheck

_SIGNATURE: Final = "X-Twilio-Signature"
_FORM: Final = "application/x-www-form-urlencoded"


class Signed:
    """Reads and checks what Twilio posts."""

    def __init__(self, check: SignatureCheck, account_sid: AccountSid, metrics: Metrics) -> None:
        self._check = check
        self._account_sid = account_sid
        self._metrics = metrics
        self._log = logs.get()

    async def answer(self, request: Request, act: Callable[[Form], str | Awaitable[str]]) -> Response:
        """Read and check the form, act on it, answer with TwiML."""
        door = request.scope["path"]  # not ``request.url``, into which the Host header goes
        source = party(request.client.host if request.client else "")
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _FORM:
            return self._refuse(door, source, "content_type", 415)
        try:
            fields = form.parse(await _body(request))
        except ClientDisconnect:
            return self._refuse(door, source, "disconnected", 400)
        except WireError:
            return self._refuse(door, source, "form", 400)
        signature = request.headers.get(_SIGNATURE, "")
        query = request.scope["query_string"].decode("latin-1")
        if not self._check.webhook(door, query, fields, signature):
            return self._refuse(door, source, "signature", 403)
        if hides(fields):
            return self._refuse(door, source, "hidden_field", 403)
        if fields.get("AccountSid") != self._account_sid:
            return self._refuse(door, source, "account", 403)
        known(request.scope.get("state"))
        try:
            text = act(fields)
            return Response(text if isinstance(text, str) else await text, media_type="text/xml")
        except WireError:
            return self._refuse(door, source, "form", 400)

    def _refuse(self, door: str, source: str, reason: str, status: int) -> Response:
        """The same words for every reason: who knocks learns nothing. What is unread stays so."""
        self._metrics.doors.labels(door, reason).inc()
        self._log.warning("request refused", door=door, reason=reason, source=source)
        return PlainTextResponse("refused\n", status, {"Connection": "close"})


async def _body(request: Request) -> bytes:
    """The body, up to the bound.

    Raises:
        WireError: it is larger.
    """
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > form.LARGEST_BODY:
            raise WireError("the form is too large")
    return bytes(body)
