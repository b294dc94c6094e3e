"""How often an agent is tried for, and when it is given up."""

import pytest

from gateway.bridge.limits import Limits
from gateway.bridge.recovery import Recovery

LIMITS = Limits(recoveries=2, first_tries=2, attempt_s=3.0, most_gap_s=10.0)


def joined(limits: Limits = LIMITS) -> Recovery:
    """A call whose first session is up."""
    recovery = Recovery(limits)
    recovery.begin(0.0)
    recovery.joined(1.0)
    return recovery


def test_the_first_session_is_tried_for_twice() -> None:
    recovery = Recovery(LIMITS)
    recovery.begin(0.0)
    assert recovery.deadline == 3.0
    assert recovery.again(3.0)
    recovery.begin(3.0)
    assert (recovery.again(6.0), recovery.epoch) == (False, 0)
    assert recovery.deadline is None


def test_a_call_that_survives_no_loss_has_one_try() -> None:
    recovery = Recovery(Limits(recoveries=0))
    recovery.begin(0.0)
    assert not recovery.again(1.0)


def test_so_many_losses_are_survived_and_no_more() -> None:
    recovery = joined()
    survived = []
    for now in (2.0, 4.0, 6.0):
        survived.append(recovery.again(now))
        recovery.begin(now)
        recovery.joined(now + 1.0)
    assert (survived, recovery.epoch) == ([True, True, False], 2)


def test_the_time_without_an_agent_is_bounded_over_all_gaps() -> None:
    recovery = joined()
    assert recovery.again(10.0)
    recovery.begin(10.0)
    recovery.waits(10.0)
    recovery.waits(12.0)  # it waits already
    assert recovery.joined(16.0) == 6.0
    recovery.begin(20.0)
    recovery.waits(20.0)
    assert recovery.deadline == 23.0
    recovery.begin(22.0)
    assert recovery.deadline == 24.0  # 4 s are left
    assert not recovery.again(24.0)


def test_nobody_waits_for_an_agent_while_the_telephone_rings() -> None:
    recovery = joined()
    recovery.begin(5.0)
    assert recovery.joined(7.0) == 0.0


@pytest.mark.parametrize("waits", [True, False])
def test_when_no_agent_is_tried_for_nothing_is_due(waits: bool) -> None:
    recovery = joined()
    recovery.begin(5.0)
    if waits:
        recovery.waits(5.0)
    recovery.stop(6.0)
    assert recovery.deadline is None


def test_a_change_on_purpose_is_no_loss() -> None:
    recovery = joined()
    recovery.renew()
    assert recovery.epoch == 1
    assert [recovery.again(5.0), recovery.again(6.0)] == [True, True]
