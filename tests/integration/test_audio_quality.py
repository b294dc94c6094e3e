"""Recorded speech crosses the gateway's filters and codec: how much of it arrives."""

import pytest

from tests.bench import audio_quality as quality

CALLERS = quality.recordings("caller")
AGENTS = quality.recordings("agent")
FULL_BAND = quality.full_band_speech()
NO_PESQ = "pesq is not installed: it comes with requirements/bench.txt"


def test_there_is_recorded_speech_of_both_sides() -> None:
    assert CALLERS
    assert AGENTS


@pytest.mark.parametrize("clip", CALLERS)
def test_the_caller_reaches_the_agent_with_an_snr_of_thirty_four_db(clip: str) -> None:
    assert quality.snr_up_db(CALLERS[clip]) >= 34


@pytest.mark.parametrize("clip", AGENTS)
def test_the_agent_reaches_the_caller_with_an_snr_of_thirty_four_db(clip: str) -> None:
    assert quality.snr_down_db(AGENTS[clip]) >= 34


def test_the_caller_reaches_the_agent_with_a_pesq_of_four_point_four() -> None:
    pytest.importorskip("pesq", reason=NO_PESQ)
    assert quality.pesq_up(quality.joined("caller")) >= 4.4


def test_the_agent_reaches_the_caller_with_a_pesq_of_four_point_two() -> None:
    pytest.importorskip("pesq", reason=NO_PESQ)
    assert quality.pesq_down(quality.joined("agent")) >= 4.2


@pytest.mark.skipif(FULL_BAND is None, reason="espeak-ng is not installed")
def test_full_band_speech_of_the_agent_keeps_an_snr_of_thirty_four_db_in_the_telephone_band() -> None:
    assert FULL_BAND is not None
    assert quality.snr_down_below_3400_hz_db(FULL_BAND) >= 34


def test_the_agents_five_kilohertz_tone_comes_back_sixty_db_down() -> None:
    assert quality.five_khz_attenuation_db() >= 60


def test_the_standard_librarys_resampler_lets_the_same_tone_back_in() -> None:
    assert quality.five_khz_attenuation_by_ratecv_db() < 6
