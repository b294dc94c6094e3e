"""The Twilio emulator over real sockets: outbound calls and the REST API."""

from collections.abc import Callable
from typing import Any

import pytest
from twilio.rest import Client

from gateway.emulators.twilio.api import RestFault
from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.fixtures import NUMBER, SPEED, twilio
from gateway.emulators.twilio.line import LineEnd
from gateway.emulators.twilio.records import CallStatus, EndedBy
from gateway.emulators.twilio.services import Callee, Conduct, Outcome, PhoneNumber
from tests.integration.twilio_server import (
    HUMAN,
    TONE,
    Server,
    connecting,
    outgoing,
    refusal,
    rest,
    ring,
    ring_stream,
    server,
)

pytestmark = pytest.mark.anyio
__all__ = ["server", "twilio"]


async def test_an_outbound_call_reports_its_progress(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = "<Response><Say>hello there</Say></Response>"
    created = await rest(twilio, lambda client: client.calls.create(**outgoing(server)))
    call = twilio.calls[-1]
    await call.wait_over()
    reports = server.asked("/status")

    assert (created.status, created.sid) == ("queued", call.sid)
    assert [report["CallStatus"] for report in reports] == [
        "initiated",
        "ringing",
        "in-progress",
        "completed",
    ]
    assert [report["SequenceNumber"] for report in reports] == ["0", "1", "2", "3"]
    assert {"CallDuration", "Duration", "Timestamp", "CallbackSource"} <= reports[-1].keys()
    assert server.asked("/voice")[0]["CallStatus"] == "in-progress"
    assert server.bad_signatures == []


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED])
async def test_an_outbound_call_nobody_takes(
    twilio: TwilioEmulator, server: Server, outcome: Outcome
) -> None:
    twilio.callees[HUMAN] = Callee(outcome, after_s=0.2)
    await rest(twilio, lambda client: client.calls.create(**outgoing(server), timeout=1))
    call = twilio.calls[-1]
    await call.wait_over()
    assert call.status.value == outcome.value
    assert server.asked("/status")[-1]["CallStatus"] == outcome.value
    assert server.asked("/voice") == []


async def test_a_machine_is_told_beside_the_call(twilio: TwilioEmulator, server: Server) -> None:
    twilio.callees[HUMAN] = Callee(answered_by="machine_start", after_s=0.1, amd_after_s=0.5)
    server.twiml["/voice"] = '<Response><Pause length="2"/></Response>'
    amd = {
        "machine_detection": "Enable",
        "async_amd": "true",
        "async_amd_status_callback": f"{server.url}/amd",
    }
    await rest(twilio, lambda client: client.calls.create(**outgoing(server), **amd))
    await twilio.calls[-1].wait_over()
    assert server.asked("/amd")[0]["AnsweredBy"] == "machine_start"
    assert "AnsweredBy" not in server.asked("/voice")[0]


async def test_a_verdict_holds_the_call_unless_asked_beside_it(
    twilio: TwilioEmulator, server: Server
) -> None:
    twilio.callees[HUMAN] = Callee(answered_by="machine_end_beep", after_s=0.1, amd_after_s=0.5)
    detection = {"machine_detection": "DetectMessageEnd"}
    await rest(twilio, lambda client: client.calls.create(**outgoing(server), **detection))
    await twilio.calls[-1].wait_over()
    asked = server.asked("/voice")[0]
    assert (asked["AnsweredBy"], asked["MachineDetectionDuration"]) == ("machine_end_beep", "500")


async def test_a_called_party_follows_its_script(twilio: TwilioEmulator, server: Server) -> None:
    async def talk(call: Call) -> None:
        line = await call.stream()
        await line.say(TONE[:800])
        line.hang_up()

    twilio.callees[HUMAN] = Callee(after_s=0.1, talk=talk)
    server.twiml["/voice"] = connecting()
    await rest(twilio, lambda client: client.calls.create(**outgoing(server)))
    call = twilio.calls[-1]
    await call.wait_over()
    assert call.ended_by is EndedBy.CALLEE
    assert call.lines[0].spoken.strip(b"\xff") == TONE[:800]


async def test_a_queued_call_is_cancelled(server: Server) -> None:
    conduct = Conduct(calls_per_second=0.01)
    async with TwilioEmulator(numbers={NUMBER: ""}, speed=SPEED, conduct=conduct) as twilio:
        for _ in range(2):
            await rest(twilio, lambda client: client.calls.create(**outgoing(server)))
        call = twilio.calls[1]
        await rest(twilio, lambda client: client.calls(call.sid).update(status="canceled"))
        await call.wait_over()
        assert (call.status, call.ended_by) == (CallStatus.CANCELED, EndedBy.REST)


async def test_hanging_up_by_rest_and_once_more(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = connecting()
    call = await ring(twilio, server)
    line = await call.stream()
    await rest(twilio, lambda client: client.calls(call.sid).update(status="completed"))
    await call.wait_over()
    refused = await refusal(twilio, lambda client: client.calls(call.sid).update(status="completed"))
    assert (line.ended, refused) == (LineEnd.ENDED, (400, 21220))


async def test_rest_refuses_as_twilio_does(twilio: TwilioEmulator, server: Server) -> None:
    def create(**changes: Any) -> Callable[[Client], Any]:
        return lambda client: client.calls.create(**{**outgoing(server), **changes})

    assert await refusal(twilio, create(to="")) == (400, 21201)
    assert await refusal(twilio, create(to="12")) == (400, 21211)
    assert await refusal(twilio, create(from_="+15005550009")) == (400, 21210)
    assert await refusal(twilio, create(url="ftp://x")) == (400, 21205)
    assert await refusal(twilio, create(url="", twiml="x" * 4001)) == (400, 32018)
    assert await refusal(twilio, lambda client: client.calls("CA" + "0" * 32).fetch()) == (404, 20404)
    call = await ring_stream(twilio, server)
    relative = "<Response><Dial action='/x'>+14155550111</Dial></Response>"
    assert await refusal(twilio, lambda c: c.calls(call.sid).update(twiml=relative)) == (400, 15004)
    await call.hang_up()


async def test_rest_lists_and_configures_numbers(server: Server) -> None:
    numbers = {f"+1415555{n:04}": PhoneNumber() for n in range(5)}
    async with TwilioEmulator(numbers=numbers, api_keys={"SK1": "secret"}) as twilio:
        found = await rest(
            twilio, lambda c: c.incoming_phone_numbers.list(page_size=2), user=("SK1", "secret")
        )
        assert [phone.phone_number for phone in found] == list(numbers)
        one = await rest(twilio, lambda c: c.incoming_phone_numbers.list(phone_number="+14155550003"))
        updated = await rest(
            twilio, lambda c: c.incoming_phone_numbers(one[0].sid).update(voice_url="https://h/v")
        )
        assert updated.voice_url == twilio.numbers["+14155550003"].voice_url == "https://h/v"
        assert await refusal(twilio, lambda c: c.calls("CA1").fetch(), user=("SK1", "wrong")) == (401, 20003)
        assert (await rest(twilio, lambda c: c.api.accounts(twilio.account.sid).fetch())).status == "active"


async def test_rest_lists_calls_by_party(twilio: TwilioEmulator, server: Server) -> None:
    for _ in range(3):
        await (await ring(twilio, server)).wait_over()
    other = await ring(twilio, server, "+14155550177")
    await other.wait_over()
    listed = await rest(twilio, lambda c: c.calls.list(from_="+14155550177", status="completed"))
    assert [call.sid for call in listed] == [other.sid]
    assert len(await rest(twilio, lambda c: c.calls.list(page_size=2))) == 4


async def test_rest_fails_on_command(twilio: TwilioEmulator, server: Server) -> None:
    twilio.refuse_rest(RestFault(status=429, code=20429, times=1))
    assert await refusal(twilio, lambda c: c.calls.create(**outgoing(server))) == (429, 20429)
    twilio.refuse_rest(RestFault(status=503, perform=True, times=1, method="POST"))
    assert await refusal(twilio, lambda c: c.calls.create(**outgoing(server))) == (503, 20500)
    assert len(twilio.calls) == 1
    await twilio.calls[0].wait_over()
    assert [request.code for request in twilio.requests] == [20429, 20500]
