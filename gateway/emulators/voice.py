"""What the emulators say: recorded clips, and for any other text a tune of about the right length."""

import functools
import tomllib
import zlib
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from gateway.errors import GatewayError

SAMPLE_RATE = 24_000
SPEECH = Path(__file__).parent / "speech"

CHARACTER_S = 0.06
GAP_S = 0.05
LONGEST_S = 60.0
LEVEL = 6_000

Samples = npt.NDArray[np.int16]


class NoSuchClip(GatewayError):
    """There is no recorded clip of that name."""

    remedy = "Take a name from clips.toml, or give a text instead."


@dataclass(frozen=True, slots=True)
class Clip:
    """Something said: its text, and its sound at 24 kHz."""

    name: str
    text: str
    samples: Samples = field(repr=False)

    @property
    def seconds(self) -> float:
        """How long it sounds, in seconds."""
        return len(self.samples) / SAMPLE_RATE

    @property
    def pcm(self) -> bytes:
        """The sound as 16-bit little-endian bytes."""
        return self.samples.astype("<i2", copy=False).tobytes()


@functools.cache
def clips() -> dict[str, str]:
    """The texts of all recorded clips, by name."""
    manifest = tomllib.loads((SPEECH / "clips.toml").read_text(encoding="utf-8"))
    return {entry["name"]: entry["text"] for entry in manifest["clips"]}


@functools.cache
def clip(name: str) -> Clip:
    """A recorded clip; its samples are shared and cannot be written.

    Raises:
        NoSuchClip: ``clips.toml`` has no such name.

    """
    if name not in clips():
        raise NoSuchClip(f"no recorded clip {name!r}; there are {', '.join(sorted(clips()))}")
    samples, _ = soundfile.read(SPEECH / f"{name}.flac", dtype="int16")
    return Clip(name, clips()[name], _read_only(samples))


@functools.lru_cache(maxsize=256)
def speak(text: str) -> Clip:
    """Any text as sound: a recorded clip of these very words if there is one, or a tune of their rhythm."""
    for name, words in clips().items():
        if words == text:
            return clip(name)
    return Clip("", text, _read_only(_tune(text)))


def _tune(text: str) -> Samples:
    longest = round(LONGEST_S * SAMPLE_RATE)
    gap = np.zeros(round(GAP_S * SAMPLE_RATE))
    parts, length = [gap], len(gap)
    for word in text.split():
        sound = _word(word)
        parts += [sound, gap]
        length += len(sound) + len(gap)
        if length >= longest:
            break
    return np.concatenate(parts)[:longest].astype(np.int16)


def _word(word: str) -> npt.NDArray[np.float64]:
    # The pitch follows from the word, so that the same text sounds the same everywhere.
    pitch_hz = 110 + zlib.crc32(word.encode()) % 90
    seconds = min(max(len(word), 2), 40) * CHARACTER_S
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    voice = sum(np.sin(2 * np.pi * pitch_hz * n * time) / n for n in range(1, 12))
    syllables = np.abs(np.sin(np.pi * time / (2 * CHARACTER_S))) ** 0.5
    edge = np.minimum(1, np.minimum(time, time[::-1]) / 0.01)
    return np.asarray(LEVEL * voice * syllables * edge, dtype=np.float64)


def _read_only(samples: Samples) -> Samples:
    samples.setflags(write=False)
    return samples
