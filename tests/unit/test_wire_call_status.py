"""The forms Twilio posts, as values."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import WireError
from gateway.ids import AccountSid, CallSid
from gateway.wire.call_status import (
    AnsweredBy,
    CallProgress,
    CallReport,
    CallStatus,
    DialledLeg,
    DialResult,
    Origin,
    StreamProgress,
    Verdict,
    call_progress,
    call_report,
    dial_result,
    dialled_leg,
    origin,
    stream_progress,
    verdict,
)

CALL = CallSid("CA" + "0123456789abcdef" * 2)
ACCOUNT = AccountSid("AC" + "0123456789abcdef" * 2)
READERS = [call_progress, call_report, verdict, stream_progress, dial_result]
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
    assert dial_result(form) == DialResult(CALL, "no-answer", seconds, connected=False)


@pytest.mark.parametrize("status", ["", "Busy", "x" * 5000])
def test_another_end_of_a_dialled_leg_is_unknown(status: str) -> None:
    assert dial_result({"CallSid": CALL, "DialCallStatus": status}) == DialResult(
        CALL, "unknown", 0, connected=False
    )


@pytest.mark.parametrize(
    ("status", "bridged", "connected"),
    [
        ("completed", "true", True),
        ("completed", "false", False),
        ("completed", "", True),
        ("answered", "", True),
        ("busy", "", False),
        ("no-answer", "false", False),
    ],
)
def test_two_that_were_bridged_have_spoken(status: str, bridged: str, connected: bool) -> None:
    form = {"CallSid": CALL, "DialCallStatus": status, "DialBridged": bridged}
    assert dial_result(form).connected is connected


def test_a_dialled_leg_names_the_call_it_is_for() -> None:
    assert dialled_leg({"CallSid": "CA" + "f" * 32, "ParentCallSid": CALL}) == DialledLeg(CALL)
    with pytest.raises(WireError):
        dialled_leg({"CallSid": CALL})


@pytest.mark.parametrize("read", READERS, ids=lambda read: read.__name__)
@pytest.mark.parametrize("call_sid", NO_CALLS)
def test_a_form_that_names_no_call_is_refused(read: type, call_sid: str) -> None:
    with pytest.raises(WireError, match="names no call"):
        read({"CallSid": call_sid})
    with pytest.raises(WireError, match="names no call"):
        read({})


def test_a_status_callback_is_read_whole() -> None:
    form = {
        "CallSid": CALL,
        "AccountSid": ACCOUNT,
        "CallStatus": "completed",
        "From": "+14155550100",
        "To": "+14155550199",
        "Direction": "outbound-api",
        "CallbackSource": "call-progress-events",
        "SequenceNumber": "3",
        "Timestamp": "Tue, 31 Aug 2010 20:36:28 +0000",
        "CallDuration": "15",
        "Duration": "1",
        "SipResponseCode": "200",
        "AnsweredBy": "machine_end_beep",
        "Price": "-0.014",
        "PriceUnit": "USD",
        "ParentCallSid": "CA" + "1" * 32,
    }
    assert call_report(form) == CallReport(
        CallProgress(CALL, ACCOUNT, CallStatus.COMPLETED, "+14155550100", "+14155550199", "outbound-api"),
        sequence=3,
        at=datetime(2010, 8, 31, 20, 36, 28, tzinfo=UTC),
        duration_s=15,
        sip_response=200,
        answered_by=AnsweredBy.MACHINE_END_BEEP,
        price=Decimal("-0.014"),
        price_unit="USD",
        parent_sid=CallSid("CA" + "1" * 32),
    )


def test_a_status_callback_need_say_no_more_than_which_call() -> None:
    bare = CallReport(CallProgress(CALL, AccountSid(""), CallStatus.UNKNOWN, "", "", ""))
    assert call_report({"CallSid": CALL}) == bare


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("Tue, 31 Aug 2010 20:36:28 +0200", datetime(2010, 8, 31, 18, 36, 28, tzinfo=UTC)),
        ("Tue, 31 Aug 2010 20:36:28", datetime(2010, 8, 31, 20, 36, 28, tzinfo=UTC)),
        ("", None),
        ("yesterday", None),
        ("Tue, 31 Aug 2010 25:99:99 +0000", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", None),
    ],
)
def test_a_moment_is_told_in_utc_or_not_at_all(written: str, read: datetime | None) -> None:
    assert call_report({"CallSid": CALL, "Timestamp": written}).at == read


FIELDS = [
    "SequenceNumber",
    "Timestamp",
    "CallDuration",
    "SipResponseCode",
    "AnsweredBy",
    "Price",
    "PriceUnit",
]


@given(st.dictionaries(st.sampled_from([*FIELDS, "CallStatus", "ParentCallSid"]), st.text(max_size=300)))
def test_a_status_callback_that_names_its_call_is_always_read(fields: dict[str, str]) -> None:
    report = call_report({"CallSid": CALL, **fields})
    assert report.progress.call_sid == CALL
    assert report.sequence is None or 0 <= report.sequence < 10**7


def test_the_caller_of_a_call_is_told_as_far_as_known() -> None:
    form = {
        "CallerName": "ANNA EXAMPLE",
        "FromCountry": "US",
        "StirVerstat": "TN-Validation-Passed-A",
        "ForwardedFrom": "+14155550122",
    }
    expected = Origin("ANNA EXAMPLE", "US", "TN-Validation-Passed-A", "+14155550122")
    assert origin(form) == expected
    assert expected.verified
    assert origin({"FromCountry": "Utopia", "CallerName": "x" * 999}) == Origin(name="x" * 200)


@pytest.mark.parametrize("verification", ["", "No-TN-Validation", "TN-Validation-Passed-B", "Passed-A"])
def test_only_full_attestation_counts(verification: str) -> None:
    assert not Origin(verification=verification).verified


@pytest.mark.parametrize(
    ("said", "who", "machine"),
    [
        ("human", AnsweredBy.HUMAN, False),
        ("machine_start", AnsweredBy.MACHINE_START, True),
        ("machine_end_silence", AnsweredBy.MACHINE_END_SILENCE, True),
        ("machine_end_by_magic", AnsweredBy.MACHINE, True),
        ("fax", AnsweredBy.FAX, False),
        ("unknown", AnsweredBy.UNKNOWN, False),
        ("", AnsweredBy.UNKNOWN, False),
        ("parrot", AnsweredBy.UNKNOWN, False),
    ],
)
def test_a_verdict_is_read(said: str, who: AnsweredBy, machine: bool) -> None:
    form = {"CallSid": CALL, "AnsweredBy": said, "MachineDetectionDuration": "3120"}
    assert verdict(form) == Verdict(CALL, who, 3120)
    assert who.machine is machine
