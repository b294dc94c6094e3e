"""Forms that carry the signature of another form.

Twilio signs names and values run together, with nothing between them: ``CallDuration=12`` and
``CallDuration1=2`` have the same signature. Whoever has seen a genuine request can therefore move the borders
in it, and make a field vanish. What gives such a form away is that a field of Twilio's is absent, and yet
stands in what was signed, at a place where it would be in its order.

https://www.twilio.com/docs/usage/security#validating-requests
"""

from collections.abc import Iterator
from typing import Final

from gateway.wire.form import Form

_SENT: Final = """
    AccountSid AnsweredBy ApiVersion AvgQueueTime CallDuration CallSid CallStatus CallToken
    CallbackSource Called CalledCity CalledCountry CalledState CalledZip Caller CallerCity CallerCountry
    CallerName CallerState CallerZip Confidence CurrentQueueSize DequeueResult DialBridged
    DialCallDuration DialCallSid DialCallStatus Digits Direction Duration ErrorCode ErrorUrl
    FinishedOnKey ForwardedFrom From FromCity FromCountry FromState FromZip Language
    MachineDetectionDuration ParentCallSid Price PriceUnit QueuePosition QueueResult QueueSid QueueTime
    RecordingDuration RecordingSid RecordingUrl SequenceNumber SipCallId SipDomain SipResponseCode
    SipSourceIp SpeechResult StirPassportToken StirVerstat StreamError StreamEvent StreamName StreamSid
    Timestamp To ToCity ToCountry ToState ToZip UnstableSpeechResult
"""
NAMES: Final = frozenset(_SENT.split())
"""What Twilio sends: https://www.twilio.com/docs/voice/twiml#request-parameters, and each verb's page."""

Field = tuple[int, str]
"""Where a field begins in what was signed, and its name."""


def hides(form: Form) -> bool:
    """Whether a field that the form does not have stands in what was signed all the same."""
    fields, signed = _signed(form)
    return any(
        _in_order(fields, name, place) for name in NAMES.difference(form) for place in _places(signed, name)
    )


def _signed(form: Form) -> tuple[list[Field], str]:
    """The fields in the order in which they are signed, and what is signed of them."""
    fields: list[Field] = []
    text = ""
    for name in sorted(form):
        for value in sorted(set(form.getlist(name))):
            fields.append((len(text), name))
            text += name + value
    return fields, text


def _places(text: str, name: str) -> Iterator[int]:
    place = text.find(name)
    while place >= 0:
        yield place
        place = text.find(name, place + 1)


def _in_order(fields: list[Field], name: str, place: int) -> bool:
    """Whether a field of this name could begin here: names before it are less, names behind it are not.

    Names that are none of Twilio's may have been made by moving a border: they prove no order. And one of
    Twilio's names may hold another, as ``AvgQueueTime`` does.
    """
    end = place + len(name)
    before = [(start, each) for start, each in fields if start <= place and each in NAMES]
    behind = [each for start, each in fields if start >= end]
    if before:
        start, last = before[-1]
        if end <= start + len(last) or (start < place and last > name):
            return False
    return not (behind and behind[0] in NAMES and behind[0] < name)
