"""A breaker opens after five failures in ten seconds, probes once a second, and closes when one succeeds."""

import pytest

from gateway.policy.breaker import Breaker, State


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker()
    assert [breaker.failed(at) for _ in range(5)] == [False] * 4 + [True]
    return breaker


def test_a_peer_that_works_is_asked() -> None:
    breaker = Breaker()
    assert (breaker.admit(0.0), breaker.wait_s(0.0), breaker.state) == (True, 0.0, State.CLOSED)


def test_five_failures_open_it() -> None:
    breaker = opened()
    assert breaker.state is State.OPEN
    assert not breaker.admit(0.5)
    assert breaker.wait_s(0.4) == pytest.approx(0.6)


def test_failures_that_are_far_apart_do_not_open_it() -> None:
    breaker = Breaker()
    assert not any(breaker.failed(at) for at in (0.0, 2.6, 5.2, 7.8, 10.1, 12.7))
    assert breaker.failed(12.8) is True


def test_a_success_between_makes_failures_forgotten() -> None:
    breaker = Breaker()
    assert not any(breaker.failed(0.0) for _ in range(4))
    assert breaker.succeeded() is False
    assert not any(breaker.failed(0.0) for _ in range(4))


def test_one_request_a_second_finds_out_whether_it_works_again() -> None:
    breaker = opened()
    assert [at for at in range(50) if breaker.admit(at / 10)] == [10, 20, 30, 40]


def test_a_probe_that_fails_leaves_it_open() -> None:
    breaker = opened()
    assert breaker.admit(1.0)
    assert breaker.failed(1.1) is False
    assert (breaker.admit(1.9), breaker.admit(2.0)) == (False, True)


def test_a_probe_that_succeeds_closes_it_and_five_more_failures_open_it_again() -> None:
    breaker = opened()
    assert breaker.succeeded() is True
    assert (breaker.admit(0.1), breaker.wait_s(0.1)) == (True, 0.0)
    assert [breaker.failed(0.2) for _ in range(5)] == [False] * 4 + [True]
