"""What Twilio tells of an outbound call, as what is recorded of it.

A call's end is told twice: by Twilio here, and by the bridge that carried it, which knows better who ended
it. So of calls that were answered only the time of the end is taken from Twilio.
"""

from datetime import datetime
from typing import Final

from gateway.clients.twilio.values import CallRecord
from gateway.store.identifiers import CallId
from gateway.store.records import CallChange, Direction, Happening, Status, Via
from gateway.wire.call_status import CallReport, CallStatus

_STATUS: Final = {
    CallStatus.QUEUED: Status.DIALING,
    CallStatus.INITIATED: Status.DIALING,
    CallStatus.RINGING: Status.RINGING,
    CallStatus.IN_PROGRESS: Status.IN_PROGRESS,
    CallStatus.COMPLETED: Status.COMPLETED,
    CallStatus.BUSY: Status.BUSY,
    CallStatus.NO_ANSWER: Status.NO_ANSWER,
    CallStatus.FAILED: Status.FAILED,
    CallStatus.CANCELED: Status.CANCELED,
}
_ENDED_BY: Final = {
    Status.BUSY: "callee",
    Status.NO_ANSWER: "callee",
    Status.FAILED: "carrier",
    Status.CANCELED: "api",
}
# Numbers nobody has, or that are not complete: https://www.rfc-editor.org/rfc/rfc3261#section-21.4
_NO_SUCH_NUMBER: Final = frozenset({404, 410, 484, 604})
_DECLINED: Final = frozenset({603, 607, 608})
INVALID: Final = "invalid"
"""The ending of a call to a number that does not exist."""
DECLINED: Final = "declined"

_FIRST: Final = 1_000_000_000
"""Events of a call are numbered by its bridge, from 0 on; the carrier's own stand behind them."""
_MOST: Final = 1000


def status_of(report: CallReport) -> Status | None:
    """How far the call is; ``None`` if Twilio says something that is not known here."""
    return _STATUS.get(report.progress.status)


def change(call_id: CallId, report: CallReport, now: datetime) -> CallChange:
    """What a status callback says."""
    status, at = status_of(report), report.at or now
    over = status is not None and status.final
    return CallChange(
        call_id=call_id,
        direction=Direction.OUTBOUND,
        via=Via.GATEWAY,
        call_sid=report.progress.call_sid,
        status=status,
        answered_by=report.answered_by.value if report.answered_by else None,
        ringing_at=at if status is Status.RINGING else None,
        answered_at=at if status is Status.IN_PROGRESS else None,
        ended_at=at if over else None,
        duration_ms=_milliseconds(report.duration_s) if status is Status.COMPLETED else None,
        ending=ending(status, report.sip_response),
        ended_by=_ENDED_BY.get(status) if status else None,
        carrier_cost=abs(float(report.price)) if report.price is not None else None,
        carrier_currency=report.price_unit or None if report.price is not None else None,
    )


def change_of_record(call_id: CallId, record: CallRecord) -> CallChange:
    """What Twilio's record of a call says, whose callbacks were lost perhaps."""
    status = _STATUS.get(record.status)
    over = status is not None and status.final
    return CallChange(
        call_id=call_id,
        call_sid=record.sid,
        status=status,
        answered_by=record.answered_by.value if record.answered_by else None,
        ended_at=record.ended_at if over else None,
        duration_ms=_milliseconds(record.duration_s) if status is Status.COMPLETED else None,
        ending=ending(status, None),
        ended_by=_ENDED_BY.get(status) if status else None,
        carrier_cost=abs(float(record.price)) if record.price is not None else None,
        carrier_currency=record.price_unit or None if record.price is not None else None,
    )


def ending(status: Status | None, sip_response: int | None) -> str | None:
    """Why a call that nobody answered is over; ``None`` of any other: its bridge knows."""
    if status is None or not status.final or status is Status.COMPLETED:
        return None
    if sip_response in _NO_SUCH_NUMBER:
        return INVALID
    return DECLINED if sip_response in _DECLINED else status.value


def happening(call_id: CallId, report: CallReport, now: datetime) -> Happening | None:
    """The callback as an event of the call; the same callback is the same event."""
    status = status_of(report)
    if status is None or report.sequence is None or report.sequence >= _MOST:
        return None
    data: dict[str, object] = {"status": status.value}
    if report.sip_response is not None:
        data["sip_response"] = report.sip_response
    # In microseconds, as all events of a call are numbered; Twilio's own time has whole seconds.
    first = int(report.at.timestamp() * 1_000_000) if report.at is not None else _FIRST
    return Happening(
        call_id=call_id, sequence=first + report.sequence, at=report.at or now, kind="carrier", data=data
    )


def told(status: Status) -> str:
    """What others are told of a call that has come so far."""
    if status.final:
        return "call.ended"
    return "call.answered" if status is Status.IN_PROGRESS else "call.started"


def _milliseconds(seconds: int | None) -> float | None:
    return seconds * 1000.0 if seconds is not None else None
