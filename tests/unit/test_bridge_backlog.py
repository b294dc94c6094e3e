"""Audio that comes late and all at once: the agent hears what is said now."""

import pytest

from gateway.audio.mulaw import FRAME
from gateway.bridge.backlog import Backlog

FRAME_S = 0.02


def frame(number: int) -> bytes:
    """A frame that can be told from others."""
    return bytes([number % 256]) * FRAME


def numbers(audio: bytes) -> list[int]:
    """Which frames are in it."""
    return [audio[at] for at in range(0, len(audio), FRAME)]


def on_time(backlog: Backlog, first: int, last: int, jitter_s: float = 0.0) -> list[int]:
    """Frames that come when they are spoken, more or less; which of them are passed on at once."""
    passed = []
    for number in range(first, last):
        at = number * FRAME_S + (jitter_s if number % 3 else 0.0)
        passed += numbers(backlog.take(frame(number), at))
    return passed


@pytest.mark.parametrize("jitter_s", [0.0, 0.03, 0.09])
def test_audio_that_is_on_time_goes_straight_on(jitter_s: float) -> None:
    assert on_time(Backlog(400), 0, 250, jitter_s) == list(range(250))


def test_two_seconds_at_once_leave_the_newest_and_at_half_again_the_speed() -> None:
    backlog = Backlog(400)
    on_time(backlog, 0, 50)
    burst = [backlog.take(frame(number), 3.0) for number in range(50, 150)]
    assert numbers(b"".join(burst)) == list(range(50, 60))
    rest = []
    for number in range(150, 250):
        passed = backlog.take(frame(number), number * FRAME_S)
        assert len(passed) <= 1.6 * FRAME
        rest.append(passed)
        if not backlog._waiting:
            break
    heard = numbers(b"".join(rest))
    assert heard == list(range(heard[0], 150 + len(rest)))
    assert 130 <= heard[0] <= 132  # 0.4 s before the newest
    assert 0.7 <= len(rest) * FRAME_S <= 0.9
    assert backlog.dropped == pytest.approx((heard[0] - 60) * FRAME, abs=FRAME)
    assert numbers(backlog.take(frame(250), 5.0)) == [250]


def test_a_short_stall_loses_nothing() -> None:
    backlog = Backlog(400)
    on_time(backlog, 0, 50)
    passed = [backlog.take(frame(number), 1.3) for number in range(50, 65)]
    passed += [backlog.take(frame(number), number * FRAME_S) for number in range(65, 120)]
    assert numbers(b"".join(passed)) == list(range(50, 120))
    assert backlog.dropped == 0


def test_a_way_that_has_become_longer_loses_nothing() -> None:
    backlog = Backlog(400)
    on_time(backlog, 0, 50)
    passed = [backlog.take(frame(number), number * FRAME_S + 0.6) for number in range(50, 500)]
    assert len(b"".join(passed)) + len(backlog._waiting) == 450 * FRAME
    assert backlog.dropped == 0
    assert len(backlog._waiting) <= 2 * FRAME


@pytest.mark.parametrize("drift", [0.9997, 1.0003])
def test_clocks_that_run_apart_are_no_stall(drift: float) -> None:
    backlog = Backlog(400)
    for number in range(50 * 3600):
        assert backlog.take(b"\xff" * FRAME, number * FRAME_S * drift)


def test_time_that_passes_faster_than_ours_is_followed() -> None:
    backlog = Backlog(400)
    heard = b"".join(backlog.take(frame(number), number * FRAME_S / 10) for number in range(500))
    stalled = [backlog.take(frame(number), 1.5) for number in range(500, 700)]
    after = [backlog.take(frame(number), 1.5 + (number - 700) * 0.002) for number in range(700, 900)]
    assert len(heard) == 500 * FRAME
    assert [len(each) for each in after] == [FRAME] * 200
    assert len(b"".join(stalled)) + backlog.dropped == 200 * FRAME
    assert backlog.dropped <= 4 * FRAME


@pytest.mark.parametrize("lump", [5, 10, 15, 25])
def test_messages_that_always_come_in_lumps_are_not_held_up(lump: int) -> None:
    backlog = Backlog(400)
    on_time(backlog, 0, 50)
    late = []
    for number in range(50, 1000):
        at = (number // lump + 1) * lump * FRAME_S
        heard = numbers(backlog.take(frame(number), at))
        late += [at - (number - (number - each) % 256) * FRAME_S for each in heard]
    assert max(late[-lump * 10 :]) <= lump * FRAME_S + 0.001
    assert backlog.dropped <= (0 if lump <= 10 else 100) * FRAME


def test_where_nothing_may_wait_everything_goes_on_at_once() -> None:
    backlog = Backlog(0)
    on_time(backlog, 0, 50)
    assert [numbers(backlog.take(frame(number), 9.0)) for number in range(50, 150)] == [
        [number] for number in range(50, 150)
    ]


def test_whole_seconds_are_passed_on_as_they_come() -> None:
    backlog = Backlog(400)
    assert [len(backlog.take(b"\x55" * 8000, at)) for at in (0.0, 1.3, 2.6, 3.1)] == [8000] * 4
