"""Transfers to a person: announced, asked for, taken or refused."""

import pytest

from gateway.bridge import events
from gateway.bridge.commands import FallBack, Release, Transfer
from gateway.bridge.limits import ToolBook
from gateway.bridge.report import Ending
from gateway.ids import E164
from tests.unit.bridge_line import MS, NUMBER, SECOND, World, plain
from tests.unit.bridge_talk import (
    INTERRUPTION,
    LOST,
    STOP,
    acts,
    answer,
    answers,
    ending,
    heard_whole,
    live,
    living,
    pcm,
    refusal,
    taking_leave,
    text,
    tool,
)

OTHER = E164("+15550101")


def test_a_turn_that_was_cut_before_it_was_spoken_does_not_put_off_a_transfer() -> None:
    bridge = live()
    bridge.handle(text("a", "I will put you through."), 0.0)
    bridge.handle(tool("transfer_call"), 0.0)
    assert bridge.handle(INTERRUPTION, 0.5)[-2:-1] == [Transfer(NUMBER)]


def asked() -> World:
    """A transfer that is with Twilio since 452 ms."""
    world = living()
    world.say("a", pcm(50), final=True)
    world.feed(tool("transfer_call"))
    world.pass_time(500 * MS)
    return world


def test_a_transfer_waits_until_its_announcement_was_heard() -> None:
    world = taking_leave("transfer_call")
    world.pass_time(3000 * MS)
    assert Transfer(NUMBER) not in world.log
    world.pass_time(500 * MS)
    assert (world.log.count(Transfer(NUMBER)), heard_whole(world)) == (1, [True])


def test_a_transfer_that_twilio_takes_releases_the_call() -> None:
    done = asked().feed(events.TransferFinished())
    assert acts(done) == [answer("c1", ok=True), Release(Ending.TRANSFERRED)]


def test_a_stop_before_the_answer_means_that_the_transfer_was_taken() -> None:
    done = asked().feed(STOP)
    assert acts(done) == [answer("c1", ok=True), Release(Ending.TRANSFERRED)]


def test_a_transfer_that_twilio_refuses_is_told_to_the_agent_and_the_call_goes_on() -> None:
    world = asked()
    assert acts(world.feed(events.TransferFinished("busy"))) == [refusal("c1", "transfer_failed", "busy")]
    world.say("b", pcm(500), final=True)
    world.pass_time(5 * SECOND)
    assert (ending(world), heard_whole(world)) == (None, [True, True])


def test_a_transfer_that_is_refused_when_the_agent_is_gone_has_the_caller_fall_back() -> None:
    world = asked()
    world.end_session(LOST)
    assert world.feed(events.TransferFinished("busy"))[-1] == FallBack(Ending.AGENT_LOST)
    assert world.bridge.report.detail == "busy"


def test_a_transfer_that_is_never_answered_is_given_up() -> None:
    world = asked()
    world.pass_time(15 * SECOND)
    gone = refusal("c1", "transfer_failed", "Twilio did not answer in time")
    assert answers(world.log) == [gone]
    assert (world.feed(events.TransferFinished("late")), ending(world)) == ([], None)
    assert world.feed(events.TransferFinished())[-1] == Release(Ending.TRANSFERRED)


def test_a_call_is_not_hung_up_while_twilio_transfers_it() -> None:
    world = living(plain(max_call_s=5.0))
    world.pass_time(4 * SECOND)
    world.feed(tool("transfer_call"))
    world.pass_time(3 * SECOND)
    assert ending(world) is None
    world.feed(events.TransferFinished("busy"))
    world.pass_time(SECOND)
    assert ending(world) is Ending.TIME_LIMIT


def test_a_transfer_given_up_past_the_longest_call_ends_it() -> None:
    world = living(plain(max_call_s=5.0))
    world.pass_time(4 * SECOND)
    world.feed(tool("transfer_call"))
    world.pass_time(16 * SECOND)
    assert ending(world) is Ending.TIME_LIMIT


def test_a_barge_in_cuts_the_announcement_and_the_transfer_goes_on() -> None:
    world = taking_leave("transfer_call")
    world.pass_time(SECOND)
    assert answers(world.interrupt()) == []
    world.pass_time(SECOND)
    assert (world.log.count(Transfer(NUMBER)), heard_whole(world)) == (1, [False])


def test_speech_while_twilio_transfers_the_call_does_not_put_off_the_answer() -> None:
    world = asked()
    world.say("b", pcm(10_000), final=True)
    world.pass_time(15 * SECOND)
    assert [command.call_id for command in answers(world.log)] == ["c1"]


@pytest.mark.parametrize(
    ("numbers", "arguments", "code", "message"),
    [
        ((), {}, "not_configured", "no number to transfer to is configured"),
        ((), {"to": NUMBER}, "not_configured", "no number to transfer to is configured"),
        ((NUMBER,), {"to": OTHER}, "not_allowed", "transfers to that number are not allowed"),
        ((NUMBER,), {"to": [NUMBER]}, "not_allowed", "transfers to that number are not allowed"),
        ((NUMBER, OTHER), {}, "invalid_arguments", "to: which number?"),
        ((NUMBER, OTHER), {"to": ""}, "invalid_arguments", "to: which number?"),
    ],
)
def test_a_transfer_to_nobody_on_the_list_is_refused(
    numbers: tuple[E164, ...], arguments: dict[str, str], code: str, message: str
) -> None:
    bridge = live(book=ToolBook({}, numbers))
    assert answers(bridge.handle(tool("transfer_call", **arguments), 0.0)) == [refusal("c1", code, message)]


@pytest.mark.parametrize("to", [NUMBER, OTHER])
def test_a_transfer_goes_to_the_number_that_was_asked_for(to: E164) -> None:
    bridge = live(book=ToolBook({}, (NUMBER, OTHER)))
    bridge.handle(tool("transfer_call", to=to), 0.0)
    assert bridge.handle(None, 0.4) == [Transfer(to)]
