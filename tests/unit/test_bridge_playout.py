"""Agent audio on its way: the lead, the marks, and the clock where marks fail."""

import pytest

from gateway.bridge.commands import PlaceMark, Play, Tell
from gateway.bridge.limits import Limits
from gateway.bridge.report import FirstAudio, RoundTrip
from gateway.ids import MarkName
from tests.unit.bridge_line import MS, SECOND, START, STARTED, Path, World, plain
from tests.unit.bridge_talk import (
    ENDED,
    INTERRUPTION,
    STOP,
    acts,
    admitted,
    chunk,
    live,
    living,
    mark,
    pcm,
    played_ms,
    text,
    told,
    turns,
)


def shape(done: list[object]) -> list[object]:
    """Sizes of audio in milliseconds, and names of marks."""
    sizes = [len(c.audio) // MS if isinstance(c, Play) else c for c in done]
    return [c.name if isinstance(c, PlaceMark) else c for c in sizes]


def speaking(ms: int, limits: Limits | None = None, path: Path | None = None) -> World:
    """An agent that has said all of a turn at once."""
    world = living(limits, path)
    world.say("a", pcm(ms), final=True)
    return world


def gaps_ms(world: World) -> list[float]:
    """The silences within what was heard; a timer of the model is a sample late at most."""
    return [(until - since) / MS for since, until in world.line.silent if since and until > since + 1]


def test_a_mark_is_placed_behind_each_stretch_and_the_rest_waits_for_credit() -> None:
    done = acts(live().handle(chunk("a", 1500), 0.0))
    assert shape(list(done)) == [200, "g0.1", 200, "g0.2", 200, "g0.3", 200, "g0.4", 200, "g0.5"]


def test_a_returned_mark_is_credit_for_as_much_audio() -> None:
    bridge = live()
    bridge.handle(chunk("a", 1500), 0.0)
    assert bridge.handle(mark("g0.1"), 0.2625)[0] == Tell(RoundTrip(62.5))
    assert shape(list(acts(bridge.handle(mark("g0.3"), 0.65)))) == [200, "g0.7", 100, "g0.8"]
    assert bridge.unheard_ms == 900


def test_the_end_of_a_turn_is_sent_to_the_last_sample_with_a_mark_behind_it() -> None:
    done = acts(live().handle(chunk("a", 50, final=True), 0.0))
    assert (played_ms(done), done[-1]) == (52.0, PlaceMark(MarkName("g0.1")))


def test_an_end_without_audio_flushes_the_filter() -> None:
    bridge = live()
    assert played_ms(bridge.handle(chunk("a", 50), 0.0)) == 40
    assert played_ms(bridge.handle(chunk("a", 0, final=True), 0.01)) == 12


def test_an_end_without_audio_disturbs_no_other_turn() -> None:
    bridge = live()
    bridge.handle(chunk("a", 40), 0.0)
    for name in ("b", "a", "b"):
        assert bridge.handle(chunk(name, 0, final=name == "b"), 0.01) == []
    assert played_ms(bridge.handle(chunk("a", 40, final=True), 0.02)) == 42


def test_a_pause_within_a_turn_sends_the_part_of_a_frame_that_waits_with_a_mark() -> None:
    bridge = live()
    bridge.handle(chunk("a", 50), 0.0)
    assert bridge.deadline == 0.1
    assert shape(list(acts(bridge.handle(None, 0.1)))) == [10, "g0.1"]


def test_empty_chunks_do_not_put_off_the_end_of_a_pause() -> None:
    bridge = live()
    bridge.handle(chunk("a", 50), 0.0)
    bridge.handle(chunk("a", 0), 0.09)
    assert bridge.deadline == 0.1


def test_an_early_timer_does_nothing() -> None:
    bridge = live()
    bridge.handle(chunk("a", 50), 0.0)
    assert (bridge.handle(None, 0.05), bridge.deadline) == ([], 0.1)


def test_the_first_audio_is_told_once_counted_from_the_opening_of_the_stream() -> None:
    bridge = admitted()
    bridge.handle(START, 1.0)
    assert told(bridge.handle(chunk("a", 60), 1.25)) == [FirstAudio(250.0)]
    assert told(bridge.handle(chunk("a", 60), 1.5)) == []


def test_what_was_said_before_the_stream_is_played_when_it_opens() -> None:
    world = World()
    for event in (None, STARTED):
        world.feed(event)
    world.say("a", pcm(3000), final=True)
    world.feed(START)
    world.pass_time(4 * SECOND)
    assert bytes(world.line.heard) == world.turns["a"].whole


@pytest.mark.parametrize("lead_ms", [1, 19, 20, 50, 130, 200, 1000])
@pytest.mark.parametrize("round_trip_ms", [0, 60, 700])
def test_a_turn_is_heard_without_a_gap_and_within_the_lead(lead_ms: int, round_trip_ms: int) -> None:
    half = round_trip_ms * MS // 2
    world = speaking(3000, plain(playout_lead_ms=lead_ms), Path(down=half, up=half))
    world.pass_time(5 * SECOND)
    assert (bytes(world.line.heard), gaps_ms(world)) == (world.turns["a"].whole, [])
    assert world.line.most_queued <= max(20, lead_ms) * MS


@pytest.mark.parametrize("first", [0, 1, 6])
@pytest.mark.parametrize("round_trip_ms", [0, 60, 400, 450, 700])
def test_no_gap_is_heard_when_marks_fail_to_return(first: int, round_trip_ms: int) -> None:
    half = round_trip_ms * MS // 2
    world = speaking(5000, path=Path(down=half, up=half, lost=lambda count: count > first))
    world.pass_time(8 * SECOND)
    assert (bytes(world.line.heard), gaps_ms(world)) == (world.turns["a"].whole, [])
    assert world.line.most_queued <= SECOND


def test_no_gap_is_heard_when_marks_return_two_seconds_late() -> None:
    world = speaking(5000, path=Path(late=2 * SECOND))
    world.pass_time(8 * SECOND)
    assert (bytes(world.line.heard), gaps_ms(world)) == (world.turns["a"].whole, [])


def test_a_mark_that_proves_more_than_its_own_stretch_makes_up_for_lost_ones() -> None:
    world = speaking(600, path=Path(lost=lambda count: count < 3))
    world.pass_time(700 * MS)
    assert [turn.proved_ms for turn in world.bridge.report.turns] == [602.0]


def test_marks_that_never_return_are_counted_and_what_they_stood_for_is_reckoned() -> None:
    world = speaking(400, path=Path(lost=lambda _: True))
    world.pass_time(2 * SECOND)
    world.feed(STOP)
    report = world.bridge.report
    assert [(turn.heard_ms, turn.proved_ms, turn.cut) for turn in report.turns] == [(402.0, 0.0, False)]
    assert report.counts["marks_missing"] == 3


@pytest.mark.parametrize("name", ["", "g0", "g0.", "g0.x", "g0.9", "g1.1", "x.1", "g0.\u0663", "g0.2"])
def test_a_mark_that_was_not_placed_is_counted_and_changes_nothing(name: str) -> None:
    bridge = live()
    bridge.handle(chunk("a", 300), 0.0)
    assert (bridge.handle(mark(name), 0.05), bridge.unheard_ms) == ([], 300)
    bridge.handle(STOP, 0.1)
    assert bridge.report.counts["marks_stale"] == 1


def test_a_mark_that_comes_twice_changes_nothing() -> None:
    bridge = live()
    bridge.handle(chunk("a", 600), 0.0)
    bridge.handle(mark("g0.1"), 0.2)
    assert (bridge.handle(mark("g0.1"), 0.21), bridge.unheard_ms) == ([], 400)


def test_the_round_trip_of_a_mark_placed_in_a_pause_is_reckoned_from_then() -> None:
    bridge = live()
    bridge.handle(chunk("a", 20), 0.0)
    bridge.handle(None, 0.25)
    assert told(bridge.handle(mark("g0.1"), 0.5)) == [RoundTrip(250.0)]


def stalled() -> World:
    """Twilio plays a second turn 300 ms later than it should, as the last mark told."""
    world = living(path=Path(down=50 * MS, up=50 * MS))
    world.say("a", pcm(100), final=True)
    world.pass_time(500 * MS)
    world.path.down = 350 * MS
    world.say("b", pcm(900))
    world.pass_time(0)
    world.path.down = 50 * MS
    return world


def test_a_cut_reckons_with_the_lateness_that_the_last_mark_told() -> None:
    world = stalled()
    world.pass_time(650 * MS)
    world.interrupt()
    assert abs(world.reports()["b"].heard_ms - world.heard_by_arrival("b") / MS) <= 20


def test_a_lateness_is_over_when_twilio_has_run_dry() -> None:
    world = stalled()
    world.pass_time(3000 * MS)
    world.say("c", pcm(900))
    world.pass_time(400 * MS)
    world.interrupt()
    assert abs(world.reports()["c"].heard_ms - world.heard_by_arrival("c") / MS) <= 20


def test_what_was_heard_when_the_caller_hung_up_is_reckoned_from_when_that_was() -> None:
    world = speaking(5000, path=Path(down=100 * MS, up=100 * MS))
    world.pass_time(1500 * MS)
    world.line.ended = True
    world.later(STOP)
    world.pass_time(200 * MS)
    assert round(world.reports()["a"].heard_ms * MS) == world.line.heard_of["a"]


def test_audio_beyond_the_bound_of_what_may_wait_is_dropped_and_counted() -> None:
    bridge = live(plain(waiting_audio_s=1.0))
    for _ in range(3):
        bridge.handle(chunk("a", 1000), 0.0)
    bridge.handle(STOP, 0.5)
    assert turns(bridge.report.turns) == [("a", 2000.0, 500.0, True)]
    assert bridge.report.counts["agent_audio_dropped_ms"] == 1000


def test_turns_left_without_an_end_are_ended_by_the_next() -> None:
    world = living()
    for name in ("a", "b", "a", "c"):
        world.say(name, pcm(130))
    world.end_session(ENDED)
    world.pass_time(2 * SECOND)
    assert sorted(turns(world.bridge.report.turns)) == [
        ("a", 264.0, 264.0, False),
        ("b", 132.0, 132.0, False),
        ("c", 132.0, 132.0, False),
    ]


def test_a_turn_that_goes_on_after_its_end_is_one_turn() -> None:
    world = living()
    for pause_ms in (10, 500, 500):
        world.say("a", pcm(75), final=True)
        world.pass_time(pause_ms * MS)
    assert turns(world.bridge.report.turns) == [("a", 231.0, 231.0, False)]


def test_a_turn_that_goes_on_while_its_end_still_waits_is_sent_in_whole_frames() -> None:
    bridge = live(plain(playout_lead_ms=40))
    for _ in range(2):
        bridge.handle(chunk("a", 45, final=True), 0.0)
    assert shape(list(acts(bridge.handle(mark("g0.2"), 0.04)))) == [20, "g0.3", 20, "g0.4"]


def test_a_short_rest_waits_until_there_is_room_for_it() -> None:
    bridge = live(plain(playout_lead_ms=40))
    bridge.handle(chunk("a", 40, final=True), 0.0)
    assert shape(list(acts(bridge.handle(mark("g0.1"), 0.02)))) == [2, "g0.3"]


def test_a_fence_that_is_lost_is_given_up() -> None:
    bridge = live()
    bridge.handle(chunk("a", 100), 0.0)
    bridge.handle(INTERRUPTION, 0.05)
    bridge.handle(None, 0.55)
    bridge.handle(STOP, 1.0)
    assert bridge.report.counts["marks_missing"] == 1


def test_a_mark_is_given_up_half_a_second_after_the_round_trip() -> None:
    bridge = live()
    bridge.handle(chunk("a", 398, final=True), 0.0)
    bridge.handle(mark("g0.1"), 0.45)
    assert bridge.deadline == 0.4 + 0.25 + 0.5


def test_text_before_the_audio_plays_nothing() -> None:
    assert live().handle(text("a", "Hello."), 0.0) == []
