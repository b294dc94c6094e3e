"""``<Dial>``: a second leg, whose outcome is scripted.

https://www.twilio.com/docs/voice/twiml/dial
"""

import re
from dataclasses import dataclass

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.call_terms import Parties, Source, Subscription
from gateway.emulators.twilio.people import STATUS_OF, DialOutcome, Outcome
from gateway.emulators.twilio.records import CallStatus, Direction
from gateway.emulators.twilio.twiml import Verb
from gateway.emulators.twilio.twiml_stage import Stage, Step

BAD_CALLER_ID = 13214
BAD_NUMBER = 13224
MAX_NUMBERS = 10
E164 = re.compile(r"\+[1-9][0-9]{6,14}")


@dataclass(frozen=True, slots=True)
class _Leg:
    call: Call
    target: Verb
    script: DialOutcome


@dataclass(frozen=True, slots=True)
class _Result:
    status: CallStatus
    sid: str = ""
    duration_s: float = 0.0
    bridged: bool = False


async def dial(stage: Stage, verb: Verb) -> Step:
    """Call the numbers, bridge the first that answers, and go on with ``action`` or the next verb."""
    targets = [_target(number) for number in verb.named("Number")] or [Verb("Number", {}, verb.text)]
    text = " ".join(target.text for target in targets)
    stage.call.log("Dial", verb.attributes, text)
    result = await _connect(stage, verb, targets)
    stage.call.tell("dial over", f"{text} {result.status.value}")
    action = verb.get("action")
    if not action:
        return None
    params = {"DialCallStatus": result.status.value, "DialBridged": str(result.bridged).lower()}
    if result.sid:
        params["DialCallSid"] = result.sid
    if result.bridged:
        params["DialCallDuration"] = str(round(result.duration_s))
    return stage.action(action, verb.get("method", "POST"), params)


def _target(number: Verb) -> Verb:
    return Verb("Number", number.attributes, "".join(number.text.split()))


async def _connect(stage: Stage, verb: Verb, targets: list[Verb]) -> _Result:
    caller_id = verb.get("callerId") or stage.call.from_
    if verb.get("callerId") and not stage.services.may_show(caller_id, stage.call):
        stage.call.complain(BAD_CALLER_ID, f"<Dial> callerId {caller_id!r} is not one of this account")
        return _Result(CallStatus.FAILED)
    good = [target for target in targets[:MAX_NUMBERS] if E164.fullmatch(target.text)]
    if not good:
        stage.call.complain(BAD_NUMBER, f"<Dial> number {targets[0].text[:40]!r} is not valid")
        return _Result(CallStatus.FAILED)
    legs = [_ring(stage, target, caller_id) for target in good]
    try:
        return await _bridge(stage, verb, legs)
    finally:
        # However the dialling ends, no leg outlives it.
        for leg in legs:
            over = CallStatus.COMPLETED if leg.call.started else CallStatus.CANCELED
            stage.outbox.move(over, leg.call)
            leg.call.finish()


def _ring(stage: Stage, target: Verb, caller_id: str) -> _Leg:
    parties = Parties(target.text, caller_id, Direction.OUTBOUND_DIAL, parent_sid=stage.call.sid)
    call = stage.services.new_call(parties, CallStatus.QUEUED)
    if target.get("statusCallback"):
        call.subscription = Subscription(
            stage.absolute(target.get("statusCallback")),
            target.get("statusCallbackMethod", "POST"),
            frozenset(target.get("statusCallbackEvent", "completed").split()),
        )
    stage.outbox.move(CallStatus.INITIATED, call)
    stage.outbox.move(CallStatus.RINGING, call)
    return _Leg(call, target, stage.services.dial.get(target.text, DialOutcome()))


async def _bridge(stage: Stage, verb: Verb, legs: list[_Leg]) -> _Result:
    timeout_s = verb.number("timeout", 30.0)
    waited_s = 0.0
    refused = CallStatus.NO_ANSWER
    for leg in sorted(legs, key=lambda leg: leg.script.after_s):
        if leg.script.outcome is Outcome.NO_ANSWER or leg.script.after_s > timeout_s:
            continue
        await stage.call.rest(leg.script.after_s - waited_s)
        waited_s = leg.script.after_s
        if leg.script.outcome is Outcome.ANSWER:
            if await _accepted(stage, leg):
                return await _talk(stage, verb, leg)
            refused = leg.script.declined
            stage.outbox.move(CallStatus.COMPLETED, leg.call)
            continue
        refused = STATUS_OF[leg.script.outcome]
        leg.call.sip_code = leg.script.sip_code
        stage.outbox.move(refused, leg.call)
    silent = [leg for leg in legs if not leg.call.status.final]
    if silent:
        await stage.call.rest(timeout_s - waited_s)
    for leg in silent:
        stage.outbox.move(CallStatus.NO_ANSWER, leg.call)
    return _Result(CallStatus.NO_ANSWER if silent else refused, legs[0].call.sid)


async def _accepted(stage: Stage, leg: _Leg) -> bool:
    """Have the leg answer and hear its whisper, if it has one; say whether it may be bridged."""
    stage.outbox.move(CallStatus.IN_PROGRESS, leg.call)
    url = leg.target.get("url")
    if not url:
        return True
    leg.call.press(leg.script.presses)
    source = Source(stage.absolute(url), leg.target.get("method", "POST").upper(), {}, "whisper")
    accepted: bool = await stage.call.race(_whispered(stage, leg, source))
    stage.call.tell("whisper over", f"{leg.call.to} {'accepted' if accepted else 'declined'}")
    return accepted


async def _whispered(stage: Stage, leg: _Leg, source: Source) -> bool:
    return await stage.whisper(leg.call, source)


async def _talk(stage: Stage, verb: Verb, leg: _Leg) -> _Result:
    # With answerOnBridge the caller has heard ringing until now.
    stage.outbox.move(CallStatus.IN_PROGRESS)
    stage.call.tell("bridged", leg.call.to)
    talk_s = min(leg.script.talk_s, verb.number("timeLimit", 14_400.0))
    await stage.call.rest(talk_s)
    stage.outbox.move(CallStatus.COMPLETED, leg.call)
    return _Result(CallStatus.COMPLETED, leg.call.sid, leg.call.duration_s, bridged=True)
