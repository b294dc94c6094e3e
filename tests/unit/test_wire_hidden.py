"""Forms that carry the signature of another form are known by what has vanished from them."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from gateway.wire.form import Form, parse
from gateway.wire.hidden import NAMES, hides

SID = "CA" + "0123456789abcdef" * 2
VOICE = {
    "AccountSid": "AC" + "f" * 32,
    "ApiVersion": "2010-04-01",
    "CallSid": SID,
    "CallStatus": "ringing",
    "Called": "+14155550100",
    "CalledCity": "SAN FRANCISCO",
    "CalledCountry": "US",
    "CalledState": "CA",
    "CalledZip": "",
    "Caller": "+14155550123",
    "CallerCity": "",
    "CallerCountry": "US",
    "CallerState": "NY",
    "CallerZip": "10001",
    "Direction": "inbound",
    "From": "+14155550123",
    "FromCity": "",
    "FromCountry": "US",
    "FromState": "NY",
    "FromZip": "10001",
    "StirVerstat": "TN-Validation-Passed-A",
    "To": "+14155550100",
    "ToCity": "SAN FRANCISCO",
    "ToCountry": "US",
    "ToState": "CA",
    "ToZip": "94105",
}
STATUS = VOICE | {
    "CallDuration": "12",
    "CallStatus": "completed",
    "Duration": "1",
    "SequenceNumber": "3",
    "SipResponseCode": "200",
    "Timestamp": "Tue, 03 Mar 2026 20:36:28 +0000",
}
STREAM = {
    "AccountSid": "AC" + "f" * 32,
    "CallSid": SID,
    "StreamError": "31920",
    "StreamEvent": "stream-error",
    "StreamName": "Tom To",
    "StreamSid": "MZ" + "0" * 32,
    "Timestamp": "2026-03-03T20:36:28.000Z",
}
DIALLED = VOICE | {"DialCallDuration": "60", "DialCallSid": SID, "DialCallStatus": "completed"}
GENUINE = [VOICE, STATUS, STREAM, DIALLED, {"AccountSid": "AC", "AnsweredBy": "human", "CallSid": SID}]


def of(fields: dict[str, str]) -> Form:
    return Form(list(fields.items()))


def signature(form: Form) -> str:
    return str(RequestValidator("token").compute_signature("https://example.com/", form))


def split_anew(fields: dict[str, str]) -> Iterator[Form]:
    """Every form of the same signature that one moved border, or one taken away, can make."""
    pairs = sorted(fields.items())
    for index, (name, value) in enumerate(pairs):
        text = name + value
        for border in range(1, len(text) + 1):
            yield Form([*pairs[:index], (text[:border], text[border:]), *pairs[index + 1 :]])
        if index:
            earlier, kept = pairs[index - 1]
            for border in range(len(text)):
                yield Form(
                    [
                        *pairs[: index - 1],
                        (earlier, kept + text[:border]),
                        *([(text[border:], "")] if border else []),
                        *pairs[index + 1 :],
                    ]
                )


@pytest.mark.parametrize("fields", GENUINE)
def test_what_twilio_sends_hides_nothing(fields: dict[str, str]) -> None:
    assert not hides(of(fields))


@pytest.mark.parametrize("fields", GENUINE)
def test_a_form_split_anew_is_seen_through(fields: dict[str, str]) -> None:
    genuine = of(fields)
    right = signature(genuine)
    forged = [form for form in split_anew(fields) if signature(form) == right and dict(form) != fields]
    assert len(forged) > 20
    assert [dict(form) for form in forged if not hides(form)] == []


@pytest.mark.parametrize(
    "more",
    [
        {"CallerName": "TO WHOM IT MAY CONCERN"},
        {"CallerName": "From"},
        {"CallerName": "DigitsDurationPrice"},
        {"SpeechResult": "I said StirVerstat, ToZip and Digits"},
        {"CallToken": "Timestamp"},
        {"FromNewThing": "1", "ToNewThing": "2", "NewThing": "3", "SipHeader_X-Order": "To 17"},
        {"agentId": "lower case, as parameters of Twilio's clients are"},
        {"": ""},
    ],
)
def test_what_twilio_may_send_one_day_is_let_in(more: dict[str, str]) -> None:
    assert not hides(of(VOICE | more))


def test_a_repeated_field_hides_nothing_and_a_doubled_one_does() -> None:
    assert not hides(parse(b"CallSid=CA1&SipHeader=b&SipHeader=a&SipHeader=b"))
    assert hides(parse(b"CallSid=CA1&Caller=%2B1&Caller=NameJOHN"))


@given(st.dictionaries(st.sampled_from(sorted(NAMES)), st.text("019azxyz +-", max_size=12), max_size=20))
def test_fields_in_small_letters_hide_nothing(fields: dict[str, str]) -> None:
    assert not hides(of(fields))
