"""The recording's timeline does what a picture of the whole call, drawn sample by sample, does."""

from dataclasses import dataclass, field

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from gateway.audio.mulaw import FRAME, RATE, SILENCE
from gateway.audio.stereo import AHEAD, DRIFT, PATIENCE, Stereo

BEGAN = 1000.0
QUIET = bytes([SILENCE])


def spoken(number: int, size: int = FRAME) -> bytes:
    """Audio that is not silence and differs from frame to frame."""
    return bytes((number * 7 + at) % 250 for at in range(size))


def begun(now: float = BEGAN) -> Stereo:
    stereo = Stereo()
    stereo.begin(now)
    return stereo


def apart(stereo: bytes) -> tuple[bytes, bytes]:
    return stereo[::2], stereo[1::2]


@dataclass
class Naive:
    """All of the call at once: a list for the left, a sample for each moment for the right."""

    began: int | None = None
    left: list[int] = field(default_factory=list)
    gap: tuple[int, int] = (0, 0)  # where silence stands that may close, and how much
    right: dict[int, int] = field(default_factory=dict)
    plays_until: int = 0
    settled: int = 0

    def begin(self, at: int) -> None:
        if self.began is None:
            self.began = at

    def caller(self, audio: bytes, at: int) -> None:
        if self.began is None or not audio:
            return
        late = at - len(audio) - self.began - len(self.left)
        where, size = self.gap
        if late > DRIFT:
            self.gap = (len(self.left), late)
            self.left += [SILENCE] * late
        elif late < 0:
            closes = min(-late, size)
            del self.left[where : where + closes]
            self.gap = (where, size - closes)
            if late + closes < -DRIFT:
                return
        self.left += audio

    def sent(self, audio: bytes, at: int) -> None:
        self.plays_until = max(self.plays_until, at)
        for sample in audio:
            self.right[self.plays_until] = sample
            self.plays_until += 1

    def cleared(self, at: int) -> None:
        self.right = {moment: sample for moment, sample in self.right.items() if moment < at}
        self.plays_until = min(self.plays_until, at)

    def take(self, at: int, *, last: bool = False) -> None:
        """Settle what the real one may."""
        if self.began is None:
            return
        waits = at - PATIENCE - self.began
        if last or self.gap[0] < waits:
            self.gap = (0, 0)
        there = self.gap[0] if self.gap[1] else len(self.left)
        self.settled = max(self.settled, at - self.began if last else min(at - self.began, max(there, waits)))
        self.left += [SILENCE] * (self.settled - len(self.left))

    @property
    def picture(self) -> tuple[bytes, bytes]:
        began = self.began or 0
        heard = (self.right.get(began + at, SILENCE) for at in range(self.settled))
        return bytes(self.left[: self.settled]), bytes(heard)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["caller", "caller", "caller", "sent", "sent", "cleared", "take", "take"]),
        st.sampled_from([0, 0, 0, 1, 159, 160, 161, 700, 1000, 5000, 18_000]),  # samples that pass before
        st.sampled_from([160, 160, 160, 161, 640, 1, 0]),  # size of audio
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=400)
@given(STEPS, st.sampled_from([0, 0, 0, 1, 3, 10]), st.integers(0, 5000))
def test_whatever_comes_in_whatever_order_the_recording_is_the_picture(
    steps: list[tuple[str, int, int]], begins: int, end: int
) -> None:
    stereo, naive, taken, at = Stereo(), Naive(), b"", round(BEGAN * RATE)
    for number, (what, passes, size) in enumerate(steps):
        at += passes
        now = at / RATE
        audio = spoken(number, size)
        if number == begins:
            stereo.begin(now)
            naive.begin(at)
        match what:
            case "caller":
                stereo.caller(audio, now)
                naive.caller(audio, at)
            case "sent":
                stereo.sent(audio, now)
                naive.sent(audio, at)
            case "cleared":
                stereo.cleared(now)
                naive.cleared(at)
            case _:
                taken += stereo.take(now)
                naive.take(at)
                assert apart(taken) == naive.picture
    taken += stereo.finish((at + end) / RATE)
    naive.take(at + end, last=True)
    assert apart(taken) == naive.picture


@given(st.lists(st.integers(0, 700), min_size=1, max_size=60), st.integers(1, 10))
def test_jitter_loses_nothing_and_moves_nothing(late: list[int], every: int) -> None:
    """Frames sent one every 20 ms that arrive in order, each up to 87 ms late: the drift that is let pass."""
    stereo, taken, before = begun(), b"", 0.0
    for number, delay in enumerate(late):
        before = max(before, BEGAN + ((number + 1) * FRAME + delay) / RATE)
        stereo.caller(spoken(number), before)
        if number % every == 0:
            taken += stereo.take(before)
    left, _ = apart(taken + stereo.finish(before + 1.0))
    said = b"".join(spoken(number) for number in range(len(late)))
    assert left[: len(said)] == said


@pytest.mark.parametrize("every", [1, 7])
def test_audio_held_up_on_the_network_takes_the_place_it_had(every: int) -> None:
    stereo, taken = begun(), b""
    frames = [spoken(number) for number in range(100)]
    for number, frame in enumerate(frames):
        held = 20 <= number < 60  # comes at once, when the sixtieth does
        now = BEGAN + (60 if held else number + 1) * 0.02
        stereo.caller(frame, now)
        taken += stereo.take(now) if number % every == 0 else b""
    assert apart(taken + stereo.finish(BEGAN + 2.0))[0] == b"".join(frames)
    assert stereo.dropped == 0


def test_audio_that_never_came_leaves_its_time_empty() -> None:
    stereo = begun()
    stereo.caller(spoken(1), BEGAN + 0.02)
    stereo.caller(spoken(2), BEGAN + 0.52)
    assert apart(stereo.finish(BEGAN + 0.6))[0] == spoken(1) + QUIET * 3840 + spoken(2) + QUIET * 640


def test_a_caller_who_sends_faster_than_time_passes_stays_in_step() -> None:
    stereo = begun()
    for number in range(1000):
        stereo.caller(spoken(number), BEGAN + 0.02)
    assert len(apart(stereo.finish(BEGAN + 1.0))[0]) == RATE
    assert stereo.dropped == (1000 - 6) * FRAME


def test_what_was_cleared_before_it_played_is_not_in_the_recording() -> None:
    stereo = begun()
    stereo.sent(spoken(1, 8000), BEGAN)
    stereo.cleared(BEGAN + 0.25)
    stereo.sent(spoken(2, 800), BEGAN + 0.5)
    heard = apart(stereo.finish(BEGAN + 0.6))[1]
    assert heard == spoken(1, 8000)[:2000] + QUIET * 2000 + spoken(2, 800)


def test_what_was_sent_before_the_beginning_is_heard_if_it_plays_after() -> None:
    stereo = Stereo()
    stereo.sent(spoken(1, 8000), BEGAN - 0.75)
    stereo.begin(BEGAN)
    assert apart(stereo.finish(BEGAN + 0.5))[1] == spoken(1, 8000)[6000:] + QUIET * 2000


def test_nothing_from_before_the_beginning_is_in_the_recording() -> None:
    stereo = Stereo()
    stereo.caller(spoken(1), BEGAN - 1.0)
    stereo.sent(spoken(1), BEGAN - 1.0)
    assert stereo.take(BEGAN - 0.5) == b""
    stereo.begin(BEGAN)
    assert stereo.finish(BEGAN + 0.02) == QUIET * 2 * FRAME


def test_what_has_not_been_played_when_the_call_ends_is_not_in_the_recording() -> None:
    stereo = begun()
    stereo.sent(spoken(1, 8000), BEGAN)
    assert apart(stereo.finish(BEGAN + 0.25))[1] == spoken(1, 8000)[:2000]


def test_a_take_gives_all_but_what_may_still_change() -> None:
    stereo = begun()
    stereo.caller(spoken(1), BEGAN + 0.02)
    stereo.sent(spoken(2, 8000), BEGAN)
    assert apart(stereo.take(BEGAN + 0.03)) == (spoken(1), spoken(2))
    assert stereo.take(BEGAN + 2.0) == b""  # the caller's audio may be on its way
    assert len(stereo.take(BEGAN + 3.0)) == 2 * (RATE - FRAME)  # no longer


def test_a_gap_that_stays_is_settled_after_a_while() -> None:
    stereo = begun()
    stereo.caller(spoken(1), BEGAN + 0.02)
    for number in range(150):
        stereo.caller(spoken(number), BEGAN + 1.0 + number * 0.02)
    assert len(stereo.take(BEGAN + 2.0)) == 2 * FRAME
    assert len(stereo.take(BEGAN + 3.98)) == 2 * (round(3.98 * RATE) - FRAME)


def test_a_call_that_is_taken_from_keeps_no_more_than_may_change() -> None:
    stereo = begun()
    for number in range(5000):
        now = BEGAN + (number + 1) * 0.02
        stereo.caller(spoken(number), now)
        stereo.sent(spoken(number, 80), now)
        if number % 25 == 0:
            stereo.take(now)
    assert len(stereo.finish(BEGAN + 100.0)) < RATE * 2


def test_a_long_call_that_never_begins_keeps_only_what_has_not_been_played() -> None:
    stereo = Stereo()
    for number in range(5000):
        stereo.sent(spoken(number), BEGAN + number * 0.02)
    assert sum(map(len, stereo._right.pieces)) <= 2 * FRAME


def test_agent_audio_has_a_bound_even_if_the_bridge_had_none() -> None:
    stereo = begun()
    for _ in range(200):
        stereo.sent(spoken(1, RATE), BEGAN)
    assert apart(stereo.finish(BEGAN + 200.0))[1].rstrip(QUIET) == (spoken(1, RATE) * 60)[:AHEAD]


def test_beginning_twice_changes_nothing() -> None:
    once, twice = begun(), begun()
    for stereo in (once, twice):
        stereo.caller(spoken(1), BEGAN)
    twice.begin(BEGAN + 0.01)
    assert twice.finish(BEGAN + 0.02) == once.finish(BEGAN + 0.02)
