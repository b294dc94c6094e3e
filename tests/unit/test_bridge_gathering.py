"""Small chunks are gathered while Twilio has enough to play, and no caller can tell."""

import pytest

from gateway.audio.transcode import PCM_BYTES_PER_MS
from gateway.bridge.commands import Clear, PlaceMark, Play
from gateway.bridge.report import BargedIn
from tests.unit.bridge_line import MS, PLAIN, SECOND, plain
from tests.unit.bridge_talk import (
    INTERRUPTION,
    acts,
    chunk,
    heard_whole,
    live,
    living,
    mark,
    pcm,
    played_ms,
    told,
    turns,
)

LIMITS = plain(gather_ms=100, enough_s=0.25)


def test_until_twilio_has_enough_each_chunk_is_sent_as_it_comes() -> None:
    bridge = live(LIMITS)
    sent = [played_ms(bridge.handle(chunk("a", 100), 0.0)) for _ in range(3)]
    assert sent == [100, 100, 100]
    assert bridge.handle(chunk("a", 60), 0.0) == []


def test_from_then_on_they_are_sent_together() -> None:
    bridge = live(LIMITS)
    bridge.handle(chunk("a", 500), 0.0)
    assert [bridge.handle(chunk("a", 20), 0.02) for _ in range(4)] == [[]] * 4
    assert played_ms(bridge.handle(chunk("a", 20), 0.02)) == 100


def test_they_are_gathered_up_to_a_mark_and_not_across_it() -> None:
    bridge = live(plain(gather_ms=200, mark_every_ms=200, enough_s=0.25))
    bridge.handle(chunk("a", 500), 0.0)
    assert [bridge.handle(chunk("a", 20), 0.0) for _ in range(4)] == [[]] * 4
    assert [type(command) for command in bridge.handle(chunk("a", 20), 0.0)] == [Play, PlaceMark]


def test_what_is_gathered_is_sent_before_twilio_needs_it() -> None:
    bridge = live(LIMITS)
    bridge.handle(chunk("a", 400), 0.0)
    assert bridge.handle(chunk("a", 40), 0.1) == []
    assert bridge.deadline == pytest.approx(0.15)
    assert played_ms(bridge.handle(None, 0.16)) == 40


def test_the_end_of_a_turn_waits_for_nothing() -> None:
    bridge = live(LIMITS)
    bridge.handle(chunk("a", 500), 0.0)
    bridge.handle(chunk("a", 20), 0.0)
    assert played_ms(bridge.handle(chunk("a", 20, final=True), 0.0)) == 42


def test_another_turn_has_what_was_gathered_sent_first() -> None:
    bridge = live(LIMITS)
    bridge.handle(chunk("a", 500), 0.0)
    bridge.handle(chunk("a", 20), 0.0)
    assert played_ms(bridge.handle(chunk("b", 20), 0.0)) == 22
    assert played_ms(bridge.handle(chunk("b", 20, final=True), 0.0)) == 42


def test_what_was_gathered_is_cut_and_counts_as_said() -> None:
    bridge = live(LIMITS)
    bridge.handle(chunk("a", 500), 0.0)
    bridge.handle(chunk("a", 60), 0.1)
    done = bridge.handle(INTERRUPTION, 0.2)
    assert Clear() in done
    assert [note for note in told(done) if isinstance(note, BargedIn)] == [BargedIn(360.0, True)]
    assert turns(bridge.report.turns) == [("a", 560.0, 200.0, True)]
    assert bridge.handle(chunk("a", 60), 0.3) == []


def test_marks_that_lie_do_not_lose_what_was_gathered() -> None:
    bridge = live(LIMITS)
    done = bridge.handle(chunk("a", 400), 0.0)
    placed = [command.name for command in done if isinstance(command, PlaceMark)]
    assert acts(bridge.handle(chunk("a", 60), 0.01)) == []
    for name in placed:
        bridge.handle(mark(name), 0.02)
    assert bridge.deadline is not None
    assert played_ms(bridge.handle(None, bridge.deadline)) == 60


@pytest.mark.parametrize("size_ms", [10, 20, 50, 170])
@pytest.mark.parametrize("pace", [1, 2, 5])
def test_the_caller_hears_every_sample_and_no_gap_however_small_the_chunks(size_ms: int, pace: int) -> None:
    world = living(PLAIN)
    sound = pcm(2040)
    step = size_ms * PCM_BYTES_PER_MS
    for at in range(0, len(sound), step):
        world.say("a", sound[at : at + step], final=at + step >= len(sound))
        world.pass_time(size_ms * MS // pace)
    world.pass_time(3 * SECOND)
    assert heard_whole(world) == [True]
    assert turns(world.bridge.report.turns) == [("a", 2042.0, 2042.0, False)]
    if pace > 1:
        assert [until - since for since, until in world.line.silent if since and until > since + 1] == []


def test_gathering_spares_messages() -> None:
    world = living(PLAIN)
    for at in range(0, 100 * 20 * PCM_BYTES_PER_MS, 20 * PCM_BYTES_PER_MS):
        world.say("a", pcm(2000)[at : at + 20 * PCM_BYTES_PER_MS])
        world.pass_time(10 * MS)
    assert sum(isinstance(command, Play) for command in world.log) < 40
