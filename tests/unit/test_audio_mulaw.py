"""The codec against G.711 written out: every code and every sample."""

import numpy as np

from gateway.audio import mulaw

CODES = bytes(range(256))
SAMPLES = np.arange(-32768, 32768).astype(np.int16)


def expanded(code: int) -> int:
    """G.711: a sign, three bits of segment and four of step, inverted; 14 bits in the upper part of 16."""
    sign, segment, step = ~code & 0x80, (~code >> 4) & 0x07, ~code & 0x0F
    magnitude = (((step << 1) + 33) << segment) - 33
    return (-magnitude if sign else magnitude) << 2


def compressed(sample: int) -> int:
    """G.711: the segment says where the biased magnitude's leading bit is, the step the four bits after."""
    value = sample >> 2
    sign = 0x80 if value < 0 else 0
    biased = min(abs(value), 8158) + 33
    segment = biased.bit_length() - 6
    return ~(sign | segment << 4 | (biased >> (segment + 1)) & 0x0F) & 0xFF


def test_every_code_decodes_as_the_standard_says() -> None:
    assert mulaw.decode(CODES).tolist() == [expanded(code) for code in CODES]


def test_every_sample_encodes_as_the_standard_says() -> None:
    assert mulaw.encode(SAMPLES) == bytes(compressed(sample) for sample in SAMPLES.tolist())


def test_every_code_survives_a_round_trip_except_negative_zero() -> None:
    assert mulaw.encode(mulaw.decode(CODES)) == CODES.replace(b"\x7f", b"\xff")


def test_silence_is_the_code_of_zero() -> None:
    assert mulaw.encode(np.zeros(3, np.int16)) == bytes([mulaw.SILENCE] * 3)


def test_a_frame_is_twenty_milliseconds() -> None:
    assert mulaw.FRAME * 50 == mulaw.RATE


def test_nothing_decodes_and_encodes_to_nothing() -> None:
    assert (mulaw.encode(np.zeros(0, np.int16)), mulaw.decode(b"").tolist()) == (b"", [])
