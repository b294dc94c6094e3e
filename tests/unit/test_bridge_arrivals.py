"""Caller audio in the order of its arrival: what comes twice, what is missing, what is no mu-law."""

import pytest

from gateway.audio.mulaw import FRAME, RATE, encode
from gateway.audio.tones import sine
from gateway.bridge.arrivals import Arrivals
from gateway.emulators.voice import clip
from gateway.wire.media_stream import Media, join

LINE = b"\x55" * FRAME
QUIET = b"\xff"


def frame(number: int, audio: bytes = LINE) -> Media:
    """The frame of that number, in its place in time."""
    return Media(audio, number + 1, number * 20)


def taken(arrivals: Arrivals, *numbers: int) -> list[int]:
    """How many frames come of each of these."""
    return [len(arrivals.take(frame(number))) // FRAME for number in numbers]


def test_a_stream_in_order_is_passed_on_as_it_is() -> None:
    arrivals = Arrivals()
    assert taken(arrivals, *range(1, 200)) == [1] * 199
    assert (arrivals.duplicates, arrivals.reordered, arrivals.gaps, arrivals.jumps) == (0, 0, 0, 0)


@pytest.mark.parametrize("again", [1, 5, 60])
def test_what_comes_twice_is_dropped(again: int) -> None:
    arrivals = Arrivals()
    taken(arrivals, *range(1, 70))
    assert taken(arrivals, 70 - again) == [0]
    assert (arrivals.duplicates, arrivals.reordered) == (1, 0)


@pytest.mark.parametrize("again", [3, 4, 5])
def test_what_was_joined_and_comes_again_is_dropped(again: int) -> None:
    arrivals = Arrivals()
    taken(arrivals, 1, 2)
    joined = Media(LINE * 3, frame(5).sequence, frame(3).timestamp_ms, messages=3)
    assert arrivals.take(joined) == LINE * 3
    assert taken(arrivals, again, 6) == [0, 1]
    assert (arrivals.duplicates, arrivals.reordered, arrivals.gaps) == (1, 0, 0)


@pytest.mark.parametrize("numbers", [(1, 2, 3), (1, 1, 2), (1, 2, 3, 2, 3, 4), (2, 1, 2), (1, 3, 1, 2)])
def test_messages_that_were_joined_give_what_each_gives_alone(numbers: tuple[int, ...]) -> None:
    alone, joined = Arrivals(), Arrivals()
    expected, heard, held = b"", b"", None
    for number in numbers:
        message = frame(number, bytes([number]) * FRAME)
        expected += alone.take(message)
        together = join(held, message) if held else message
        heard += joined.take(held) if held and not together else b""
        held = together or message
    assert held is not None
    assert heard + joined.take(held) == expected
    assert joined.duplicates == alone.duplicates
    assert (joined.gaps, joined.missing_ms) == (alone.gaps, alone.missing_ms)


@pytest.mark.parametrize("lost", [1, 3, 5])
def test_a_short_gap_is_filled_with_silence(lost: int) -> None:
    arrivals = Arrivals()
    taken(arrivals, 1, 2)
    assert arrivals.take(frame(3 + lost)) == QUIET * FRAME * lost + LINE
    assert (arrivals.gaps, arrivals.missing_ms) == (1, lost * 20)
    assert taken(arrivals, 4 + lost, 5 + lost) == [1, 1]


def test_a_long_gap_is_counted_and_left() -> None:
    arrivals = Arrivals()
    assert taken(arrivals, 1, 2, 9, 10) == [1, 1, 1, 1]
    assert (arrivals.gaps, arrivals.missing_ms) == (1, 120)


def test_frames_out_of_order_are_taken_as_they_come_and_keep_the_time() -> None:
    arrivals = Arrivals()
    assert taken(arrivals, 1, 3, 2, 4, 5, 6) == [1, 2, 1, 1, 1, 1]
    assert (arrivals.reordered, arrivals.gaps) == (1, 1)
    assert taken(arrivals, 8) == [1]  # the frame that came late stands for the one that is missing now


def test_a_stream_numbered_anew_goes_on() -> None:
    arrivals = Arrivals()
    taken(arrivals, *range(1000, 1100))
    assert taken(arrivals, 1, 2, 3) == [1, 1, 1]
    assert (arrivals.duplicates, arrivals.reordered, arrivals.jumps) == (0, 0, 1)


def test_timestamps_that_jump_are_followed() -> None:
    arrivals = Arrivals()
    for number, at in enumerate((20, 40, 10**9, 10**9 + 20, 60, 80), start=1):
        assert arrivals.take(Media(LINE, number, at)) == LINE
    assert (arrivals.gaps, arrivals.jumps) == (1, 1)


def test_timestamps_that_tremble_are_no_gaps() -> None:
    arrivals = Arrivals()
    for number, tremble in enumerate((0, 9, -9, 15, -15, 3, 19, -19) * 10, start=1):
        arrivals.take(Media(LINE, number, 1000 + number * 20 + tremble))
    assert arrivals.gaps <= 1


def test_messages_that_are_not_numbered_are_taken() -> None:
    arrivals = Arrivals()
    assert [arrivals.take(Media(LINE)) for _ in range(5)] == [LINE] * 5


@pytest.mark.parametrize("size", [0, 1, 159, 161, 8000])
def test_frames_of_any_size_are_taken(size: int) -> None:
    arrivals = Arrivals()
    assert len(arrivals.take(Media(b"\x55" * size, 1, 20))) == size


def test_a_file_is_noticed_once() -> None:
    arrivals = Arrivals()
    for number in (1, 2):
        arrivals.take(frame(number, b"RIFF\x00\x00\x00\x00WAVEfmt " + LINE))
    assert arrivals.odd == 1


def test_pcm_is_noticed() -> None:
    arrivals = Arrivals()
    pcm = (clip("caller-hello").samples[::3] // 8).astype("<i2").tobytes()
    for number in range(50):
        arrivals.take(frame(number, pcm[number * 320 : number * 320 + 320]))
    assert arrivals.odd == 1


def test_speech_and_loud_tones_are_mulaw() -> None:
    arrivals = Arrivals()
    sound = encode(clip("caller-hello").samples[::3]) + encode(sine(440, 0.6, RATE, 6).clip(-32768, 32767))
    for number, at in enumerate(range(0, len(sound), FRAME)):
        arrivals.take(frame(number, sound[at : at + FRAME]))
    assert arrivals.odd == 0
