"""Records that take no more than one moment to know: an event, a call that was not taken."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from gateway.calls.plan import Plan
from gateway.calls.pressed import PressedKeys
from gateway.ids import CallSid
from gateway.store.identifiers import CallId
from gateway.store.records import CallChange, Happening, Json, Status, ToolRun
from gateway.wire.agent_session import ToolCall

_LONGEST_OUTPUT: Final = 16_384
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


@dataclass(frozen=True, slots=True)
class Run:
    """A tool call, from when it was asked for; ``took_ms`` is none, and so is ``output``, while it runs."""

    call: ToolCall
    at: datetime
    output: str | None = field(default=None, repr=False)
    failed: bool = False
    took_ms: float | None = None


def tool_run(call_id: CallId, run: Run, pressed: PressedKeys) -> ToolRun:
    """The record of a tool call, without what was pressed."""
    output = None if run.output is None else pressed.output(run.call, run.output)[:_LONGEST_OUTPUT]
    return ToolRun(
        call_id=call_id,
        tool_call_id=run.call.id,
        name=run.call.name,
        at=run.at,
        arguments=pressed.arguments(run.call),
        output=output,
        failed=run.failed,
        took_ms=run.took_ms,
    )
