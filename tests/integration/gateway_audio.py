"""What either side must have heard, reckoned from what the other said."""

import numpy as np

from gateway.audio.transcode import AgentToCaller, CallerToAgent
from gateway.emulators.twilio.line import Line
from gateway.emulators.twilio.line_audio import encode
from gateway.emulators.vatel.session import Session


def words(seed: int, seconds: float) -> bytes:
    """Agent speech: PCM16 at 24 kHz that no other seed makes; never silent on the line."""
    rate = 24_000
    time = np.arange(round(seconds * rate)) / rate
    pitch = 200 + 37 * seed
    wave = 9000 * np.sin(2 * np.pi * pitch * time) + 3000 * np.sin(2 * np.pi * (pitch * 2.7) * time + seed)
    speech = np.rint(wave + 2000).astype("<i2")
    return bytes(speech.tobytes())


def caller_words(seed: int, seconds: float) -> bytes:
    """Caller speech: mu-law at 8 kHz, loud enough to be speech."""
    time = np.arange(round(seconds * 8000)) / 8000
    wave = 8000 * np.sin(2 * np.pi * (300 + 41 * seed) * time) + 500 * np.sin(2 * np.pi * 1234 * time)
    return encode(np.rint(wave).astype(np.int16))


def on_the_line(pcm: bytes) -> bytes:
    """A turn of the agent's, whole, as the caller hears it."""
    convert = AgentToCaller()
    return convert.feed(pcm) + convert.flush()


def heard(line: Line) -> bytes:
    """What the caller has heard of the agent, the pauses left out."""
    audio = line.heard
    return b"".join(audio[round(s.start_s * 8000) : round(s.end_s * 8000)] for s in line.heard_spans)


async def hears_out(line: Line, turn: bytes) -> None:
    """Wait until the caller has heard a turn (on the line) to its last sample, which a filter gives late."""
    await line.wait_heard(len(turn) / 8000)


def to_the_agent(line: Line, size: int) -> bytes:
    """The first so many bytes of what the agent must have heard, from the stream's beginning."""
    seconds = size / 48_000 + 1
    return CallerToAgent().feed(line.core.spoken.until(seconds))[:size]


def speak(session: Session, turn_id: str, pcm: bytes, *, chunk_ms: int = 200, final: bool = True) -> None:
    """Have the agent say something at once, in chunks."""
    size = 48 * chunk_ms
    for at in range(0, len(pcm), size):
        session.say(turn_id, pcm[at : at + size], final=final and at + size >= len(pcm))
