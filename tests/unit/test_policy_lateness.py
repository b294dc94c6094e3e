"""How late frames are, and when that is too late."""

import pytest

from gateway.policy.lateness import LOOK_S, Lateness

LIMIT_S = 0.04


def run(lateness: Lateness, since: float, until: float, late_s: float = 0.001) -> float:
    """Frames on time, or all of them so late; returns the time."""
    now = since
    while now < until:
        now += LOOK_S
        lateness.note(late_s, now)
    return now


def test_nothing_measured_is_not_late() -> None:
    lateness = Lateness()
    assert (lateness.p99_s(7.0), lateness.late(LIMIT_S, 7.0, already=False)) == (0.0, False)


@pytest.mark.parametrize(("late_s", "p99_s"), [(0.0, 0.001), (0.004, 0.005), (0.018, 0.02), (99.0, 5.0)])
def test_the_lateness_of_99_of_100_frames_is_told(late_s: float, p99_s: float) -> None:
    lateness = Lateness()
    now = run(lateness, 0.0, 3.0, late_s)
    assert lateness.p99_s(now) == p99_s


def test_one_frame_of_a_hundred_may_be_late() -> None:
    lateness = Lateness()
    now = run(lateness, 0.0, 4.9)
    lateness.note(0.055, now)  # three frames, and the two behind them by 35 and 15 ms
    assert lateness.p99_s(now) == 0.07
    assert not lateness.late(LIMIT_S, now, already=False)


def test_two_looks_of_eighty_that_were_late_are_too_many() -> None:
    lateness = Lateness()
    for now in (run(lateness, 0.0, 2.0), run(lateness, 2.0, 4.9)):
        lateness.note(0.055, now)
    assert lateness.late(LIMIT_S, now, already=False)


def test_a_pause_makes_all_frames_late_that_it_spans() -> None:
    lateness = Lateness()
    now = run(lateness, 0.0, 4.0)
    lateness.note(0.5, now + 0.5)
    assert lateness.p99_s(now + 0.5) == 0.5


def test_a_single_pause_is_no_sign_of_too_many_calls() -> None:
    lateness = Lateness()
    now = run(lateness, 0.0, 4.0)
    lateness.note(0.5, now + 0.5)
    assert not lateness.late(LIMIT_S, now + 0.5, already=False)


def test_frames_that_are_late_again_and_again_are_and_stay_so_until_they_have_been_good_for_a_while() -> None:
    lateness = Lateness()
    now = run(lateness, run(lateness, 0.0, 4.0), 5.2, 0.06)
    assert lateness.late(LIMIT_S, now, already=False)
    now = run(lateness, now, now + 1.0)
    assert lateness.late(LIMIT_S, now, already=True)
    now = run(lateness, now, now + 1.5)
    assert not lateness.late(LIMIT_S, now, already=True)
    assert not lateness.late(LIMIT_S, now, already=False)


def test_lateness_between_the_limits_changes_nothing() -> None:
    lateness = Lateness()
    now = run(lateness, 0.0, 5.0, 0.028)
    assert [lateness.late(LIMIT_S, now, already=already) for already in (False, True)] == [False, True]


def test_what_is_older_than_five_seconds_is_forgotten() -> None:
    lateness = Lateness()
    now = run(lateness, 0.0, 3.0, 0.2)
    assert lateness.p99_s(now + 5.5) == 0.0
