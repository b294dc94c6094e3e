"""The forms Twilio posts: new calls, call progress, verdicts on who answered, streams, dialled legs.

https://www.twilio.com/docs/voice/twiml#twilios-request-to-your-application

Callbacks may come twice, late and in any order. What is missing or of another form is ``None`` or ``""``:
only a form that names no call is refused.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final

from gateway.errors import WireError
from gateway.ids import AccountSid, CallSid

_CALL_SID: Final = re.compile(r"CA[0-9a-f]{32}\Z")
_ACCOUNT_SID: Final = re.compile(r"AC[0-9a-f]{32}\Z")
_COUNTRY: Final = re.compile(r"[A-Z]{2}\Z")
_LONGEST: Final = 200
_CONNECTED: Final = frozenset({"completed", "answered"})
_DIAL_STATUSES: Final = frozenset({"completed", "answered", "busy", "no-answer", "failed", "canceled"})


class CallStatus(StrEnum):
    """How far a call has come, in Twilio's words."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "CallStatus":
        return cls.UNKNOWN

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in _FINAL


_FINAL: Final = frozenset(
    {CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.FAILED, CallStatus.NO_ANSWER, CallStatus.CANCELED}
)


class AnsweredBy(StrEnum):
    """Who answered, as answering machine detection has it.

    https://www.twilio.com/docs/voice/answering-machine-detection
    """

    HUMAN = "human"
    MACHINE_START = "machine_start"
    MACHINE_END_BEEP = "machine_end_beep"
    MACHINE_END_SILENCE = "machine_end_silence"
    MACHINE_END_OTHER = "machine_end_other"
    MACHINE = "machine"
    """What the list of calls says of any machine."""
    FAX = "fax"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "AnsweredBy":
        # Machines may end in more ways than these one day; they stay machines.
        return cls.MACHINE if isinstance(value, str) and value.startswith("machine") else cls.UNKNOWN

    @property
    def machine(self) -> bool:
        """Whether an answering machine took the call."""
        return self.value.startswith("machine")


@dataclass(frozen=True, slots=True)
class CallProgress:
    """What every form says: which call, between whom, and how far it is."""

    call_sid: CallSid
    account_sid: AccountSid
    status: CallStatus
    caller: str
    called: str
    direction: str


@dataclass(frozen=True, slots=True)
class CallReport:
    """What a status callback says of a call.

    https://www.twilio.com/docs/voice/api/call-resource#statuscallback

    Attributes:
        progress: Which call, and how far it is.
        sequence: Orders the callbacks of a call, from 0.
        at: When it came to pass, in UTC.
        duration_s: How long the call lasted from its answer; told at its end.
        sip_response: Why it was not answered, as carriers say it; told at its end.
        answered_by: Who answered, where that was to be detected.
        price: An amount of ``price_unit``, negative for what is charged; rarely told here.
        parent_sid: The call this one is the second leg of.

    """

    progress: CallProgress
    sequence: int | None = None
    at: datetime | None = None
    duration_s: int | None = None
    sip_response: int | None = None
    answered_by: AnsweredBy | None = None
    price: Decimal | None = None
    price_unit: str = ""
    parent_sid: CallSid | None = None


@dataclass(frozen=True, slots=True)
class Origin:
    """What Twilio knows of the caller of an inbound call.

    Attributes:
        name: The caller's name, where the number has lookups switched on.
        country: Two letters.
        verification: What became of the signature on the caller's number, in Twilio's words:
            ``TN-Validation-Passed-A`` and so on. https://www.twilio.com/docs/voice/trusted-calling-with-shakenstir
        forwarded_from: The number that forwarded the call, where its carrier says so.

    """

    name: str = ""
    country: str = ""
    verification: str = ""
    forwarded_from: str = ""

    @property
    def verified(self) -> bool:
        """Whether the caller's carrier vouches that the number is the caller's own."""
        return self.verification == "TN-Validation-Passed-A"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Who answered a call, and how long after the answer that was known, in milliseconds."""

    call_sid: CallSid
    answered_by: AnsweredBy
    after_ms: int | None


@dataclass(frozen=True, slots=True)
class StreamProgress:
    """What became of a stream: ``stream-started``, ``stream-stopped`` or ``stream-error``."""

    call_sid: CallSid
    event: str
    error: str


@dataclass(frozen=True, slots=True)
class DialResult:
    """What became of a dialled leg: ``completed``, ``busy`` and so on, or ``unknown``."""

    call_sid: CallSid
    status: str
    duration_s: int
    connected: bool
    """Whether the two could speak with each other."""


@dataclass(frozen=True, slots=True)
class DialledLeg:
    """A leg that Twilio dialled for a call of ours, as that leg's own callbacks name them."""

    parent_sid: CallSid


def call_progress(form: Mapping[str, str]) -> CallProgress:
    """Read the form of a voice webhook or of a status callback.

    Raises:
        WireError: it names no call.
    """
    account = form.get("AccountSid", "")
    return CallProgress(
        call_sid=_call_sid(form),
        account_sid=AccountSid(account if _ACCOUNT_SID.match(account) else ""),
        status=CallStatus(form.get("CallStatus", "")),
        caller=_text(form, "From"),
        called=_text(form, "To"),
        direction=_text(form, "Direction"),
    )


def call_report(form: Mapping[str, str]) -> CallReport:
    """Read the form of a status callback.

    Raises:
        WireError: it names no call.
    """
    answered_by = form.get("AnsweredBy", "")
    parent = form.get("ParentCallSid", "")
    return CallReport(
        progress=call_progress(form),
        sequence=_whole(form, "SequenceNumber"),
        at=_moment(form.get("Timestamp", "")),
        duration_s=_whole(form, "CallDuration"),
        sip_response=_whole(form, "SipResponseCode"),
        answered_by=AnsweredBy(answered_by) if answered_by else None,
        price=_amount(form.get("Price", "")),
        price_unit=_text(form, "PriceUnit"),
        parent_sid=CallSid(parent) if _CALL_SID.match(parent) else None,
    )


def origin(form: Mapping[str, str]) -> Origin:
    """Read what the form of an inbound call says of its caller; it may say nothing."""
    country = form.get("FromCountry", "")
    return Origin(
        name=_text(form, "CallerName"),
        country=country if _COUNTRY.match(country) else "",
        verification=_text(form, "StirVerstat"),
        forwarded_from=_text(form, "ForwardedFrom"),
    )


def verdict(form: Mapping[str, str]) -> Verdict:
    """Read the form answering machine detection posts beside a call.

    Raises:
        WireError: it names no call.
    """
    answered_by = AnsweredBy(form.get("AnsweredBy", ""))
    return Verdict(_call_sid(form), answered_by, _whole(form, "MachineDetectionDuration"))


def stream_progress(form: Mapping[str, str]) -> StreamProgress:
    """Read the form of a stream's status callback.

    Raises:
        WireError: it names no call.
    """
    return StreamProgress(_call_sid(form), _text(form, "StreamEvent"), _text(form, "StreamError"))


def dial_result(form: Mapping[str, str]) -> DialResult:
    """Read the form Twilio posts when a dialled leg is over.

    Raises:
        WireError: it names no call.
    """
    seconds = _whole(form, "DialCallDuration") or 0
    status = form.get("DialCallStatus", "")
    bridged = form.get("DialBridged", "")
    connected = bridged == "true" if bridged else status in _CONNECTED
    status = status if status in _DIAL_STATUSES else "unknown"
    return DialResult(_call_sid(form), status, seconds, connected)


def dialled_leg(form: Mapping[str, str]) -> DialledLeg:
    """Read the form of a request about a dialled leg, which names the call it was dialled for.

    Raises:
        WireError: it does not.
    """
    return DialledLeg(_call_sid(form, "ParentCallSid"))


def _call_sid(form: Mapping[str, str], name: str = "CallSid") -> CallSid:
    sid = form.get(name, "")
    if not _CALL_SID.match(sid):
        raise WireError("the form names no call")
    return CallSid(sid)


def _text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "")[:_LONGEST]


def _whole(form: Mapping[str, str], name: str) -> int | None:
    value = form.get(name, "")
    return int(value) if value.isascii() and value.isdigit() and len(value) < 8 else None


def _amount(value: str) -> Decimal | None:
    try:
        amount = Decimal(value) if 0 < len(value) < 30 else None
    except InvalidOperation:
        return None
    return amount if amount is not None and amount.is_finite() else None


def _moment(value: str) -> datetime | None:
    """Read a date of the form ``Tue, 31 Aug 2010 20:36:28 +0000``."""
    try:
        moment = parsedate_to_datetime(value[:_LONGEST])
        # A date without a zone is UTC, as all of Twilio's are.
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
