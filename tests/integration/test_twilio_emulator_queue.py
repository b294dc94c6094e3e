"""The Twilio emulator over real sockets: callers who wait in a queue."""

import asyncio
import io
from collections.abc import Callable

import pytest

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.fixtures import twilio
from gateway.emulators.twilio.line_audio import SILENCE, write_wav
from gateway.emulators.twilio.records import CallStatus, EndedBy
from tests.integration.twilio_server import Server, rest, ring, server

pytestmark = pytest.mark.anyio
__all__ = ["server", "twilio"]

QUEUED = (
    '<Response><Enqueue action="/left" waitUrl="/wait">line</Enqueue><Say>Nobody can be had</Say></Response>'
)
MUSIC = "<Response><Pause length='2'/></Response>"


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


async def wait(twilio: TwilioEmulator, server: Server, document: str = MUSIC) -> Call:
    """A caller who is in the queue."""
    server.twiml["/voice"], server.twiml["/wait"] = QUEUED, document
    call = await ring(twilio, server)
    await until(lambda: call in twilio.queues.named("line").waiting)
    return call


async def test_the_wait_document_is_asked_for_again_and_again(twilio: TwilioEmulator, server: Server) -> None:
    call = await wait(twilio, server)
    await until(lambda: len(server.asked("/wait")) >= 3)
    first, later = server.asked("/wait")[0], server.asked("/wait")[2]
    assert (first["QueuePosition"], first["CurrentQueueSize"], first["QueueTime"]) == ("1", "1", "0")
    assert (later["QueueTime"], later["QueueSid"]) == ("4", twilio.queues.named("line").sid)
    assert (first["CallSid"], server.bad_signatures) == (call.sid, [])
    await call.hang_up()


async def test_who_waits_moves_up(twilio: TwilioEmulator, server: Server) -> None:
    first, second = await wait(twilio, server), await wait(twilio, server)
    await until(lambda: {form["QueuePosition"] for form in server.asked("/wait")} == {"1", "2"})
    await first.hang_up()
    server.forms.clear()
    await until(lambda: server.asked("/wait"))
    assert server.asked("/wait")[0]["QueuePosition"] == "1"
    await second.hang_up()
    assert twilio.queues.named("line").waiting == []


async def test_leave_asks_the_action_what_to_do(twilio: TwilioEmulator, server: Server) -> None:
    call = await wait(twilio, server)
    await until(lambda: server.asked("/wait"))  # and not told to leave before it has heard the first document
    server.twiml["/left"] = "<Response><Hangup/></Response>"
    server.twiml["/wait"] = "<Response><Leave/></Response>"
    await call.wait_over()
    told = server.asked("/left")[0]
    assert (told["QueueResult"], told["QueueSid"]) == ("leave", twilio.queues.named("line").sid)
    assert int(told["QueueTime"]) >= 2
    assert [verb.verb for verb in call.verbs[-2:]] == ["Leave", "Hangup"]


async def test_without_an_action_the_next_verb_follows(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = '<Response><Enqueue waitUrl="/wait">line</Enqueue><Say>after</Say></Response>'
    server.twiml["/wait"] = "<Response><Leave/></Response>"
    call = await ring(twilio, server)
    await call.wait_over()
    assert (call.verbs[-1].text, call.ended_by) == ("after", EndedBy.TWIML)


async def test_who_hangs_up_while_waiting_is_told_of(twilio: TwilioEmulator, server: Server) -> None:
    call = await wait(twilio, server)
    await call.hang_up()
    told = server.asked("/left")[0]
    assert (told["QueueResult"], told["CallStatus"]) == ("hangup", "completed")
    assert (call.ended_by, twilio.queues.named("line").waiting) == (EndedBy.CALLER, [])


async def test_who_is_redirected_while_waiting_is_told_of(twilio: TwilioEmulator, server: Server) -> None:
    call = await wait(twilio, server)
    await rest(twilio, lambda client: client.calls(call.sid).update(twiml="<Response><Hangup/></Response>"))
    await call.wait_over()
    assert [form["QueueResult"] for form in server.asked("/left")] == ["redirected"]
    assert call.verbs[-1].verb == "Hangup"


async def test_a_full_queue_takes_nobody(twilio: TwilioEmulator, server: Server) -> None:
    twilio.queues.named("line").size = 1
    first = await wait(twilio, server)
    second = await ring(twilio, server)
    await second.wait_over()
    assert [form["QueueResult"] for form in server.asked("/left")] == ["queue-full"]
    await first.hang_up()


async def test_a_wait_document_that_can_not_be_had_ends_the_waiting(
    twilio: TwilioEmulator, server: Server
) -> None:
    server.status["/wait"] = 500
    server.twiml["/voice"] = QUEUED
    call = await ring(twilio, server)
    await call.wait_over()
    assert server.asked("/left")[0]["QueueResult"] == "error"
    assert [entry.code for entry in call.debug] == [11200]


async def test_a_wait_document_may_gather_redirect_and_hang_up(
    twilio: TwilioEmulator, server: Server
) -> None:
    server.twiml["/keys"] = "<Response><Connect/><Redirect>/end</Redirect></Response>"
    server.twiml["/end"] = "<Response><Hangup/></Response>"
    call = await wait(twilio, server, '<Response><Gather action="/keys" timeout="60"/></Response>')
    call.press("1#")
    await call.wait_over()
    asked = server.asked("/keys")[0]
    assert (asked["Digits"], asked["QueuePosition"]) == ("1", "1")
    assert [entry.code for entry in call.debug] == [12200]  # nobody is connected while waiting
    assert (call.verbs[-1].verb, server.asked("/left")) == ("Hangup", [])


async def test_a_wait_document_with_nothing_in_it_is_not_asked_for_without_a_breath(
    twilio: TwilioEmulator, server: Server
) -> None:
    call = await wait(twilio, server, "<Response/>")
    await until(lambda: any(int(asked["QueueTime"]) >= 2 for asked in server.asked("/wait")))
    assert len(server.asked("/wait")) <= 35
    await call.hang_up()


async def test_a_caller_without_a_wait_document_hears_twilios_music(
    twilio: TwilioEmulator, server: Server
) -> None:
    server.twiml["/voice"] = "<Response><Enqueue>line</Enqueue></Response>"
    call = await ring(twilio, server)
    await until(lambda: twilio.queues.named("line").waiting)
    await call.hang_up()
    assert (server.asked("/wait"), call.status) == ([], CallStatus.COMPLETED)


async def test_leave_out_of_a_queue_is_a_mistake(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = "<Response><Leave/></Response>"
    call = await ring(twilio, server)
    await call.wait_over()
    assert [entry.code for entry in call.debug] == [12200]


async def test_a_file_plays_as_long_as_it_is(twilio: TwilioEmulator, server: Server) -> None:
    sound = io.BytesIO()
    write_wav(sound, SILENCE * 20_000)
    server.files["/music.wav"] = sound.getvalue()
    server.twiml["/voice"] = '<Response><Play loop="2">/music.wav</Play><Hangup/></Response>'
    call = await ring(twilio, server)
    await call.wait_over()
    assert 5.0 <= call.verbs[1].at_s - call.verbs[0].at_s < 10.0


async def test_a_file_that_is_none_is_skipped(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = "<Response><Play>/no.wav</Play><Play>/gone.wav</Play></Response>"
    server.status["/gone.wav"] = 404
    call = await ring(twilio, server)
    await call.wait_over()
    assert [entry.code for entry in call.debug] == [12300, 11200]
