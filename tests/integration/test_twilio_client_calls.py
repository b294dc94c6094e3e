"""Calls through the client of Twilio's REST API: what it sends, what it makes of the answers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest

from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.twilio.codes import Concern, concern
from gateway.clients.twilio.orders import Detect, Detection, Document, NewCall, Wanted
from gateway.clients.twilio.refusals import OutcomeUnknown
from gateway.clients.twilio.values import CallRecord
from gateway.errors import VendorError, VendorRejected, VendorTimeout, VendorUnreachable, VendorUnusable
from gateway.ids import E164, AccountSid, CallSid
from gateway.wire.call_status import AnsweredBy, CallStatus
from tests.loopback import SILENCE, Answer, Loopback, free_url, response

pytestmark = pytest.mark.anyio
ACCOUNT = AccountSid("AC" + "0" * 32)
CALL = CallSid("CA" + "1" * 32)
TO, FROM = E164("+14155550199"), E164("+14155550100")
HELLO = NewCall(TO, FROM, Document(twiml="<Response/>"))
QUEUED = response(201, json.dumps({"sid": CALL, "status": "queued", "to": TO, "from": FROM}))
DEADLINE_S = 0.25


def problem(status: int, code: int, **headers: str) -> bytes:
    return response(status, json.dumps({"code": code, "message": "No.", "status": status}), **headers)


def page(calls: list[dict[str, object]], following: str | None) -> bytes:
    return response(200, json.dumps({"calls": calls, "page": 0, "next_page_uri": following}))


def named(number: int) -> dict[str, object]:
    return {"sid": f"CA{number:032}", "status": "completed"}


@asynccontextmanager
async def asking(*answers: Answer, deadline_s: float = 2.0) -> AsyncIterator[tuple[Twilio, Loopback]]:
    async with Loopback(*answers) as server, pool() as http:
        yield Twilio(http, server.url, ACCOUNT, ("SK1", "secret"), deadline_s=deadline_s), server


def form(server: Loopback) -> dict[str, list[str]]:
    return parse_qs(server.requests[-1].body.decode(), keep_blank_values=True)


async def test_a_call_is_placed_with_all_that_was_asked() -> None:
    call = NewCall(
        TO,
        FROM,
        Document(twiml="<Response><Hangup/></Response>"),
        status_url="https://gw.example/status?attempt=7",
        detection=Detection("https://gw.example/amd", Detect.MESSAGE_END, 20, 2000, 1000, 4000),
        ring_s=25,
        time_limit_s=600,
        caller_id=E164("+14155550101"),
    )
    async with asking(QUEUED) as (twilio, server):
        made = await twilio.calls.create(call)
    assert made == CallRecord(CALL, CallStatus.QUEUED, TO, FROM)
    assert form(server) == {
        "To": [TO],
        "From": [FROM],
        "Twiml": ["<Response><Hangup/></Response>"],
        "StatusCallback": ["https://gw.example/status?attempt=7"],
        "StatusCallbackMethod": ["POST"],
        "StatusCallbackEvent": ["initiated", "ringing", "answered", "completed"],
        "MachineDetection": ["DetectMessageEnd"],
        "MachineDetectionTimeout": ["20"],
        "MachineDetectionSpeechThreshold": ["2000"],
        "MachineDetectionSpeechEndThreshold": ["1000"],
        "MachineDetectionSilenceTimeout": ["4000"],
        "AsyncAmd": ["true"],
        "AsyncAmdStatusCallback": ["https://gw.example/amd"],
        "AsyncAmdStatusCallbackMethod": ["POST"],
        "Timeout": ["25"],
        "TimeLimit": ["600"],
        "CallerId": ["+14155550101"],
        "Record": ["false"],
    }


async def test_keys_to_send_leave_no_room_for_detection() -> None:
    call = NewCall(
        TO, FROM, Document(url="https://gw.example/v"), detection=Detection("https://x"), send_digits="ww1"
    )
    async with asking(QUEUED) as (twilio, server):
        await twilio.calls.create(call)
    sent = form(server)
    assert (sent["SendDigits"], sent["Url"], sent["Method"]) == (["ww1"], ["https://gw.example/v"], ["POST"])
    assert "MachineDetection" not in sent


async def hanging_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


@pytest.mark.parametrize(
    "answer",
    [
        SILENCE,
        hanging_up,
        problem(500, 20500),
        problem(503, 20503),
        response(201, "<html>"),
        response(201, "{}"),
        response(201, '{"sid": "CA1"}'),
        response(201, QUEUED * 10_000),
        response(302, "", Location="https://elsewhere.example"),
    ],
    ids=lambda answer: getattr(answer, "__name__", repr(answer)[:40]),
)
async def test_a_call_that_may_exist_is_told_from_one_that_does_not(answer: Answer) -> None:
    async with asking(answer, deadline_s=DEADLINE_S) as (twilio, server):
        with pytest.raises(VendorTimeout) as caught:
            await twilio.calls.create(HELLO)
    assert (type(caught.value), caught.value.retryable) == (OutcomeUnknown, False)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "about"),
    [
        (problem(400, 21211), VendorRejected, Concern.CALLEE),
        (problem(400, 21215), VendorRejected, Concern.ACCOUNT),
        (problem(400, 21210), VendorRejected, Concern.CALLER_ID),
        (problem(400, 32018), VendorRejected, Concern.REQUEST),
        (problem(401, 20003), VendorRejected, Concern.CREDENTIALS),
        (problem(400, 29999), VendorRejected, None),
        (problem(400, 10004), VendorUnusable, Concern.RATE),
        (problem(429, 20429), VendorUnusable, Concern.RATE),
        (response(429, "<html>"), VendorUnusable, Concern.RATE),
    ],
    ids=lambda part: repr(part)[:40],
)
async def test_a_certain_refusal_stays_what_it_is(
    answer: bytes, kind: type[VendorError], about: Concern | None
) -> None:
    async with asking(answer) as (twilio, _):
        with pytest.raises(VendorError) as caught:
            await twilio.calls.create(HELLO)
    assert (type(caught.value), concern(caught.value)) == (kind, about)
    assert caught.value.retryable is (about is Concern.RATE)


async def test_nobody_there_means_no_call() -> None:
    async with pool() as http:
        with pytest.raises(VendorUnreachable):
            await Twilio(http, await free_url(), ACCOUNT, ("SK1", "s")).calls.create(HELLO)


async def test_slowing_down_says_for_how_long() -> None:
    async with asking(problem(429, 20429, Retry_After="3")) as (twilio, _):
        with pytest.raises(VendorUnusable) as caught:
            await twilio.calls.create(HELLO)
    assert (caught.value.retry_after_s, caught.value.code) == (3.0, 20429)


async def test_a_call_is_read_whole() -> None:
    told = {
        "sid": CALL,
        "status": "completed",
        "to": TO,
        "from": FROM,
        "direction": "outbound-api",
        "parent_call_sid": "CA" + "2" * 32,
        "answered_by": "machine",
        "date_created": "Tue, 31 Aug 2010 20:36:28 +0000",
        "start_time": "Tue, 31 Aug 2010 20:36:29 +0000",
        "end_time": "Tue, 31 Aug 2010 20:36:44 +0000",
        "duration": "15",
        "queue_time": "1000",
        "price": "-0.01400",
        "price_unit": "USD",
    }
    moment = datetime(2010, 8, 31, 20, 36, 28, tzinfo=UTC)
    async with asking(response(200, json.dumps(told))) as (twilio, server):
        assert await twilio.calls.fetch(CALL) == CallRecord(
            sid=CALL,
            status=CallStatus.COMPLETED,
            to=TO,
            from_=FROM,
            direction="outbound-api",
            parent_sid=CallSid("CA" + "2" * 32),
            answered_by=AnsweredBy.MACHINE,
            created_at=moment,
            started_at=moment + timedelta(seconds=1),
            ended_at=moment + timedelta(seconds=16),
            duration_s=15,
            queue_ms=1000,
            price=Decimal("-0.01400"),
            price_unit="USD",
        )
    assert server.requests[0].target == f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json"


@pytest.mark.parametrize("odd", ["price", "duration", "queue_time", "answered_by", "direction", "to"])
@pytest.mark.parametrize("value", [None, "", "NaN", "x", [], {}, 1e99, "9" * 50])
async def test_an_odd_field_does_not_spoil_a_call(odd: str, value: object) -> None:
    async with asking(response(200, json.dumps({**named(1), odd: value}))) as (twilio, _):
        found = await twilio.calls.fetch(CALL)
    assert (found.sid, found.status) == ("CA" + "0" * 31 + "1", CallStatus.COMPLETED)


async def test_calls_are_listed_page_by_page_and_no_further_than_asked() -> None:
    first, second = page([named(1), named(2)], "/2010-04-01/next"), page([named(3), named(4)], "/more")
    async with asking(first, second) as (twilio, server):
        found = [call.sid[-1] async for call in twilio.calls.list(most=3)]
    assert (found, [urlsplit(asked.target).path for asked in server.requests]) == (
        ["1", "2", "3"],
        [f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json", "/2010-04-01/next"],
    )


async def test_a_list_is_filtered_by_twilio() -> None:
    since = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))
    wanted = Wanted(TO, FROM, CallStatus.BUSY, since=since, until=since + timedelta(hours=1))
    async with asking(page([], None)) as (twilio, server):
        assert [call async for call in twilio.calls.list(wanted)] == []
    assert parse_qs(urlsplit(server.requests[0].target).query) == {
        "To": [TO],
        "From": [FROM],
        "Status": ["busy"],
        "StartTime>": ["2026-01-02T01:04:05Z"],
        "StartTime<": ["2026-01-02T02:04:05Z"],
        "PageSize": ["200"],
    }


async def test_a_list_without_end_is_given_up() -> None:
    async with asking(page([], "/2010-04-01/again")) as (twilio, server):
        with pytest.raises(VendorUnusable, match="no end"):
            [call async for call in twilio.calls.list()]
    assert len(server.requests) == 500


async def test_a_list_does_not_lead_to_another_host() -> None:
    elsewhere = {"calls": [], "meta": {"key": "calls", "next_page_url": "http://127.0.0.1:1/stolen"}}
    async with asking(response(200, json.dumps(elsewhere))) as (twilio, server):
        with pytest.raises(VendorUnusable, match="another host"):
            [call async for call in twilio.calls.list()]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "done"), [(QUEUED, True), (problem(400, 21220), False), (problem(404, 20404), False)]
)
async def test_cancelling_says_whether_it_came_in_time(answer: bytes, done: bool) -> None:
    async with asking(answer) as (twilio, server):
        assert await twilio.calls.cancel(CALL) is done
    assert form(server) == {"Status": ["canceled"]}


async def test_a_live_call_goes_on_at_an_address() -> None:
    async with asking(QUEUED) as (twilio, server):
        await twilio.calls.redirect(CALL, Document(url="https://gw.example/next"))
    assert form(server) == {"Url": ["https://gw.example/next"], "Method": ["POST"]}
