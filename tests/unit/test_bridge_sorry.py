"""No agent can be had: the gateway says so itself while there is a stream, and nobody says it again."""

from dataclasses import replace

import pytest

from gateway.audio.clips import ClipName, Clips
from gateway.bridge import events
from gateway.bridge.commands import Clear, Command, FallBack, HangUp, Release, Transfer
from gateway.bridge.report import Ending, SilenceFilled
from gateway.ids import E164, TurnId
from gateway.wire import agent_session
from tests.unit.bridge_drive import CALM, CLIPS, GONE, LOST, STOP, Drive, start, started
from tests.unit.bridge_talk import pcm

TRANSFER, GOODBYE = 0x30, 0x40
SORRY = Clips(
    {
        **CLIPS.sounds,
        ClipName.SORRY_TRANSFER: bytes([TRANSFER]) * 16_000,
        ClipName.SORRY_GOODBYE: bytes([GOODBYE]) * 32_000,
    }
)
PERSON = replace(CALM, person_behind=True)
FOR_GOOD = events.AgentLost("no such agent", final=True)


def drive(*, person: bool = True, open_line: bool = True, recoveries: int = 3) -> Drive:
    limits = replace(PERSON if person else CALM, recoveries=recoveries)
    return Drive(limits, clips=SORRY, open_line=open_line)


@pytest.mark.parametrize(
    ("person", "sound", "seconds", "clip", "last"),
    [
        (True, TRANSFER, 2.0, "sorry_transfer", FallBack(Ending.AGENT_LOST, said=True)),
        (False, GOODBYE, 4.0, "sorry_goodbye", HangUp(Ending.AGENT_LOST)),
    ],
)
def test_who_is_left_without_an_agent_is_told_what_comes_and_then_it_comes(
    person: bool, sound: int, seconds: float, clip: str, last: Command
) -> None:
    call = drive(person=person)
    call.feed(FOR_GOOD)
    assert call.heard(sound)[0] == call.now
    call.wait(seconds - 0.1)
    assert call.ended() is None
    call.wait(0.2)
    assert call.ended() == last
    assert [note.clip for note in call.told(SilenceFilled)] == [clip]
    assert call.bridge.report.detail == "no such agent"


def test_the_last_words_come_before_it() -> None:
    call = drive()
    call.say("one", "I will look that up.", 1500)
    call.feed(FOR_GOOD)
    call.wait(3.4)
    assert call.ended() is None
    call.wait(0.2)
    assert call.ended() == FallBack(Ending.AGENT_LOST, said=True)
    assert call.bridge.report.turns[0].heard_ms >= 1500


def test_nobody_waits_for_the_end_of_very_long_last_words() -> None:
    call = drive()
    call.say("one", "Once upon a time.", 15_000)
    call.feed(FOR_GOOD)
    call.wait(2.0)
    assert call.ended() == FallBack(Ending.AGENT_LOST)
    assert not call.heard(TRANSFER)


def test_an_agent_that_does_not_come_is_not_heard_behind_it() -> None:
    call = drive(open_line=False)
    call.feed(start())
    call.wait(5.1)
    assert call.heard(TRANSFER)[0] == pytest.approx(5.0)
    call.feed(started())
    call.say("one", "Hello!")
    call.feed(agent_session.Interruption())
    call.wait(2.3)
    assert not call.all(Clear)
    assert call.ended() == FallBack(Ending.AGENT_UNAVAILABLE, said=True)
    assert call.bridge.report.turns == []


def test_an_agent_lost_before_the_stream_is_regretted_when_it_opens() -> None:
    call = drive(open_line=False)
    call.feed(FOR_GOOD)
    assert call.feed(start())
    assert call.heard(TRANSFER) == [0.0] * len(call.heard(TRANSFER)) != []
    call.wait(2.1)
    assert call.ended() == FallBack(Ending.AGENT_UNAVAILABLE, said=True)


@pytest.mark.parametrize("person", [True, False])
def test_of_a_stream_lost_meanwhile_twilio_says_it_all(person: bool) -> None:
    call = drive(person=person)
    call.feed(FOR_GOOD)
    call.wait(0.5)
    call.feed(GONE)
    assert call.ended() == FallBack(Ending.AGENT_LOST)
    assert (call.bridge.report.falls_back, call.bridge.report.sorry_said) == (True, False)


def test_a_caller_who_has_heard_enough_is_gone() -> None:
    call = drive()
    call.feed(FOR_GOOD)
    call.wait(0.5)
    call.feed(STOP)
    assert call.ended() == Release(Ending.CALLER_HUNG_UP)
    assert not call.bridge.report.falls_back


def test_a_caller_who_comes_back_to_no_agent_is_told() -> None:
    call = drive(recoveries=0)
    call.lose_stream()
    call.feed(LOST)
    call.wait(1.0)
    call.feed(start(2))
    assert call.heard(TRANSFER)[0] == call.now
    call.wait(2.1)
    assert call.ended() == FallBack(Ending.AGENT_LOST, said=True)


def test_a_caller_whom_twilio_does_not_transfer_and_who_has_no_agent_is_told() -> None:
    call = drive(person=False)
    call.feed(events.TransferAsked(E164("+14155550199")))
    call.wait(1.0)
    assert call.all(Transfer)
    call.feed(LOST)
    call.feed(events.TransferFinished("refused"))
    assert call.heard(GOODBYE)[0] == call.now
    call.wait(4.1)
    assert call.ended() == HangUp(Ending.AGENT_LOST)
    assert call.bridge.report.detail == "refused"


def test_what_is_still_at_twilio_when_the_agent_goes_is_heard_before_it() -> None:
    call = drive(recoveries=0)
    call.feed(agent_session.ResponseAudio(TurnId("one"), pcm(3000), False))
    call.feed(LOST)
    call.wait(1.0 + 1.9)
    assert call.ended() is None
    call.wait(0.2)
    assert call.ended() == FallBack(Ending.AGENT_LOST, said=True)
