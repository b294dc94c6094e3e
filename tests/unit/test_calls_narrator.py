"""What a bridge tells becomes figures and log lines: no words of anybody's, no label of one call's."""

from collections import Counter
from collections.abc import Iterator

import pytest
import structlog
from prometheus_client import generate_latest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from gateway import logs
from gateway.bridge import report
from gateway.bridge.report import Absence, CallReport, Ending, Incident, Note, TurnReport
from gateway.calls.metrics import Metrics
from gateway.calls.narrator import Narrator
from gateway.ids import SessionId, TurnId

TURN = TurnReport(TurnId("t1"), 2000.4, 1500.6, 1400.2, cut=True, heard_text="I heard", cut_text="not that")


@pytest.fixture(autouse=True)
def _default_logging() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


def told(*notes: Note, over: CallReport | None = None) -> tuple[list[EventDict], Metrics]:
    metrics = Metrics()
    with capture_logs() as lines:
        narrator = Narrator(logs.get(call_sid="CA1"), metrics)
        for note in notes:
            narrator.note(note)
        if over is not None:
            narrator.over(over, audio_refused=3)
    return lines, metrics


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(f"vatel_gateway_{name}", labels)


def test_a_turn_is_told_in_figures_and_not_in_words() -> None:
    lines, _ = told(TURN)
    figures = {"spoken_ms": 2000, "heard_ms": 1501, "proved_ms": 1400, "cut": True}
    assert lines == [{"event": "turn over", "log_level": "info", "call_sid": "CA1", **figures}]


@pytest.mark.parametrize(
    ("note", "line", "metric"),
    [
        (report.Joined(420.04), {"event": "agent joined", "after_ms": 420.0}, ("agent_join", 0.42004)),
        (
            report.FirstAudio(810.0),
            {"event": "first audio", "after_ms": 810.0},
            ("answer_to_first_audio", 0.81),
        ),
        (report.RoundTrip(90.0), None, ("mark_round_trip", 0.09)),
        (report.BargedIn(250.3, cleared=True), {"event": "barge-in", "cut_ms": 250, "cleared": True}, None),
    ],
)
def test_each_note_has_its_line_and_its_figure(
    note: Note, line: EventDict | None, metric: tuple[str, float] | None
) -> None:
    lines, metrics = told(note)
    assert lines == ([{**line, "log_level": "info", "call_sid": "CA1"}] if line else [])
    if metric:
        assert value(metrics, f"{metric[0]}_seconds_sum") == pytest.approx(metric[1])


@pytest.mark.parametrize(
    ("incident", "line", "metric"),
    [
        (report.AgentMissed(1, "reset"), {"epoch": 1, "reason": "reset"}, ("agents_lost_total", {})),
        (report.AgentBack(1, 1200), {"epoch": 1, "gap_ms": 1200}, ("agent_gap_seconds_count", {})),
        (
            report.SilenceFilled("still_there"),
            {"clip": "still_there"},
            ("fillers_total", {"clip": "still_there"}),
        ),
        (report.CallParked(Absence.DIGITS), {"why": "digits"}, ("calls_parked_total", {"why": "digits"})),
        (report.CallResumed(Absence.DIGITS, 2000), {"why": "digits", "after_ms": 2000}, None),
    ],
)
def test_what_went_otherwise_is_told_by_its_name(
    incident: Incident, line: EventDict, metric: tuple[str, dict[str, str]] | None
) -> None:
    lines, metrics = told(incident)
    name = report.told_as(incident)
    assert lines == [{"event": name.replace("_", " "), "log_level": "warning", "call_sid": "CA1", **line}]
    if metric:
        assert value(metrics, metric[0], **metric[1]) == 1.0


def test_tools_are_counted_by_name_and_outcome() -> None:
    lines, metrics = told(
        report.ToolAnswered("weather", "ok", 30.04), report.ToolAnswered("weather", "timeout", 1.0)
    )
    assert (lines[0]["tool"], lines[0]["outcome"], lines[0]["took_ms"]) == ("weather", "ok", 30.0)
    assert value(metrics, "tool_calls_total", tool="weather", outcome="ok") == 1.0
    assert value(metrics, "tool_calls_total", tool="weather", outcome="timeout") == 1.0


def test_a_name_an_agent_made_up_is_no_label() -> None:
    lines, metrics = told(report.ToolAnswered("made-up", "unknown_tool", 0.0))
    assert b"made-up" not in generate_latest(metrics.registry)
    assert lines[0]["tool"] == "unknown"


def test_the_end_of_a_call_is_told_once_with_its_sums() -> None:
    counts = Counter({"malformed": 2, "unknown": 0})
    ended = CallReport(session_id=SessionId("s1"), turns=[TURN, TURN], counts=counts)
    ended.close(Ending.CALLER_HUNG_UP, "completed", 12.3456, 810.0)
    [line], metrics = told(over=ended)
    assert line == {
        "event": "call over",
        "log_level": "info",
        "call_sid": "CA1",
        "ending": "caller_hung_up",
        "by": "caller",
        "detail": "completed",
        "connected_ms": 12346,
        "session_id": "s1",
        "turns": 2,
        "heard_ms": 3001,
        "cut_turns": 2,
        "caller_audio_refused": 3,
        "counts": {"malformed": 2},
    }
    assert value(metrics, "calls_ended_total", ending="caller_hung_up", by="caller") == 1.0
    assert value(metrics, "dropped_total", what="malformed") == 2.0
    assert value(metrics, "dropped_total", what="unknown") is None


def test_a_call_that_ended_for_no_reason_is_our_fault() -> None:
    [line], metrics = told(over=CallReport())
    assert (line["ending"], line["by"]) == ("gateway_error", "gateway")
    assert value(metrics, "calls_ended_total", ending="gateway_error", by="gateway") == 1.0


def test_every_ending_is_somebodys() -> None:
    assert {ending.by for ending in Ending} >= {"caller", "agent", "carrier", "gateway"}
