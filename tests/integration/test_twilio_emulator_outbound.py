"""The Twilio emulator over real sockets: who answers an outbound call, what of, and what is written down."""

import httpx
import pytest

from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.faults import call_refused
from gateway.emulators.twilio.fixtures import NUMBER, SPEED, twilio
from gateway.emulators.twilio.machine import beep, greeting
from gateway.emulators.twilio.people import Callee, DialOutcome, Machine, Outcome
from gateway.emulators.twilio.records import CallStatus, Direction, EndedBy
from gateway.emulators.twilio.services import Conduct
from tests.integration.twilio_server import HUMAN, Server, connecting, outgoing, refusal, rest, server

pytestmark = pytest.mark.anyio
__all__ = ["server", "twilio"]
HOLD = '<Response><Pause length="60"/></Response>'


def detecting(server: Server, until: str = "Enable") -> dict[str, str]:
    return {
        "machine_detection": until,
        "async_amd": "true",
        "async_amd_status_callback": f"{server.url}/amd",
    }


@pytest.mark.parametrize(
    ("callee", "status", "sip"),
    [
        (Callee(Outcome.BUSY, 0.1), "busy", "486"),
        (Callee(Outcome.BUSY, 0.1, sip_code=600), "busy", "600"),
        (Callee(Outcome.FAILED, 0.1, sip_code=503), "failed", "503"),
        (Callee(Outcome.NO_ANSWER, 0.1), "no-answer", "487"),
        (Callee(Outcome.CANCELED, 0.1), "canceled", "487"),
        (Callee(after_s=0.1, hang_up_after_s=0.5, sip_code=503), "completed", "200"),
    ],
)
async def test_a_call_ends_as_its_callee_is_scripted(
    twilio: TwilioEmulator, server: Server, callee: Callee, status: str, sip: str
) -> None:
    twilio.callees[HUMAN] = callee
    server.twiml["/voice"] = HOLD
    await rest(twilio, lambda client: client.calls.create(**outgoing(server), timeout=1))
    await twilio.calls[0].wait_over()
    last = server.asked("/status")[-1]
    assert (last["CallStatus"], last["SipResponseCode"]) == (status, sip)
    assert server.bad_signatures == []


async def test_it_rings_no_longer_than_asked(twilio: TwilioEmulator, server: Server) -> None:
    twilio.callees[HUMAN] = Callee(after_s=60)
    await rest(twilio, lambda client: client.calls.create(**outgoing(server), timeout=2))
    call = twilio.calls[0]
    await call.wait_over()
    assert (call.status, call.started) == (CallStatus.NO_ANSWER, None)
    assert 2.0 <= call.now < 30.0


@pytest.mark.parametrize(
    ("until", "machine", "verdict"),
    [
        ("Enable", Machine(greeting_s=2.0), ("machine_start", "1000")),
        ("DetectMessageEnd", Machine(greeting_s=2.0), ("machine_end_beep", "2500")),
        ("DetectMessageEnd", Machine(greeting_s=2.0, beep=False), ("machine_end_silence", "3200")),
        ("DetectMessageEnd", Machine(greeting_s=9.0), ("unknown", "4000")),
    ],
)
async def test_a_machine_is_told_by_a_signed_callback(
    twilio: TwilioEmulator, server: Server, until: str, machine: Machine, verdict: tuple[str, str]
) -> None:
    twilio.callees[HUMAN] = Callee(after_s=0.1, amd_after_s=1.0, machine=machine, hang_up_after_s=6.0)
    server.twiml["/voice"] = HOLD
    asked = {**outgoing(server), **detecting(server, until), "machine_detection_timeout": 4}
    await rest(twilio, lambda client: client.calls.create(**asked))
    await twilio.calls[0].wait_over()
    [told] = server.asked("/amd")
    assert (told["AnsweredBy"], told["MachineDetectionDuration"]) == verdict
    assert server.asked("/status")[-1]["AnsweredBy"] == verdict[0]
    assert server.bad_signatures == []


async def test_a_machine_speaks_its_greeting_and_beeps(server: Server) -> None:
    server.twiml["/voice"] = connecting()
    async with TwilioEmulator(numbers={NUMBER: ""}, speed=3.0) as twilio:
        machine = Machine(greeting_s=2.0)
        twilio.callees[HUMAN] = Callee(after_s=0.1, machine=machine, hang_up_after_s=4.0)
        await rest(twilio, lambda client: client.calls.create(**outgoing(server)))
        call = twilio.calls[0]
        await call.wait_over()
    spoken = call.lines[0].spoken
    assert len(greeting(2.0)) == 16_000
    assert beep() in spoken
    assert spoken.index(beep()) > 0


async def test_a_machine_whose_greeting_is_over_is_silent(twilio: TwilioEmulator, server: Server) -> None:
    twilio.callees[HUMAN] = Callee(
        after_s=0.1, machine=Machine(greeting_s=0.1, beep=False), hang_up_after_s=3.0
    )
    server.twiml["/voice"] = '<Response><Pause length="1"/>' + connecting().removeprefix("<Response>")
    await rest(twilio, lambda client: client.calls.create(**outgoing(server)))
    call = twilio.calls[0]
    await call.wait_over()
    assert call.lines[0].spoken.strip(b"\xff") == b""


async def test_calls_wait_for_their_turn(server: Server) -> None:
    conduct = Conduct(calls_per_second=0.02)
    async with TwilioEmulator(numbers={NUMBER: ""}, speed=SPEED, conduct=conduct) as twilio:
        twilio.callees[HUMAN] = Callee(Outcome.BUSY, 0.1)
        for _ in range(3):
            await rest(twilio, lambda client: client.calls.create(**outgoing(server)))
        await twilio.calls[0].wait_over()
        assert twilio.queued == twilio.calls[1:]
        queued = [entry.queued_s for entry in twilio.ledger.entries()]
        listed = await rest(twilio, lambda client: client.calls.list())
        for call in twilio.queued:
            call.give_up()
    assert queued[0] == 0.0 < queued[1] < 50.0 < queued[2] < 100.0
    assert [call.queue_time for call in listed] == [str(round(wait * 1000)) for wait in reversed(queued)]


async def test_the_ledger_holds_every_call(twilio: TwilioEmulator, server: Server) -> None:
    twilio.callees[HUMAN] = Callee(after_s=0.1, hang_up_after_s=1.0)
    server.twiml["/voice"] = HOLD
    await rest(twilio, lambda client: client.calls.create(**outgoing(server), send_digits="ww12#"))
    call = twilio.calls[0]
    await call.wait_over()
    [entry] = twilio.ledger.entries(Direction.OUTBOUND_API, to=HUMAN)
    assert entry == twilio.ledger.entry(call.sid)
    assert (entry.from_, entry.send_digits, entry.ended_by) == (NUMBER, "ww12#", EndedBy.CALLEE)
    steps = ["initiated", "ringing", "in-progress", "completed"]
    assert entry.reported == tuple((step, 200) for step in steps)
    assert [told["SequenceNumber"] for told in server.asked("/status")] == ["0", "1", "2", "3"]
    assert twilio.ledger.entries(Direction.INBOUND) == []
    assert twilio.ledger.entry("CA" + "0" * 32) is None


async def test_a_call_has_a_price_after_a_while(server: Server) -> None:
    conduct = Conduct(price_after_s=1.0)
    async with TwilioEmulator(numbers={NUMBER: ""}, speed=SPEED, conduct=conduct) as twilio:
        twilio.callees[HUMAN] = Callee(after_s=0.1, hang_up_after_s=0.5)
        server.twiml["/voice"] = HOLD
        await rest(twilio, lambda client: client.calls.create(**outgoing(server)))
        call = twilio.calls[0]
        await call.wait_over()
        await call.rest(1.5)
        fetched = await rest(twilio, lambda client: client.calls(call.sid).fetch())
    assert (fetched.price, fetched.price_unit) == ("-0.01400", "USD")


async def test_a_call_is_without_a_price_unless_told(twilio: TwilioEmulator, server: Server) -> None:
    await rest(twilio, lambda client: client.calls.create(**outgoing(server)))
    await twilio.calls[0].wait_over()
    assert [entry.price for entry in twilio.ledger.entries()] == [None]


async def test_a_recorded_call_leaves_a_recording(twilio: TwilioEmulator, server: Server) -> None:
    twilio.callees[HUMAN] = Callee(after_s=0.1)
    server.twiml["/voice"] = '<Response><Pause length="2"/></Response>'
    await rest(twilio, lambda client: client.calls.create(**outgoing(server), record=True))
    call = twilio.calls[0]
    await call.wait_over()
    [kept] = await rest(twilio, lambda client: client.recordings.list(call_sid=call.sid))
    last = server.asked("/status")[-1]
    assert (kept.sid, kept.duration) == (last["RecordingSid"], last["RecordingDuration"]) == (kept.sid, "2")
    assert await rest(twilio, lambda client: client.recordings(kept.sid).delete())
    assert await refusal(twilio, lambda client: client.recordings(kept.sid).fetch()) == (404, 20404)


async def test_only_placing_calls_fails_on_command(twilio: TwilioEmulator, server: Server) -> None:
    twilio.refuse_rest(call_refused(21215))
    assert await rest(twilio, lambda client: client.calls.list()) == []
    assert await refusal(twilio, lambda client: client.calls.create(**outgoing(server))) == (400, 21215)
    assert twilio.ledger.entries() == []


async def test_keys_that_are_none_are_refused(twilio: TwilioEmulator, server: Server) -> None:
    asked = {**outgoing(server), "send_digits": "1-2"}
    assert await refusal(twilio, lambda client: client.calls.create(**asked)) == (400, 20001)


async def test_who_is_reached_is_said_by_curl(twilio: TwilioEmulator, server: Server) -> None:
    machine = {"after_s": 0.1, "machine": {"greeting_s": 2, "beep": False}, "hang_up_after_s": 5}
    async with httpx.AsyncClient(base_url=twilio.url) as client:
        assert (await client.put(f"/emulator/callees/{HUMAN}", json=machine)).status_code == 204
        reached = {"outcome": "busy", "after_s": 2}
        assert (await client.put(f"/emulator/dials/{HUMAN}", json=reached)).status_code == 204
        wrong = [
            await client.put(f"/emulator/callees/{HUMAN}", json={"outcome": "asleep"}),
            await client.put(f"/emulator/callees/{HUMAN}", json={"after_s": -1}),
            await client.put("/emulator/dials/12", json={}),
        ]
    assert [answer.status_code for answer in wrong] == [400, 400, 400]
    assert twilio.callees[HUMAN] == Callee(after_s=0.1, machine=Machine(2.0, beep=False), hang_up_after_s=5.0)
    assert twilio.dial[HUMAN] == DialOutcome(Outcome.BUSY, 2.0)
