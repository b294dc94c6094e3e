"""What the callers and agents of a load say, and what must come of it: noise that no two calls share.

Each side repeats a second of noise of its own. A filter remembers no more than the 30 line samples before
(``gateway.audio.resample``), so all that must come out is rendered beforehand: the repeated second, and what
differs where a filter starts and ends.
"""

import base64
from dataclasses import dataclass
from typing import Final

import numpy as np

from gateway.audio.transcode import AgentToCaller, CallerToAgent

FRAME_MS: Final = 20
CHUNK_MS: Final = 20
FRAMES: Final = 1000 // FRAME_MS
CHUNKS: Final = 1000 // CHUNK_MS
_LINE_FRAME: Final = 8 * FRAME_MS
_AGENT_FRAME: Final = 48 * FRAME_MS
_LINE_CHUNK: Final = 8 * CHUNK_MS
_AGENT_CHUNK: Final = 48 * CHUNK_MS
_LOUD: Final = 12_000


@dataclass(frozen=True, slots=True)
class CallerSound:
    """A second of a caller: what is sent, in base64, and what the agent must hear."""

    sent: list[bytes]
    first: bytes
    """What must come of the first frame of all, before which there is silence."""
    heard: list[bytes]


@dataclass(frozen=True, slots=True)
class AgentSound:
    """A second of an agent: what is sent, in base64, and what the caller must hear."""

    sent: list[bytes]
    first: list[bytes]
    """What must come of each chunk when a turn begins with it."""
    heard: list[bytes]
    tails: list[bytes]
    """What the filter still holds when a turn ends with each chunk."""


def caller_sound(number: int) -> CallerSound:
    """The second the caller of a call repeats: any mu-law codes at all."""
    noise = np.random.default_rng((number, 1)).integers(0, 256, 8 * 1000, np.uint8).tobytes()
    twice = CallerToAgent().feed(noise + noise)
    frames = _cut(noise, _LINE_FRAME)
    return CallerSound(
        sent=[base64.b64encode(frame) for frame in frames],
        first=twice[:_AGENT_FRAME],
        heard=_cut(twice[len(twice) // 2 :], _AGENT_FRAME),
    )


def agent_sound(number: int) -> AgentSound:
    """The second the agent of a call repeats."""
    samples = np.random.default_rng((number, 2)).integers(-_LOUD, _LOUD, 24 * 1000)
    noise = samples.astype("<i2").tobytes()
    twice = AgentToCaller().feed(noise + noise)
    chunks = _cut(noise, _AGENT_CHUNK)
    alone = [_turn(chunk) for chunk in chunks]
    return AgentSound(
        sent=[base64.b64encode(chunk) for chunk in chunks],
        first=[turn[:_LINE_CHUNK] for turn in alone],
        heard=_cut(twice[len(twice) // 2 :], _LINE_CHUNK),
        tails=[turn[_LINE_CHUNK:] for turn in alone],
    )


def _turn(pcm: bytes) -> bytes:
    """A turn of its own, the filter's tail included."""
    convert = AgentToCaller()
    return convert.feed(pcm) + convert.flush()


def _cut(sound: bytes, size: int) -> list[bytes]:
    return [sound[at : at + size] for at in range(0, len(sound), size)]
