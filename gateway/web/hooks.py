"""Twilio's webhooks: each is checked, read and answered at once."""

from functools import partial
from typing import Final, Protocol

from starlette.requests import Request
from starlette.responses import Response

from gateway import logs
from gateway.calls.documents import CALL_PARAMETER as AFTER_CALL
from gateway.calls.documents import HOPS_PARAMETER, MOST_HOPS, Documents
from gateway.calls.metrics import Metrics
from gateway.calls.plan import Plan
from gateway.calls.registry import Registry, Standing
from gateway.ids import CallSid
from gateway.policy.machine import AnsweredBy
from gateway.services.dial_twilio import CALL_PARAMETER
from gateway.services.plans import Plans
from gateway.store.identifiers import CallId, made_at
from gateway.web.signed import Signed
from gateway.web.waiting import CLOSED, Waiting
from gateway.wire import call_status, queueing, twiml
from gateway.wire.call_status import CallProgress, CallReport, Origin
from gateway.wire.form import Form

_PLACED: Final = "outbound-api"
_ASKED: Final = 2
"""Other processes that are asked to take a call before its caller waits for a place with this one."""
_SECOND_TRIES: Final = 1
"""How often it is tried again to find out how a call goes on, by this process or another."""
_STREAM_ERROR: Final = "stream-error"


class Dialler(Protocol):
    """Who places calls, and wants to know how far they are: ``gateway.services.dialling``."""

    async def progress(self, report: CallReport, call_id: CallId | None = None) -> None:
        """A status callback came. Never raises."""


class Successor(Protocol):
    """Goes on with calls that another process carried: ``gateway.services.succession``."""

    async def take(self, call_id: CallId, progress: CallProgress, origin: Origin) -> str | None:
        """What Twilio is to do with a call; ``None`` if nothing can be known in time. Never raises."""


class Hooks:
    """The endpoints Twilio posts forms to."""

    def __init__(
        self,
        registry: Registry,
        plans: Plans,
        signed: Signed,
        documents: Documents,
        metrics: Metrics,
        waiting: Waiting,
        dialler: Dialler | None = None,
        successor: Successor | None = None,
    ) -> None:
        self._registry = registry
        self._plans = plans
        self._dialler = dialler
        self._signed = signed
        self._documents = documents
        self._successor = successor
        self._metrics = metrics
        self._waiting = waiting
        self._log = logs.get()

    async def voice(self, request: Request) -> Response:
        """A call: answered with a document that opens a media stream."""
        return await self._signed.answer(request, partial(self._voice, _hops(request)))

    async def wait(self, request: Request) -> Response:
        """A caller waits for a place: what is heard meanwhile."""
        return await self._signed.answer(
            request, lambda fields: self._waiting.document(queueing.waiter(fields))
        )

    async def queued(self, request: Request) -> Response:
        """A caller waits no longer."""
        return await self._signed.answer(request, partial(self._queued, _hops(request)))

    async def after(self, request: Request) -> Response:
        """A call whose stream has ended: how it goes on."""
        return await self._signed.answer(
            request, partial(self._after, _call_id(request, AFTER_CALL), _hops(request))
        )

    async def status(self, request: Request) -> Response:
        """How far a call has come."""
        return await self._signed.answer(request, partial(self._status, _call_id(request)))

    async def stream_status(self, request: Request) -> Response:
        """What became of a stream."""
        return await self._signed.answer(request, self._stream_status)

    async def amd(self, request: Request) -> Response:
        """Who answered a call that was placed."""
        return await self._signed.answer(request, partial(self._amd, _call_id(request)))

    async def fallback(self, request: Request) -> Response:
        """A call whose webhook failed."""
        return await self._signed.answer(request, self._fallback)

    def _voice(self, hops: int, fields: Form) -> str:
        progress = call_status.call_progress(fields)
        call_sid, registry = progress.call_sid, self._registry
        match registry.standing(call_sid):
            case Standing.LIVE:  # Twilio repeats a request whose answer it did not get
                return registry.document(call_sid)
            case Standing.FINISHED:
                return twiml.hang_up()
            case Standing.NEW | Standing.MISSED as standing:
                refusal = registry.refusal(call_sid)
        over = progress.status.final or standing is Standing.MISSED
        try:
            plan = self._plans.inbound(progress, call_status.origin(fields))
            if refusal and not over:
                asked_around = hops >= _ASKED and refusal not in CLOSED
                elsewhere = None if asked_around else self._documents.another(hops)
                if elsewhere:
                    return self._pass_on(call_sid, elsewhere)
                waits = self._waiting.offer(call_sid, refusal, self._documents.otherwise(plan))
                if waits:
                    return waits
            if refusal or over:
                return self._turn_away(plan, call_sid, refusal or "over")
            self._waiting.left(call_sid, "admitted")
            return registry.admit(plan, call_sid)
        except Exception:  # noqa: BLE001 - the edge of a call: its caller is to be helped all the same
            self._log.exception("gateway error", call_sid=call_sid)
            return self._documents.fallback()

    def _queued(self, hops: int, fields: Form) -> str:
        waiter = queueing.waiter(fields)
        if not waiter.gone:  # it was called, or has waited too long: as if it called now, but for its place
            return self._voice(hops, fields)
        self._waiting.left(waiter.call_sid, "gave_up")
        plan = self._plans.inbound(call_status.call_progress(fields), call_status.origin(fields))
        return self._turn_away(plan, waiter.call_sid, "gave_up")

    def _pass_on(self, call_sid: CallSid, document: str) -> str:
        self._metrics.refused.labels("passed_on").inc()
        self._log.info("call passed on", call_sid=call_sid)
        return document

    async def _after(self, call_id: CallId | None, hops: int, fields: Form) -> str:
        progress = call_status.call_progress(fields)
        call_sid, registry = progress.call_sid, self._registry
        standing, ended = registry.standing(call_sid), registry.ended(call_sid)
        if progress.status.final or standing is Standing.MISSED:
            return twiml.hang_up()
        if standing is Standing.LIVE and not registry.still:
            return registry.reopen(registry.call_id(call_sid))
        if ended is not None and not ended.handed:
            return ended.answer
        if call_id is None:
            return self._documents.fallback()
        passing = registry.draining or registry.still
        elsewhere = self._documents.onward(call_id, hops) if passing else None
        if elsewhere is not None:
            return self._pass_on(call_sid, elsewhere)
        if self._successor is None or registry.still:
            return self._documents.fallback()
        taken = await self._successor.take(call_id, progress, call_status.origin(fields))
        if taken is None and hops < _SECOND_TRIES:  # a second is nothing beside losing the call
            taken = self._documents.onward(call_id, hops)
        return taken or self._documents.fallback()

    def _turn_away(self, plan: Plan, call_sid: CallSid, reason: str) -> str:
        self._waiting.left(call_sid, "too_long")
        self._metrics.refused.labels(reason).inc()
        self._log.warning("call refused", call_sid=call_sid, reason=reason)
        self._registry.turn_away(plan, call_sid, reason)
        return self._documents.fallback(plan)

    async def _status(self, call_id: CallId | None, fields: Form) -> str:
        report = call_status.call_report(fields)
        progress = report.progress
        self._log.info("call status", call_sid=progress.call_sid, status=progress.status.value)
        if call_id is not None:  # the telephone may ring before Twilio's answer to our request is here
            self._registry.named(call_id, progress.call_sid)
        self._registry.progress(progress.call_sid, progress.status)
        if progress.status.final:
            self._waiting.left(progress.call_sid, "gave_up")
        if self._dialler is not None and (call_id is not None or progress.direction == _PLACED):
            await self._dialler.progress(report, call_id)
        return twiml.empty()

    def _amd(self, call_id: CallId | None, fields: Form) -> str:
        verdict = call_status.verdict(fields)
        if call_id is not None:
            self._registry.named(call_id, verdict.call_sid)
        self._log.info("answered by", call_sid=verdict.call_sid, answered_by=verdict.answered_by.value)
        self._registry.verdict(verdict.call_sid, AnsweredBy(verdict.answered_by.value))
        return twiml.empty()

    def _fallback(self, fields: Form) -> str:
        """Twilio could not get, or not use, our answer to a call."""
        progress = call_status.call_progress(fields)
        error = fields.get("ErrorCode", "")[:10]
        self._log.warning("fallback asked for", call_sid=progress.call_sid, error=error)
        self._metrics.refused.labels("twilio_fallback").inc()
        return self._documents.fallback()

    def _stream_status(self, fields: Form) -> str:
        progress = call_status.stream_progress(fields)
        self._log.info(
            "stream status", call_sid=progress.call_sid, stream_event=progress.event, error=progress.error
        )
        if progress.event == _STREAM_ERROR:
            self._registry.stream_failed(progress.call_sid, progress.error)
        return twiml.empty()


def _call_id(request: Request, parameter: str = CALL_PARAMETER) -> CallId | None:
    """The call that the address of a callback names. The address is signed, so it is one of ours."""
    name = request.query_params.get(parameter, "")
    return CallId(name) if made_at(name) else None


def _hops(request: Request) -> int:
    """How many processes have passed this call on."""
    count = request.query_params.get(HOPS_PARAMETER, "0")
    return min(int(count), MOST_HOPS) if count.isascii() and count.isdigit() and len(count) < 4 else MOST_HOPS
