"""Interruptions thick and fast, turns of no length, marks nobody returns: all of it stays bounded."""

import pytest

from gateway.bridge.commands import Clear, Play
from gateway.bridge.machine import Bridge
from gateway.calls.outbox import BOUND
from gateway.ids import MarkName, StreamSid
from gateway.wire.media_stream import Writer
from tests.unit.bridge_line import MS, SECOND
from tests.unit.bridge_talk import INTERRUPTION, STOP, chunk, live, living, mark, pcm


def storm(bridge: Bridge, seconds: float, every_s: float) -> tuple[list[float], list[float]]:
    """An agent that speaks on and is interrupted again and again: when it is cleared, when it plays."""
    clears, plays = list[float](), list[float]()
    for number in range(round(seconds / every_s)):
        now = number * every_s
        due = bridge.deadline
        events = [None] if due is not None and due <= now else []
        for event in (*events, chunk(f"t{number}", 200), INTERRUPTION):
            done = bridge.handle(event, now)
            clears += [now for each in done if isinstance(each, Clear)]
            plays += [now for each in done if isinstance(each, Play)]
    return clears, plays


@pytest.mark.parametrize("every_s", [0.01, 0.03, 0.05])
def test_a_storm_of_interruptions_makes_ten_clears_a_second_at_most(every_s: float) -> None:
    clears, _ = storm(live(), 5.0, every_s)
    assert 25 <= len(clears) <= 52


def test_interruptions_now_and_then_are_each_cleared_at_once() -> None:
    clears, plays = storm(live(), 6.0, 0.3)
    assert clears == plays == [pytest.approx(number * 0.3) for number in range(20)]


def test_the_agent_is_heard_again_as_soon_as_the_storm_is_over() -> None:
    bridge = live()
    storm(bridge, 2.0, 0.01)
    assert not any(isinstance(each, Play) for each in bridge.handle(chunk("after", 200), 2.0))
    assert bridge.deadline is not None
    assert bridge.deadline <= 2.1
    assert any(isinstance(each, Play) for each in bridge.handle(None, bridge.deadline))
    bridge.handle(STOP, 3.0)
    assert bridge.report.counts["clear_storms"] >= 15


def test_less_than_a_frame_waits_for_calm_too() -> None:
    bridge = live()
    storm(bridge, 1.0, 0.01)
    bridge.handle(chunk("after", 5), 1.0)
    for _ in range(3):
        due = bridge.deadline
        assert due is not None
        assert due > 1.0 or not bridge.handle(None, due)
        bridge.handle(None, due)
    bridge.handle(STOP, 3.0)


def test_a_storm_is_heard_as_it_is_accounted_for() -> None:
    world = living()
    for number in range(100):
        world.say(f"t{number}", pcm(100))
        world.pass_time(10 * MS)
        world.interrupt()
    world.say("last", pcm(500), final=True)
    world.pass_time(2 * SECOND)
    assert world.turns["last"].whole in bytes(world.line.heard)


def test_turns_of_no_length_leave_no_more_than_64_marks_out() -> None:
    bridge = live()
    for number in range(1000):
        bridge.handle(chunk(f"t{number}", 3, final=True), number * 0.0001)
    assert len(bridge._speech.playout._sent) <= 64


def test_marks_that_are_unknown_late_or_come_twice_change_nothing() -> None:
    bridge = live()
    bridge.handle(chunk("a", 200, final=True), 0.0)
    heard = bridge.unheard_ms
    for name in ("g0.99", "g7.1", "x", "g0.", "g0.1e3"):
        assert bridge.handle(mark(name), 0.1) == []
    assert bridge.unheard_ms == heard
    assert bridge.handle(mark("g0.1"), 0.3) != []
    assert bridge.handle(mark("g0.1"), 0.4) == []
    bridge.handle(STOP, 1.0)
    assert bridge.report.counts["marks_stale"] == 5


def test_what_waits_for_a_telephone_that_does_not_read_is_below_two_megabytes() -> None:
    writer = Writer(StreamSid("MZ" + "0" * 32))
    largest = max(len(writer.media(bytes(1600))), len(writer.mark(MarkName("g999.999"))))
    assert BOUND * largest < 2 * 1024 * 1024
