"""The forms Twilio posts, as values."""

import pytest

from gateway.errors import WireError
from gateway.ids import AccountSid, CallSid
from gateway.wire.call_status import (
    CallProgress,
    CallStatus,
    DialResult,
    StreamProgress,
    call_progress,
    dial_result,
    stream_progress,
)

CALL = CallSid("CA" + "0123456789abcdef" * 2)
ACCOUNT = AccountSid("AC" + "0123456789abcdef" * 2)
READERS = [call_progress, stream_progress, dial_result]
NO_CALLS = ["", "CA", "CA" + "0" * 31, "CA" + "0" * 33, "ca" + "0" * 32, "CA" + "A" * 32, f"{CALL}\n"]


def test_an_incoming_call_is_read() -> None:
    form = {
        "CallSid": CALL,
        "AccountSid": ACCOUNT,
        "CallStatus": "ringing",
        "From": "+14155550100",
        "To": "+14155550101",
        "Direction": "inbound",
        "StirVerstat": "TN-Validation-Passed-A",
    }
    expected = CallProgress(CALL, ACCOUNT, CallStatus.RINGING, "+14155550100", "+14155550101", "inbound")
    assert call_progress(form) == expected


@pytest.mark.parametrize("caller", ["anonymous", "unknown", "client:anna", "sip:anna@example.com", "5550100"])
def test_a_caller_need_not_be_a_number(caller: str) -> None:
    expected = CallProgress(CALL, AccountSid(""), CallStatus.UNKNOWN, caller, "", "")
    assert call_progress({"CallSid": CALL, "From": caller}) == expected


@pytest.mark.parametrize("account", ["", "AC1", f"{ACCOUNT} ", "CA" + "0" * 32])
def test_an_account_of_another_form_counts_as_none(account: str) -> None:
    assert call_progress({"CallSid": CALL, "AccountSid": account}).account_sid == ""


@pytest.mark.parametrize("status", [status for status in CallStatus if status is not CallStatus.UNKNOWN])
def test_every_status_is_known_by_twilios_word(status: CallStatus) -> None:
    assert call_progress({"CallSid": CALL, "CallStatus": status.value}).status is status


@pytest.mark.parametrize("status", ["", "Ringing", "in_progress", "teleported"])
def test_another_status_is_unknown(status: str) -> None:
    assert call_progress({"CallSid": CALL, "CallStatus": status}).status is CallStatus.UNKNOWN


def test_the_final_statuses_are_these() -> None:
    final = {status.value for status in CallStatus if status.final}
    assert final == {"completed", "busy", "failed", "no-answer", "canceled"}


def test_long_texts_are_cut() -> None:
    progress = call_progress({"CallSid": CALL, "From": "x" * 5000, "To": "y" * 5000})
    assert (progress.caller, progress.called) == ("x" * 200, "y" * 200)


def test_the_end_of_a_stream_is_read() -> None:
    form = {"CallSid": CALL, "StreamEvent": "stream-error", "StreamError": "31921"}
    assert stream_progress(form) == StreamProgress(CALL, "stream-error", "31921")


@pytest.mark.parametrize(
    ("duration", "seconds"),
    [("17", 17), ("", 0), ("-1", 0), ("1.5", 0), ("\u0663", 0), ("9" * 7, 9_999_999), ("9" * 8, 0)],
)
def test_the_end_of_a_dialled_leg_is_read(duration: str, seconds: int) -> None:
    form = {"CallSid": CALL, "DialCallStatus": "no-answer", "DialCallDuration": duration}
    assert dial_result(form) == DialResult(CALL, "no-answer", seconds)


@pytest.mark.parametrize("status", ["", "Busy", "x" * 5000])
def test_another_end_of_a_dialled_leg_is_unknown(status: str) -> None:
    assert dial_result({"CallSid": CALL, "DialCallStatus": status}) == DialResult(CALL, "unknown", 0)


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize("call_sid", NO_CALLS)
def test_a_form_that_names_no_call_is_refused(read: type, call_sid: str) -> None:
    with pytest.raises(WireError, match="names no call"):
        read({"CallSid": call_sid})
    with pytest.raises(WireError, match="names no call"):
        read({})
