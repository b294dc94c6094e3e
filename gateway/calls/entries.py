"""Records that take no more than one moment to know: an event, a call that was not taken."""

from datetime import datetime
from typing import Final

from gateway.calls.plan import Plan
from gateway.ids import CallSid
from gateway.store.identifiers import CallId
from gateway.store.records import CallChange, Happening, Json, Status

_BY: Final = {"draining": "drain", "over": "caller", "gave_up": "caller"}
"""Who ended a call that was not taken, by the reason; else a limit did."""


def happening(
    call_id: CallId, kind: str, at: datetime, data: Json | None = None, *, after: int = 0
) -> Happening:
    """An event of a call. Its number is the time in microseconds: in order, and no other writer has it."""
    number = max(after + 1, int(at.timestamp() * 1_000_000))
    return Happening(call_id=call_id, sequence=number, at=at, kind=kind, data=data or {})


def refused(plan: Plan, call_sid: CallSid, reason: str, at: datetime) -> CallChange:
    """The record of a call that was not taken."""
    parties = plan.parties
    return CallChange(
        call_id=plan.call_id,
        direction=parties.direction,
        call_sid=call_sid,
        from_number=parties.caller,
        to_number=parties.called,
        number=parties.ours,
        status=Status.FAILED,
        ending=reason,
        ended_by=_BY.get(reason, "limit"),
        created_at=at,
        ended_at=at,
    )
