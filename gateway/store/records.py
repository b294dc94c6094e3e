"""What is recorded of a call: values that go through the journal, or straight into a transaction."""

from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from gateway.bridge.report import Ending
from gateway.ids import E164, AgentId, CallSid, SessionId, ToolCallId
from gateway.store.identifiers import CallId, KeyId, MessageId

Json = dict[str, object]


class Direction(StrEnum):
    """Who called whom."""

    INBOUND = "inbound"
    OUTBOUND = "outbound"
    UNKNOWN = "unknown"  # the call's first record was lost


class Via(StrEnum):
    """Who carries a call."""

    GATEWAY = "gateway"
    VATEL = "vatel"


class Status(StrEnum):
    """How far a call is. Later members never go back to earlier ones; the final ones stay."""

    QUEUED = "queued"
    DIALING = "dialing"
    RINGING = "ringing"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """Whether nothing follows."""
        return self.rank == _FINAL

    @property
    def rank(self) -> int:
        """Its place in a call; all final ones share the last."""
        return min(list(Status).index(self), _FINAL)


_FINAL = list(Status).index(Status.COMPLETED)


class Speaker(StrEnum):
    """Who speaks in a turn."""

    AGENT = "agent"
    CALLER = "caller"


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something to be written. Its text shows no words and no numbers: records end up in logs."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}(call_id={getattr(self, 'call_id', None)!r})"


class CallChange(Record, frozen=True, tag="call"):
    """What has become known of a call; what is None stays as it is. The first one makes the call.

    ``status`` never goes back, and the first ``ending`` stands, in whatever order changes arrive.
    Durations and latencies are milliseconds; times have a zone.
    """

    call_id: CallId
    direction: Direction | None = None
    via: Via | None = None
    call_sid: CallSid | None = None
    session_id: SessionId | None = None
    from_number: E164 | None = None
    to_number: E164 | None = None
    number: E164 | None = None
    agent_id: AgentId | None = None
    version_id: str | None = None
    status: Status | None = None
    ending: str | None = None
    ended_by: str | None = None
    answered_by: str | None = None
    created_at: datetime | None = None
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    first_audio_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: float | None = None
    ring_ms: float | None = None
    first_audio_ms: float | None = None
    agent_ms: float | None = None
    gateway_ms: float | None = None
    carrier_ms: float | None = None
    metadata: Json | None = None
    variables: Json | None = None
    callback_url: str | None = None
    api_key_id: KeyId | None = None
    carrier_cost: float | None = None
    carrier_currency: str | None = None
    vatel_cost: float | None = None
    summary: str | None = None
    extracted: Json | None = None
    recording_state: str | None = None
    recording_path: str | None = None
    digits_masked: bool | None = None


class Turn(Record, frozen=True, tag="turn"):
    """One turn; a later one of the same name takes its place. Times in milliseconds."""

    call_id: CallId
    turn_id: str
    sequence: int
    who: Speaker
    at: datetime
    heard_text: str = ""
    cut_text: str = ""
    spoken_ms: float | None = None
    heard_ms: float | None = None
    proved_ms: float | None = None
    cut: bool = False
    agent_ms: float | None = None
    gateway_ms: float | None = None
    carrier_ms: float | None = None

    @property
    def underway(self) -> bool:
        """Whether it is being spoken, or was when its process was lost: the account of it so far."""
        return self.who is Speaker.AGENT and self.spoken_ms is None


class Happening(Record, frozen=True, tag="event"):
    """One event of a call; its number in the call makes it known again."""

    call_id: CallId
    sequence: int
    at: datetime
    kind: str
    data: Json = {}


class ToolRun(Record, frozen=True, tag="tool"):
    """One tool call; a later one of the same name takes its place."""

    call_id: CallId
    tool_call_id: ToolCallId
    name: str
    at: datetime
    arguments: Json = {}
    output: str | None = None
    failed: bool = False
    took_ms: float | None = None


class Outgoing(Record, frozen=True, tag="outgoing"):
    """A webhook to be delivered. Of several with one ``dedupe_key`` only the first goes out."""

    id: MessageId
    endpoint: str
    event_type: str
    payload: Json
    at: datetime
    call_id: CallId | None = None
    dedupe_key: str | None = None


AnyRecord = CallChange | Turn | Happening | ToolRun | Outgoing


def ended(call_id: CallId, ending: Ending, at: datetime) -> CallChange:
    """The end of a call the bridge carried."""
    return CallChange(
        call_id=call_id, status=Status.COMPLETED, ending=ending.value, ended_by=ending.by, ended_at=at
    )
