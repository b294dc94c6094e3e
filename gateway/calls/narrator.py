"""Turns what a bridge tells into metrics and log lines: figures, never words."""

from dataclasses import asdict
from typing import assert_never

from structlog.typing import FilteringBoundLogger

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
    Incident,
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
from gateway.calls.metrics import Metrics


class Narrator:
    """The log and the metrics of one call."""

    def __init__(self, log: FilteringBoundLogger, metrics: Metrics) -> None:
        self._log = log
        self._metrics = metrics

    def note(self, note: Note) -> None:
        """Take one note."""
        match note:
            case RoundTrip(took_ms=took_ms):
                self._metrics.round_trip.observe(took_ms / 1000.0)
            case TurnReport():
                self._log.info(
                    "turn over",
                    spoken_ms=round(note.spoken_ms),
                    heard_ms=round(note.heard_ms),
                    proved_ms=round(note.proved_ms),
                    cut=note.cut,
                )
            case Joined(after_ms=after_ms):
                self._metrics.joined.observe(after_ms / 1000.0)
                self._log.info("agent joined", after_ms=round(after_ms, 1))
            case FirstAudio(after_ms=after_ms):
                self._metrics.first_audio.observe(after_ms / 1000.0)
                self._log.info("first audio", after_ms=round(after_ms, 1))
            case BargedIn(cut_ms=cut_ms, cleared=cleared):
                self._log.info("barge-in", cut_ms=round(cut_ms), cleared=cleared)
            case ToolAnswered(name=name, outcome=outcome, took_ms=took_ms):
                label = "unknown" if outcome == "unknown_tool" else name
                self._metrics.tools.labels(label, outcome).inc()
                self._metrics.tool_time.observe(took_ms / 1000.0)
                self._log.info("tool answered", tool=label, outcome=outcome, took_ms=round(took_ms, 1))
            case CallerSaid() | TurnUnderway():
                pass  # words are for the record alone
            case OptedOut():
                self._log.info("opted out")
            case AgentMissed() | AgentBack() | SilenceFilled() | CallParked() | CallResumed():
                self._incident(note)
            case _:
                assert_never(note)

    def _incident(self, incident: Incident) -> None:
        match incident:
            case AgentMissed():
                self._metrics.agents_lost.inc()
            case AgentBack(gap_ms=gap_ms):
                self._metrics.gap.observe(gap_ms / 1000.0)
            case SilenceFilled(clip=clip):
                self._metrics.fillers.labels(clip).inc()
            case CallParked(why=why):
                self._metrics.parked.labels(why.value).inc()
            case CallResumed():
                pass
            case _:
                assert_never(incident)
        self._log.warning(told_as(incident).replace("_", " "), **asdict(incident))

    def over(self, report: CallReport, audio_refused: int) -> None:
        """The call is over."""
        ending = report.ending or Ending.GATEWAY_ERROR
        self._metrics.ended.labels(ending.value, ending.by).inc()
        for what, count in report.counts.items():
            if count:
                self._metrics.dropped.labels(what).inc(count)
        self._log.info(
            "call over",
            ending=ending.value,
            by=ending.by,
            detail=report.detail,
            connected_ms=round(report.connected_ms),
            session_id=report.session_id,
            turns=len(report.turns),
            heard_ms=round(sum(turn.heard_ms for turn in report.turns)),
            cut_turns=sum(turn.cut for turn in report.turns),
            caller_audio_refused=audio_refused,
            counts={what: count for what, count in report.counts.items() if count},
        )
