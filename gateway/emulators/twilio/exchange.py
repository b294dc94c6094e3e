"""Brings calls about and sees them through: inbound, outbound, redirected, ended."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from gateway.emulators.twilio.call import Call, Interrupted
from gateway.emulators.twilio.call_terms import End, Order, Parties, Source, Subscription
from gateway.emulators.twilio.machine import speaking
from gateway.emulators.twilio.outbox import Outbox, Post
from gateway.emulators.twilio.people import STATUS_OF, Callee, Outcome
from gateway.emulators.twilio.records import CallStatus, EndedBy
from gateway.emulators.twilio.services import Services
from gateway.emulators.twilio.twiml_run import Run
from gateway.errors import GatewayError

MAX_LIVE = 2000

log = logging.getLogger(__name__)


class ExchangeBusy(GatewayError):
    """The emulator conducts as many calls as it can."""

    remedy = "Wait until calls are over, or run another emulator."


@dataclass(frozen=True, slots=True)
class Detection:
    """Answering machine detection of an outbound call: holding the call, or beside it."""

    asynchronous: bool = False
    callback_url: str = ""
    callback_method: str = "POST"
    message_end: bool = False
    timeout_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked of an outbound call besides its TwiML. Times are emulated seconds.

    Attributes:
        subscription: Where its progress is reported.
        fallback: What is asked for TwiML when the first address fails.
        timeout_s: How long it may ring.
        time_limit_s: How long it may last.
        detection: Answering machine detection; None for none.
        send_digits: Keys the emulator is to press for the caller; written down.
        record: Whether the call is recorded.

    """

    subscription: Subscription = field(default_factory=Subscription)
    fallback: Source | None = None
    timeout_s: float = 60.0
    time_limit_s: float = 14_400.0
    detection: Detection | None = None
    send_digits: str = ""
    record: bool = False


Conducting = Callable[[Outbox], Awaitable[End]]


class Exchange:
    """Sees calls through, each in its own task.

    Args:
        services: What the emulator shares.
        tasks: Where calls run.

    """

    def __init__(self, services: Services, tasks: asyncio.TaskGroup) -> None:
        self._services = services
        self._tasks = tasks
        self._live: set[Call] = set()
        self._running: set[asyncio.Task[None]] = set()
        self._next_slot = 0.0

    def inbound(self, parties: Parties, source: Source | None, setup: Callable[[Call], None]) -> Call:
        """Let a call to one of the account's numbers ring, and fetch its TwiML; without any it fails."""
        self._admit()
        call = self._services.new_call(parties, CallStatus.RINGING)
        setup(call)
        call.tell("ringing", f"{call.from_} calls {call.to}")
        self._begin(call, lambda outbox: self._conduct(call, outbox, source))
        return call

    def outbound(self, parties: Parties, source: Source, plan: Plan) -> Call:
        """Queue an outbound call.

        Raises:
            ExchangeBusy: Too many calls are live.

        """
        self._admit()
        call = self._services.new_call(parties, CallStatus.QUEUED)
        call.subscription = plan.subscription
        call.fallback = plan.fallback
        call.time_limit_s = plan.time_limit_s
        call.send_digits = plan.send_digits
        call.tell("queued", f"{call.from_} calls {call.to}")
        self._begin(call, lambda outbox: self._place(call, outbox, source, plan))
        return call

    async def end(self, patience_s: float) -> None:
        """End every call because the emulator stops; what is not over in time is dropped."""
        for call in self._live:
            call.interrupt(End(EndedBy.EMULATOR))
        if not self._running:
            return
        _, late = await asyncio.wait(self._running, timeout=patience_s)
        for task in late:
            task.cancel()

    def _admit(self) -> None:
        if len(self._live) >= MAX_LIVE:
            raise ExchangeBusy(f"{MAX_LIVE} calls are live")

    def _begin(self, call: Call, conduct: Conducting) -> None:
        self._live.add(call)
        task = self._tasks.create_task(self._see_through(call, conduct), name=f"emulated call {call.sid}")
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _see_through(self, call: Call, conduct: Conducting) -> None:
        outbox = Outbox(call, self._services)
        loop = asyncio.get_running_loop()
        limit_s = self._services.clock.real(call.time_limit_s)
        limit = loop.call_later(limit_s, call.interrupt, End(EndedBy.TIME_LIMIT))
        try:
            async with call.tasks:
                call.tasks.create_task(outbox.run(), name=f"callbacks of {call.sid}")
                end = await conduct(outbox)
                for helper in call.helpers:
                    helper.cancel()
                call.ended_by = end.by
                outbox.move(end.status)
                outbox.close()
        except Exception:  # The edge of a call: whatever fails in it must not end the others.
            log.exception("emulated call failed", extra={"call_sid": call.sid})
            call.complain(0, "the emulator failed; see its log")
            call.ended_by = EndedBy.EMULATOR
            call.move(CallStatus.FAILED)
        finally:
            limit.cancel()
            self._live.discard(call)
            call.finish()

    async def _conduct(self, call: Call, outbox: Outbox, source: Source | None) -> End:
        """Run TwiML until the call ends; a redirect runs other TwiML."""
        if source is None:
            return End(EndedBy.APPLICATION_ERROR, CallStatus.FAILED)
        run = Run(call, self._services, outbox)
        while True:
            try:
                by = await run.run(source)
                # The last stream may have ended because somebody broke in.
                call.check()
                return End(by, run.reject or CallStatus.COMPLETED)
            except Interrupted:
                order: Order | None = call.take_order()
            if isinstance(order, End):
                return order
            if order is not None:
                call.tell("redirected", order.url or "inline TwiML")
                source = order

    async def _place(self, call: Call, outbox: Outbox, source: Source, plan: Plan) -> End:
        """Ring at the callee's, and run TwiML once it answers."""
        callee = self._services.callees.get(call.to, Callee())
        try:
            call.queued_s = self._queue_s()
            await call.rest(call.queued_s)
            outbox.move(CallStatus.INITIATED)
            outbox.move(CallStatus.RINGING)
            call.sip_code = callee.sip_code
            answers = callee.outcome is Outcome.ANSWER and callee.after_s <= plan.timeout_s
            unanswered = callee.outcome is Outcome.NO_ANSWER or callee.after_s > plan.timeout_s
            await call.rest(plan.timeout_s if unanswered else callee.after_s)
            if not answers:
                return End(EndedBy.CALLEE, CallStatus.NO_ANSWER if unanswered else STATUS_OF[callee.outcome])
            outbox.move(CallStatus.IN_PROGRESS)
            call.sip_code = None
            self._meet(call, plan, callee)
            await self._detect(call, outbox, plan, callee)
        except Interrupted:
            order = call.take_order()
            if isinstance(order, End):
                return order
            source = order or source
        end = await self._conduct(call, outbox, source)
        if plan.record:
            call.extra |= self._recorded(call)
        return end

    def _meet(self, call: Call, plan: Plan, callee: Callee) -> None:
        """What begins with the answer, beside the call."""
        if plan.send_digits:
            call.tell("keys sent", plan.send_digits)
        if callee.machine is not None:
            call.help(_talk(speaking(callee.machine), call))
        if callee.talk is not None:
            call.help(_talk(callee.talk, call))
        if callee.hang_up_after_s is not None:
            call.help(self._hang_up_later(call, callee.hang_up_after_s))

    async def _hang_up_later(self, call: Call, seconds: float) -> None:
        await asyncio.sleep(self._services.clock.real(seconds))
        call.give_up()

    def _recorded(self, call: Call) -> dict[str, str]:
        """Keep the recording, and say where it is: https://www.twilio.com/docs/voice/api/recording."""
        recording = self._services.shelf.record(call)
        uri = f"/2010-04-01/Accounts/{self._services.account.sid}/Recordings/{recording.sid}"
        return {
            "RecordingSid": recording.sid,
            "RecordingUrl": f"https://api.twilio.com{uri}",
            "RecordingDuration": str(recording.duration_s),
        }

    def _queue_s(self) -> float:
        rate = self._services.conduct.calls_per_second
        if rate is None:
            return 0.0
        now = self._services.clock.now()
        slot = max(now, self._next_slot)
        self._next_slot = slot + 1 / rate
        return slot - now

    async def _detect(self, call: Call, outbox: Outbox, plan: Plan, callee: Callee) -> None:
        """Answering machine detection, holding the call or beside it.

        https://www.twilio.com/docs/voice/answering-machine-detection
        """
        if plan.detection is None:
            return
        if plan.detection.asynchronous:
            call.help(self._verdict_later(call, outbox, plan.detection, callee))
            return
        answered_by, after_s = _verdict(plan.detection, callee)
        await call.rest(after_s)
        _decide(call, answered_by)
        call.extra["AnsweredBy"] = answered_by
        call.extra["MachineDetectionDuration"] = _milliseconds(after_s)

    async def _verdict_later(self, call: Call, outbox: Outbox, detection: Detection, callee: Callee) -> None:
        answered_by, after_s = _verdict(detection, callee)
        await asyncio.sleep(self._services.clock.real(after_s))
        _decide(call, answered_by)
        if detection.callback_url:
            params = {
                "AccountSid": self._services.account.sid,
                "CallSid": call.sid,
                "AnsweredBy": answered_by,
                "MachineDetectionDuration": _milliseconds(after_s),
            }
            outbox.put(Post("amd", detection.callback_url, detection.callback_method, params))


def _verdict(detection: Detection, callee: Callee) -> tuple[str, float]:
    return callee.verdict(message_end=detection.message_end, timeout_s=detection.timeout_s)


def _decide(call: Call, answered_by: str) -> None:
    call.answered_by = answered_by
    call.tell("answered by", answered_by)


async def _talk(talk: Callable[[Call], Awaitable[None]], call: Call) -> None:
    try:
        await talk(call)
    except GatewayError as exc:
        # The call was over before the script was: nothing unusual.
        call.tell("script over", str(exc))
    except Exception as exc:  # The edge of somebody's script: it must not end the emulator.
        log.exception("the script of a called party failed", extra={"call_sid": call.sid})
        call.complain(0, f"the called party's script failed: {exc!r}")


def _milliseconds(seconds: float) -> str:
    return str(round(seconds * 1000))
