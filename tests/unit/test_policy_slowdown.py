"""A peer that asks to slow down is left in peace, longer each time, until it answers."""

import pytest

from gateway.policy.slowdown import Slowdown


def test_a_peer_that_does_not_mind_is_asked_at_once() -> None:
    assert Slowdown().wait_s(0.0) == 0.0


@pytest.mark.parametrize(("chance", "pause_s"), [(0.0, 0.25), (0.5, 0.375), (1.0, 0.5)])
def test_half_of_the_pause_is_by_chance(chance: float, pause_s: float) -> None:
    slowdown = Slowdown()
    assert slowdown.throttled(10.0, chance) == pause_s
    assert slowdown.wait_s(10.0) == pause_s
    assert slowdown.wait_s(20.0) == 0.0


def test_pauses_grow_to_a_longest_one() -> None:
    slowdown = Slowdown()
    assert [slowdown.throttled(100.0 * turn, 1.0) for turn in range(8)] == [0.5, 1, 2, 4, 8, 16, 30, 30]


@pytest.mark.parametrize(("asked_s", "pause_s"), [(0.1, 0.5), (7.0, 7.0), (3600.0, 30.0)])
def test_the_peer_may_ask_for_more_up_to_the_longest_pause(asked_s: float, pause_s: float) -> None:
    assert Slowdown().throttled(0.0, 1.0, asked_s) == pause_s


def test_what_was_under_way_does_not_make_the_pause_longer() -> None:
    slowdown = Slowdown()
    slowdown.throttled(0.0, 1.0)
    assert slowdown.throttled(0.2, 1.0) == pytest.approx(0.3)
    slowdown.answered(0.3)
    assert slowdown.throttled(0.5, 1.0) == 1.0


def test_an_answer_makes_pauses_short_again() -> None:
    slowdown = Slowdown()
    slowdown.throttled(0.0, 1.0)
    slowdown.answered(1.0)
    assert slowdown.throttled(1.0, 1.0) == 0.5
