"""Twilio's playback buffer, by rule and by chance."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from gateway.emulators.twilio.playout import RATE, Playout, Returned, Span

SECOND = b"\x10" * RATE


def test_audio_is_heard_in_real_time_and_gaps_are_silence() -> None:
    playout = Playout()
    playout.put(SECOND, 1.0)
    assert playout.heard(1.5) == b"\xff" * RATE + SECOND[:4000]
    assert playout.heard(3.0) == b"\xff" * RATE + SECOND + b"\xff" * RATE
    assert playout.spans(1.5) == [Span(1.0, 1.5)]
    assert (playout.heard_s(3.0), playout.queued_s(1.25)) == (1.0, 0.75)


def test_a_mark_returns_when_all_before_it_is_played() -> None:
    playout = Playout()
    playout.put(SECOND, 0.0)
    playout.mark("end", 0.1)
    assert playout.deadline == 1.0
    assert playout.due(0.99) == []
    assert playout.due(1.0) == [Returned("end", flushed=False)]


def test_a_mark_on_an_empty_queue_returns_at_once() -> None:
    playout = Playout()
    playout.mark("fence", 5.0)
    assert playout.due(5.0) == [Returned("fence", flushed=False)]


def test_a_clear_cuts_what_is_unheard_and_flushes_its_marks() -> None:
    playout = Playout()
    playout.put(SECOND, 0.0)
    playout.mark("one", 0.0)
    playout.put(SECOND, 0.0)
    playout.mark("two", 0.0)
    assert playout.clear(1.5) == 0.5
    assert playout.due(1.5) == [Returned("one", flushed=False), Returned("two", flushed=True)]
    assert [(cut.at_s, cut.duration_s, cut.audio) for cut in playout.cuts] == [(1.5, 0.5, SECOND[:4000])]
    assert playout.heard(2.0) == SECOND + SECOND[:4000] + b"\xff" * 4000


def test_a_clear_of_nothing_cuts_nothing() -> None:
    playout = Playout()
    playout.put(SECOND, 0.0)
    assert playout.clear(2.0) == 0.0
    assert playout.cuts == []


def test_after_a_clear_new_audio_is_heard_at_once() -> None:
    playout = Playout()
    playout.put(SECOND, 0.0)
    playout.clear(0.25)
    playout.put(b"\x20" * 800, 0.5)
    assert playout.heard(1.0) == SECOND[:2000] + b"\xff" * 2000 + b"\x20" * 800 + b"\xff" * 3200


def test_the_surplus_over_ten_minutes_is_discarded() -> None:
    playout = Playout(queue_limit_s=2.0)
    assert playout.put(SECOND * 3, 0.0) == RATE
    assert playout.put(SECOND, 0.5) == RATE // 2
    assert playout.queued_s(0.5) == 2.0


def test_what_is_kept_is_bounded_and_what_is_played_is_not() -> None:
    playout = Playout(kept_limit_s=1.0)
    playout.put(SECOND * 3, 0.0)
    playout.mark("end", 0.0)
    assert len(playout.heard(3.0)) == RATE
    assert playout.due(2.9) == []
    assert playout.due(3.0) == [Returned("end", flushed=False)]
    assert playout.clear(3.0) == 0.0


@dataclass(frozen=True)
class Step:
    wait_s: float
    what: str
    length: int


STEPS = st.lists(
    st.builds(
        Step,
        st.integers(0, 20).map(lambda n: n / 100),
        st.sampled_from(["put", "mark", "clear"]),
        st.integers(1, 3000),
    ),
    max_size=40,
)


@given(STEPS)
def test_every_byte_is_heard_or_cut_and_every_mark_returns_once_in_order(steps: list[Step]) -> None:
    playout, now, sent, names, back = Playout(), 0.0, b"", list[str](), list[Returned]()
    for number, step in enumerate(steps):
        now += step.wait_s
        back += playout.due(now)
        match step.what:
            case "put":
                audio = bytes([number + 1]) * step.length
                sent += audio
                playout.put(audio, now)
            case "mark":
                names.append(str(number))
                playout.mark(str(number), now)
            case _:
                playout.clear(now)
    now += playout.queued_s(now) + 0.001
    back += playout.due(now)

    heard = playout.heard(now).replace(b"\xff", b"")
    cut = b"".join(cut.audio for cut in playout.cuts)
    assert sorted(heard + cut) == sorted(sent)
    assert [mark.name for mark in back] == names
    assert playout.deadline is None
    assert round(playout.heard_s(now) * RATE) == len(heard)
    assert len(playout.heard(now)) == int(now * RATE + 1e-6)


@given(STEPS)
def test_what_was_heard_once_does_not_change(steps: list[Step]) -> None:
    playout, now, before = Playout(), 0.0, b""
    for number, step in enumerate(steps):
        now += step.wait_s
        after = playout.heard(now)
        assert after.startswith(before)
        before = after
        if step.what == "clear":
            playout.clear(now)
        else:
            playout.put(bytes([number + 1]) * step.length, now)


def test_marks_are_bounded() -> None:
    playout = Playout()
    playout.put(SECOND, 0.0)
    assert all(playout.mark("m", 0.0) for _ in range(10_000))
    assert not playout.mark("m", 0.0)
