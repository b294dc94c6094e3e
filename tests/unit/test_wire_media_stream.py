"""Twilio's messages: tolerant reading, strict writing, and no input that does harm."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import WireError
from gateway.ids import AccountSid, CallSid, MarkName, StreamSid
from gateway.wire.media_stream import (
    LARGEST_JOINED,
    LARGEST_PAYLOAD,
    Connected,
    Dtmf,
    Mark,
    Media,
    Message,
    Start,
    Stop,
    Unknown,
    Writer,
    join,
    parse,
    split,
)
from tests.unit.wire_hostile import HOSTILE, NOT_BASE64, json_texts

WRITER = Writer(StreamSid("MZ0123"))


def media(**fields: Any) -> str:
    body = {"payload": "//8="} | fields
    sequence = body.pop("sequenceNumber", "1")
    return json.dumps({"event": "media", "sequenceNumber": sequence, "media": body})


def start(**fields: Any) -> str:
    return json.dumps({"event": "start", "start": {"streamSid": "MZ1", "callSid": "CA1"} | fields})


@pytest.mark.parametrize("number", ["7", 7, 7.0])
def test_numbers_are_read_as_strings_and_as_numbers(number: object) -> None:
    message = media(sequenceNumber=number, timestamp=number)
    assert parse(message) == Media(b"\xff\xff", sequence=7, timestamp_ms=7)


@pytest.mark.parametrize(
    "number", [None, "", "x", "-1", "1.5", "\u0667", "9" * 16, "9" * 5000, -1, -0.5, 10**15, 10**40, 1e300]
)
def test_what_is_no_sensible_number_counts_as_unknown(number: object) -> None:
    message = media(sequenceNumber=number, timestamp=number)
    assert parse(message) == Media(b"\xff\xff", sequence=0, timestamp_ms=0)


def test_media_needs_no_more_than_a_payload() -> None:
    assert parse('{"event":"media","media":{"payload":""}}') == Media(b"")


def test_our_own_voice_on_a_forked_track_is_not_the_callers() -> None:
    assert parse(media(track="outbound")) == Unknown("media/outbound")


def test_a_payload_has_a_bound() -> None:
    largest = base64.b64encode(bytes(LARGEST_PAYLOAD)).decode()
    assert parse(media(payload=largest)) == Media(bytes(LARGEST_PAYLOAD), sequence=1)
    with pytest.raises(WireError, match="too large"):
        parse(media(payload=base64.b64encode(bytes(LARGEST_PAYLOAD + 1)).decode()))


@pytest.mark.parametrize("payload", NOT_BASE64)
def test_a_payload_is_strict_base64(payload: str) -> None:
    with pytest.raises(WireError, match="malformed media"):
        parse(media(payload=payload))


@given(st.binary(max_size=400))
def test_any_bytes_survive_the_way_to_twilio_and_back(payload: bytes) -> None:
    assert parse(WRITER.media(payload)) == Media(payload)


def test_a_start_needs_no_more_than_its_identifiers() -> None:
    expected = Start(StreamSid("MZ1"), CallSid("CA1"), AccountSid(""), {}, "audio/x-mulaw", 8000)
    assert parse(start()) == expected
    assert parse(start(customParameters=None, mediaFormat=None)) == expected
    assert parse(start(customParameters={}, mediaFormat={})) == expected


@pytest.mark.parametrize("rate", ["16000", 16000, 16000.0])
def test_a_start_tells_the_format_of_its_audio(rate: object) -> None:
    told = parse(start(mediaFormat={"encoding": "audio/l16", "sampleRate": rate, "channels": 1}))
    assert isinstance(told, Start)
    assert (told.encoding, told.sample_rate) == ("audio/l16", 16000)


@pytest.mark.parametrize("sid", ["", 'MZ"', "MZ\\", "MZ\n", "MZ\u00e9", "M" * 65])
@pytest.mark.parametrize("field", ["streamSid", "callSid"])
def test_an_identifier_that_needs_escaping_is_refused(field: str, sid: str) -> None:
    with pytest.raises(WireError, match="identifier"):
        parse(start(**{field: sid}))


@pytest.mark.parametrize(("digit", "read"), [("5", "5"), ("*", "*"), ("#", "#"), ("d", "D")])
def test_the_keys_of_a_telephone_are_read(digit: str, read: str) -> None:
    assert parse(json.dumps({"event": "dtmf", "dtmf": {"digit": digit}})) == Dtmf(read)


@pytest.mark.parametrize("digit", ["", "55", "E", "\u0665", " "])
def test_other_keys_are_refused(digit: str) -> None:
    with pytest.raises(WireError, match="not a key"):
        parse(json.dumps({"event": "dtmf", "dtmf": {"digit": digit}}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"event":"connected"}', Connected()),
        ('{"event":"stop"}', Stop()),
        ('{"event":"stop","stop":null}', Stop()),
        ('{"event":"mark","mark":{"name":""}}', Mark(MarkName(""))),
        ('{"event":"ping"}', Unknown("ping")),
        (json.dumps({"event": "x" * 99}), Unknown("x" * 40)),
    ],
)
def test_other_events_are_read(text: str, message: Message) -> None:
    assert parse(text) == message
    assert parse(text.encode()) == message


@pytest.mark.parametrize("event", ["media", "dtmf", "mark", "start"])
@pytest.mark.parametrize("body", ["", ": null", ": 5", ": {}", ": []"])
def test_a_known_event_without_its_body_is_malformed(event: str, body: str) -> None:
    field = f', "{event}"{body}' if body else ""
    with pytest.raises(WireError, match=f"malformed {event}"):
        parse(f'{{"event": "{event}"{field}}}')


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_or_read_and_nothing_else(text: str | bytes) -> None:
    read_or_refused(text)


@given(st.text() | st.binary() | json_texts("event", ["media", "start", "dtmf", "mark", "stop"]))
def test_no_text_raises_anything_but_a_wire_error(text: str | bytes) -> None:
    read_or_refused(text)


def read_or_refused(text: str | bytes) -> None:
    try:
        message = parse(text)
    except WireError:
        return
    assert isinstance(message, Message)


def test_audio_and_keys_are_not_printed() -> None:
    assert repr(Media(b"secret", sequence=4)) == "Media(6 bytes, sequence=4)"
    assert repr(Dtmf("5")) == "Dtmf(digit=?)"


def test_a_mark_is_read_as_it_was_written() -> None:
    assert parse(WRITER.mark(MarkName("g12.345"))) == Mark(MarkName("g12.345"))


FIRST = Media(b"a" * 160, sequence=7, timestamp_ms=100)


def test_what_follows_at_once_is_joined_and_can_be_split_again() -> None:
    second = Media(b"b" * 160, sequence=8, timestamp_ms=120)
    third = Media(b"c" * 160, sequence=9, timestamp_ms=140)
    two = join(FIRST, second)
    assert two == Media(FIRST.payload + second.payload, sequence=8, timestamp_ms=100, messages=2)
    assert two is not None
    three = join(two, third)
    assert three == Media(two.payload + third.payload, sequence=9, timestamp_ms=100, messages=3)
    assert three is not None
    assert split(three) == [FIRST, second, third]


@pytest.mark.parametrize(
    ("sequence", "timestamp_ms", "size"),
    [(9, 120, 160), (7, 120, 160), (0, 120, 160), (8, 121, 160), (8, 100, 160), (8, 120, 80), (8, 120, 0)],
)
def test_what_does_not_follow_at_once_is_not_joined(sequence: int, timestamp_ms: int, size: int) -> None:
    assert join(FIRST, Media(bytes(size), sequence, timestamp_ms)) is None


def test_what_is_long_is_not_joined() -> None:
    half = Media(bytes(LARGEST_JOINED // 2 + 8), sequence=1, timestamp_ms=0)
    assert join(half, Media(half.payload, 2, len(half.payload) // 8)) is None
