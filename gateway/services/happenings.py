"""Makes webhooks of what happens in calls: each once, and only where somebody is to be told."""

from collections.abc import Callable
from typing import Final, TypedDict

from gateway import logs
from gateway.calls.facts import Facts, Kind
from gateway.store.identifiers import new_message
from gateway.store.records import Json, Outgoing
from gateway.wire import events_out
from gateway.wire.events_out import (
    AnsweredFacts,
    CallAnswered,
    CallEnded,
    CallFacts,
    CallOptedOut,
    CallRecordingReady,
    CallStarted,
    EndedFacts,
    Event,
    OptOutFacts,
    RecordingFacts,
)


class Happenings:
    """Turns happenings into webhooks. The same one told twice goes out once: its ``dedupe_key`` is the same.

    Args:
        webhook_url: Where the events of calls go that name no address of their own; None: nowhere.
    """

    def __init__(self, webhook_url: str | None = None) -> None:
        self._webhook_url = webhook_url or ""
        self._log = logs.get()

    def __call__(self, kind: str, facts: Facts) -> Outgoing | None:
        """The webhook for a happening; None if nobody is to be told, or it lacks what it should tell."""
        endpoint = facts.callback_url or self._webhook_url
        if not endpoint:
            return None
        make = _EVENTS.get(kind)
        name = new_message()
        event = make(name, facts) if make else None
        if event is None:
            self._log.error("event not made", event_type=kind, call_id=facts.call_id)
            return None
        return Outgoing(
            id=name,
            endpoint=endpoint,
            event_type=kind,
            payload=events_out.document(event),
            at=facts.at,
            call_id=facts.call_id,
            dedupe_key=f"{facts.call_id}/{kind}",
        )


def _started(name: str, facts: Facts) -> Event:
    return CallStarted(id=name, timestamp=facts.at, data=CallFacts(**_common(facts)))


def _answered(name: str, facts: Facts) -> Event:
    data = AnsweredFacts(
        **_common(facts),
        answered_at=facts.answered_at or facts.at,
        answered_by=facts.answered_by,
        ring_ms=_whole(facts.ring_ms),
    )
    return CallAnswered(id=name, timestamp=facts.at, data=data)


def _ended(name: str, facts: Facts) -> Event:
    data = EndedFacts(
        **_common(facts),
        ending=facts.ending,
        ended_by=facts.ended_by,
        answered_by=facts.answered_by,
        started_at=facts.started_at,
        answered_at=facts.answered_at,
        ended_at=facts.ended_at or facts.at,
        ring_ms=_whole(facts.ring_ms),
        first_audio_ms=_whole(facts.first_audio_ms),
        duration_ms=_whole(facts.duration_ms),
    )
    return CallEnded(id=name, timestamp=facts.at, data=data)


def _recording_ready(name: str, facts: Facts) -> Event | None:
    recording = facts.recording
    if recording is None:
        return None
    data = RecordingFacts(
        **_common(facts),
        recording_url=recording.url,
        recording_ms=round(recording.ms),
        recording_bytes=recording.size,
        partial=recording.partial,
    )
    return CallRecordingReady(id=name, timestamp=facts.at, data=data)


def _opted_out(name: str, facts: Facts) -> Event | None:
    opt_out = facts.opt_out
    if opt_out is None:
        return None
    data = OptOutFacts(
        **_common(facts),
        number=opt_out.number,
        opted_out_by=opt_out.by,
        opted_out_at=facts.at,
    )
    return CallOptedOut(id=name, timestamp=facts.at, data=data)


_EVENTS: Final[dict[str, Callable[[str, Facts], Event | None]]] = {
    Kind.STARTED: _started,
    Kind.ANSWERED: _answered,
    Kind.ENDED: _ended,
    Kind.RECORDING_READY: _recording_ready,
    Kind.OPTED_OUT: _opted_out,
}


class _Common(TypedDict):
    """What every event says."""

    call_id: str
    call_sid: str | None
    direction: events_out.Direction
    from_number: str | None
    to_number: str | None
    agent_id: str | None
    status: events_out.Status
    metadata: Json


def _common(facts: Facts) -> _Common:
    return _Common(
        call_id=facts.call_id,
        call_sid=facts.call_sid,
        direction=facts.direction.value,
        from_number=_number(facts.caller),
        to_number=_number(facts.called),
        agent_id=facts.agent_id,
        status=facts.status.value,
        metadata=dict(facts.metadata),
    )


def _number(given: str | None) -> str | None:
    """A number; None for the words that stand in place of a withheld one."""
    return given if given and given[0] == "+" and given[1:].isdigit() else None


def _whole(ms: float | None) -> int | None:
    return None if ms is None else round(ms)
