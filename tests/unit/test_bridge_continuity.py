"""A call without its agent: what the caller hears, what the next agent is told, when nobody comes at all."""

from dataclasses import replace

import pytest

from gateway.audio.clips import Clips
from gateway.bridge import events
from gateway.bridge.commands import AnswerTool, FallBack, HangUp, JoinAgent, Play, RunTool, SendAudio
from gateway.bridge.history import Line, Past, ToolTrace, Voice
from gateway.bridge.report import AgentBack, AgentMissed, Ending, SilenceFilled
from gateway.ids import ToolCallId, TurnId
from gateway.wire import agent_session, media_stream
from tests.unit.bridge_drive import CALM, LOST, LOUD, Drive, start, started
from tests.unit.bridge_talk import pcm, tool

SILENCE = bytes([0xFF]) * 160
STOPPED = agent_session.SpeechStopped()
STARTED_SPEAKING = agent_session.SpeechStarted()
LONG = "This is a sentence of some length, of which the caller hears no more than the first part, if at all."


def said(text: str) -> agent_session.InputAudioTranscript:
    return agent_session.InputAudioTranscript(text, is_final=True)


def joins(drive: Drive) -> list[Past | None]:
    return [join.past for join in drive.all(JoinAgent)]


def begin_first(drive: Drive, ms: int, *, says_so: bool) -> None:
    """The first turn, with all of its words and so much of its audio."""
    drive.feed(agent_session.ResponseText(TurnId("one"), LONG, True))
    drive.feed(agent_session.ResponseAudio(TurnId("one"), pcm(ms), is_final=False, says_so=says_so))


def past(drive: Drive) -> Past:
    """What the newest session is told."""
    newest = joins(drive)[-1]
    assert newest is not None
    return newest


# The agent is lost


def test_the_next_agent_is_told_what_was_said_and_heard() -> None:
    drive = Drive()
    drive.say("one", "Your code is 4711.")
    drive.wait(1.0)
    drive.feed(said("My name is Ada."))
    drive.say("two", LONG, 3000, final=False)
    drive.wait(1.0)
    drive.feed(LOST)
    told = past(drive)
    assert told.lines[:2] == (Line(Voice.AGENT, "Your code is 4711."), Line(Voice.CALLER, "My name is Ada."))
    assert told.lines[2].voice is Voice.AGENT
    assert f"{told.lines[2].text} {told.unheard}" == LONG
    assert (told.caller_waits, told.repeat) == (False, "")
    assert drive.told(AgentMissed) == [AgentMissed(1, "broken pipe")]


def test_a_loss_is_told_once_however_many_tries_the_next_session_takes() -> None:
    drive = Drive()
    drive.say("one", "Your code is 4711.")
    drive.wait(1.0)
    drive.feed(LOST)
    drive.feed(LOST)
    assert (len(joins(drive)), drive.told(AgentMissed)) == (3, [AgentMissed(1, "broken pipe")])
    drive.feed(started(2))
    drive.feed(LOST)
    assert drive.told(AgentMissed)[1:] == [AgentMissed(3, "broken pipe")]


def test_what_of_a_sentence_is_told_is_what_the_caller_hears_of_it() -> None:
    drive = Drive()
    drive.say("one", LONG, 5000, final=False)
    drive.wait(0.5)
    drive.say("two", "Whole.", 20)  # an agent that says when a turn is over
    drive.feed(agent_session.Interruption())
    drive.say("three", LONG, 5000, final=False)
    drive.wait(0.5)
    drive.feed(LOST)
    told = past(drive)
    drive.wait(3.0)
    heard = next(turn for turn in drive.bridge.report.turns if turn.turn_id == "three")
    assert (heard.heard_text, heard.cut_text, heard.cut) == (told.lines[-1].text, told.unheard, True)
    assert heard.heard_ms <= 2000


def test_what_was_said_whole_before_is_heard_whole() -> None:
    drive = Drive()
    drive.say("one", LONG, 2000)
    drive.say("two", LONG, 3000, final=False)
    drive.wait(0.5)
    drive.feed(LOST)
    drive.wait(6.0)
    turns = {str(turn.turn_id): turn for turn in drive.bridge.report.turns}
    assert (turns["one"].heard_text, turns["one"].cut, turns["two"].cut) == (LONG, False, True)
    assert turns["two"].heard_ms <= 400


@pytest.mark.parametrize("says_so", [True, False])
def test_a_first_turn_is_only_known_to_be_unfinished_if_the_agent_says_so(says_so: bool) -> None:
    drive = Drive()
    begin_first(drive, 800, says_so=says_so)
    drive.wait(3.0)
    drive.feed(LOST)
    assert (past(drive).repeat == LONG, bool(past(drive).unheard)) == (not says_so, says_so)


def test_an_agent_that_had_said_everything_is_replaced_unnoticed() -> None:
    drive = Drive()
    drive.say("one", "What is your name?")
    drive.wait(1.0)
    drive.feed(LOST)
    assert (past(drive).lines, past(drive).repeat) == ((), "What is your name?")
    drive.wait(0.5)
    drive.feed(started(2))
    sent = len(drive.all(Play))
    drive.say("one", "What is your name?", final=False)
    drive.say("one", "What is your name?")
    drive.wait(1.0)
    assert len(drive.all(Play)) == sent  # it was heard already
    drive.say("two", "Hello Ada.")
    drive.wait(1.0)
    assert [(turn.turn_id, turn.heard_text) for turn in drive.bridge.report.turns] == [
        ("one", "What is your name?"),
        ("1:two", "Hello Ada."),
    ]
    assert drive.told(SilenceFilled) == []


def test_an_answer_is_still_owed_behind_the_repetition_that_nobody_hears() -> None:
    drive = Drive()
    drive.say("one", "What is your name?")
    drive.wait(1.0)
    drive.feed(LOST)
    drive.feed(started(2))
    drive.wait(0.5)
    drive.feed(STARTED_SPEAKING)
    drive.say("a", "What is your name?", final=False)
    drive.feed(STOPPED)
    stopped_at, sent = drive.now, len(drive.all(Play))
    drive.say("a", "What is your name?")
    drive.wait(2.5)
    assert drive.when(Play, sent) - stopped_at == pytest.approx(1.7)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"]


def test_another_turn_ends_the_repetition_and_so_does_the_caller() -> None:
    for other in (True, False):
        drive = Drive()
        drive.say("one", "What is your name?")
        drive.wait(1.0)
        drive.feed(LOST)
        drive.feed(started(2))
        drive.say("a", "What is your name?", final=False)
        if not other:
            drive.feed(agent_session.Interruption())
        drive.say("b", "I said: what is your name?")
        drive.wait(1.0)
        assert [turn.turn_id for turn in drive.bridge.report.turns][-1] == "1:b"


def test_noise_is_heard_at_once_and_words_within_a_second() -> None:
    drive = Drive()
    drive.feed(said("Hello?"))
    drive.feed(STOPPED)
    drive.wait(1.0)
    at = drive.now
    drive.feed(LOST)
    assert past(drive).caller_waits
    drive.wait(2.5)
    assert drive.when(Play) - at < 0.05
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"]
    assert drive.heard(0x10)[0] - at < 1.0
    drive.wait(6.0)
    assert [note.clip for note in drive.told(SilenceFilled)][:2] == ["one_moment", "still_there"]


def test_words_are_no_later_for_noise_that_was_there_before_the_loss() -> None:
    drive = Drive()
    drive.feed(STOPPED)
    drive.wait(1.75)
    assert drive.all(Play)
    drive.feed(LOST)
    drive.wait(1.0)
    assert drive.heard(0x10)[0] == pytest.approx(1.75 + 0.45)
    drive.feed(LOST)  # the next try is no reason to say it again
    drive.wait(1.0)
    assert len(drive.told(SilenceFilled)) == 1


def test_an_agent_lost_as_the_call_begins_is_made_up_for_with_noise_at_once() -> None:
    drive = Drive(open_line=False)
    drive.feed(start())
    drive.wait(0.2)
    drive.feed(LOST)
    drive.wait(1.0)
    assert [drive.when(Play), drive.heard(0x10)[0]] == pytest.approx([0.2, 0.65])


def test_the_line_is_never_silent_while_no_agent_is_there() -> None:
    drive = Drive(replace(CALM, attempt_s=60.0))
    drive.feed(LOST)
    drive.wait(10.0)
    ends, gaps = 0.0, []
    for at, command in drive.log:
        if isinstance(command, Play):
            gaps.append(at - ends)
            ends = max(ends, at) + len(command.audio) / 8000
    assert max(gaps) <= 0.01


def test_without_clips_there_is_noise_and_nothing_is_told_of_words() -> None:
    drive = Drive(clips=Clips())
    drive.feed(LOST)
    drive.wait(2.0)
    assert drive.all(Play)
    assert drive.told(SilenceFilled) == []


def test_what_the_caller_says_meanwhile_reaches_the_next_agent() -> None:
    drive = Drive()
    drive.feed(LOST)
    for sequence in range(1, 4):
        drive.feed(media_stream.Media(LOUD, sequence))
    drive.feed(started(2))
    assert [len(sent.audio) for sent in drive.all(SendAudio)] == [2 * 160, 160]
    assert [(note.epoch, note.gap_ms) for note in drive.told(AgentBack)] == [(1, 0)]


def test_losses_are_survived_up_to_their_bound() -> None:
    drive = Drive()
    for number in range(2, 5):
        drive.feed(LOST)
        drive.feed(started(number))
        drive.wait(0.1)
    drive.feed(LOST)
    drive.wait(3.0)
    assert (len(joins(drive)), drive.ended()) == (4, FallBack(Ending.AGENT_LOST))


def test_a_session_that_does_not_start_is_given_up_for_another() -> None:
    drive = Drive()
    drive.feed(LOST)
    drive.wait(20.0)
    assert len(joins(drive)) == 4
    assert drive.ended() == FallBack(Ending.AGENT_LOST)
    assert drive.now - drive.when(FallBack) > 5  # 12 s without an agent are the most


def test_what_can_not_be_mended_is_not_tried_again() -> None:
    drive = Drive()
    drive.feed(events.AgentLost("no such agent", final=True))
    drive.wait(3.0)
    assert (len(joins(drive)), drive.ended()) == (1, FallBack(Ending.AGENT_LOST))


def test_a_call_that_begins_without_its_agent_has_two_tries() -> None:
    drive = Drive(open_line=False)
    drive.feed(start())
    drive.wait(1.6)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"]
    drive.wait(9.0)
    assert (len(joins(drive)), drive.ended()) == (2, FallBack(Ending.AGENT_UNAVAILABLE))


def test_an_agent_lost_before_the_stream_is_there_is_called_again() -> None:
    drive = Drive(open_line=False)
    drive.feed(started())
    drive.say("one", "Hello.", 200)
    drive.feed(LOST)
    drive.feed(started(2))
    drive.feed(start())
    assert len(joins(drive)) == 2


def test_an_agent_lost_while_it_says_goodbye_is_not_called_again() -> None:
    drive = Drive()
    drive.say("one", "Goodbye.")
    drive.feed(tool("end_call"))
    drive.feed(LOST)
    drive.wait(3.0)
    assert (len(joins(drive)), drive.ended()) == (1, HangUp(Ending.AGENT_HUNG_UP))


def test_a_session_that_ends_in_the_middle_of_a_sentence_is_replaced_once() -> None:
    drive = Drive()
    drive.say("one", "Hello.", 200)
    drive.say("two", LONG, 300, final=False)
    drive.feed(agent_session.SessionEnded())
    assert drive.told(AgentMissed) == [AgentMissed(1, "the session ended in the middle of a sentence")]
    drive.feed(started(2))
    drive.say("three", "Well.", 200)
    drive.say("four", LONG, 300, final=False)
    drive.feed(agent_session.SessionEnded())
    drive.wait(5.0)
    assert drive.ended() == HangUp(Ending.AGENT_ENDED)


def test_a_session_that_ends_before_it_begins_is_one_that_is_lost() -> None:
    drive = Drive(open_line=False)
    drive.feed(agent_session.SessionEnded())
    assert len(joins(drive)) == 2


def test_an_agent_that_never_says_when_a_turn_is_over_had_said_everything_a_while_ago() -> None:
    drive = Drive()
    drive.say("one", "What is your name?", 300, final=False)
    drive.wait(3.0)
    drive.feed(LOST)
    assert past(drive).repeat == "What is your name?"


# Tools


def test_tools_run_on_and_nothing_is_done_twice() -> None:
    drive = Drive()
    drive.feed(tool("lookup", "c1", who="Ada"))
    drive.feed(tool("order", "c2"))
    drive.feed(LOST)
    assert past(drive).tools == (
        ToolTrace("lookup", '{"who":"Ada"}', None),
        ToolTrace("order", "{}", None),
    )
    drive.feed(events.ToolFinished(ToolCallId("c1"), '"found"'))
    assert drive.all(AnswerTool) == []
    drive.feed(started(2))
    drive.feed(tool("lookup", "d1", who="Ada"))
    assert drive.all(AnswerTool) == [AnswerTool(ToolCallId("d1"), '"found"')]
    drive.feed(tool("order", "d2"))
    drive.feed(tool("order", "d2"))  # once more, which is counted
    drive.feed(events.ToolFinished(ToolCallId("c2"), '"done"'))
    assert drive.all(AnswerTool)[1:] == [AnswerTool(ToolCallId("d2"), '"done"')]
    assert len(drive.all(RunTool)) == 2


def test_a_name_used_again_for_another_question_is_refused_while_the_first_runs() -> None:
    drive = Drive()
    drive.feed(tool("lookup", "c1", who="Ada"))
    drive.feed(LOST)
    drive.feed(started(2))
    drive.feed(tool("lookup", "c1", who="Eve"))
    assert "busy" in drive.all(AnswerTool)[0].output
    drive.feed(tool("lookup", "c3", who="Eve"))
    assert len(drive.all(RunTool)) == 2


def test_keys_are_collected_for_the_agent_that_asked_alone() -> None:
    drive = Drive()
    drive.feed(tool("collect_digits", "c1"))
    drive.feed(LOST)
    drive.feed(started(2))
    drive.feed(media_stream.Dtmf("5"))
    drive.wait(15.0)
    assert drive.all(AnswerTool) == []


# The agent is silent


def test_a_caller_who_gets_no_answer_hears_a_phrase_and_then_another_agent() -> None:
    drive = Drive()
    drive.say("one", "Yes?", 300)
    drive.wait(1.0)
    drive.feed(STARTED_SPEAKING)
    drive.feed(STOPPED)
    at = drive.now
    drive.wait(9.0)
    assert drive.told(SilenceFilled)[0] == SilenceFilled("one_moment")
    assert drive.heard(0x10)[0] - at <= 3.0
    assert past(drive).caller_waits
    assert drive.when(JoinAgent, 1) - at == pytest.approx(8.0)


def test_words_in_the_middle_of_which_the_agent_is_lost_are_taken_up_by_the_next() -> None:
    drive = Drive()
    drive.say("one", "Yes?", 300)
    drive.wait(1.0)
    drive.feed(STARTED_SPEAKING)
    drive.feed(LOST)
    assert (past(drive).caller_waits, past(drive).repeat) == (True, "")


def test_words_that_were_answered_are_not_taken_up_again() -> None:
    drive = Drive()
    drive.feed(STARTED_SPEAKING)
    drive.feed(STOPPED)
    drive.say("two", "I see.", 300)
    drive.wait(1.0)
    drive.feed(LOST)
    assert (past(drive).caller_waits, past(drive).repeat) == (False, "I see.")


def test_an_answer_in_time_is_all_the_caller_hears() -> None:
    drive = Drive()
    drive.feed(STOPPED)
    drive.wait(2.0)
    drive.say("one", "Here I am.")
    drive.wait(20.0)
    assert (drive.told(SilenceFilled), len(joins(drive))) == ([], 1)


def test_a_word_of_the_caller_under_the_agents_speech_asks_for_nothing() -> None:
    drive = Drive()
    drive.say("one", LONG, 9000)
    drive.feed(STOPPED)
    drive.wait(20.0)
    assert (drive.told(SilenceFilled), len(joins(drive))) == ([], 1)


def test_a_sentence_that_stops_in_the_middle_is_filled() -> None:
    drive = Drive()
    drive.say("one", "Whole.", 200)
    drive.say("two", LONG, 400, final=False)
    drive.wait(3.0)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"]
    drive.say("two", LONG, 400)
    drive.wait(20.0)
    assert (len(drive.told(SilenceFilled)), len(joins(drive))) == (1, 1)


def test_words_that_come_before_their_sound_after_a_pause_are_not_late() -> None:
    drive = Drive()
    drive.say("one", "Hello.")
    drive.wait(10.0)
    drive.feed(agent_session.ResponseText(TurnId("two"), "Are you still there?", True))
    drive.wait(1.0)
    drive.feed(agent_session.ResponseAudio(TurnId("two"), pcm(500), True))
    drive.wait(10.0)
    assert drive.told(SilenceFilled) == []


def test_an_agent_that_is_to_greet_and_does_not_is_replaced() -> None:
    drive = Drive(open_line=False)
    drive.feed(events.Briefed(greets=True))
    drive.feed(started())
    drive.feed(start())
    drive.wait(1.6)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"]
    drive.wait(5.0)
    assert len(joins(drive)) == 2


def test_an_agent_that_has_greeted_while_the_telephone_rang_owes_nothing() -> None:
    drive = Drive(replace(CALM, agent_greets=True), open_line=False)
    drive.feed(started())
    drive.say("greeting", "Hello, this is the library.", 2000)
    drive.wait(1.0)
    drive.feed(start())
    drive.wait(60.0)  # and it is for a person who thinks about it to answer
    assert (drive.told(SilenceFilled), drive.told(AgentMissed)) == ([], [])


def test_an_agent_that_waits_for_the_caller_is_left_alone() -> None:
    drive = Drive()
    drive.wait(9.0)
    assert (drive.all(Play), len(joins(drive))) == ([], 1)


def test_while_a_tool_runs_the_caller_is_not_left_alone() -> None:
    drive = Drive()
    drive.feed(tool("lookup", "c1"))
    drive.wait(2.0)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"]
    drive.feed(events.ToolFinished(ToolCallId("c1"), "{}"))
    drive.wait(7.0)
    assert len(joins(drive)) == 1
    drive.wait(2.0)
    assert len(joins(drive)) == 2  # it never answered


def test_keys_are_waited_for_in_silence() -> None:
    drive = Drive()
    drive.feed(tool("collect_digits", "c1", timeout_s=60))
    drive.feed(STOPPED)
    drive.wait(9.0)
    assert (drive.told(SilenceFilled), len(joins(drive))) == ([], 1)


def test_a_caller_whom_the_session_does_not_notice_is_noticed() -> None:
    drive = Drive()
    for sequence in range(1, 151):
        drive.feed(media_stream.Media(LOUD if sequence > 50 else SILENCE, sequence))
        drive.wait(0.02)
    for sequence in range(151, 401):
        drive.feed(media_stream.Media(SILENCE, sequence))
        drive.wait(0.02)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"]
    assert drive.heard(0x10)[0] - 3.0 <= 3.0
    assert len(joins(drive)) == 1  # it may have been a noise
    drive.feed(LOST)
    assert past(drive).caller_waits


@pytest.mark.parametrize(("after_s", "phrases"), [(2.0, 0), (3.0, 1)])
def test_a_caller_who_speaks_on_is_not_spoken_to_unless_words_had_begun(after_s: float, phrases: int) -> None:
    drive = Drive()
    drive.feed(STOPPED)
    drive.wait(after_s)
    assert drive.all(Play)
    drive.feed(STARTED_SPEAKING)
    drive.wait(3.0)
    assert len(drive.told(SilenceFilled)) == phrases


def test_a_short_word_into_a_dead_session_is_asked_for_again() -> None:
    drive = Drive()
    drive.say("one", "Do you want tea?", 300)
    for sequence in range(1, 101):
        drive.feed(media_stream.Media(LOUD if 75 < sequence <= 90 else SILENCE, sequence))
        drive.wait(0.02)
    drive.feed(LOST)
    assert (past(drive).caller_waits, past(drive).repeat) == (True, "")


def test_a_short_word_to_a_session_that_may_be_dead_has_the_caller_told_something() -> None:
    drive = Drive()
    drive.say("one", "Do you want tea?", 300)
    drive.feed(events.AgentDoubted())  # but it has just spoken
    for sequence in range(1, 151):
        drive.feed(media_stream.Media(LOUD if 75 < sequence <= 90 else SILENCE, sequence))
        drive.wait(0.02)
        if sequence == 145:
            drive.feed(events.AgentDoubted())
    drive.wait(1.4)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"]
    drive.say("two", "Tea, then.", 300)
    drive.wait(0.6)
    drive.feed(events.AgentDoubted())
    drive.wait(5.0)
    assert len(drive.told(SilenceFilled)) == 1


@pytest.mark.parametrize("says_so", [True, False])
def test_a_first_turn_that_stands_still_at_a_session_that_may_be_dead_is_filled(says_so: bool) -> None:
    drive = Drive()
    drive.feed(agent_session.ResponseAudio(TurnId("one"), pcm(200), is_final=False, says_so=says_so))
    drive.wait(1.2)
    assert drive.told(SilenceFilled) == []
    drive.feed(events.AgentDoubted())
    drive.wait(1.0)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"] * says_so


@pytest.mark.parametrize("says_so", [True, False])
def test_a_first_turn_that_stands_still_is_waited_for_and_then_the_agent_is_lost(says_so: bool) -> None:
    drive = Drive()
    begin_first(drive, 200, says_so=says_so)
    drive.wait(2.5)
    assert drive.told(SilenceFilled) == []
    drive.wait(0.4)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"] * says_so
    drive.wait(5.5)
    assert len(drive.all(JoinAgent)) == 1 + says_so
    if says_so:  # the next one says the rest
        assert past(drive).unheard


def test_the_caller_of_an_agent_that_never_says_that_a_turn_is_over_is_told_nothing() -> None:
    drive = Drive()
    drive.feed(agent_session.ResponseAudio(TurnId("one"), pcm(200), is_final=False, says_so=True))
    drive.wait(1.0)
    drive.feed(agent_session.SpeechStarted())
    drive.wait(4.0)  # the caller speaks
    drive.feed(agent_session.SpeechStopped())
    drive.feed(agent_session.ResponseAudio(TurnId("two"), pcm(200), is_final=False, says_so=True))
    drive.wait(20.0)
    assert (drive.told(SilenceFilled), len(drive.all(JoinAgent))) == ([], 1)


def test_a_short_noise_is_no_word_of_the_callers() -> None:
    drive = Drive()
    for sequence in range(1, 301):
        drive.feed(media_stream.Media(LOUD if 100 < sequence < 115 else SILENCE, sequence))
        drive.wait(0.02)
    assert drive.told(SilenceFilled) == []


def test_an_agent_that_speaks_on_and_on_is_replaced() -> None:
    drive = Drive()
    while len(joins(drive)) == 1 and drive.now < 140:
        drive.say("one", LONG, 1100, final=False)
        drive.wait(1.0)
    assert 119 <= drive.now <= 122
    assert drive.told(AgentMissed)[0].reason == "the agent speaks on and on"
    assert drive.bridge.report.counts["agents_talking_on"] == 1


# The session is old


def test_an_old_session_is_changed_in_a_pause() -> None:
    drive = Drive(replace(CALM, session_s=5.0))
    drive.wait(6.0)
    assert len(joins(drive)) == 1  # nothing was said yet that the next one could begin with
    drive.say("one", "What is your name?", 1000)
    drive.wait(0.9)
    assert len(joins(drive)) == 1
    drive.wait(1.0)
    assert past(drive).repeat == "What is your name?"
    drive.feed(started(2))
    assert [note.epoch for note in drive.told(AgentBack)] == [1]
    assert drive.told(AgentMissed) == []


def test_a_new_session_that_does_not_come_in_the_place_of_an_old_one_is_a_loss() -> None:
    drive = Drive(replace(CALM, session_s=1.0))
    drive.say("one", "What is your name?", 300)
    drive.wait(2.0)
    drive.feed(LOST)
    assert drive.told(AgentMissed) == [AgentMissed(2, "broken pipe")]


def test_a_session_is_not_changed_while_a_tool_runs_or_an_answer_is_owed() -> None:
    drive = Drive(replace(CALM, session_s=1.0))
    drive.say("one", "What is your name?", 300)
    drive.feed(tool("lookup", "c1"))
    drive.wait(3.0)
    drive.feed(events.ToolFinished(ToolCallId("c1"), "{}"))
    drive.wait(1.0)
    assert len(joins(drive)) == 1


def test_what_the_gateway_did_itself_for_the_lost_agent_is_told() -> None:
    drive = Drive()
    drive.say("one", LONG, 2000, final=False)
    drive.feed(tool("opt_out"))
    drive.feed(LOST)
    assert [(trace.name, trace.output) for trace in past(drive).tools] == [("opt_out", '{"ok":true}')]


# The call began elsewhere


@pytest.mark.parametrize("last", list(Voice))
def test_a_call_that_was_taken_over_is_taken_up(last: Voice) -> None:
    lines = (Line(Voice.AGENT, "Hello."), Line(last, "What is your name?"))
    tools = tuple(ToolTrace("lookup", str(number), "done") for number in range(25))
    drive = Drive(past=Past(lines, tools), open_line=False)
    assert past(drive) == Past(lines, tools[-20:], caller_waits=last is Voice.CALLER)
    drive.feed(started())
    drive.feed(start())
    drive.wait(2.0)
    assert [note.clip for note in drive.told(SilenceFilled)] == ["one_moment"]  # it is to speak first


def test_another_process_carries_the_call_on_and_nothing_more_is_sent() -> None:
    drive = Drive()
    drive.say("one", LONG, 3000)
    done = drive.feed(events.TakenOver())
    assert drive.bridge.report.ending is Ending.TAKEN_OVER
    assert not [command for command in done if isinstance(command, Play)]
