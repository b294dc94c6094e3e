"""What is told of a call to endpoints of customers', as far as it is known by then."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from gateway.ids import E164, AgentId, CallSid
from gateway.store.identifiers import CallId
from gateway.store.records import Direction, Outgoing, Status
from gateway.wire.events_out import OptOutBy


class Kind(StrEnum):
    """What is told of calls."""

    STARTED = "call.started"
    ANSWERED = "call.answered"
    ENDED = "call.ended"
    RECORDING_READY = "call.recording_ready"
    OPTED_OUT = "call.opted_out"


@dataclass(frozen=True, slots=True)
class RecordingFact:
    """A recording that can be fetched; its length in milliseconds."""

    url: str = field(repr=False)
    ms: float
    size: int
    partial: bool = False


@dataclass(frozen=True, slots=True)
class OptOutFact:
    """Who must not be called again, and how they said so."""

    number: E164 = field(repr=False)
    by: OptOutBy


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known of a call when something happens. Times have a zone, durations are milliseconds.

    Attributes:
        call_id: Our name of it.
        at: When it happened.
        direction: Who called whom.
        status: How far the call is.
        call_sid: Twilio's name of it, once there is one.
        caller: Who calls; anything but a number in international form counts as withheld.
        called: Who is called.
        agent_id: The agent on the call.
        ending: Why it ended; None if nobody answered.
        ended_by: Who ended it.
        answered_by: Who answered, where it was to be detected.
        started_at: When it was taken or asked for.
        answered_at: When it was answered.
        ended_at: When it was over.
        ring_ms: From the first ring to the answer.
        first_audio_ms: From the stream's opening, behind any notice, to the agent's first audio.
        duration_ms: From the answer to the end.
        recording: For ``call.recording_ready``.
        opt_out: For ``call.opted_out``.
        metadata: What the customer attached.
        callback_url: Where the events of this call go; empty for the default.
    """

    call_id: CallId
    at: datetime
    direction: Direction
    status: Status
    call_sid: CallSid | None = None
    caller: E164 | None = field(default=None, repr=False)
    called: E164 | None = field(default=None, repr=False)
    agent_id: AgentId | None = None
    ending: str | None = None
    ended_by: str | None = None
    answered_by: str | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    ring_ms: float | None = None
    first_audio_ms: float | None = None
    duration_ms: float | None = None
    recording: RecordingFact | None = None
    opt_out: OptOutFact | None = None
    metadata: Mapping[str, object] = field(default_factory=dict, repr=False)
    callback_url: str = field(default="", repr=False)


class Tell(Protocol):
    """Makes a webhook of what happened: ``gateway.services.happenings.Happenings``."""

    def __call__(self, kind: str, facts: Facts) -> Outgoing | None:
        """The webhook, to be written with what it tells; None if nobody is to be told. Never raises."""


def tell_nobody(kind: str, facts: Facts) -> Outgoing | None:
    """Nobody is told anything."""
    del kind, facts
    return None
