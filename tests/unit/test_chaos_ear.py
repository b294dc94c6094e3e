"""What is heard: silence, noise and words told apart; how long until what; whose silence it was."""

import numpy as np
import pytest

from gateway.emulators.chaos.ear import Heard, Hearing, Stretch, lay, levels
from gateway.emulators.twilio.line_audio import encode

SECOND = 8000


def noise(dbfs: float) -> bytes:
    rng = np.random.default_rng(1)
    return encode(np.round(rng.normal(0, 32768 * 10 ** (dbfs / 20), SECOND)).astype(np.int16))


@pytest.mark.parametrize(
    ("sound", "heard"),
    [
        (b"\xff" * SECOND, Heard.SILENCE),
        (b"\x7f" * SECOND, Heard.SILENCE),
        (noise(-58), Heard.NOISE),
        (noise(-46), Heard.NOISE),
        (noise(-25), Heard.WORDS),
    ],
)
def test_silence_noise_and_words_are_told_apart(sound: bytes, heard: Heard) -> None:
    assert set(levels(sound).tolist()) == {heard}


def hearing(*stretches: tuple[float, float, Heard, int]) -> Hearing:
    return Hearing([Stretch(*stretch) for stretch in stretches])


LOST = hearing(
    (0.0, 5.0, Heard.AGENT, 1),
    (5.0, 5.2, Heard.SILENCE, -1),
    (5.2, 6.0, Heard.NOISE, -1),
    (6.0, 7.0, Heard.WORDS, -1),
    (7.0, 8.0, Heard.SILENCE, -1),
    (8.0, 9.0, Heard.AGENT, 2),
)


@pytest.mark.parametrize(
    ("least", "seconds"), [(Heard.NOISE, 0.5), (Heard.WORDS, 1.3), (Heard.AGENT, 3.3), (Heard.PERSON, None)]
)
def test_it_is_told_how_long_each_took(least: Heard, seconds: float | None) -> None:
    found = LOST.first_s(least, 4.7, but=[1])
    assert found == (None if seconds is None else pytest.approx(seconds))


def test_what_is_being_heard_was_heard_at_once() -> None:
    assert LOST.first_s(Heard.WORDS, 6.5) == 0.0


def test_silence_in_ones_own_turn_is_nobodys_fault() -> None:
    assert LOST.longest_silence_s([]) == pytest.approx(1.0)
    assert LOST.longest_silence_s([(7.2, 7.9)]) == pytest.approx(0.2)
    assert LOST.longest_silence_s([], since=7.5) == pytest.approx(0.5)


def test_how_much_of_a_session_was_heard_by_a_moment() -> None:
    assert (LOST.agent_s(1, 3.0), LOST.agent_s(2), LOST.sessions) == (3.0, 1.0, [1, 2])


def test_gaps_are_silence_and_the_better_of_two_is_heard() -> None:
    pieces = [Stretch(1.0, 3.0, Heard.NOISE), Stretch(2.0, 2.5, Heard.PERSON)]
    assert lay(pieces, 0.0, 4.0) == [
        Stretch(0.0, 1.0, Heard.SILENCE),
        Stretch(1.0, 2.0, Heard.NOISE),
        Stretch(2.0, 2.5, Heard.PERSON),
        Stretch(2.5, 3.0, Heard.NOISE),
        Stretch(3.0, 4.0, Heard.SILENCE),
    ]


def test_a_breath_between_words_is_a_part_of_them() -> None:
    pieces = [Stretch(0.0, 1.0, Heard.WORDS), Stretch(1.1, 2.0, Heard.WORDS)]
    assert lay(pieces, 0.0, 2.0) == [Stretch(0.0, 2.0, Heard.WORDS)]
