"""Whether the caller waits, since when, and for how long."""

import pytest

from gateway.bridge.deadair import DeadAir, Owed
from gateway.bridge.limits import Limits

LIMITS = Limits(
    greeting_filler_s=1.5,
    greeting_lost_s=6.0,
    answer_filler_s=2.5,
    answer_lost_s=8.0,
    tool_filler_s=2.0,
    answer_noise_s=0.5,
)


@pytest.mark.parametrize(
    ("owed", "filler_at", "lost_at"),
    [
        (Owed.GREETING, 11.5, 16.0),
        (Owed.ANSWER, 12.5, 18.0),
        (Owed.REST, 11.5, 18.0),
        (Owed.TOOL, 12.0, None),
        (Owed.NOTICE, 12.5, None),
    ],
)
def test_each_debt_has_its_patience(owed: Owed, filler_at: float, lost_at: float | None) -> None:
    air = DeadAir(LIMITS)
    air.owe(owed, 10.0)
    assert (air.owed, air.filler_at(9.0), air.lost_at()) == (owed, filler_at, lost_at)


@pytest.mark.parametrize("owed", [Owed.ANSWER, Owed.NOTICE])
def test_an_answer_that_is_late_is_announced_by_noise(owed: Owed) -> None:
    air = DeadAir(LIMITS)
    assert air.noise_at(9.0) is None
    air.owe(owed, 10.0)
    assert (air.noise_at(9.0), air.noise_ahead_s) == (12.0, 0.5)
    air.owe(Owed.TOOL, 10.0)
    assert (air.noise_at(9.0), air.noise_ahead_s) == (12.0, 0.0)


def test_nobody_waits_at_first_nor_when_the_debt_is_settled() -> None:
    air = DeadAir(LIMITS)
    assert (air.filler_at(0.0), air.lost_at()) == (None, None)
    air.owe(Owed.ANSWER, 1.0)
    air.settle()
    assert (air.owed, air.filler_at(0.0), air.lost_at()) == (Owed.NOTHING, None, None)


def test_the_wait_begins_when_the_line_falls_quiet() -> None:
    air = DeadAir(LIMITS)
    air.owe(Owed.ANSWER, 10.0)
    assert air.filler_at(14.0) == 16.5


def test_who_waits_already_goes_on_waiting() -> None:
    air = DeadAir(LIMITS)
    air.owe(Owed.GREETING, 10.0)
    air.owe(Owed.ANSWER, 12.0)
    assert air.lost_at() == 18.0


def test_waiting_for_a_tool_is_counted_apart() -> None:
    air = DeadAir(LIMITS)
    air.owe(Owed.ANSWER, 10.0)
    air.owe(Owed.TOOL, 12.0)
    assert (air.filler_at(0.0), air.lost_at()) == (14.0, None)
    air.owe(Owed.ANSWER, 20.0)
    assert air.lost_at() == 28.0
