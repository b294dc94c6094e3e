"""Turns as records: a turn that is being spoken has one already, and the finished one takes its place."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from gateway.bridge.report import TurnReport
from gateway.calls.transcript import Transcript
from gateway.ids import TurnId
from gateway.store.identifiers import CallId
from gateway.store.records import Speaker, Turn

DAY = datetime(2026, 1, 1, tzinfo=UTC)
CALL = CallId("call_1")
SPOKEN = TurnReport(TurnId("one"), 2000.0, 1000.0, 900.0, False, "You are", "connected.", 5.0, 300.0)


def transcript(epoch: int = 0) -> Transcript:
    return Transcript(CALL, epoch, lambda now: DAY + timedelta(seconds=now), lambda text: text.upper())


def test_what_is_being_spoken_is_written_as_if_it_were_cut_off_there() -> None:
    assert transcript().underway(SPOKEN, 7.0) == Turn(
        call_id=CALL,
        turn_id="one",
        sequence=1,
        who=Speaker.AGENT,
        at=DAY + timedelta(seconds=5),
        heard_text="YOU ARE",
        cut_text="CONNECTED.",
        heard_ms=1000.0,
        proved_ms=900.0,
        cut=True,
        agent_ms=300.0,
    )


def test_the_finished_turn_takes_its_place_and_stands_where_it_would_have_stood() -> None:
    turns = transcript()
    first = turns.underway(SPOKEN, 7.0)
    asked = turns.caller("What?", 8.0)
    last = turns.over(SPOKEN, 9.0, 2.0, 80.0)
    again = turns.over(replace(SPOKEN, heard_text="You are connected."), 9.5, 2.0, None)
    assert first.turn_id == last.turn_id == again.turn_id
    assert first.sequence < asked.sequence < last.sequence == again.sequence
    assert (last.spoken_ms, last.cut, last.gateway_ms, last.carrier_ms) == (2000.0, False, 2.0, 80.0)


def test_an_answer_is_counted_once_whatever_becomes_known_of_it_later() -> None:
    turns = transcript()
    assert turns.agent_ms is None
    for report in (SPOKEN, SPOKEN, replace(SPOKEN, turn_id=TurnId("two"), agent_ms=500.0)):
        turns.over(report, 9.0, None, None)
    assert turns.agent_ms == 400.0


def test_turns_of_a_call_that_was_taken_over_follow_those_before() -> None:
    turns = transcript(2)
    said, asked = turns.over(replace(SPOKEN, began_at=None), 9.0, None, None), turns.caller("What?", 9.0)
    assert (said.turn_id, said.sequence, said.at) == ("2.one", 200_001, DAY + timedelta(seconds=9))
    assert (asked.turn_id, asked.sequence) == ("caller-200002", 200_002)
    assert turns.over(replace(SPOKEN, turn_id=TurnId("")), 9.0, None, None).turn_id == "2.agent-200003"
