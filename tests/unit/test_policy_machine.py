"""What is done when a machine picks up: once, on evidence, and never in a person's way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.machine import (
    AnsweredBy,
    Decision,
    Event,
    Heard,
    MachineWatch,
    Mode,
    Patience,
    SpeechBegan,
    SpeechEnded,
    Verdict,
)

SURE = Heard("Please leave a message after the tone.")
LIKELY = Heard("He is not available.")
SCREENED = Heard("Please record your name and reason for calling after the tone.")
FULL = Heard("The mailbox is full.")
HELLO = Heard("Hello, Anna speaking.")
HUMAN, START, BEEP = (
    Verdict(AnsweredBy.HUMAN),
    Verdict(AnsweredBy.MACHINE_START),
    Verdict(AnsweredBy.MACHINE_END_BEEP),
)
FAX, UNKNOWN = Verdict(AnsweredBy.FAX), Verdict(AnsweredBy.UNKNOWN)
BEGAN, ENDED = SpeechBegan(), SpeechEnded()
ENDS = [
    Verdict(AnsweredBy(name)) for name in ("machine_end_beep", "machine_end_silence", "machine_end_other")
]
Step = tuple[float, Event | None]


def decisions(mode: Mode, *steps: Step) -> list[tuple[float, Decision]]:
    """What is decided, and when; the watch is called at its deadlines, and begins at 0."""
    watch, made = MachineWatch(mode, 0.0), []
    for at, event in [*steps, (1000.0, None)]:
        while (due := watch.deadline) is not None and due < at:
            made += [(due, decision) for decision in [watch.handle(None, due)] if decision]
        made += [(at, decision) for decision in [watch.handle(event, at)] if decision]
    return made


@pytest.mark.parametrize(
    ("mode", "steps", "expected"),
    [
        (Mode.OFF, [(1, SURE), (3, START), (5, BEEP), (6, FAX)], []),
        (Mode.HANG_UP, [(4, START), (9, BEEP)], [(4, Decision.HANG_UP)]),
        (Mode.HANG_UP, [(3, SURE), (4, START)], [(3, Decision.HANG_UP)]),
        (Mode.HANG_UP, [(3, FAX)], [(3, Decision.HANG_UP)]),
        (Mode.HANG_UP, [(2, LIKELY), (3, HELLO)], []),
        (Mode.HANG_UP, [(2, LIKELY), (3, LIKELY), (4, LIKELY)], []),
        (Mode.HANG_UP, [(2, LIKELY), (3, Heard("Leave a message."))], [(3, Decision.HANG_UP)]),
        (Mode.HANG_UP, [(2, Heard("after the")), (3, Heard("tone"))], [(3, Decision.HANG_UP)]),
        (Mode.HANG_UP, [(2, Heard("after the", final=False)), (3, Heard("tone"))], []),
        (Mode.HANG_UP, [(2, FULL)], [(2, Decision.HANG_UP)]),
        (Mode.HANG_UP, [(31, SURE)], []),
        (Mode.HANG_UP, [(70, START)], [(70, Decision.HANG_UP)]),
        (Mode.HANG_UP, [(76, START)], []),
        (Mode.HANG_UP, [(4, HUMAN), (5, HUMAN)], [(4, Decision.CONTINUE)]),
        (Mode.HANG_UP, [(4, HUMAN), (5, SURE)], [(4, Decision.CONTINUE), (5, Decision.HANG_UP)]),
        (Mode.HANG_UP, [(4, HUMAN), (5, LIKELY), (6, FULL)], [(4, Decision.CONTINUE)]),
        (Mode.HANG_UP, [(4, UNKNOWN), (5, START)], [(5, Decision.HANG_UP)]),
        (Mode.HANG_UP, [(2, SCREENED), (4, START)], []),
        (Mode.HANG_UP, [(2, SCREENED), (4, BEEP)], []),
        (Mode.HANG_UP, [(2, SCREENED), (9, SURE)], [(9, Decision.HANG_UP)]),
        (Mode.CONTINUE, [(2, SURE), (4, START), (9, BEEP)], [(2, Decision.CONTINUE)]),
        (Mode.CONTINUE, [(4, HUMAN), (5, SURE)], [(4, Decision.CONTINUE)]),
        (Mode.CONTINUE, [(4, FAX)], [(4, Decision.CONTINUE)]),
        (Mode.CONTINUE, [(4, FULL)], [(4, Decision.CONTINUE)]),
        (Mode.LEAVE_MESSAGE, [(4, FAX)], [(4, Decision.HANG_UP)]),
        (Mode.LEAVE_MESSAGE, [(4, START), (6, FAX)], [(4 + 1.5, Decision.LEAVE_MESSAGE)]),
        (Mode.LEAVE_MESSAGE, [(1, BEGAN), (4, START), (6, FAX)], [(6, Decision.HANG_UP)]),
        (Mode.LEAVE_MESSAGE, [(1, BEGAN), (4, START), (6, FULL)], [(6, Decision.HANG_UP)]),
        (Mode.LEAVE_MESSAGE, [(4, START)], [(5.5, Decision.LEAVE_MESSAGE)]),
        (Mode.LEAVE_MESSAGE, [(1, BEGAN), (4, START), (8, ENDED)], [(9.5, Decision.LEAVE_MESSAGE)]),
        (Mode.LEAVE_MESSAGE, [(1, BEGAN), (4, START)], [(34, Decision.LEAVE_MESSAGE)]),
        (Mode.LEAVE_MESSAGE, [(1, BEGAN), (4, START), (9, BEEP)], [(9, Decision.LEAVE_MESSAGE)]),
        (Mode.LEAVE_MESSAGE, [(1, BEGAN), (5, SURE), (6, ENDED)], [(7.5, Decision.LEAVE_MESSAGE)]),
        (Mode.LEAVE_MESSAGE, [(5, SURE), (6, Heard("thanks"))], [(7.5, Decision.LEAVE_MESSAGE)]),
        (Mode.LEAVE_MESSAGE, [(5, SURE), (6, HUMAN)], [(6.5, Decision.LEAVE_MESSAGE)]),
        (Mode.LEAVE_MESSAGE, [(1, BEGAN), (4, START), (5, SCREENED)], []),
        (
            Mode.LEAVE_MESSAGE,
            [(1, BEGAN), (4, START), (8, ENDED), (9, BEGAN), (12, ENDED)],
            [(13.5, Decision.LEAVE_MESSAGE)],
        ),
    ],
)
def test_decisions_come_when_evidence_does(
    mode: Mode, steps: list[Step], expected: list[tuple[float, Decision]]
) -> None:
    assert decisions(mode, *steps) == expected


@pytest.mark.parametrize("verdict", ENDS)
def test_a_message_is_left_at_the_end_of_a_greeting(verdict: Verdict) -> None:
    assert decisions(Mode.LEAVE_MESSAGE, (9, verdict), (10, verdict)) == [(9, Decision.LEAVE_MESSAGE)]


def test_who_answered_is_told_for_the_report() -> None:
    for steps, who in (
        ([HUMAN], "human"),
        ([START, BEEP], "machine_end_beep"),
        ([FAX], "fax"),
        ([HELLO], "unknown"),
    ):
        watch = MachineWatch(Mode.LEAVE_MESSAGE, 0.0)
        for event in steps:
            watch.handle(event, 4.0)
        assert watch.answered_by == who


def test_the_shell_knows_when_a_machine_is_still_speaking() -> None:
    watch = MachineWatch(Mode.LEAVE_MESSAGE, 0.0)
    assert (watch.waiting, watch.deadline) == (False, None)
    watch.handle(START, 4.0)
    assert (watch.waiting, watch.deadline) == (True, 5.5)
    assert watch.handle(None, 5.5) is Decision.LEAVE_MESSAGE
    assert (watch.waiting, watch.deadline) == (False, None)


def test_a_verdict_nobody_knows_is_unknown() -> None:
    assert AnsweredBy("robot") is AnsweredBy.UNKNOWN


def test_patience_can_be_another() -> None:
    watch = MachineWatch(Mode.LEAVE_MESSAGE, 0.0, Patience(quiet_s=3.0, wait_s=2.0))
    watch.handle(START, 4.0)
    assert watch.deadline == 6.0


EVENTS = st.one_of(
    st.sampled_from([SURE, LIKELY, SCREENED, FULL, HELLO, BEGAN, ENDED, None]),
    st.sampled_from(AnsweredBy).map(Verdict),
    st.builds(Heard, st.text(max_size=20), st.booleans()),
)
STEPS = st.lists(st.tuples(st.floats(0, 12), EVENTS), max_size=40)


def in_order(steps: list[Step]) -> list[Step]:
    now, ordered = 0.0, []
    for pause, event in steps:
        now += pause
        ordered.append((now, event))
    return ordered


@given(st.sampled_from(Mode), STEPS)
def test_at_most_one_end_is_decided_and_nothing_follows_it(mode: Mode, steps: list[Step]) -> None:
    made = [decision for _, decision in decisions(mode, *in_order(steps))]
    ends = [decision for decision in made if decision is not Decision.CONTINUE]
    assert made.count(Decision.CONTINUE) <= 1
    assert len(ends) <= 1
    assert made[-1:] == ends or not ends
    assert mode is not Mode.OFF or not made
    assert mode is Mode.LEAVE_MESSAGE or Decision.LEAVE_MESSAGE not in made
    assert mode is not Mode.CONTINUE or not ends


@given(
    st.sampled_from(Mode),
    st.lists(st.tuples(st.floats(0, 12), st.sampled_from([HELLO, BEGAN, ENDED, LIKELY, None]))),
)
def test_a_person_is_never_decided_about_and_nothing_waits(mode: Mode, steps: list[Step]) -> None:
    watch = MachineWatch(mode, 0.0)
    for at, event in in_order(steps):
        assert watch.handle(event, at) is None
        assert (watch.deadline, watch.waiting) == (None, False)


@given(STEPS)
def test_a_known_machine_gets_its_message_in_bounded_time(steps: list[Step]) -> None:
    watch, since = MachineWatch(Mode.LEAVE_MESSAGE, 0.0), None
    for at, event in in_order(steps):
        while (due := watch.deadline) is not None and due < at:
            watch.handle(None, due)
        watch.handle(event, at)
        since = (at if since is None else since) if watch.waiting else None
        assert since is None or at - since <= Patience().wait_s
        assert (watch.deadline is not None) == watch.waiting
