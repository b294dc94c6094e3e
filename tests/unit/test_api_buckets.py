"""Token buckets in a time of their own."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.web.api.buckets import Buckets, Level, Rate

RATE = Rate(burst=3, per_s=0.5)


def test_a_burst_passes_and_then_no_more() -> None:
    buckets = Buckets(RATE)
    assert [buckets.take("a", 0.0).granted for _ in range(4)] == [True, True, True, False]


def test_a_level_says_what_is_left_and_when_there_is_more() -> None:
    buckets = Buckets(RATE)
    assert buckets.take("a", 0.0) == Level(True, 2, 2.0)
    buckets.take("a", 0.0)
    assert buckets.take("a", 0.5) == Level(True, 0, 1.5)
    assert buckets.take("a", 1.0) == Level(False, 0, 1.0)


def test_a_refused_request_passes_after_the_wait_it_was_told() -> None:
    buckets = Buckets(RATE)
    for _ in range(3):
        buckets.take("a", 0.0)
    wait = buckets.take("a", 0.7).wait_s
    assert not buckets.take("a", 0.7 + wait - 0.01).granted
    assert buckets.take("a", 0.7 + wait).granted


def test_each_name_has_its_own() -> None:
    buckets = Buckets(Rate(burst=1, per_s=1))
    assert buckets.take("a", 0.0).granted
    assert buckets.take("b", 0.0).granted
    assert not buckets.take("a", 0.0).granted


def test_looking_takes_nothing() -> None:
    buckets = Buckets(Rate(burst=1, per_s=1))
    assert buckets.look("a", 0.0).granted
    assert buckets.look("a", 0.0).granted
    assert buckets.take("a", 0.0).granted
    assert not buckets.look("a", 0.0).granted


def test_the_one_not_used_for_longest_makes_room() -> None:
    buckets = Buckets(Rate(burst=1, per_s=0.001), most=2)
    for name in ("a", "b", "a", "c"):
        buckets.take(name, 0.0)
    assert not buckets.look("a", 0.0).granted
    assert buckets.look("b", 0.0).granted


def test_a_clock_that_goes_back_gives_nothing() -> None:
    buckets = Buckets(Rate(burst=1, per_s=1))
    buckets.take("a", 10.0)
    assert not buckets.take("a", 5.0).granted


@given(st.lists(st.floats(0, 5), max_size=60))
def test_no_more_pass_than_the_burst_and_the_rate(waits: list[float]) -> None:
    buckets, now, passed = Buckets(RATE), 0.0, 0
    for wait in waits:
        now += wait
        passed += buckets.take("a", now).granted
    assert passed <= RATE.burst + RATE.per_s * now + 1e-6
