"""What a REST client asks of calls, checked as Twilio checks it.

https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.call_terms import End, Order, Source, Subscription
from gateway.emulators.twilio.errors import RestRefused
from gateway.emulators.twilio.exchange import Detection, Plan
from gateway.emulators.twilio.records import CallStatus, EndedBy
from gateway.emulators.twilio.services import Services
from gateway.emulators.twilio.twiml import TwimlInvalid, Verb, parse

MAX_TWIML = 4000
EVENTS = frozenset({"initiated", "ringing", "answered", "completed"})
E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_DIGITS = re.compile(r"[0-9A-D#*wW]{0,32}")
_ACTIONS = ("action", "url", "statusCallback")
# https://www.twilio.com/docs/iam/test-credentials#test-calls
MAGIC = {"+15005550001": 21211, "+15005550002": 21214, "+15005550003": 21215, "+15005550004": 21216}

Form = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class NewCall:
    """A checked request to place a call."""

    to: str
    from_: str
    source: Source
    plan: Plan


def new_call(form: Form, services: Services) -> NewCall:
    """Check a request to place a call.

    Raises:
        RestRefused: With the code Twilio would give.

    """
    to = _party(form, "To", 21201, 21211)
    from_ = _party(form, "From", 21213, 21212)
    if to in MAGIC:
        raise RestRefused(MAGIC[to], to)
    if not services.may_show(from_):
        raise RestRefused(21210, f"{from_} is neither owned nor verified")
    source = _source(form, "voice")
    if source is None:
        raise RestRefused(21205, "neither Url nor Twiml is given")
    fallback_url = _url(form, "FallbackUrl")
    fallback = Source(fallback_url, _method(form, "FallbackMethod"), {}, "fallback") if fallback_url else None
    digits = _first(form, "SendDigits")
    if not _DIGITS.fullmatch(digits):
        raise RestRefused(20001, f"SendDigits {digits[:40]!r}")
    plan = Plan(
        _subscription(form),
        fallback,
        timeout_s=_seconds(form, "Timeout", 60, 600, 21208),
        time_limit_s=_seconds(form, "TimeLimit", 14_400, 86_400, 20001),
        detection=_detection(form),
        send_digits=digits,
        record=_first(form, "Record").lower() == "true",
    )
    return NewCall(to, from_, source, plan)


def order(form: Form, call: Call) -> Order | None:
    """Check a request to change a call; None if it changes only its settings.

    https://www.twilio.com/docs/voice/api/call-resource#update-a-call-resource

    Raises:
        RestRefused: With the code Twilio would give.

    """
    status = _first(form, "Status")
    if status:
        return _ending(status, call)
    if _first(form, "Url") and _first(form, "Twiml"):
        raise RestRefused(20001, "Url and Twiml exclude each other")
    source = _source(form, "redirect")
    if source is None:
        return None
    if call.status is not CallStatus.IN_PROGRESS:
        raise RestRefused(21220)
    _refuse_relative(source)
    return source


def settings(form: Form, call: Call) -> None:
    """Apply what a request changes of a call's settings."""
    fallback = _url(form, "FallbackUrl")
    callback = _url(form, "StatusCallback")
    if fallback:
        call.fallback = Source(fallback, _method(form, "FallbackMethod"), {}, "fallback")
    if callback:
        method = _method(form, "StatusCallbackMethod")
        call.subscription = Subscription(callback, method, call.subscription.events)


def _ending(status: str, call: Call) -> End:
    waiting = call.status in (CallStatus.QUEUED, CallStatus.INITIATED, CallStatus.RINGING)
    if status not in ("completed", "canceled"):
        raise RestRefused(20001, f"Status {status[:40]!r} cannot be set")
    if call.status.final or (status == "canceled" and not waiting):
        raise RestRefused(21220)
    final = CallStatus.CANCELED if waiting else CallStatus.COMPLETED
    return End(EndedBy.REST, final)


def _source(form: Form, purpose: str) -> Source | None:
    # Url wins where a new call is given both: https://www.twilio.com/docs/voice/api/call-resource
    url = _url(form, "Url")
    if url:
        return Source(url, _method(form, "Method"), {}, purpose)
    twiml = _first(form, "Twiml")
    if not twiml:
        return None
    if len(twiml) > MAX_TWIML:
        raise RestRefused(32018)
    return Source(purpose=purpose, twiml=twiml)


def _refuse_relative(source: Source) -> None:
    try:
        verbs = parse(source.twiml) if source.twiml is not None else ()
    except TwimlInvalid:
        return  # The call finds out when it runs it, as with Twilio.
    for verb in verbs:
        _check_absolute(verb)


def _check_absolute(verb: Verb) -> None:
    for name in _ACTIONS:
        value = verb.get(name)
        if value and not urlsplit(value).scheme:
            raise RestRefused(15004, f"<{verb.name} {name}>")
    for child in verb.children:
        _check_absolute(child)


def _subscription(form: Form) -> Subscription:
    url = _url(form, "StatusCallback")
    named = frozenset(word for value in form.get("StatusCallbackEvent", ()) for word in value.split())
    return Subscription(
        url, _method(form, "StatusCallbackMethod"), (named & EVENTS) or frozenset({"completed"})
    )


def _detection(form: Form) -> Detection | None:
    wanted = _first(form, "MachineDetection")
    if not wanted or wanted.lower() == "disable" or _first(form, "SendDigits"):
        return None
    if wanted not in ("Enable", "DetectMessageEnd"):
        raise RestRefused(20001, f"MachineDetection {wanted[:40]!r}")
    return Detection(
        _first(form, "AsyncAmd").lower() == "true",
        _url(form, "AsyncAmdStatusCallback"),
        _method(form, "AsyncAmdStatusCallbackMethod"),
        message_end=wanted == "DetectMessageEnd",
        timeout_s=_seconds(form, "MachineDetectionTimeout", 30, 59, 20001),
    )


def _party(form: Form, name: str, missing: int, invalid: int) -> str:
    value = _first(form, name)
    if not value:
        raise RestRefused(missing)
    if value.startswith(("client:", "sip:")) or E164.fullmatch(value):
        return value
    raise RestRefused(invalid, value[:40])


def _url(form: Form, name: str) -> str:
    value = _first(form, name)
    if not value:
        return ""
    try:
        parts = urlsplit(value)
        host = parts.hostname
    except ValueError:
        host = None
    # Host names with underscores are refused: https://www.twilio.com/docs/api/errors/21205
    if host is None or parts.scheme not in ("http", "https") or "_" in host:
        raise RestRefused(21205, f"{name} {value[:80]!r}")
    return value


def _method(form: Form, name: str) -> str:
    method = _first(form, name).upper() or "POST"
    if method not in ("GET", "POST"):
        raise RestRefused(21209, f"{name} {method[:20]!r}")
    return method


def _seconds(form: Form, name: str, default: int, most: int, code: int) -> float:
    value = _first(form, name)
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 7 and int(value) <= most):
        raise RestRefused(code, f"{name} {value[:20]!r}")
    return int(value)


def _first(form: Form, name: str) -> str:
    return form.get(name, ("",))[0].strip()
