"""Twilio's webhooks about a person a caller is transferred to: what they hear, whether they take the call."""

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from gateway import logs
from gateway.bridge.events import TransferOver
from gateway.calls.documents import Documents
from gateway.calls.metrics import Metrics
from gateway.calls.registry import Registry
from gateway.store.records import Json
from gateway.web.signed import Signed
from gateway.wire import call_status, twiml
from gateway.wire.form import Form

_ACCEPTS: Final = "1"


class Transfers:
    """The endpoints ``/twilio/transfer`` and those below it."""

    def __init__(
        self,
        registry: Registry,
        signed: Signed,
        documents: Documents,
        metrics: Metrics,
        *,
        whisper: str,
        accept_url: str,
    ) -> None:
        self._registry = registry
        self._signed = signed
        self._documents = documents
        self._metrics = metrics
        self._whisper = whisper
        self._accept_url = accept_url
        self._log = logs.get()

    async def over(self, request: Request) -> Response:
        """The person's leg is over: the caller comes back to the agent, unless the two have spoken."""
        return await self._signed.answer(request, self._over)

    async def answered(self, request: Request) -> Response:
        """The person has picked up."""
        return await self._signed.answer(request, self._answered)

    async def whisper(self, request: Request) -> Response:
        """What the person is told before they are connected."""
        return await self._signed.answer(request, self._whispered)

    async def accepted(self, request: Request) -> Response:
        """The person has pressed a key."""
        return await self._signed.answer(request, self._accepted)

    def _over(self, fields: Form) -> str:
        result = call_status.dial_result(fields)
        self._metrics.transfers.labels(result.status).inc()
        self._log.info(
            "transfer over", call_sid=result.call_sid, status=result.status, duration_s=result.duration_s
        )
        data: Json = {"status": result.status, "duration_s": result.duration_s, "connected": result.connected}
        self._registry.note(result.call_sid, "transfer_over", data)
        if result.connected:
            self._registry.transferred(result.call_sid, TransferOver(result.status, connected=True))
            return twiml.hang_up()
        outcome = result.status if result.status not in ("completed", "answered") else "declined"
        back = self._registry.transferred(result.call_sid, TransferOver(outcome, connected=False))
        return back or self._documents.sorry()

    def _answered(self, fields: Form) -> str:
        leg = call_status.dialled_leg(fields)
        if not self._whisper:  # with one, they are to press a key first
            self._registry.transferred(leg.parent_sid, TransferOver("answered", connected=True))
        return twiml.empty()

    def _whispered(self, fields: Form) -> str:
        call_status.dialled_leg(fields)
        return twiml.whisper(self._whisper, self._accept_url)

    def _accepted(self, fields: Form) -> str:
        leg = call_status.dialled_leg(fields)
        if fields.get("Digits") != _ACCEPTS:
            return twiml.hang_up()
        self._registry.transferred(leg.parent_sid, TransferOver("answered", connected=True))
        return twiml.empty()
