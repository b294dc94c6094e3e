"""TwiML read, and addresses judged."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulators.twilio.twiml import MAX_BYTES, TwimlInvalid, Verb, parse
from gateway.emulators.twilio.twiml_stream import refusal
from gateway.emulators.twilio.webhooks import Answer, Overrides, document


def test_verbs_attributes_and_text() -> None:
    text = '<?xml version="1.0"?><Response><Say voice="x"> Hi\n there </Say><Hangup/></Response>'
    assert parse(text) == (Verb("Say", {"voice": "x"}, "Hi there"), Verb("Hangup"))


def test_nested_verbs() -> None:
    (connect,) = parse(
        '<Response><Connect><Stream url="u"><Parameter name="n" value=""/></Stream></Connect></Response>'
    )
    (stream,) = connect.named("Stream")
    assert stream.children == (Verb("Parameter", {"name": "n", "value": ""}),)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", 12100),
        ("hello", 12100),
        ("<Response>", 12100),
        ("<response/>", 12100),
        ('<!DOCTYPE x [<!ENTITY a "b">]><Response>&a;</Response>', 12100),
        ("<Response>" + "<a>" * 20 + "</a>" * 20 + "</Response>", 12100),
        ("<Response>" + "<a/>" * 1000 + "</Response>", 12100),
        ("<Response>" + " " * MAX_BYTES + "</Response>", 11750),
        (b"\xff\xfe<\x00", 12100),
    ],
)
def test_what_is_not_twiml(text: str | bytes, code: int) -> None:
    with pytest.raises(TwimlInvalid) as caught:
        parse(text)
    assert caught.value.code == code


@given(st.binary(max_size=200))
def test_rubbish_is_refused_and_nothing_else(raw: bytes) -> None:
    with contextlib.suppress(TwimlInvalid):
        parse(b"<Response>" + raw + b"</Response>")


@pytest.mark.parametrize(
    ("value", "number"), [("7", 7.0), ("-1", 5.0), ("x", 5.0), ("nan", 5.0), ("1e9", 5.0)]
)
def test_numbers_out_of_range_are_the_default(value: str, number: float) -> None:
    assert Verb("Gather", {"timeout": value}).number("timeout", 5.0) == number


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("wss://gw.example.com/media", None),
        ("ws://127.0.0.1:80/media", None),
        ("ws://gw.example.com/media", 31922),
        ("https://gw.example.com/media", 31922),
        ("wss://gw.example.com/media?call=1", 31920),
        ("wss:///media", 31923),
        ("wss://gw:port/media", 31923),
        ("wss://gw/media#x", 31923),
    ],
)
def test_stream_addresses(url: str, code: int | None) -> None:
    assert refusal(url, frozenset({"127.0.0.1"})) == code


def test_connection_overrides_stand_in_the_fragment() -> None:
    assert Overrides.of("https://h/v#ct=2000&rt=10000&rc=2&rp=ct,5xx") == Overrides(
        2.0, 10.0, 15.0, 2, frozenset({"ct", "5xx"})
    )
    assert Overrides.of("https://h/v#rc=x") == Overrides()


@pytest.mark.parametrize(
    ("answer", "again"),
    [
        (Answer(error=11205), True),
        (Answer(error=11200), False),
        (Answer(500, error=11200), False),
        (Answer(200), False),
    ],
)
def test_by_default_only_a_missing_connection_is_tried_again(answer: Answer, again: bool) -> None:
    assert Overrides().again(answer) is again


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (Answer(200, b"<Response/>", "text/xml"), None),
        (Answer(200, b"<Response/>", "application/xml"), None),
        (Answer(200, b"<Response/>", "application/json"), 12300),
        (Answer(200, b"<Response/>", ""), 12300),
        (Answer(200, b"<Respo", "text/xml"), 12100),
        (Answer(500, b"", "", 11200), 11200),
    ],
)
def test_answers_are_judged_as_twilio_judges_them(answer: Answer, error: int | None) -> None:
    assert document(answer).error == error
