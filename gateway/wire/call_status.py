"""The forms Twilio posts: new calls, call progress, stream progress, the end of a dialled leg.

https://www.twilio.com/docs/voice/twiml#twilios-request-to-your-application
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.errors import WireError
from gateway.ids import AccountSid, CallSid

_CALL_SID: Final = re.compile(r"CA[0-9a-f]{32}\Z")
_ACCOUNT_SID: Final = re.compile(r"AC[0-9a-f]{32}\Z")
_LONGEST: Final = 200
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

    @property
    def final(self) -> bool:
        """Whether nothing can follow."""
        return self in _FINAL


_FINAL: Final = frozenset(
    {CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.FAILED, CallStatus.NO_ANSWER, CallStatus.CANCELED}
)


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


def call_progress(form: Mapping[str, str]) -> CallProgress:
    """Read the form of a voice webhook or of a status callback.

    Raises:
        WireError: it names no call.
    """
    account = form.get("AccountSid", "")
    return CallProgress(
        call_sid=_call_sid(form),
        account_sid=AccountSid(account if _ACCOUNT_SID.match(account) else ""),
        status=_status(form.get("CallStatus", "")),
        caller=_text(form, "From"),
        called=_text(form, "To"),
        direction=_text(form, "Direction"),
    )


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
    duration = form.get("DialCallDuration", "")
    seconds = int(duration) if duration.isascii() and duration.isdigit() and len(duration) < 8 else 0
    status = form.get("DialCallStatus", "")
    return DialResult(_call_sid(form), status if status in _DIAL_STATUSES else "unknown", seconds)


def _call_sid(form: Mapping[str, str]) -> CallSid:
    sid = form.get("CallSid", "")
    if not _CALL_SID.match(sid):
        raise WireError("the form names no call")
    return CallSid(sid)


def _status(value: str) -> CallStatus:
    try:
        return CallStatus(value)
    except ValueError:
        return CallStatus.UNKNOWN


def _text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "")[:_LONGEST]
