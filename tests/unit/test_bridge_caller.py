"""The caller's leg by itself: keys, pauses, and what is counted."""

import pytest

from gateway.audio.mulaw import BYTES_PER_MS
from gateway.bridge.caller import CallerLeg
from gateway.bridge.limits import Limits
from gateway.wire.media_stream import Media
from tests.unit.bridge_line import START
from tests.unit.bridge_talk import STOP, key, live


def frame(number: int, fill: int = 0xFF) -> Media:
    """A frame in its place; of silence, unless something else fills it."""
    return Media(bytes([fill]) * 160, number, number * 20)


def opened() -> CallerLeg:
    """A leg whose stream opens at 0 s."""
    leg = CallerLeg(Limits())
    leg.open(START, 0.0)
    return leg


def test_a_leg_without_a_stream_is_not_suspect() -> None:
    leg = CallerLeg(Limits())
    assert (leg.suspect_at, leg.suspect(100.0)) == (None, False)


def test_a_stream_without_audio_is_suspect_once_until_audio_comes() -> None:
    leg = opened()
    assert (leg.suspect_at, leg.suspect(2.0), leg.suspect(2.1), leg.suspect(2.2)) == (2.1, False, True, False)
    assert not leg.suspect_at
    leg.fresh(frame(1), 4.0)
    assert (leg.suspect_at, leg.suspect(6.0), leg.suspect(6.1)) == (6.1, False, True)
    assert leg.counts()["media_suspect"] == 2


def trickle(leg: CallerLeg, since: float, seconds: float, every_s: float) -> list[float]:
    """Bring a frame now and then; when the stream was found suspect."""
    found = []
    for number in range(1, round(seconds / every_s) + 1):
        now = since + number * every_s
        leg.fresh(frame(number), now)
        if leg.suspect(now):
            found.append(round(now, 2))
    return found


@pytest.mark.parametrize(("every_s", "found"), [(0.02, []), (0.04, []), (0.1, [3.0, 6.1])])
def test_a_stream_that_brings_far_less_than_a_line_does_is_suspect_but_not_for_ever(
    every_s: float, found: list[float]
) -> None:
    leg = opened()
    assert trickle(leg, 0.0, 20.0, every_s) == found
    assert leg.counts()["media_thin"] == len(found)


def test_what_came_while_nobody_looked_is_not_missed() -> None:
    leg = opened()
    assert not leg.suspect(2.0 - 0.01)
    leg.fresh(frame(1), 8.0)
    assert not leg.suspect(8.0)
    assert leg.suspect_at == 10.1


@pytest.mark.parametrize(("pause_s", "counted"), [(0.9, 0), (1.1, 1), (9.0, 1)])
def test_a_pause_of_more_than_a_second_is_counted(pause_s: float, counted: int) -> None:
    leg = opened()
    leg.fresh(frame(1), 0.1)
    leg.fresh(frame(2), 0.1 + pause_s)
    assert leg.counts()["media_pauses"] == counted


def test_keys_as_fast_as_a_telephone_has_them_all_count() -> None:
    leg = opened()
    assert all(leg.press(number * 0.1) for number in range(500))


def test_a_flood_of_keys_is_cut_to_what_a_finger_can_do() -> None:
    leg = opened()
    assert sum(leg.press(number * 0.001) for number in range(10_000)) == pytest.approx(64 + 150, abs=2)
    assert leg.counts()["keys_dropped"] == pytest.approx(10_000 - 214, abs=2)


def test_a_flood_of_keys_is_counted_in_the_report_of_the_call() -> None:
    bridge = live()
    for _ in range(100):
        assert bridge.handle(key("1"), 1.0) == []
    bridge.handle(STOP, 2.0)
    assert bridge.report.counts["keys_dropped"] == 36


def test_a_gap_before_the_agent_has_joined_is_filled_too() -> None:
    leg = opened()
    for number in (1, 2, 4):
        leg.keep(frame(number), number * 0.02)
    assert len(b"".join(leg.kept())) == 4 * 160


def test_what_was_kept_goes_two_frames_at_a_time() -> None:
    leg = opened()
    for number in range(5):
        leg.keep(frame(number + 1), number * 0.02)
    assert [len(piece) // BYTES_PER_MS for piece in leg.kept()] == [40, 40, 20]
    assert leg.kept() == []


def test_words_that_nobody_heard_are_not_forgotten_for_the_silence_behind_them() -> None:
    leg = opened()
    for number in range(1, 31):
        leg.keep(frame(number, 0x10), number * 0.02)
    for number in range(31, 200):
        leg.keep(frame(number), number * 0.02)
    kept = b"".join(leg.kept())
    words = kept.count(0x10) / BYTES_PER_MS
    assert 450 < words < 620
    assert len(kept) / BYTES_PER_MS <= 1000


def test_the_newest_words_are_kept_of_two() -> None:
    leg = opened()
    for number in range(1, 200):
        spoken = number <= 40 or 120 <= number <= 160
        leg.keep(frame(number, 0x10 if spoken else 0xFF), number * 0.02)
    kept = b"".join(leg.kept())
    assert kept[: len(kept) * 3 // 5].count(0x10) / BYTES_PER_MS > 400
    assert len(kept) / BYTES_PER_MS <= 1000


def test_a_burst_is_passed_on_bit_by_bit() -> None:
    leg = opened()
    for number in range(1, 50):
        assert len(leg.pass_on(frame(number), number * 0.02)) == 160
    burst = [len(leg.pass_on(frame(number), 3.0)) for number in range(50, 150)]
    assert sum(burst) == 10 * 160
    assert leg.counts()["caller_audio_dropped_ms"] == 100 * 20 - 200 - 400


def test_another_stream_begins_with_numbers_and_a_time_of_its_own() -> None:
    leg = opened()
    for number in range(1, 50):
        leg.pass_on(frame(number), number * 0.02)
    leg.open(START, 8.0)
    assert [len(leg.pass_on(frame(number), 8.0 + number * 0.02)) for number in range(1, 50)] == [160] * 49
    assert set(leg.counts().values()) == {0}


def test_an_agent_that_comes_later_hears_the_caller_at_once() -> None:
    leg = opened()
    leg.pass_on(frame(1), 0.02)
    for number in range(2, 200):
        (leg.keep if number < 100 else leg.fresh)(frame(number), number * 0.02)
    assert [len(leg.pass_on(frame(number), number * 0.02)) for number in range(200, 250)] == [160] * 50
