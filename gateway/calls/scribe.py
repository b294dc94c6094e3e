"""Writes down what happens in one call: records for the journal, never waiting for it."""

import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final, Protocol, assert_never

from gateway.bridge.report import (
    AgentBack,
    AgentMissed,
    BargedIn,
    CallerSaid,
    CallParked,
    CallReport,
    CallResumed,
    Ending,
    FirstAudio,
    Joined,
    Note,
    OptedOut,
    RoundTrip,
    SilenceFilled,
    ToolAnswered,
    TurnReport,
    TurnUnderway,
    told_as,
)
from gateway.calls.entries import Run, happening, tool_run
from gateway.calls.facts import Facts, Kind, OptOutFact, RecordingFact, Tell, tell_nobody
from gateway.calls.plan import Plan, Words
from gateway.calls.pressed import PressedKeys
from gateway.calls.recording_file import BYTES_PER_S, RecordingResult, State
from gateway.calls.transcript import Transcript
from gateway.ids import CallSid
from gateway.store.identifiers import made_at
from gateway.store.records import (
    AnyRecord,
    CallChange,
    Direction,
    Happening,
    Json,
    Status,
    Turn,
)
from gateway.wire.agent_session import ToolCall

_TRIPS_KEPT: Final = 500


class Put(Protocol):
    """Where records go: ``gateway.store.journal.Journal.put``."""

    def __call__(self, *records: AnyRecord) -> object:
        """Take records, at once."""


def nowhere(*_records: AnyRecord) -> None:
    """Keep no records."""


class Clock:
    """Tells the time of day of an instant on the calls' clock, which does not jump."""

    def __init__(self, now: float, at: datetime | None = None) -> None:
        self._now = now
        self._at = at or datetime.now(UTC)

    def at(self, now: float) -> datetime:
        """The time of day."""
        return self._at + timedelta(seconds=now - self._now)


@dataclass(frozen=True, slots=True)
class Office:
    """What writing down takes: where records go, who is told, our address, and the time of day."""

    public_url: str = ""
    put: Put = nowhere
    tell: Tell = tell_nobody
    clock: Clock = field(default_factory=lambda: Clock(time.monotonic()))


class Scribe:
    """The records of one call. Times are seconds of the calls' clock."""

    def __init__(self, plan: Plan, office: Office) -> None:
        self._plan = plan
        self._tell = office.tell
        self._public_url = office.public_url
        self._known = Facts(
            call_id=plan.call_id,
            at=office.clock.at(0.0),
            direction=plan.parties.direction,
            status=Status.RINGING,
            caller=plan.parties.caller,
            called=plan.parties.called,
            metadata=plan.metadata,
            callback_url=plan.callback_url,
        )
        self._id = plan.call_id
        self._inbound = plan.parties.direction is Direction.INBOUND
        self._put = office.put
        self._at = office.clock.at
        self._last_event = 0
        self._pressed = PressedKeys()
        self._transcript = Transcript(plan.call_id, plan.epoch, self._at, self._pressed.hide)
        self._trips: list[float] = []
        self._rang = 0.0
        self._answered: float | None = None

    def admitted(self, call_sid: CallSid | None, now: float) -> None:
        """The call is taken. For one we placed this adds what was not known when it was asked for."""
        self._rang = now
        plan, parties = self._plan, self._plan.parties
        if plan.epoch:  # the process before has written it
            gone = self._at(now) - (plan.began or self._at(now))
            self._answered = now - gone.total_seconds()
            return
        began = self._at(now) if self._inbound else None
        self._put(
            CallChange(
                call_id=self._id,
                direction=parties.direction,
                call_sid=call_sid,
                from_number=parties.caller,
                to_number=parties.called,
                number=parties.ours,
                status=Status.RINGING,
                created_at=began,
                ringing_at=self._at(now),
                metadata=plan.metadata or None,
                callback_url=plan.callback_url or None,
                api_key_id=plan.api_key_id,
            ),
            *self._telling(Kind.STARTED, now, call_sid=call_sid, started_at=began or made_at(self._id)),
        )

    def told(self, words: Words) -> None:
        """It is known what the agent is told."""
        self._known = replace(self._known, agent_id=words.agent_id)
        self._put(
            CallChange(
                call_id=self._id,
                agent_id=words.agent_id,
                version_id=words.version_id,
                variables=words.variables or None,
            )
        )

    def answered(self, now: float) -> None:
        """The carrier says that somebody answered, or the stream shows it: the first word on it stands."""
        if self._answered is not None:
            return
        # Who calls us is answered with the webhook: a notice is heard before there is a stream.
        self._answered = self._rang if self._inbound else now
        at, ring_ms = self._at(self._answered), (self._answered - self._rang) * 1000.0
        learned: dict[str, Any] = {"status": Status.IN_PROGRESS, "answered_at": at, "ring_ms": ring_ms}
        told = self._telling(Kind.ANSWERED, now, **learned)
        self._put(CallChange(call_id=self._id, **learned), *told)

    def opened(self, now: float) -> None:
        """The stream is open: the two hear each other."""
        self.answered(now)
        self._put(self._event("answered", now, {"epoch": self._plan.epoch} if self._plan.epoch else None))

    def note(self, note: Note, now: float, gateway_ms: float | None = None) -> None:
        """What the bridge tells; ``gateway_ms`` is how long agent audio has taken through the gateway."""
        match note:
            case TurnReport() | TurnUnderway() | CallerSaid():
                self._put(self._turn(note, now, gateway_ms))
            case RoundTrip(took_ms=took_ms):
                if len(self._trips) < _TRIPS_KEPT:
                    self._trips.append(took_ms)
            case FirstAudio() if self._plan.epoch:
                pass
            case FirstAudio(after_ms=after_ms):
                at = self._at(now)
                self._known = replace(self._known, first_audio_ms=after_ms)
                self._put(CallChange(call_id=self._id, first_audio_at=at, first_audio_ms=after_ms))
            case Joined(after_ms=after_ms):
                self._put(self._event("agent_joined", now, {"after_ms": round(after_ms, 1)}))
            case OptedOut():
                parties = self._plan.parties
                number = parties.caller if self._inbound else parties.called
                fact = OptOutFact(number, "speech")
                self._put(self._event("opted_out", now), *self._telling(Kind.OPTED_OUT, now, opt_out=fact))
            case AgentMissed() | AgentBack() | SilenceFilled() | CallParked() | CallResumed():
                self._put(self._event(told_as(note), now, asdict(note)))
            case BargedIn(cut_ms=cut_ms):
                self._put(self._event("barge_in", now, {"cut_ms": round(cut_ms)}))
            case ToolAnswered():
                self._tool_answered(note, now)

    def _tool_answered(self, note: ToolAnswered, now: float) -> None:
        data: Json = {"tool": note.name, "outcome": note.outcome, "took_ms": round(note.took_ms, 1)}
        self._put(self._event("tool_answered", now, data))
        if note.call is not None:
            self._pressed.learn(note.call, note.output)
            began = now - note.took_ms / 1000.0
            self.ran(note.call, began, note.output, ended=now, failed=note.outcome != "ok")

    def _turn(
        self, note: TurnReport | TurnUnderway | CallerSaid, now: float, gateway_ms: float | None
    ) -> Turn:
        match note:
            case TurnReport():
                carrier_ms = self._trips[-1] if self._trips else None
                return self._transcript.over(note, now, gateway_ms, carrier_ms)
            case TurnUnderway(turn=turn):
                return self._transcript.underway(turn, now)
            case CallerSaid(text=text):
                return self._transcript.caller(text, now)
            case _:
                assert_never(note)

    def event(self, kind: str, now: float, data: Json | None = None) -> None:
        """Something else happened."""
        self._put(self._event(kind, now, data))

    def ran(
        self,
        call: ToolCall,
        began: float,
        output: str | None = None,
        *,
        ended: float | None = None,
        failed: bool = False,
    ) -> None:
        """A tool was asked for; with ``ended``, that it was answered."""
        took_ms = None if ended is None else (ended - began) * 1000.0
        self._put(tool_run(self._id, Run(call, self._at(began), output, failed, took_ms), self._pressed))

    def answered_by(self, answered_by: str, now: float) -> None:
        """Who answered a call we placed."""
        change = CallChange(call_id=self._id, answered_by=answered_by)
        self._known = replace(self._known, answered_by=answered_by)
        self._put(change, self._event("answered_by", now, {"answered_by": answered_by}))

    def recording(self) -> None:
        """The recording has begun."""
        self._put(CallChange(call_id=self._id, recording_state="recording"))

    def recorded(self, result: RecordingResult, now: float) -> None:
        """What became of the recording."""
        path = None if result.path is None else result.path.name
        state = "kept" if result.state is State.WHOLE else result.state.value
        if self._plan.epoch and state == "kept":  # what was recorded before is another process's
            state = "partial"
        change = CallChange(call_id=self._id, recording_state=state, recording_path=path)
        if state in ("partial", "failed"):
            why = result.reason.value if result.reason else ""
            data: Json = {"state": state, "reason": why, "seconds": round(result.seconds, 1)}
            self._put(self._event("recording_not_whole", now, data))
        if result.path is None or state not in ("kept", "partial"):
            self._put(change)
            return
        ms, size = result.seconds * 1000.0, round(result.seconds * BYTES_PER_S)
        fact = RecordingFact(
            f"{self._public_url}/v1/calls/{self._id}/recording", ms, size, state == "partial"
        )
        self._put(change, *self._telling(Kind.RECORDING_READY, now, recording=fact))

    def over(self, report: CallReport, gateway_ms: float | None, now: float) -> None:
        """The call is over. Of one we placed that nobody answered, the carrier says how it ended."""
        ending = report.ending or Ending.GATEWAY_ERROR
        data: Json = {"ending": ending.value, "by": ending.by}
        if self._inbound and ending is Ending.CALLER_HUNG_UP:
            self.answered(now)
        if self._answered is None and not self._inbound:
            self._put(
                CallChange(call_id=self._id, session_id=report.session_id), self._event("let_go", now, data)
            )
            return
        change = CallChange(
            call_id=self._id,
            session_id=report.session_id,
            status=Status.COMPLETED if self._answered is not None else Status.FAILED,
            ending=ending.value,
            ended_by=ending.by,
            ended_at=self._at(now),
            duration_ms=(now - self._answered) * 1000.0 if self._answered is not None else None,
            agent_ms=self._transcript.agent_ms,
            carrier_ms=median(self._trips) if self._trips else None,
            gateway_ms=gateway_ms,
            digits_masked=True,
        )
        telling = self._telling(
            Kind.ENDED,
            now,
            status=change.status,
            ending=ending.value,
            ended_by=ending.by,
            ended_at=self._at(now),
            duration_ms=change.duration_ms,
        )
        self._put(change, self._event("ended", now, data), *telling)

    def _telling(self, kind: Kind, now: float, **learned: Any) -> list[AnyRecord]:
        """The webhook of what happened, if anybody wants it; ``learned`` is known from now on."""
        self._known = replace(self._known, at=self._at(now), **learned)
        outgoing = self._tell(kind, self._known)
        return [] if outgoing is None else [outgoing]

    def _event(self, kind: str, now: float, data: Json | None = None) -> Happening:
        event = happening(self._id, kind, self._at(now), data, after=self._last_event)
        self._last_event = event.sequence
        return event
