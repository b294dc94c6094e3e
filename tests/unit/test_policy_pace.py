"""Calls leave no faster than Twilio takes them, and keys take turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import SettingsError
from gateway.policy.pace import Pacer


def drained(pacer: Pacer[str], now: float) -> list[tuple[float, str]]:
    """Everything that waits, and when it leaves if asked at each deadline."""
    left = []
    while (due := pacer.deadline) is not None:
        now = max(now, due)
        item = pacer.take(now)
        assert item is not None
        left.append((now, item))
    return left


def test_the_first_call_leaves_at_once_and_the_next_when_the_rate_allows() -> None:
    pacer = Pacer[str](rate_per_s=0.5)
    assert [pacer.add("k", each) for each in "abc"] == [True] * 3
    assert [pacer.take(10.0), pacer.take(10.0), pacer.take(11.75)] == ["a", None, None]
    assert pacer.deadline == 12.0
    assert [pacer.take(12.0), pacer.take(12.0), pacer.deadline] == ["b", None, 14.0]


def test_nothing_waiting_has_no_deadline() -> None:
    pacer = Pacer[str]()
    assert (pacer.deadline, pacer.take(5.0), pacer.waiting) == (None, None, 0)


def test_a_pause_earns_the_burst_and_no_more() -> None:
    pacer = Pacer[str](rate_per_s=1, burst=2)
    for each in "abcd":
        pacer.add("k", each)
    assert drained(pacer, 100.0) == [(100.0, "a"), (100.0, "b"), (101.0, "c"), (102.0, "d")]


def test_keys_take_turns() -> None:
    pacer = Pacer[str](rate_per_s=1)
    for each in ("a1", "a2", "a3", "a4", "b1", "b2", "c1"):
        pacer.add(each[0], each)
    assert [item for _, item in drained(pacer, 0.0)] == ["a1", "b1", "c1", "a2", "b2", "a3", "a4"]


def test_a_full_queue_takes_no_more() -> None:
    pacer = Pacer[str](most=3, most_of_key=2)
    assert [pacer.add(key, key) for key in "aaabb"] == [True, True, False, True, False]
    assert pacer.waiting == 3


def test_one_that_waits_can_be_given_up() -> None:
    pacer = Pacer[str](rate_per_s=1)
    for each in ("a1", "a2", "b1"):
        pacer.add(each[0], each)
    assert [pacer.remove("a", "a1"), pacer.remove("a", "a1"), pacer.remove("b", "b1")] == [True, False, True]
    assert pacer.waiting == 1
    assert drained(pacer, 0.0) == [(0.0, "a2")]
    assert pacer.remove("a", "a2") is False


@pytest.mark.parametrize(("rate", "burst", "most"), [(0, 1, 1), (-1, 1, 1), (1, 0, 1), (1, 1, 0)])
@pytest.mark.parametrize("rate_too", [None, float("inf"), float("nan")])
def test_a_pace_is_more_than_nothing(rate: float, burst: int, most: int, rate_too: float | None) -> None:
    with pytest.raises(SettingsError):
        Pacer[str](rate if rate_too is None else rate_too, burst, most=most)


STEPS = st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5), st.booleans()), max_size=60)


@given(STEPS, st.floats(0.05, 20), st.integers(1, 5))
def test_in_no_window_does_more_leave_than_the_rate_and_the_burst(
    steps: list[tuple[str, float, bool]], rate: float, burst: int
) -> None:
    pacer, now, left = Pacer[int](rate, burst), 1000.0, []
    for number, (key, pause, asks) in enumerate(steps):
        pacer.add(key, number)
        now += pause
        while asks and pacer.take(now) is not None:
            left.append(now)
    while (due := pacer.deadline) is not None:
        now = max(now, due)
        assert pacer.take(now) is not None
        left.append(now)
    assert len(left) == len(steps)
    for first, begin in enumerate(left):
        for last in range(first, len(left)):
            assert last - first + 1 <= burst + rate * (left[last] - begin) + 1e-6


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40))
def test_nobody_is_served_twice_while_another_waits(keys: list[str]) -> None:
    pacer = Pacer[str](rate_per_s=1)
    for key in keys:
        pacer.add(key, key)
    order = [item for _, item in drained(pacer, 0.0)]
    assert sorted(order) == sorted(keys)
    for at, key in enumerate(order):
        following = order[at + 1 :]
        again = following.index(key) if key in following else len(following)
        assert set(following[:again]) >= set(following) - {key} or key not in following


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=40))
def test_calls_of_a_key_leave_in_their_order(keys: list[str]) -> None:
    pacer = Pacer[str](rate_per_s=1)
    for number, key in enumerate(keys):
        pacer.add(key, f"{key}{number:03d}")
    order = [item for _, item in drained(pacer, 0.0)]
    for key in "abcd":
        mine = [item for item in order if item[0] == key]
        assert mine == sorted(mine)
