"""What is remembered of calls that are over, or never were."""

from gateway.calls.remembered import Remembered
from gateway.calls.tenure import Ended
from gateway.ids import CallSid
from gateway.store.identifiers import CallId

ENDED = Ended(CallId("call_1"), "<Response/>")


def sid(number: int) -> CallSid:
    return CallSid(f"CA{number:032x}")


def test_how_a_call_ended_is_known_of_the_last_ten_thousand() -> None:
    past = Remembered()
    for number in range(10_001):
        past.end(sid(number), ENDED)
    assert (past.ended(sid(0)), past.ended(sid(1)), past.ended(sid(10_000))) == (None, ENDED, ENDED)


def test_a_call_is_turned_away_for_the_first_time_once() -> None:
    past = Remembered()
    assert [past.refuse(sid(1)), past.refuse(sid(1)), past.refuse(sid(2))] == [True, False, True]


def test_the_end_of_a_call_that_was_carried_is_not_missed() -> None:
    past = Remembered()
    past.end(sid(1), ENDED)
    past.miss(sid(1))
    past.miss(sid(2))
    assert (past.missed(sid(1)), past.missed(sid(2)), past.missed(sid(3))) == (False, True, False)


def test_of_the_missed_the_last_two_hundred_are_kept_and_a_repeated_one_takes_one_place() -> None:
    past = Remembered()
    for number in [*range(200), *[199] * 50]:
        past.miss(sid(number))
    assert past.missed(sid(0))
    past.miss(sid(200))
    assert not past.missed(sid(0))
