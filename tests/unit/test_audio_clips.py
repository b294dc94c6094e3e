"""Clips are whole frames, and a gateway without any stays silent."""

from gateway.audio.clips import ClipName, Clips
from gateway.audio.mulaw import FRAME, SILENCE


def test_a_clip_ends_with_silence_in_whole_frames() -> None:
    sound = Clips({ClipName.ONE_MOMENT: b"\x01" * (FRAME + 1)}).get(ClipName.ONE_MOMENT)
    assert sound == b"\x01" * (FRAME + 1) + bytes([SILENCE]) * (FRAME - 1)


def test_a_clip_of_whole_frames_is_played_as_it_is() -> None:
    assert Clips({ClipName.ONE_MOMENT: b"\x01" * FRAME}).get(ClipName.ONE_MOMENT) == b"\x01" * FRAME


def test_what_there_is_no_clip_of_is_nothing() -> None:
    assert Clips().get(ClipName.SORRY_GOODBYE) == b""
