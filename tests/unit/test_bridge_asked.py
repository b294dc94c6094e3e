"""What others than the caller and the agent ask of a call: to end it, to connect it, to leave a message."""

import pytest

from gateway.bridge import events
from gateway.bridge.commands import AnswerTool, Clear, FallBack, HangUp, Release, Transfer
from gateway.bridge.report import CallerSaid, Ending
from gateway.bridge.speech import ANNOUNCEMENT
from gateway.ids import E164
from gateway.wire import agent_session
from tests.unit.bridge_line import MS, SECOND
from tests.unit.bridge_talk import (
    INTERRUPTION,
    SLOW,
    STOP,
    acts,
    answers,
    chunk,
    ending,
    joining,
    live,
    living,
    pcm,
    told,
    tool,
    turns,
)

PERSON = E164("+14155550188")
HANG_UP = events.HangUpAsked(Ending.HUNG_UP)
TRANSFER = events.TransferAsked(PERSON)
MESSAGE = events.LeaveMessage(pcm(1500))


def test_a_call_is_hung_up_at_once_when_asked_to() -> None:
    bridge = live()
    bridge.handle(chunk("a", 3000), 0.0)
    assert acts(bridge.handle(HANG_UP, 1.0)) == [HangUp(Ending.HUNG_UP)]
    assert turns(bridge.report.turns) == [("a", 3000.0, 1000.0, True)]


def test_a_call_whose_agent_is_not_there_yet_is_hung_up_too() -> None:
    assert acts(joining().handle(HANG_UP, 0.1)) == [HangUp(Ending.HUNG_UP)]


def test_a_call_that_twilio_is_taking_elsewhere_is_not_hung_up() -> None:
    bridge = live()
    bridge.handle(TRANSFER, 0.0)
    assert bridge.deadline is not None
    assert acts(bridge.handle(None, bridge.deadline)) == [Transfer(PERSON)]
    assert bridge.handle(HANG_UP, 1.0) == []
    assert bridge.handle(events.TransferFinished(), 1.1) == [Release(Ending.TRANSFERRED)]


def test_a_transfer_waits_for_the_agents_words() -> None:
    world = living(path=SLOW)
    world.say("a", pcm(1000), final=True)
    world.feed(TRANSFER)
    world.pass_time(600 * MS)
    assert Transfer(PERSON) not in world.log
    world.pass_time(2 * SECOND)
    assert Transfer(PERSON) in world.log


def test_a_transfer_that_twilio_refuses_lets_the_call_go_on() -> None:
    world = living()
    world.feed(TRANSFER)
    world.pass_time(SECOND)
    done = world.feed(events.TransferFinished("no such number"))
    assert (answers(done), world.final) == ([], None)
    assert world.say("b", pcm(100), final=True)


@pytest.mark.parametrize("event", [TRANSFER, MESSAGE, events.LeaveMessage(b"")])
def test_what_comes_out_of_place_is_counted(event: events.Event) -> None:
    bridge = live() if event == events.LeaveMessage(b"") else joining()
    assert bridge.handle(event, 0.1) == []
    counts = bridge.report.counts
    assert counts["transfers_out_of_place"] + counts["messages_out_of_place"] == 1


def test_a_message_is_left_whole_and_then_the_call_ends() -> None:
    world = living(path=SLOW)
    world.say("greeting", pcm(3000))
    world.pass_time(SECOND)
    assert Clear() in world.announce(pcm(1500))
    for _ in range(40):
        world.feed(INTERRUPTION)
        world.feed(chunk("greeting", 100))
        world.pass_time(100 * MS)
    assert ending(world) is Ending.MESSAGE_LEFT
    message = world.bridge.report.turns[-1]
    assert (message.heard_text, message.cut_text) == ("Please call us back.", "")
    assert (message.turn_id, message.spoken_ms, message.cut) == (ANNOUNCEMENT, 1502.0, False)
    assert message.proved_ms == message.heard_ms == 1502.0


def test_a_message_that_the_line_does_not_wait_for_is_known_not_to_be_whole() -> None:
    world = living()
    world.announce(pcm(1500))
    world.pass_time(700 * MS)
    world.feed(STOP)
    message = world.bridge.report.turns[-1]
    assert (ending(world), message.cut) == (Ending.CALLER_HUNG_UP, True)
    assert 600 < message.heard_ms < 800


def test_an_agent_that_goes_while_a_message_is_left_changes_nothing() -> None:
    world = living()
    world.announce(pcm(1500))
    world.feed(agent_session.SessionEnded())
    world.feed(events.AgentLost("gone"))
    world.pass_time(3 * SECOND)
    assert ending(world) is Ending.MESSAGE_LEFT
    assert not any(isinstance(command, FallBack) for command in world.log)


def test_a_tool_that_is_open_when_the_call_is_hung_up_is_answered() -> None:
    bridge = live()
    bridge.handle(tool("collect_digits"), 0.0)
    done = bridge.handle(HANG_UP, 0.1)
    assert isinstance(acts(done)[0], AnswerTool)


def test_what_the_caller_says_is_told_once_it_is_whole() -> None:
    bridge = live()
    said = agent_session.InputAudioTranscript
    assert bridge.handle(said("I wo", is_final=False), 0.0) == []
    assert told(bridge.handle(said("I would like", is_final=True), 0.1)) == [CallerSaid("I would like")]
    assert bridge.handle(said("", is_final=True), 0.2) == []


def test_a_turn_tells_how_long_the_agent_took_to_answer() -> None:
    world = living()
    world.pass_time(SECOND)
    world.feed(agent_session.SpeechStopped())
    world.pass_time(800 * MS)
    world.say("a", pcm(200), final=True)
    world.say("b", pcm(200), final=True)
    world.pass_time(SECOND)
    first, second = world.bridge.report.turns
    assert first.agent_ms == pytest.approx(800)
    assert first.began_at == pytest.approx(1.8)
    assert second.agent_ms is None
