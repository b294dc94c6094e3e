"""The Twilio emulator over real sockets: the verbs of TwiML."""

import asyncio

import pytest

from gateway.emulators.twilio.emulator import EmulatorMisused, TwilioEmulator
from gateway.emulators.twilio.fixtures import NUMBER, SPEED, twilio
from gateway.emulators.twilio.records import CallStatus, EndedBy
from gateway.emulators.twilio.services import DialOutcome, PhoneNumber
from tests.integration.twilio_server import CALLER, HUMAN, Server, outgoing, rest, ring, server

pytestmark = pytest.mark.anyio
__all__ = ["server", "twilio"]


async def test_a_dial_is_bridged_and_its_length_told(twilio: TwilioEmulator, server: Server) -> None:
    twilio.dial[HUMAN] = DialOutcome(after_s=0.5, talk_s=2.0)
    server.twiml["/voice"] = (
        f'<Response><Dial answerOnBridge="true" action="/dialled"><Number statusCallback="/leg" '
        f'statusCallbackEvent="ringing answered completed">{HUMAN}</Number></Dial></Response>'
    )
    call = await ring(twilio, server)
    await call.wait_over()
    told = server.asked("/dialled")[0]

    assert (told["DialCallStatus"], told["DialBridged"], told["DialCallDuration"]) == (
        "completed",
        "true",
        "2",
    )
    assert [leg["CallStatus"] for leg in server.asked("/leg")] == ["ringing", "in-progress", "completed"]
    assert server.asked("/leg")[0]["ParentCallSid"] == call.sid


async def test_a_caller_id_that_is_not_ours_fails_the_dial(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = f'<Response><Dial callerId="+15005550000">{HUMAN}</Dial><Hangup/></Response>'
    call = await ring(twilio, server)
    await call.wait_over()
    assert [entry.code for entry in call.debug] == [13214]
    assert [verb.verb for verb in call.verbs] == ["Dial", "Hangup"]


async def test_gather_collects_keys(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = (
        '<Response><Gather action="/keys" timeout="20"><Say>Press a key please</Say></Gather></Response>'
    )
    call = await ring(twilio, server)
    call.press("12#")
    await call.wait_over()
    assert server.asked("/keys")[0]["Digits"] == "12"


async def test_recording_posts_to_its_action(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = (
        '<Response><Play digits="w12"/><Play>{url}/a.wav</Play><Record action="/rec" timeout="1"/></Response>'
    )
    call = await ring(twilio, server)
    await call.wait_over()
    assert [verb.verb for verb in call.verbs] == ["Play", "Play", "Record"]
    assert server.asked("/rec")[0]["RecordingDuration"] == "1"


async def test_a_queued_caller_waits_until_hanging_up(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = "<Response><Start/><Nonsense/><Enqueue>support</Enqueue></Response>"
    queued = asyncio.Event()
    twilio.on_event = lambda event: queued.set() if event.kind == "<Enqueue>" else None
    call = await ring(twilio, server)
    async with asyncio.timeout(5):
        await queued.wait()
    await call.hang_up()
    assert [entry.code for entry in call.debug] == [12200, 12200]
    assert (call.verbs[-1].text, call.ended_by) == ("support", EndedBy.CALLER)


async def test_a_document_that_redirects_to_itself_ends(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = "<Response><Redirect/></Response>"
    call = await ring(twilio, server)
    await call.wait_over()
    assert call.ended_by is EndedBy.APPLICATION_ERROR
    assert len(server.asked("/voice")) == 200


async def test_a_number_on_a_trunk_does_not_reach_its_voice_url(server: Server) -> None:
    phone = PhoneNumber(voice_url=f"{server.url}/voice", trunk_sid="TK" + "0" * 32)
    async with TwilioEmulator(numbers={NUMBER: phone}, speed=SPEED) as twilio:
        call = await twilio.call_in(NUMBER, CALLER)
        await call.wait_over()
        with pytest.raises(EmulatorMisused):
            await twilio.call_in("+14155550111", CALLER)
    assert (call.status, server.forms) == (CallStatus.FAILED, [])


async def test_a_call_ends_at_its_time_limit(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = '<Response><Pause length="60"/></Response>'
    await rest(twilio, lambda client: client.calls.create(**outgoing(server), time_limit=2))
    await twilio.calls[0].wait_over()
    assert twilio.calls[0].ended_by is EndedBy.TIME_LIMIT


async def test_reject_does_not_answer(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = '<Response><Reject reason="busy"/></Response>'
    call = await ring(twilio, server)
    await call.wait_over()
    assert (call.status, call.ended_by, call.started) == (CallStatus.BUSY, EndedBy.REJECT, None)


async def test_a_caller_hangs_up_while_the_webhook_is_answered(twilio: TwilioEmulator) -> None:
    listening, closed = asyncio.Event(), asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        listening.set()
        await reader.read()
        writer.close()
        closed.set()

    silent = await asyncio.start_server(never, "127.0.0.1", 0)
    async with silent:
        port = silent.sockets[0].getsockname()[1]
        call = await twilio.call_in(NUMBER, CALLER, f"http://127.0.0.1:{port}/voice")
        await listening.wait()
        await call.hang_up()
        await closed.wait()
    assert (call.status, call.ended_by) == (CallStatus.CANCELED, EndedBy.CALLER)
