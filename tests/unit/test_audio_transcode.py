"""The two directions of a call: bytes in, bytes out, nothing lost between chunks and turns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from gateway.audio import mulaw
from gateway.audio.coding import PCM as PCM_CODING
from gateway.audio.resample import DELAY, Downsampler, Upsampler
from gateway.audio.tones import rms_dbfs, sine, tone_level_dbfs
from gateway.audio.transcode import AgentToCaller, CallerToAgent

SPEECH = sine(700, 0.1, 24000, -6)
PCM = SPEECH.astype("<i2").tobytes()
LINE = mulaw.encode(sine(700, 0.1, 8000, -6))
TAIL = DELAY + 1
NOISE = np.random.default_rng(1).integers(-32768, 32768, 8000).astype("<i2").tobytes()
LOUD = NOISE[:4000]
"""Bytes of any value, so of any mu-law sample."""


def chunks(data: bytes, sizes: list[int]) -> list[bytes]:
    ends = np.cumsum([0, *sizes]).tolist()
    return [data[start:end] for start, end in zip(ends, [*ends[1:], None], strict=True)]


def heard_tone(frequency_hz: float, level_dbfs: float) -> NDArray[np.int16]:
    """A tenth of a second of what the caller hears of an agent's tone, the filter having settled."""
    spoken = sine(frequency_hz, 0.2, 24000, level_dbfs).astype("<i2").tobytes()
    return mulaw.decode(AgentToCaller().feed(spoken))[-800:]


def test_a_frame_of_the_line_becomes_twenty_milliseconds_of_pcm() -> None:
    assert len(CallerToAgent().feed(LINE[: mulaw.FRAME])) == 960


def test_the_agent_hears_the_line_decoded_and_filtered() -> None:
    heard = np.frombuffer(CallerToAgent().feed(LINE), "<i2")
    expected = Upsampler(PCM_CODING).feed(mulaw.decode(LINE).astype("<i2").tobytes())
    assert heard.tobytes() == expected


@given(line=st.binary(max_size=2000), sizes=st.lists(st.integers(0, 400), max_size=6))
def test_the_agent_hears_the_same_bytes_whatever_the_chunking(line: bytes, sizes: list[int]) -> None:
    parts = CallerToAgent()
    heard = [parts.feed(chunk) for chunk in chunks(line, sizes)]
    assert [len(part) for part in heard] == [6 * len(chunk) for chunk in chunks(line, sizes)]
    assert b"".join(heard) == CallerToAgent().feed(line)


@given(data=st.data(), calls=st.integers(1, 30))
def test_filters_that_are_fed_together_yield_what_each_would_alone(data: st.DataObject, calls: int) -> None:
    sizes = st.one_of(st.just(mulaw.FRAME), st.integers(0, 2500))
    said = [data.draw(st.lists(sizes, min_size=2, max_size=2)) for _ in range(calls)]
    frames = [[LOUD[number : number + size] for size in each] for number, each in enumerate(said)]
    together, alone = ([CallerToAgent() for _ in range(calls)] for _ in range(2))
    for turn in range(2):
        fed = [(one, each[turn]) for one, each in zip(together, frames, strict=True)]
        heard = [one.feed(each[turn]) for one, each in zip(alone, frames, strict=True)]
        assert CallerToAgent.feed_all(fed) == heard


@given(pairs=st.lists(st.integers(0, 400), min_size=2, max_size=20))
def test_so_do_those_of_the_other_way(pairs: list[int]) -> None:
    fed = [(Downsampler(), NOISE[number * 6 :][: size * 6]) for number, size in enumerate(pairs)]
    heard = [Downsampler().feed(pcm) for _, pcm in fed]
    assert Downsampler.feed_all(fed) == heard


def test_silence_on_the_line_is_zeros_to_the_agent() -> None:
    assert CallerToAgent().feed(bytes([mulaw.SILENCE] * 200)) == bytes(1200)


def test_the_caller_hears_the_agent_filtered_and_encoded() -> None:
    expected = np.frombuffer(Downsampler(PCM_CODING).feed(PCM), "<i2")
    assert AgentToCaller().feed(PCM) == mulaw.encode(expected)


@given(pcm=st.binary(max_size=3000), sizes=st.lists(st.integers(0, 700), max_size=8))
def test_the_caller_hears_the_same_bytes_whatever_the_chunking(pcm: bytes, sizes: list[int]) -> None:
    parts, whole = AgentToCaller(), AgentToCaller()
    heard = b"".join(parts.feed(chunk) for chunk in chunks(pcm, sizes))
    assert heard == whole.feed(pcm)
    assert len(heard) == len(pcm) // 6
    assert parts.flush() == whole.flush()


def test_pcm_that_comes_byte_by_byte_is_heard_whole() -> None:
    agent = AgentToCaller()
    heard = b"".join(agent.feed(PCM[at : at + 1]) for at in range(len(PCM)))
    assert heard == AgentToCaller().feed(PCM)


@pytest.mark.parametrize("samples", [1, 2, 3, 4, 5, 6, 480, 481, 482])
@pytest.mark.parametrize("odd", [b"", b"\x7f"])
def test_a_flush_returns_the_rest_of_the_turn_and_drops_an_odd_byte(samples: int, odd: bytes) -> None:
    agent = AgentToCaller()
    heard = agent.feed(PCM[: 2 * samples] + odd) + agent.flush()
    followed_by_silence = AgentToCaller().feed(PCM[: 2 * samples] + bytes(960))
    assert heard == followed_by_silence[: samples // 3 + TAIL]


@pytest.mark.parametrize("after", [0, 1, 2])
def test_the_last_sample_of_a_turn_is_heard(after: int) -> None:
    """A click at the very end comes out as it does in the middle of a turn, its peak included."""
    agent = AgentToCaller()
    click = bytes(2 * (480 + after)) + b"\xff\x7f"
    heard = mulaw.decode(agent.feed(click) + agent.flush())
    assert np.max(heard) == np.max(mulaw.decode(AgentToCaller().feed(click + bytes(960))))
    assert np.max(heard) > 7000


def test_a_flush_leaves_the_state_fresh() -> None:
    agent = AgentToCaller()
    agent.feed(PCM + b"\x01\x02\x03")
    agent.flush()
    assert agent.feed(PCM) == AgentToCaller().feed(PCM)


@pytest.mark.parametrize("fed", [b"", b"\x01"])
def test_a_flush_of_nothing_is_nothing(fed: bytes) -> None:
    agent = AgentToCaller()
    agent.feed(fed)
    assert (agent.flush(), agent.feed(PCM)) == (b"", AgentToCaller().feed(PCM))


def test_a_second_flush_is_nothing() -> None:
    agent = AgentToCaller()
    agent.feed(PCM)
    assert (len(agent.flush()), agent.flush()) == (TAIL, b"")


@pytest.mark.parametrize("carried", [0, 1, 2, 3, 4, 5])
def test_a_reset_forgets_what_was_said_and_the_bytes_carried(carried: int) -> None:
    agent = AgentToCaller()
    agent.feed(PCM + PCM[:carried])
    agent.reset()
    assert (agent.flush(), agent.feed(PCM)) == (b"", AgentToCaller().feed(PCM))


def test_a_reset_forgets_what_the_caller_said() -> None:
    caller = CallerToAgent()
    caller.feed(LINE)
    caller.reset()
    assert caller.feed(LINE) == CallerToAgent().feed(LINE)


def test_silence_of_the_agent_is_silence_on_the_line() -> None:
    agent = AgentToCaller()
    assert agent.feed(bytes(960)) + agent.flush() == bytes([mulaw.SILENCE] * (160 + TAIL))


def test_a_five_kilohertz_tone_of_the_agent_is_sixty_db_down_at_the_caller() -> None:
    heard = heard_tone(5000, -3)
    assert tone_level_dbfs(heard, 8000, 3000) < -3 - 60
    assert rms_dbfs(heard) < -3 - 60


def test_a_one_kilohertz_tone_of_the_agent_reaches_the_caller_as_loud() -> None:
    assert abs(tone_level_dbfs(heard_tone(1000, -10), 8000, 1000) + 10) < 0.1
