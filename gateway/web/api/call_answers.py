"""What the API says of calls."""

from datetime import datetime

from pydantic import ConfigDict, Field

from gateway.store import records
from gateway.store.records import Direction, Speaker, Status, Via
from gateway.web.api.endpoint import Answer
from gateway.web.api.fields import NextCursor


class Call(Answer):
    """One call. Durations and latencies are milliseconds, times are UTC; null is what is not known."""

    model_config = ConfigDict(from_attributes=True, title="Call")

    id: str = Field(
        description="Our name of the call; sorts by time.", examples=["call_01kd0c7c2g0000000000000000"]
    )
    direction: Direction = Field(description="Who called whom.")
    via: Via = Field(description="Who carries it.")
    status: Status = Field(description="How far it is.")
    ending: str | None = Field(description="Why it ended.", examples=["caller_hung_up"])
    ended_by: str | None = Field(description="Who ended it.", examples=["caller"])
    answered_by: str | None = Field(description="Who or what answered, as Twilio heard it.")
    from_number: str | None = Field(alias="from", description="Who calls.", examples=["+14155550123"])
    to_number: str | None = Field(alias="to", description="Who is called.", examples=["+14155550100"])
    number: str | None = Field(description="Which of the two is ours.", examples=["+14155550100"])
    agent_id: str | None = Field(description="The agent on it.")
    version_id: str | None = Field(description="The version of the agent.")
    call_sid: str | None = Field(description="Twilio's name of it.")
    session_id: str | None = Field(description="Vatel's name of its session.")
    created_at: datetime = Field(description="When it was taken or asked for.")
    ringing_at: datetime | None = Field(description="When it began to ring.")
    answered_at: datetime | None = Field(description="When it was answered.")
    first_audio_at: datetime | None = Field(description="When the agent was first heard.")
    ended_at: datetime | None = Field(description="When it was over.")
    duration_ms: float | None = Field(description="From the answer to the end.")
    ring_ms: float | None = Field(description="From the first ring to the answer.")
    first_audio_ms: float | None = Field(
        description="From the stream's opening, behind any notice, to the agent's first audio."
    )
    agent_ms: float | None = Field(description="Median latency of the agent.")
    gateway_ms: float | None = Field(description="Median latency of the gateway.")
    carrier_ms: float | None = Field(description="Median latency of the carrier.")
    carrier_cost: float | None = Field(description="What the carrier charges.")
    carrier_currency: str | None = Field(description="In which currency.", examples=["USD"])
    vatel_cost: float | None = Field(description="What Vatel charges.")
    metadata: dict[str, object] | None = Field(description="What was attached when it was asked for.")
    variables: dict[str, object] | None = Field(description="What the agent was told about the call.")
    summary: str | None = Field(description="Vatel's summary.")
    extracted: dict[str, object] | None = Field(description="The variables Vatel extracted.")
    recording_state: str | None = Field(
        description="`none`, `recording`, `kept`, `partial` or `erased`.", examples=["kept"]
    )
    digits_masked: bool = Field(description="Whether keypad digits were left out of the record.")


class CallPage(Answer):
    """Calls, newest first."""

    calls: list[Call] = Field(description="At most `limit` of them.")
    next_cursor: NextCursor


class Turn(Answer):
    """One turn. Times in milliseconds."""

    model_config = ConfigDict(from_attributes=True)

    turn_id: str = Field(description="The agent's name of it, or one of ours for the caller's.")
    sequence: int = Field(description="Its place in the call.")
    who: Speaker = Field(description="Who spoke.")
    at: datetime = Field(description="When it began.")
    heard_text: str = Field(description="What was heard.", examples=["Good morning."])
    cut_text: str = Field(description="What was cut off, and so not heard.")
    cut: bool = Field(description="Whether the caller cut it off.")
    spoken_ms: float | None = Field(description="Audio that was sent.")
    heard_ms: float | None = Field(description="Audio that was heard.")
    proved_ms: float | None = Field(description="Audio proved heard by the carrier's marks.")
    agent_ms: float | None = Field(description="Its latency: the agent's part.")
    gateway_ms: float | None = Field(description="The gateway's part.")
    carrier_ms: float | None = Field(description="The carrier's part.")


class Transcript(Answer):
    """What was said, in order."""

    turns: list[Turn] = Field(description="At most `limit` of them.")
    next_cursor: NextCursor


class Event(Answer):
    """Something that happened in a call."""

    model_config = ConfigDict(from_attributes=True, title="CallEvent")

    sequence: int = Field(description="Its place in the call.")
    at: datetime = Field(description="When it happened.")
    kind: str = Field(description="What happened.", examples=["interrupted"])
    data: records.Json = Field(description="What is known of it.")


class Events(Answer):
    """What happened, in order."""

    events: list[Event] = Field(description="At most `limit` of them.")
    next_cursor: NextCursor


class ToolCall(Answer):
    """One tool the agent asked for."""

    model_config = ConfigDict(from_attributes=True)

    tool_call_id: str = Field(description="Vatel's name of it.")
    name: str = Field(description="The tool.", examples=["opening_hours"])
    at: datetime = Field(description="When the agent asked for it.")
    arguments: records.Json = Field(description="What the agent gave it.")
    output: str | None = Field(description="What it answered; null while it runs.")
    failed: bool = Field(description="Whether it failed.")
    took_ms: float | None = Field(description="How long it took, in milliseconds.")


class ToolCalls(Answer):
    """The tools the agent asked for, in order."""

    tool_calls: list[ToolCall] = Field(description="At most `limit` of them.")
    next_cursor: NextCursor
