"""The filter: what passes, what does not, when, and the same samples whatever the chunking."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gateway.audio.coding import LIFT
from gateway.audio.resample import DELAY, DOWN_TAPS, RATIO, UP_TAPS
from gateway.audio.tones import lag, silence, sine, sweep, tone_level_dbfs
from tests.filters import Downsampler, Upsampler

LINE = 8000
AGENT = 24000
SPEECH_HZ = [300, 500, 1000, 2000, 3000, 3200, 3300, 3400]
OTHER_HZ = [4600, 4700, 4900, 5000, 5500, 6300, 7100, 7900, 8300, 9000, 10500, 11900]
CHUNKS = st.lists(st.sampled_from([1, 2, 15, 16, 17, 159, 160, 161, 799, 800, 801, 4800]), max_size=8)


def settled(samples: NDArray[np.int16], rate: int) -> NDArray[np.int16]:
    """The last quarter of a second: a whole number of periods of every tone used here."""
    return samples[-rate // 4 :]


def loud(seed: int, count: int) -> NDArray[np.int16]:
    return np.random.default_rng(seed).integers(-32768, 32768, count).astype(np.int16)


def cut(samples: NDArray[np.int16], sizes: list[int], ratio: int) -> Iterator[NDArray[np.int16]]:
    for size in sizes:
        yield samples[: ratio * size]
        samples = samples[ratio * size :]
    yield samples


@pytest.mark.parametrize("frequency_hz", SPEECH_HZ)
def test_speech_reaches_the_agent_within_half_a_decibel(frequency_hz: int) -> None:
    heard = settled(Upsampler().filter(sine(frequency_hz, 0.3, LINE, -3)), AGENT)
    assert abs(tone_level_dbfs(heard, AGENT, frequency_hz) + 3) < 0.1


@pytest.mark.parametrize("frequency_hz", SPEECH_HZ)
def test_speech_reaches_the_caller_within_half_a_decibel(frequency_hz: int) -> None:
    heard = settled(Downsampler().filter(sine(frequency_hz, 0.3, AGENT, -3)), LINE)
    assert abs(tone_level_dbfs(heard, LINE, frequency_hz) + 3) < 0.1


@pytest.mark.parametrize("frequency_hz", SPEECH_HZ)
def test_the_agent_hears_images_seventy_decibels_down(frequency_hz: int) -> None:
    heard = settled(Upsampler().filter(sine(frequency_hz, 0.3, LINE, 0)), AGENT)
    assert tone_level_dbfs(heard, AGENT, LINE - frequency_hz) < -70
    assert tone_level_dbfs(heard, AGENT, LINE + frequency_hz) < -70


@pytest.mark.parametrize("frequency_hz", OTHER_HZ)
def test_the_caller_hears_aliases_seventy_decibels_down(frequency_hz: int) -> None:
    heard = settled(Downsampler().filter(sine(frequency_hz, 0.3, AGENT, 0)), LINE)
    alias_hz = abs(frequency_hz - LINE * round(frequency_hz / LINE))
    assert tone_level_dbfs(heard, LINE, alias_hz) < -70


def test_the_filter_is_symmetric_so_that_all_frequencies_are_equally_late() -> None:
    for taps in (UP_TAPS, DOWN_TAPS):
        assert np.array_equal(taps, taps[::-1])
        assert len(taps) == 2 * DELAY * RATIO + 1


def test_the_filter_is_the_same_both_ways_but_for_the_last_bits() -> None:
    assert np.max(np.abs(UP_TAPS / RATIO - DOWN_TAPS)) < 1e-5


def test_all_that_makes_an_output_sums_up_to_one_exactly() -> None:
    assert [math.fsum(UP_TAPS[at::RATIO]) for at in range(RATIO)] == [1.0, 1.0, 1.0]
    assert math.fsum(DOWN_TAPS) == 1.0


def test_the_agent_hears_the_caller_less_than_two_milliseconds_late() -> None:
    click = silence(0.01, LINE)
    click[10] = 20000
    heard = Upsampler().filter(click)
    assert int(np.argmax(heard)) == RATIO * (10 + DELAY)
    assert RATIO * DELAY / AGENT < 0.002


def test_the_caller_hears_the_agent_less_than_two_milliseconds_late() -> None:
    click = silence(0.01, AGENT)
    click[30] = 20000
    heard = Downsampler().filter(click)
    assert int(np.argmax(heard)) == 30 // RATIO + DELAY
    assert DELAY / LINE < 0.002


def test_there_and_back_is_thirty_samples_late_and_changes_little() -> None:
    said = sweep(300, 3400, 0.5, LINE, -3)
    heard = Downsampler().filter(Upsampler().filter(said))
    assert lag(said, heard) == 2 * DELAY
    apart = heard[2 * DELAY :].astype(np.int64) - said[: -2 * DELAY]
    assert np.max(np.abs(apart[50:-50])) < 0.02 * 32767


def exact_sums(said: list[int], filtered_by: NDArray[np.float64]) -> NDArray[np.float64]:
    """A filter at 24 kHz in integers of any size, divided only at the end: shape (len(said),)."""
    taps = [int(tap * 2**24) for tap in filtered_by]
    padded = [0] * (len(taps) - 1) + said
    sums = [sum(map(int.__mul__, taps, padded[at : at + len(taps)])) for at in range(len(said))]
    return np.array(sums) / 2**24


def test_every_sample_of_the_agent_is_the_exact_sum_rounded_once() -> None:
    said = loud(1, 96)
    spread = np.zeros(RATIO * 96, np.int64)
    spread[::RATIO] = said
    expected = np.clip(np.floor(exact_sums(spread.tolist(), UP_TAPS) + 0.5), -32768, 32767)
    assert Upsampler().filter(said).tolist() == expected.tolist()


def test_every_sample_of_the_caller_is_the_exact_sum_rounded_once() -> None:
    said = loud(1, 960)
    expected = np.clip(np.floor(exact_sums(said.tolist(), DOWN_TAPS)[::RATIO] + 0.5), -32768, 32767)
    assert Downsampler().filter(said).tolist() == expected.tolist()


def test_no_sum_can_outgrow_the_fifty_three_bits_of_a_double() -> None:
    largest = 32767 + LIFT
    for taps in (UP_TAPS, DOWN_TAPS):
        assert np.array_equal(taps * 2**24, np.rint(taps * 2**24))
        assert 2 * largest * 2**24 * float(np.sum(np.abs(taps))) < 2**53  # twice, for the half in each


@given(seed=st.integers(0, 2**32 - 1), sizes=CHUNKS)
def test_the_agent_hears_the_same_samples_whatever_the_chunking(seed: int, sizes: list[int]) -> None:
    said = loud(seed, sum(sizes) + 37)
    parts = Upsampler()
    heard = np.concatenate([parts.filter(chunk) for chunk in cut(said, sizes, 1)])
    assert np.array_equal(heard, Upsampler().filter(said))


@given(seed=st.integers(0, 2**32 - 1), sizes=CHUNKS)
def test_the_caller_hears_the_same_samples_whatever_the_chunking(seed: int, sizes: list[int]) -> None:
    said = loud(seed, RATIO * (sum(sizes) + 37))
    parts = Downsampler()
    heard = np.concatenate([parts.filter(chunk) for chunk in cut(said, sizes, RATIO)])
    assert np.array_equal(heard, Downsampler().filter(said))


def test_one_sample_at_a_time_gives_the_same_samples_both_ways() -> None:
    said = loud(2, 300)
    up, down = Upsampler(), Downsampler()
    heard = np.concatenate([up.filter(said[at : at + 1]) for at in range(300)])
    assert np.array_equal(heard, Upsampler().filter(said))
    back = np.concatenate([down.filter(heard[at : at + 3]) for at in range(0, 900, 3)])
    assert np.array_equal(back, Downsampler().filter(heard))


def square(rate: int) -> NDArray[np.int16]:
    """Full scale, 500 Hz: what a filter overshoots on."""
    return np.repeat(np.tile(np.array([32767, -32768], np.int16), 20), rate // 1000)


def test_full_scale_saturates_instead_of_wrapping_round() -> None:
    """Around the middle of each half period the sign is that of the input; the overshoot is cut off flat."""
    up = Upsampler().filter(square(LINE))[RATIO * DELAY :].reshape(-1)[: 38 * 24].reshape(-1, 24)[2:, 6:18]
    down = Downsampler().filter(square(AGENT))[DELAY:][: 38 * 8].reshape(-1, 8)[2:, 2:6]
    for halves in (up, down):
        assert np.all(halves[0::2] > 25000)
        assert np.all(halves[1::2] < -25000)
        assert (halves.max(), halves.min()) == (32767, -32768)


def test_an_hour_to_the_agent_neither_drifts_nor_loses_a_sample() -> None:
    minute = sine(1000, 60, LINE, -3)
    hour = Upsampler()
    counts = {len(hour.filter(minute)) for _ in range(59)}
    last = hour.filter(minute)
    assert counts | {len(last)} == {60 * AGENT}
    assert np.array_equal(last, np.tile(Upsampler().filter(minute)[-24:], 60 * 1000))


def test_an_hour_to_the_caller_neither_drifts_nor_loses_a_sample() -> None:
    minute = sine(1000, 60, AGENT, -3)
    hour = Downsampler()
    counts = {len(hour.filter(minute)) for _ in range(59)}
    last = hour.filter(minute)
    assert counts | {len(last)} == {60 * LINE}
    assert np.array_equal(last, np.tile(Downsampler().filter(minute)[-8:], 60 * 1000))


@pytest.mark.parametrize("direction", [Upsampler, Downsampler])
def test_a_filter_that_was_reset_is_as_good_as_new(direction: type[Upsampler | Downsampler]) -> None:
    used = direction()
    used.filter(loud(3, 999))
    used.reset()
    assert np.array_equal(used.filter(loud(4, 480)), direction().filter(loud(4, 480)))


@pytest.mark.parametrize("direction", [Upsampler, Downsampler])
def test_nothing_in_gives_nothing_out(direction: type[Upsampler | Downsampler]) -> None:
    assert len(direction().filter(silence(0, LINE))) == 0
