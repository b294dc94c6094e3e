"""Barge-in: nothing of what was cut is heard afterwards, and the next turn is heard whole."""

from collections.abc import Callable

import pytest

from gateway.bridge import events
from gateway.bridge.commands import Clear, PlaceMark, Tell
from gateway.bridge.report import BargedIn
from gateway.ids import MarkName
from tests.unit.bridge_line import MS, START, STARTED, Path, World
from tests.unit.bridge_talk import INTERRUPTION, acts, admitted, chunk, live, living, mark, pcm, told, tool

FENCE = [Clear(), PlaceMark(MarkName("g1.1"))]


def greeting_before_the_stream() -> World:
    world = World(path=Path(down=40 * MS, up=60 * MS))
    world.feed(events.Admitted())
    world.feed(STARTED)
    world.say("old", pcm(800))
    world.interrupt()
    world.feed(START)
    return world


def call() -> World:
    return living(path=Path(down=40 * MS, up=60 * MS))


def generating() -> World:
    world = call()
    world.say("old", pcm(600))
    world.pass_time(350 * MS)
    world.interrupt()
    return world


def generation_long_over() -> World:
    world = call()
    world.say("old", pcm(6000), final=True)
    world.pass_time(4350 * MS)
    world.interrupt()
    return world


def nothing_playing() -> World:
    world = call()
    world.say("old", pcm(500), final=True)
    world.pass_time(3000 * MS)
    world.interrupt()
    return world


def twice_in_a_row() -> World:
    world = generating()
    world.pass_time(10 * MS)
    world.interrupt()
    return world


def goodbye() -> World:
    world = call()
    world.say("old", pcm(900))
    world.feed(tool("lookup", "pending"))
    world.feed(tool("end_call", "bye"))
    world.pass_time(350 * MS)
    world.interrupt()
    return world


STATES: list[tuple[Callable[[], World], int, bool]] = [
    (greeting_before_the_stream, 0, False),
    (generating, 350, True),
    (generation_long_over, 4350, True),
    (nothing_playing, 502, False),
    (twice_in_a_row, 350, True),
    (goodbye, 350, True),
]
ids = [state.__name__ for state, _, _ in STATES]


@pytest.mark.parametrize(("state", "heard_ms", "cleared"), STATES, ids=ids)
def test_nothing_of_a_cut_turn_is_heard_once_the_clear_is_there(
    state: Callable[[], World], heard_ms: int, cleared: bool
) -> None:
    world = state()
    assert (world.heard_by_arrival("old"), world.log.count(Clear())) == (heard_ms * MS, int(cleared))
    for final in (False, True):
        world.say("old", pcm(400), final=final)
    world.pass_time(3000 * MS)
    assert world.line.heard_of["old"] == heard_ms * MS


@pytest.mark.parametrize(("state", "heard_ms", "cleared"), STATES, ids=ids)
def test_the_turn_after_a_barge_in_is_heard_to_the_last_sample(
    state: Callable[[], World], heard_ms: int, cleared: bool
) -> None:
    world = state()
    world.say("old", pcm(400))
    world.say("new", pcm(1500), final=True)
    world.pass_time(4000 * MS)
    new = world.turns["new"].whole
    assert (world.line.heard.endswith(new), len(world.line.heard)) == (True, heard_ms * MS + len(new))


@pytest.mark.parametrize(("state", "heard_ms", "cleared"), STATES, ids=ids)
def test_the_account_of_a_cut_turn_is_what_was_heard(
    state: Callable[[], World], heard_ms: int, cleared: bool
) -> None:
    report = state().reports()["old"]
    assert (round(report.heard_ms), report.cut) == (heard_ms, state is not nothing_playing)


def test_a_barge_in_clears_twilio_and_puts_a_fence_behind_it() -> None:
    bridge = live()
    bridge.handle(chunk("a", 600), 0.0)
    done = bridge.handle(INTERRUPTION, 0.25)
    assert acts(done) == FENCE
    assert told(done)[0] == BargedIn(cut_ms=350.0, cleared=True)


def test_a_barge_in_is_cleared_even_if_all_is_reckoned_to_be_heard_but_not_proved() -> None:
    bridge = live()
    bridge.handle(chunk("a", 100, final=True), 0.0)
    bridge.handle(None, 1.0)
    assert acts(bridge.handle(INTERRUPTION, 2.0)) == FENCE


def test_a_barge_in_when_all_was_proved_to_be_heard_clears_nothing() -> None:
    world = living()
    world.say("a", pcm(100), final=True)
    world.pass_time(1000 * MS)
    assert world.interrupt() == [Tell(BargedIn(0.0, cleared=False))]


def test_a_late_mark_proves_that_nothing_needs_to_be_cleared() -> None:
    world = living(path=Path(late=2000 * MS))
    world.say("a", pcm(100), final=True)
    world.pass_time(3000 * MS)
    assert world.interrupt() == [Tell(BargedIn(0.0, cleared=False))]


def test_a_second_barge_in_is_reckoned_from_the_turn_that_followed_the_first() -> None:
    world = living(path=Path(down=40 * MS, up=60 * MS))
    for name in ("a", "b"):
        world.say(name, pcm(3000), final=True)
        world.pass_time(200 * MS)
        world.interrupt()
    assert [round(turn.heard_ms) for turn in world.reports().values()] == [200, 200]


def test_interruptions_in_a_row_clear_once() -> None:
    world = living()
    world.say("a", pcm(3000))
    for _ in range(100):
        world.interrupt()
    assert world.log.count(Clear()) == 1


def test_a_turn_announced_by_text_or_an_empty_chunk_is_cut_with_the_rest() -> None:
    bridge = live()
    bridge.handle(chunk("a", 0), 0.0)
    bridge.handle(INTERRUPTION, 0.1)
    assert bridge.handle(chunk("a", 500), 0.2) == []


def test_a_server_that_calls_each_part_of_a_turn_final_is_cut_off_too() -> None:
    world = living()
    for _ in range(2):
        world.say("a", pcm(100), final=True)
        world.pass_time(500 * MS)
    world.interrupt()
    assert world.say("a", pcm(100), final=True) == []
    assert [turn.cut for turn in world.reports().values()] == [False]


def test_audio_without_a_turns_name_is_played_after_a_barge_in() -> None:
    bridge = live()
    bridge.handle(chunk("", 500), 0.0)
    bridge.handle(INTERRUPTION, 0.1)
    assert len(acts(bridge.handle(chunk("", 100), 0.2))) == 1


def test_marks_of_an_older_generation_change_nothing() -> None:
    bridge = live()
    bridge.handle(chunk("a", 600), 0.0)
    bridge.handle(INTERRUPTION, 0.1)
    bridge.handle(chunk("b", 600), 0.1)
    for name in ("g0.1", "g0.2", "g0.3"):
        bridge.handle(mark(name), 0.2)
    assert bridge.unheard_ms == pytest.approx(590, abs=10)


def test_a_greeting_cut_before_the_stream_opens_needs_no_clear() -> None:
    bridge = admitted()
    bridge.handle(STARTED, 0.0)
    bridge.handle(chunk("a", 500, final=True), 0.1)
    bridge.handle(INTERRUPTION, 0.2)
    assert bridge.handle(START, 0.3) == []
