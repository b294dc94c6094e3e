"""Whether one more call is taken."""

import pytest

from gateway.ids import CallSid
from gateway.policy.admission import Admission, Refusal, Terms
from gateway.policy.lateness import FRAME_S

CALLER, OTHER = CallSid("CA1"), CallSid("CA2")


def late(admission: Admission, now: float) -> None:
    """Two seconds of frames that come too late, up to now."""
    for number in range(100):
        admission.lateness.note(0.1, now - 2.0 + number * FRAME_S)


@pytest.mark.parametrize(("taken", "refusal"), [(0, None), (4, None), (5, Refusal.FULL), (9, Refusal.FULL)])
def test_no_more_calls_are_taken_than_there_may_be(taken: int, refusal: Refusal | None) -> None:
    assert Admission(Terms(5)).refusal(CALLER, taken, 1.0) is refusal


def test_who_waits_comes_before_who_has_just_called() -> None:
    admission = Admission(Terms(5))
    admission.room.enter(CALLER, 1.0)
    assert [admission.refusal(each, 4, 2.0) for each in (CALLER, OTHER, None)] == [
        None,
        Refusal.FULL,
        Refusal.FULL,
    ]
    assert admission.refusal(OTHER, 3, 2.0) is None


def test_late_frames_let_nobody_in_while_there_are_calls() -> None:
    admission = Admission(Terms(5))
    late(admission, 10.0)
    assert (admission.refusal(CALLER, 1, 10.0), admission.places(1, 10.0)) == (Refusal.LATE, 0)
    assert (admission.refusal(CALLER, 0, 10.0), admission.places(0, 10.0)) == (None, 5)


def test_late_frames_are_forgiven_after_a_while() -> None:
    admission = Admission(Terms(5))
    late(admission, 10.0)
    admission.refusal(CALLER, 1, 10.0)
    for number in range(150):
        admission.lateness.note(0.0, 10.0 + number * FRAME_S)
    assert admission.refusal(CALLER, 1, 13.0) is None


def test_frames_may_be_late_where_that_is_of_no_account() -> None:
    admission = Admission(Terms(5, late_s=0.0))
    late(admission, 10.0)
    assert admission.refusal(CALLER, 1, 10.0) is None


@pytest.mark.parametrize(("share", "refusal"), [(0.84, None), (0.85, Refusal.DESCRIPTORS)])
def test_descriptors_that_run_out_let_nobody_in(share: float, refusal: Refusal | None) -> None:
    admission = Admission(Terms(5))
    admission.descriptors = share
    assert admission.refusal(CALLER, 1, 10.0) is refusal


def test_places_are_what_calls_leave() -> None:
    assert [Admission(Terms(5)).places(taken, 1.0) for taken in (0, 3, 5, 7)] == [5, 2, 0, 0]
