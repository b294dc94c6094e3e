"""How calls end: goodbyes that are heard, transfers, lost agents; and what a barge-in does meanwhile."""

import pytest

from gateway.bridge import events
from gateway.bridge.commands import Clear, FallBack, HangUp, Transfer
from gateway.bridge.farewell import Departure
from gateway.bridge.limits import ToolBook
from gateway.bridge.report import Ending
from gateway.bridge.speech import AgentSpeech
from gateway.bridge.tools import ToolDesk
from tests.unit.bridge_line import MS, NUMBER, PLAIN, SECOND, START, STARTED, Path, World, plain
from tests.unit.bridge_talk import (
    ENDED,
    INTERRUPTION,
    LOST,
    SLOW,
    acts,
    admitted,
    answer,
    answers,
    chunk,
    ending,
    heard_whole,
    joining,
    live,
    living,
    pcm,
    refusal,
    taking_leave,
    text,
    tool,
)

CALLED_OFF = refusal("c1", "caller_interrupted", "the caller spoke before the end: the call goes on")
LOSSY = Path(down=60 * MS, up=40 * MS, lost=lambda _: True)


@pytest.mark.parametrize("final", [True, False], ids=["final", "older server"])
@pytest.mark.parametrize("path", [SLOW, LOSSY], ids=["marks", "no marks"])
@pytest.mark.parametrize(
    ("finale", "command"),
    [
        ("session_ended", HangUp(Ending.AGENT_ENDED)),
        ("end_call", HangUp(Ending.AGENT_HUNG_UP)),
        ("transfer_call", Transfer(NUMBER)),
    ],
)
def test_a_goodbye_is_heard_to_the_last_sample(finale: str, command: object, path: Path, final: bool) -> None:
    world = taking_leave(finale, path, final=final)
    while command not in world.log:
        world.pass_time(SECOND // 10)
    assert (heard_whole(world), world.now <= 7 * SECOND) == ([True], True)


def test_a_session_that_ended_hangs_up_with_the_mark_of_the_last_sample() -> None:
    world = taking_leave("session_ended")
    world.pass_time(3110 * MS)
    assert (ending(world), world.bridge.report.counts["marks_missing"]) == (Ending.AGENT_ENDED, 0)


def test_a_session_that_ended_with_nothing_to_be_heard_hangs_up_at_once() -> None:
    assert live().handle(ENDED, 1.0) == [HangUp(Ending.AGENT_ENDED)]


def test_a_goodbye_that_twilio_never_plays_is_bounded() -> None:
    bridge = live(plain(mark_grace_s=60.0))
    bridge.handle(chunk("bye", 900, final=True), 0.0)
    bridge.handle(ENDED, 0.1)
    assert bridge.handle(None, 5.89) == []
    assert bridge.handle(None, 6.0)[-1] == HangUp(Ending.AGENT_ENDED)


def test_a_barge_in_ends_the_goodbye_of_a_session_that_ended() -> None:
    bridge = live()
    bridge.handle(chunk("bye", 1000, final=True), 0.0)
    bridge.handle(ENDED, 0.0)
    done = acts(bridge.handle(INTERRUPTION, 0.5))
    assert (done[0], done[-1]) == (Clear(), HangUp(Ending.AGENT_ENDED))


def test_a_session_that_ended_before_the_stream_has_its_last_words_played() -> None:
    world = World()
    for event in (events.Admitted(), STARTED):
        world.feed(event)
    world.say("bye", pcm(700))
    world.end_session(ENDED)
    world.feed(START)
    world.pass_time(SECOND)
    assert (heard_whole(world), ending(world)) == ([True], Ending.AGENT_ENDED)


def test_what_a_session_says_after_its_end_is_dropped_and_counted() -> None:
    bridge = live()
    bridge.handle(chunk("bye", 1000, final=True), 0.0)
    for event in (ENDED, chunk("more", 100), tool("lookup"), ENDED, LOST):
        assert bridge.handle(event, 0.1) == []
    assert bridge.report.counts["messages_after_the_session"] == 3


# The agent is lost


def test_an_agent_lost_before_the_stream_has_the_caller_fall_back_when_it_opens() -> None:
    bridge = admitted()
    assert bridge.handle(LOST, 1.0) == []
    assert bridge.handle(START, 2.0) == [FallBack(Ending.AGENT_UNAVAILABLE)]
    assert bridge.report.detail == "broken pipe"


@pytest.mark.parametrize("event", [LOST, ENDED])
def test_an_agent_lost_before_it_joined_has_the_caller_fall_back_at_once(event: events.Event) -> None:
    assert joining().handle(event, 1.0) == [FallBack(Ending.AGENT_UNAVAILABLE)]


def test_an_agent_lost_in_silence_has_the_caller_fall_back_at_once() -> None:
    bridge = live()
    assert bridge.handle(LOST, 1.0) == [FallBack(Ending.AGENT_LOST)]
    assert (bridge.report.detail, bridge.report.ending) == ("broken pipe", Ending.AGENT_LOST)


def test_an_agent_lost_in_mid_word_is_heard_for_a_moment_longer() -> None:
    world = living(path=SLOW)
    world.say("a", pcm(5000))
    world.pass_time(SECOND)
    world.end_session(LOST)
    world.pass_time(800 * MS)
    assert ending(world) is None
    world.pass_time(200 * MS)
    assert ending(world) is Ending.AGENT_LOST


def test_an_agent_lost_during_its_goodbye_does_not_change_the_end() -> None:
    world = taking_leave("end_call")
    world.end_session(LOST)
    world.pass_time(4 * SECOND)
    assert (heard_whole(world), ending(world)) == ([True], Ending.AGENT_HUNG_UP)


# The agent hangs up


def test_an_agent_that_hangs_up_in_silence_is_given_a_moment_to_say_more() -> None:
    bridge = live()
    assert (bridge.handle(tool("end_call"), 1.0), bridge.deadline) == ([], 1.4)
    assert acts(bridge.handle(None, 1.4)) == [answer("c1", ok=True), HangUp(Ending.AGENT_HUNG_UP)]


def test_a_goodbye_that_comes_after_the_tool_call_is_heard() -> None:
    world = living(path=SLOW)
    world.feed(tool("end_call"))
    world.pass_time(300 * MS)
    world.say("bye", pcm(900))
    world.pass_time(600 * MS)
    world.say("bye", pcm(900), final=True)
    world.pass_time(4 * SECOND)
    assert (heard_whole(world), ending(world)) == ([True], Ending.AGENT_HUNG_UP)


def test_a_long_goodbye_that_comes_after_the_tool_call_is_heard() -> None:
    world = living(path=SLOW)
    world.feed(tool("end_call"))
    world.say("bye", pcm(9000), final=True)
    world.pass_time(11 * SECOND)
    assert (heard_whole(world), ending(world)) == ([True], Ending.AGENT_HUNG_UP)


def test_a_goodbye_without_audio_is_not_waited_for() -> None:
    bridge = live()
    for event in (text("bye", "Goodbye!"), chunk("bye", 0, final=True), tool("end_call")):
        bridge.handle(event, 1.0)
    assert bridge.deadline == 1.4


def test_a_goodbye_that_is_announced_by_its_text_is_waited_for() -> None:
    bridge = live()
    bridge.handle(tool("end_call"), 1.0)
    bridge.handle(text("bye", "Goodbye!"), 1.2)
    assert bridge.deadline == 3.2


def test_an_agent_that_never_stops_saying_goodbye_is_bounded() -> None:
    world = taking_leave("end_call")
    for number in range(200):
        world.say(f"t{number}", pcm(1000), final=True)
        world.pass_time(SECOND)
    assert (ending(world), heard_whole(world)[0]) == (Ending.AGENT_HUNG_UP, True)


def test_a_goodbye_longer_than_the_bound_for_chatter_is_heard() -> None:
    world = living()
    world.say("bye", pcm(130_000), final=True)
    world.feed(tool("end_call"))
    world.write("bye", "A long story.", final=True)
    world.pass_time(140 * SECOND)
    assert heard_whole(world) == [True]


def test_a_barge_in_during_the_goodbye_calls_the_end_off_and_tells_the_agent() -> None:
    world = taking_leave("end_call")
    world.pass_time(SECOND)
    assert answers(world.interrupt()) == [CALLED_OFF]
    world.say("b", pcm(500), final=True)
    world.pass_time(6 * SECOND)
    assert (ending(world), heard_whole(world)) == (None, [False, True])


def test_a_barge_in_after_the_session_ended_does_not_call_the_end_off() -> None:
    bridge = live()
    bridge.handle(chunk("bye", 1000, final=True), 0.0)
    bridge.handle(tool("end_call"), 0.0)
    bridge.handle(ENDED, 0.1)
    assert acts(bridge.handle(INTERRUPTION, 0.2))[-1] == HangUp(Ending.AGENT_HUNG_UP)


@pytest.mark.parametrize("name", ["end_call", "transfer_call"])
def test_a_call_ends_only_once_at_a_time(name: str) -> None:
    bridge = live()
    bridge.handle(tool("end_call"), 0.0)
    busy = refusal("c2", "busy", "the call has not begun, or is being ended already")
    assert answers(bridge.handle(tool(name, "c2"), 0.1)) == [busy]


def test_a_departure_that_has_not_begun_does_nothing() -> None:
    limits = PLAIN
    departure = Departure(limits, AgentSpeech(limits), ToolDesk(limits, ToolBook({})))
    assert (departure.depart(9.0, agent_there=True), departure.succeed(9.0)) == (([], None), [])


def test_the_sentence_at_the_time_limit_is_heard_to_its_end() -> None:
    world = living(plain(max_call_s=5.0))
    world.pass_time(4 * SECOND)
    world.say("last", pcm(3000), final=True)
    world.pass_time(4 * SECOND)
    assert (heard_whole(world), ending(world)) == ([True], Ending.TIME_LIMIT)


def test_an_agent_that_speaks_on_past_the_time_limit_is_cut() -> None:
    world = living(plain(max_call_s=5.0, last_sentence_s=2.0))
    world.say("endless", pcm(30_000))
    world.pass_time(8 * SECOND)
    assert (heard_whole(world), ending(world)) == ([False], Ending.TIME_LIMIT)
