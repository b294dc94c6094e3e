"""Records of calls that never were."""

from datetime import UTC, datetime, timedelta

from gateway.ids import E164, AgentId, CallSid, ToolCallId
from gateway.store.identifiers import CallId, new_call, new_message
from gateway.store.records import (
    CallChange,
    Direction,
    Happening,
    Outgoing,
    Speaker,
    Status,
    ToolRun,
    Turn,
)

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
OURS = E164("+14155550100")
CALLER = E164("+14155550123")
AGENT = AgentId("agent-1")


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def call(call_id: CallId | None = None, at: datetime = NOW) -> CallChange:
    """A call that comes in."""
    call_id = call_id or new_call()
    return CallChange(
        call_id=call_id,
        direction=Direction.INBOUND,
        call_sid=CallSid(f"CA{call_id}"),
        from_number=CALLER,
        to_number=OURS,
        number=OURS,
        agent_id=AGENT,
        status=Status.RINGING,
        created_at=at,
        metadata={"order": 17},
    )


def turn(call_id: CallId, sequence: int = 1, heard: str = "Good morning.") -> Turn:
    return Turn(
        call_id=call_id,
        turn_id=f"turn-{sequence}",
        sequence=sequence,
        who=Speaker.AGENT,
        at=after(sequence),
        heard_text=heard,
        spoken_ms=900.0,
        heard_ms=880.0,
        proved_ms=800.0,
    )


def event(call_id: CallId, sequence: int = 1) -> Happening:
    return Happening(
        call_id=call_id, sequence=sequence, at=after(sequence), kind="barge_in", data={"cut_ms": 120}
    )


def tool(call_id: CallId) -> ToolRun:
    return ToolRun(
        call_id=call_id,
        tool_call_id=ToolCallId("tool-1"),
        name="weather",
        at=NOW,
        arguments={"town": "Oslo"},
        output='{"degrees": -3}',
        took_ms=12.5,
    )


def outgoing(
    call_id: CallId | None = None, key: str | None = None, event_type: str = "call.ended"
) -> Outgoing:
    return Outgoing(
        id=new_message(),
        endpoint="https://hooks.example.com/calls",
        event_type=event_type,
        payload={"call": call_id},
        at=NOW,
        call_id=call_id,
        dedupe_key=key,
    )
