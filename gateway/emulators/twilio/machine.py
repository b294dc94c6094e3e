"""What an answering machine says: its greeting from the answer on, then a beep."""

from collections.abc import Awaitable, Callable

import numpy as np

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.line_audio import RATE, encode
from gateway.emulators.twilio.people import BEEP_S, Machine
from gateway.emulators.voice import SAMPLE_RATE, speak

BEEP_HZ = 1000
GREETING = "You have reached my answering machine. Please leave a message after the tone."


def speaking(machine: Machine) -> Callable[[Call], Awaitable[None]]:
    """A script of a called party that is a machine; what is said before the stream opens is not heard."""

    async def talk(call: Call) -> None:
        sound = greeting(machine.greeting_s) + (beep() if machine.beep else b"")
        line = await call.stream()
        line.queue(sound[round(call.since_answer_s * RATE) :])

    return talk


def greeting(seconds: float) -> bytes:
    """Words for so many seconds, in mu-law."""
    # Every third sample will do: nobody judges this sound.
    words = encode(speak(GREETING).samples[:: SAMPLE_RATE // RATE])
    length = round(seconds * RATE)
    return (words * (length // len(words) + 1))[:length]


def beep() -> bytes:
    """The tone after which a message may be left, in mu-law."""
    time = np.arange(round(BEEP_S * RATE)) / RATE
    return encode((12_000 * np.sin(2 * np.pi * BEEP_HZ * time)).astype(np.int16))
