"""Who waits, in which order, how long, and what they are told."""

import pytest

from gateway.ids import CallSid
from gateway.policy.waiting import CALLED_FOR_S, LOST_AFTER_S, Move, Turn, WaitingRoom

A, B, C = (CallSid(f"CA{name}") for name in "abc")


def room(*callers: CallSid, size: int = 20, longest_s: float = 60.0) -> WaitingRoom:
    """A room they entered one after another, each 0.1 s behind the one before, at 0 s."""
    made = WaitingRoom(size, longest_s)
    for number, caller in enumerate(callers):
        assert made.enter(caller, number / 10)
    return made


def test_a_room_of_no_size_lets_nobody_in() -> None:
    assert not WaitingRoom(0, 60.0).enter(A, 0.0)


def test_a_room_takes_as_many_as_it_has_room_for_and_nobody_twice() -> None:
    full = room(A, B, size=2)
    assert (full.enter(C, 1.0), full.enter(A, 1.0), full.waiting(1.0)) == (False, True, 2)


def test_a_position_is_told_when_it_is_news() -> None:
    waiting = room(A, B, C)
    assert [waiting.turn(B, 0, at) for at in (1.0, 2.0)] == [Turn(Move.WAIT, 2), Turn(Move.WAIT)]
    waiting.leave(A, 3.0)
    assert [waiting.turn(B, 0, at) for at in (4.0, 5.0)] == [Turn(Move.WAIT, 1), Turn(Move.WAIT)]


def test_who_came_first_is_called_first() -> None:
    waiting = room(A, B, C)
    assert [waiting.turn(each, 1, 1.0).move for each in (C, B, A)] == [Move.WAIT, Move.WAIT, Move.COME]


def test_a_place_is_kept_for_who_was_called() -> None:
    waiting = room(A, B, C)
    assert waiting.turn(A, 2, 1.0).move is waiting.turn(B, 2, 1.1).move is Move.COME
    assert waiting.turn(C, 2, 1.2).move is Move.WAIT
    assert waiting.turn(A, 0, 1.3).move is Move.COME  # Twilio asks again: it was called all the same
    assert waiting.leave(A, 1.4) == pytest.approx(1.4)
    assert waiting.turn(C, 2, 1.5).move is Move.COME


def test_who_was_called_and_does_not_come_loses_the_place() -> None:
    waiting = room(A, B)
    waiting.turn(A, 1, 1.0)
    assert waiting.turn(B, 1, 1.0 + CALLED_FOR_S).move is Move.WAIT
    assert waiting.turn(B, 1, 1.1 + CALLED_FOR_S).move is Move.COME


def test_who_was_called_in_vain_keeps_the_place_in_line() -> None:
    waiting = room(A, B)
    waiting.turn(A, 1, 1.0)
    assert waiting.enter(A, 1.5)
    assert (waiting.before(A, 1.5), waiting.before(B, 1.5)) == (0, 1)


def test_who_is_called_comes_before_who_waits_though_later() -> None:
    waiting = room(A, B)
    assert waiting.turn(A, 1, 1.0).move is Move.COME
    assert waiting.enter(C, 1.1)
    assert [waiting.before(each, 1.2) for each in (A, B, C, None, CallSid("CAx"))] == [0, 1, 2, 3, 3]


def test_who_has_waited_too_long_is_sent_on_unless_there_is_a_place() -> None:
    for places, move in ((0, Move.GO), (1, Move.COME)):
        waiting = room(A, longest_s=10.0)
        waiting.turn(A, 0, 9.9)
        assert waiting.turn(A, places, 10.0).move is move


def test_who_has_waited_too_long_is_not_let_in_again() -> None:
    waiting = room(A, longest_s=10.0)
    waiting.turn(A, 0, 9.9)
    assert not waiting.enter(A, 10.1)


def test_who_gives_no_sign_of_life_has_gone() -> None:
    waiting = room(A, B)
    waiting.turn(B, 0, 15.0)
    assert waiting.waiting(LOST_AFTER_S + 1) == 1
    assert waiting.turn(B, 0, LOST_AFTER_S + 1) == Turn(Move.WAIT, 1)


def test_who_leaves_without_having_waited_leaves_nothing() -> None:
    assert room(A).leave(B, 1.0) is None


def test_who_waited_with_another_process_has_its_time_counted() -> None:
    waiting = room(A)
    assert waiting.turn(B, 0, 10.0, waited_s=30.0) == Turn(Move.WAIT, 1)
    assert waiting.turn(A, 0, 10.0) == Turn(Move.WAIT, 2)


def test_even_those_are_not_more_than_a_queue_holds() -> None:
    waiting = WaitingRoom(1, 60.0)
    moves = [waiting.turn(CallSid(f"CA{number}"), 0, 1.0).move for number in range(1001)]
    assert moves == [Move.WAIT] * 1000 + [Move.GO]
