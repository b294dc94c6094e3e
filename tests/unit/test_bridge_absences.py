"""A call without its stream: it is parked, and goes on when the caller is back."""

from dataclasses import replace

import pytest

from gateway.bridge import events
from gateway.bridge.commands import (
    AnswerTool,
    FallBack,
    HangUp,
    Hold,
    JoinAgent,
    Play,
    Release,
    Retrieve,
    SendDigits,
    Transfer,
)
from gateway.bridge.report import Absence, CallParked, CallResumed, Ending, SilenceFilled
from gateway.ids import CallSid, StreamSid, ToolCallId
from gateway.wire import agent_session, media_stream
from tests.unit.bridge_drive import CALM, LOST, STOP, Drive, start, started
from tests.unit.bridge_line import NUMBER, plain
from tests.unit.bridge_talk import tool

TAKEN = events.TransferFinished()


def parked(why: Absence) -> Drive:
    drive = Drive()
    drive.say("one", "One moment.", 300)
    drive.wait(1.0)
    match why:
        case Absence.STREAM_LOST:
            drive.lose_stream()
        case Absence.TRANSFER:
            drive.feed(tool("transfer_call", "c1"))
            drive.wait(1.0)
            drive.feed(TAKEN)
        case Absence.DIGITS:
            drive.feed(tool("send_digits", "c1", digits="12w#"))
            drive.wait(1.0)
            drive.feed(STOP)
            drive.feed(events.DigitsTaken())
        case Absence.HOLD:
            drive.feed(tool("hold", "c1", seconds=20))
            drive.wait(1.0)
            drive.feed(STOP)
            drive.feed(events.HoldTaken())
    assert drive.bridge.parked
    assert drive.told(CallParked) == [CallParked(why)]
    return drive


def outputs(drive: Drive) -> list[str]:
    return [answer.output for answer in drive.all(AnswerTool)]


# The stream is lost


def test_a_lost_stream_comes_back_to_the_same_agent() -> None:
    drive = parked(Absence.STREAM_LOST)
    drive.wait(1.0)
    drive.feed(start(2))
    assert drive.told(CallResumed) == [CallResumed(Absence.STREAM_LOST, 1000)]
    drive.say("two", "Are you there?", 300)
    drive.wait(1.0)
    drive.feed(STOP)
    assert drive.ended() == Release(Ending.CALLER_HUNG_UP)
    assert len(drive.all(JoinAgent)) == 1


def test_what_waited_is_heard_when_the_stream_is_back() -> None:
    drive = Drive()
    drive.say("one", "A long sentence.", 3000)
    drive.wait(0.5)
    drive.lose_stream()
    drive.say("two", "And one more.", 400)
    assert not [at for at, c in drive.log if isinstance(c, Play) and at > 0.5]
    drive.feed(start(2))
    drive.wait(5.0)
    one, two = drive.bridge.report.turns
    assert (one.cut, two.cut, two.heard_ms >= 400) == (True, False, True)
    assert 1500 < one.heard_ms < 2700  # all but what Twilio held


def test_twilio_is_asked_once_what_became_of_a_call_that_does_not_come_back() -> None:
    drive = parked(Absence.STREAM_LOST)
    drive.wait(9.0)
    assert len(drive.all(Retrieve)) == 1
    assert drive.when(Retrieve) - 1.0 == pytest.approx(3.0)
    drive.wait(2.0)
    assert drive.ended() == Release(Ending.STREAM_LOST)


def test_twilio_is_asked_about_a_stream_that_falls_silent() -> None:
    drive = Drive(replace(CALM, media_suspect_s=3.0))
    for number in range(1, 101):
        drive.wait(0.02)
        drive.feed(media_stream.Media(bytes([0xFF]) * 160, number))
    drive.wait(9.0)
    assert [at for at, command in drive.log if isinstance(command, Retrieve)] == [pytest.approx(5.0)]
    drive.lose_stream()
    drive.feed(start(2))
    assert not drive.bridge.parked


def test_a_stream_that_ends_because_another_was_asked_for_is_not_a_caller_who_hangs_up() -> None:
    drive = Drive(replace(CALM, media_suspect_s=3.0))
    drive.wait(3.0)
    drive.feed(STOP)
    assert drive.bridge.parked
    drive.feed(start(2))
    assert (drive.bridge.parked, drive.ended()) == (False, None)


def test_a_stream_that_was_asked_for_is_not_asked_for_again_while_it_opens() -> None:
    drive = Drive(replace(CALM, media_suspect_s=3.0, retrieve_after_s=0.0))
    drive.wait(3.0)
    assert len(drive.all(Retrieve)) == 1
    drive.lose_stream()
    drive.wait(1.9)
    assert len(drive.all(Retrieve)) == 1
    drive.wait(0.2)  # it did not come
    assert len(drive.all(Retrieve)) == 2


def test_of_a_stream_that_is_lost_without_a_word_twilio_is_asked_at_once() -> None:
    drive = Drive(replace(CALM, retrieve_after_s=0.0))
    drive.lose_stream()
    drive.wait(0.0)
    assert len(drive.all(Retrieve)) == 1


def test_a_caller_who_hangs_up_long_after_is_believed() -> None:
    drive = Drive(replace(CALM, media_suspect_s=3.0))
    drive.wait(14.0)
    drive.feed(STOP)
    assert drive.ended() == Release(Ending.CALLER_HUNG_UP)


def test_nothing_is_asked_about_a_stream_that_falls_silent_in_a_goodbye() -> None:
    drive = Drive(replace(CALM, media_suspect_s=3.0))
    drive.say("one", "Goodbye and thank you.", 9000)
    drive.feed(tool("end_call", "c1"))
    drive.wait(6.0)
    assert not drive.all(Retrieve)


def test_a_call_that_is_over_is_not_waited_for() -> None:
    drive = parked(Absence.STREAM_LOST)
    drive.feed(events.CarrierEnded("completed"))
    assert drive.ended() == Release(Ending.CALLER_HUNG_UP)


def test_a_stream_lost_before_the_agent_is_there_is_waited_for_too() -> None:
    drive = Drive(open_line=False)
    drive.feed(start())
    drive.lose_stream()
    assert drive.bridge.parked
    drive.feed(start(2))
    drive.wait(1.5)
    assert drive.told(SilenceFilled)
    drive.feed(started())
    drive.say("one", "Hello.", 300)
    drive.wait(1.0)
    assert [turn.heard_text for turn in drive.bridge.report.turns] == ["Hello."]


def test_what_is_told_of_the_old_stream_changes_nothing() -> None:
    drive = parked(Absence.STREAM_LOST)
    assert (drive.feed(STOP), drive.feed(events.CallerLost("again"))) == ([], [])


def test_a_stream_of_unknown_sound_ends_the_call() -> None:
    drive = parked(Absence.STREAM_LOST)
    drive.feed(media_stream.Start(StreamSid("MZ2"), CallSid("CA1"), encoding="audio/l16"))
    assert drive.ended() == FallBack(Ending.STREAM_GARBLED)


def test_an_agent_lost_meanwhile_is_called_again_when_the_caller_is_back() -> None:
    for event in (LOST, agent_session.SessionEnded()):
        drive = parked(Absence.STREAM_LOST)
        drive.feed(event)
        assert (drive.bridge.parked, len(drive.all(JoinAgent))) == (True, 1)
        drive.feed(start(2))
        assert len(drive.all(JoinAgent)) == 2


def test_without_any_agent_to_come_back_to_the_caller_falls_back() -> None:
    drive = Drive(replace(CALM, recoveries=0))
    drive.lose_stream()
    drive.feed(LOST)
    drive.feed(start(2))
    assert drive.ended() == FallBack(Ending.AGENT_LOST)


def test_an_agent_that_can_not_be_had_again_ends_a_parked_call() -> None:
    drive = parked(Absence.STREAM_LOST)
    drive.feed(events.AgentLost("no such agent", final=True))
    assert drive.ended() == FallBack(Ending.AGENT_LOST)


def test_a_caller_who_is_back_hears_noise_at_once_and_waits_for_a_word() -> None:
    drive = parked(Absence.STREAM_LOST)
    at, sent = drive.now, len(drive.all(Play))
    drive.feed(start(2))
    drive.wait(3.0)
    assert [drive.when(Play, sent) - at, drive.heard(0x10)[0] - at] == pytest.approx([0.0, 2.5])
    assert drive.told(SilenceFilled)


def test_a_caller_who_is_back_and_speaks_is_not_spoken_to() -> None:
    drive = parked(Absence.STREAM_LOST)
    drive.feed(start(2))
    drive.wait(1.0)
    drive.feed(agent_session.SpeechStarted())
    drive.wait(3.0)
    assert not drive.told(SilenceFilled)
    drive.feed(agent_session.SpeechStopped())
    drive.wait(3.0)
    assert drive.told(SilenceFilled)


# A transfer


def test_a_person_who_answers_has_the_caller() -> None:
    drive = parked(Absence.TRANSFER)
    drive.feed(STOP)
    drive.feed(events.TransferOver("answered", connected=True))
    assert (drive.ended(), outputs(drive)) == (Release(Ending.TRANSFERRED), ['{"ok":true}'])


@pytest.mark.parametrize("outcome", ["busy", "no-answer", "declined"])
def test_a_person_who_does_not_sends_the_caller_back_to_the_agent(outcome: str) -> None:
    drive = parked(Absence.TRANSFER)
    drive.say("two", "Hello?", 300)  # to nobody
    drive.feed(events.TransferOver(outcome, connected=False))
    assert outputs(drive) == []
    drive.feed(start(2))
    assert outputs(drive) == [f'{{"error":"{outcome}","message":"nobody took the call: {outcome}"}}']
    drive.say("three", "Nobody is there.", 300)
    drive.wait(1.0)
    assert [turn.turn_id for turn in drive.bridge.report.turns] == ["one", "three"]


def test_a_transfer_nobody_tells_of_is_taken_for_made() -> None:
    drive = parked(Absence.TRANSFER)
    drive.wait(61.0)
    assert drive.ended() == Release(Ending.TRANSFERRED)


def test_a_caller_who_does_not_come_back_from_one_is_let_go() -> None:
    drive = parked(Absence.TRANSFER)
    drive.feed(events.TransferOver("busy", connected=False))
    drive.wait(11.0)
    assert drive.ended() == Release(Ending.STREAM_LOST)


@pytest.mark.parametrize("why", [Absence.TRANSFER, Absence.HOLD])
def test_a_caller_who_hangs_up_while_it_rings_or_plays_is_gone(why: Absence) -> None:
    drive = parked(why)
    drive.feed(events.CarrierEnded("completed"))
    assert drive.ended() == Release(Ending.CALLER_HUNG_UP)


def test_a_caller_who_comes_back_unannounced_was_not_taken() -> None:
    drive = parked(Absence.TRANSFER)
    drive.feed(start(2))
    assert outputs(drive) == ['{"error":"no-answer","message":"nobody took the call"}']


def test_where_nobody_waits_for_transfers_a_call_that_is_over_meanwhile_was_transferred() -> None:
    drive = Drive(plain())
    drive.feed(tool("transfer_call", "c1"))
    drive.wait(1.0)
    drive.feed(events.CarrierEnded("completed"))
    assert drive.ended() == Release(Ending.TRANSFERRED)


def test_a_call_may_be_ended_by_request_while_it_rings() -> None:
    drive = parked(Absence.TRANSFER)
    drive.feed(events.HangUpAsked(Ending.HUNG_UP))
    assert drive.ended() == HangUp(Ending.HUNG_UP)


def test_news_of_a_transfer_that_is_none_are_counted() -> None:
    drive = Drive()
    drive.feed(events.TransferOver("busy", connected=False))
    drive.feed(events.HandOver())
    assert drive.bridge.report.counts["late_transfer_results"] == 1


def test_a_transfer_that_is_refused_although_the_stream_is_gone_is_told_when_the_caller_is_back() -> None:
    drive = Drive()
    drive.feed(tool("transfer_call", "c1"))
    drive.wait(1.0)
    assert drive.all(Transfer) == [Transfer(NUMBER)]
    drive.feed(STOP)
    drive.feed(events.TransferFinished("no credit"))
    drive.feed(start(2))
    assert outputs(drive) == ['{"error":"transfer_failed","message":"no credit"}']


def test_an_agent_that_ends_its_session_with_the_transfer_is_called_back_if_nobody_answers() -> None:
    drive = parked(Absence.TRANSFER)
    drive.feed(agent_session.SessionEnded())
    drive.feed(events.TransferOver("busy", connected=False))
    drive.feed(start(2))
    assert len(drive.all(JoinAgent)) == 2


# Keys


def test_keys_are_played_behind_the_agents_words_and_the_call_goes_on() -> None:
    drive = Drive()
    drive.say("one", "I am pressing one.", 1000)
    drive.feed(tool("send_digits", "c1", digits="1"))
    drive.wait(0.5)
    assert drive.all(SendDigits) == []
    drive.wait(1.0)
    [command] = drive.all(SendDigits)
    assert (command.digits, repr(command)) == ("1", "SendDigits(1 digits)")
    drive.feed(events.DigitsTaken())
    drive.feed(start(2))
    assert (outputs(drive), drive.bridge.parked) == (['{"ok":true}'], False)
    drive.feed(tool("send_digits", "c2", digits="2"))
    drive.wait(1.0)
    assert len(drive.all(SendDigits)) == 2


def test_keys_that_are_refused_leave_the_call_where_it_is() -> None:
    drive = Drive()
    drive.feed(tool("send_digits", "c1", digits="1"))
    drive.wait(1.0)
    drive.feed(events.DigitsTaken("no such call"))
    assert outputs(drive) == ['{"error":"transfer_failed","message":"no such call"}']


@pytest.mark.parametrize("digits", [None, 5, "", "1" * 65, "12 34", "x"])
def test_what_is_no_key_is_not_played(digits: str | int | None) -> None:
    drive = Drive()
    drive.feed(tool("send_digits", "c1", digits=digits))
    assert "invalid_arguments" in outputs(drive)[0]


def test_a_call_that_does_not_come_back_from_its_keys_is_let_go() -> None:
    drive = parked(Absence.DIGITS)
    drive.wait(13.0)
    assert drive.ended() == Release(Ending.STREAM_LOST)


# On hold


def test_a_caller_is_put_on_hold_when_the_words_before_are_heard_and_comes_back_to_the_same_agent() -> None:
    drive = Drive()
    drive.say("one", "I look that up, please hold the line.", 1000)
    drive.feed(tool("hold", "c1", seconds=None))
    drive.wait(0.5)
    assert drive.all(Hold) == []
    drive.wait(1.5)
    assert drive.all(Hold) == [Hold(60)]
    drive.feed(events.HoldTaken())
    assert (drive.told(CallParked), outputs(drive)) == ([CallParked(Absence.HOLD)], [])
    drive.wait(62.0)
    drive.feed(start(2))
    assert drive.told(CallResumed) == [CallResumed(Absence.HOLD, 62000)]
    assert (outputs(drive), len(drive.all(JoinAgent))) == (['{"ok":true}'], 1)


def test_a_hold_that_is_refused_leaves_the_call_where_it_is() -> None:
    drive = Drive()
    drive.feed(tool("hold", "c1", seconds=600))
    drive.wait(1.0)
    drive.feed(events.HoldTaken("no such call"))
    assert outputs(drive) == ['{"error":"transfer_failed","message":"no such call"}']
    assert not drive.bridge.parked


@pytest.mark.parametrize("seconds", [0, 601, -1, 2.5, True, "60"])
def test_nobody_is_held_for_no_time_nor_for_ever(seconds: float | str) -> None:
    drive = Drive()
    drive.feed(tool("hold", "c1", seconds=seconds))
    drive.wait(1.0)
    assert ("invalid_arguments" in outputs(drive)[0], drive.all(Hold)) == (True, [])


def test_arguments_that_cannot_be_read_hold_nobody() -> None:
    drive = Drive()
    drive.feed(agent_session.ToolCall(ToolCallId("c1"), "hold", {}, readable=False))
    assert "invalid_arguments" in outputs(drive)[0]


def test_what_is_said_to_the_music_is_not_played_behind_it() -> None:
    drive = parked(Absence.HOLD)
    drive.say("two", "Are you still there?", 400)
    drive.wait(20.0)
    drive.feed(start(2))
    drive.wait(1.0)
    assert [turn.turn_id for turn in drive.bridge.report.turns] == ["one"]


def test_twilio_is_asked_about_a_caller_who_is_not_back_when_the_music_is_over() -> None:
    drive = parked(Absence.HOLD)
    drive.wait(26.0)
    assert drive.all(Retrieve) == []
    drive.wait(1.0)
    assert len(drive.all(Retrieve)) == 1
    drive.wait(8.0)
    assert drive.ended() == Release(Ending.STREAM_LOST)


def test_an_agent_that_is_lost_during_a_hold_is_replaced_when_the_caller_is_back() -> None:
    drive = parked(Absence.HOLD)
    drive.feed(LOST)
    drive.wait(20.0)
    assert len(drive.all(JoinAgent)) == 1
    drive.feed(start(2))
    assert len(drive.all(JoinAgent)) == 2


# What goes on meanwhile


def test_tools_keep_their_time_while_the_call_is_parked() -> None:
    drive = Drive()
    drive.feed(tool("lookup", "c1"))
    drive.lose_stream()
    drive.wait(9.9)
    assert outputs(drive) == []
    drive = Drive(replace(CALM, reattach_s=20.0))
    drive.feed(tool("lookup", "c1"))
    drive.lose_stream()
    drive.wait(11.0)
    assert "timeout" in outputs(drive)[0]


def test_the_longest_call_is_no_longer_for_having_been_parked() -> None:
    drive = Drive(replace(CALM, max_call_s=5.0, last_sentence_s=0.0))
    drive.wait(2.0)
    drive.lose_stream()
    drive.wait(2.0)
    drive.feed(media_stream.Connected())
    drive.feed(start(2))
    drive.wait(2.0)
    assert drive.ended() == HangUp(Ending.TIME_LIMIT)
