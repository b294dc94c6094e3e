"""The events of calls that customers are told of: typed values to JSON, always below a size.

Written once, delivered until taken: so an event becomes a document first, which may rest in a database and
come back with its keys in another order, and the same document always becomes the same bytes.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

import msgspec

LARGEST_EVENT: Final = 64 * 1024
"""Bytes of an event's body, at most."""
LARGEST_METADATA: Final = 16 * 1024
"""Bytes of metadata, as JSON; more is left out, and ``metadata_dropped`` set."""
LONGEST_TEXT: Final = 500
"""Characters of any other text; the rest is cut off."""

Direction = Literal["inbound", "outbound", "unknown"]
Status = Literal[
    "queued", "dialing", "ringing", "in_progress", "completed", "busy", "no_answer", "failed", "canceled"
]
OptOutBy = Literal["speech", "keypad", "message", "api"]

_encoder: Final = msgspec.json.Encoder(order="sorted")


class CallFacts(msgspec.Struct, frozen=True, kw_only=True, rename={"from_number": "from", "to_number": "to"}):
    """What every event says of its call. Times have a zone, durations are whole milliseconds."""

    call_id: str
    call_sid: str | None = None
    direction: Direction
    from_number: str | None = None
    to_number: str | None = None
    agent_id: str | None = None
    status: Status
    metadata: dict[str, Any] = {}
    metadata_dropped: bool = False

    def __repr__(self) -> str:
        return f"{type(self).__name__}(call_id={self.call_id!r})"


class AnsweredFacts(CallFacts, frozen=True, kw_only=True):
    """A call that was answered."""

    answered_at: datetime
    answered_by: str | None = None
    ring_ms: int | None = None


class EndedFacts(CallFacts, frozen=True, kw_only=True):
    """A call that is over."""

    ending: str | None = None
    ended_by: str | None = None
    answered_by: str | None = None
    started_at: datetime | None = None
    answered_at: datetime | None = None
    ended_at: datetime
    ring_ms: int | None = None
    first_audio_ms: int | None = None
    duration_ms: int | None = None


class RecordingFacts(CallFacts, frozen=True, kw_only=True):
    """A recording that can be fetched."""

    recording_url: str
    recording_ms: int
    recording_bytes: int
    partial: bool = False


class OptOutFacts(CallFacts, frozen=True, kw_only=True):
    """Somebody who must not be called again."""

    number: str
    opted_out_by: OptOutBy
    opted_out_at: datetime


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    id: str
    timestamp: datetime


class CallStarted(_Event, frozen=True, kw_only=True, tag="call.started"):
    """A call came in and was taken, or is being dialled."""

    data: CallFacts


class CallAnswered(_Event, frozen=True, kw_only=True, tag="call.answered"):
    """Somebody, or a machine, answered."""

    data: AnsweredFacts


class CallEnded(_Event, frozen=True, kw_only=True, tag="call.ended"):
    """A call is over, answered or not."""

    data: EndedFacts


class CallRecordingReady(_Event, frozen=True, kw_only=True, tag="call.recording_ready"):
    """The recording of a call can be fetched."""

    data: RecordingFacts


class CallOptedOut(_Event, frozen=True, kw_only=True, tag="call.opted_out"):
    """The person on a call does not want to be called again."""

    data: OptOutFacts


Event = CallStarted | CallAnswered | CallEnded | CallRecordingReady | CallOptedOut
Document = dict[str, Any]
"""An event as JSON has it: texts, numbers, lists, and dicts keyed by text."""


def document(event: Event) -> Document:
    """An event as it is stored and sent, cut to size. Any metadata will do: what is no JSON is left out."""
    plain: Document = msgspec.to_builtins(msgspec.structs.replace(event, data=_bare(event.data)))
    metadata = _metadata(event.data.metadata)
    data: Document = {name: _cut(value) for name, value in plain["data"].items()}
    data["metadata"] = metadata or {}
    data["metadata_dropped"] = event.data.metadata_dropped or metadata is None
    return {name: _cut(value) for name, value in plain.items()} | {"data": data}


def body(event: Mapping[str, Any]) -> bytes:
    """A document as the bytes that are signed and sent: sorted by key, so the same every time."""
    return _encoder.encode(event)


def _bare(facts: CallFacts) -> CallFacts:
    return msgspec.structs.replace(facts, metadata={})


def _metadata(value: dict[str, Any]) -> Document | None:
    """Metadata as JSON has it; None if it is no JSON, or too much."""
    try:
        text = _encoder.encode(value)
        if len(text) <= LARGEST_METADATA:
            return msgspec.json.decode(text, type=Document)
    except (TypeError, ValueError, OverflowError, RecursionError):
        pass
    return None


def _cut(value: object) -> object:
    """Text no longer than it may be, and without the half characters that have no UTF-8."""
    return value[:LONGEST_TEXT].encode("utf-8", "replace").decode() if isinstance(value, str) else value
