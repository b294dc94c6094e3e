"""The client of Twilio's REST API against the emulated account: two readings of one contract."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.twilio.orders import Document, NewCall, Wanted
from gateway.clients.twilio.refusals import OutcomeUnknown
from gateway.clients.twilio.values import RecordingSid, Routing
from gateway.emulators.twilio import faults
from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.faults import RestFault
from gateway.emulators.twilio.fixtures import NUMBER, twilio
from gateway.emulators.twilio.line_audio import SILENCE
from gateway.emulators.twilio.records import CallStatus as Emulated
from gateway.emulators.twilio.services import PhoneNumber
from gateway.errors import VendorError, VendorRejected, VendorTimeout, VendorUnusable
from gateway.ids import E164, AccountSid, CallSid
from gateway.wire.call_status import CallStatus
from tests.loopback import SILENCE as NO_ANSWER
from tests.loopback import Loopback, response

pytestmark = pytest.mark.anyio
__all__ = ["twilio"]
TO, FROM = E164("+14155550199"), E164(NUMBER)
HOLD = Document(twiml='<Response><Pause length="60"/></Response>')
ANOTHER = RecordingSid("RE" + "0" * 32)


@asynccontextmanager
async def client(emulator: TwilioEmulator, deadline_s: float = 5.0) -> AsyncIterator[Twilio]:
    login = (emulator.account.sid, emulator.account.auth_token)
    async with pool() as http:
        yield Twilio(http, emulator.url, AccountSid(login[0]), login, deadline_s=deadline_s)


async def test_a_call_is_placed_seen_and_ended(twilio: TwilioEmulator) -> None:
    async with client(twilio) as asked:
        made = await asked.calls.create(NewCall(TO, FROM, HOLD, send_digits="w1"))
        listed = [call.sid async for call in asked.calls.list(Wanted(to=TO, from_=FROM))]
        await asked.hang_up(made.sid)
        await twilio.calls[0].wait_over()
        ended = await asked.calls.fetch(made.sid)
        await asked.hang_up(made.sid)
    assert (made.status, listed) == (CallStatus.QUEUED, [made.sid])
    assert ended.status.final
    assert twilio.calls[0].send_digits == "w1"


async def test_a_number_is_pointed_here_and_back_again() -> None:
    trunk, application = "TK" + "1" * 32, "AP" + "2" * 32
    numbers = {
        f"{NUMBER}7": PhoneNumber(voice_url="https://alike.example"),
        NUMBER: PhoneNumber("https://old.example/v", "GET", "https://old.example/f", trunk_sid=trunk),
        "+14155550111": PhoneNumber(voice_application_sid=application),
    }
    ours = Routing("https://gw.example/voice", status_callback="https://gw.example/status")
    async with TwilioEmulator(numbers=numbers) as emulator, client(emulator) as asked:
        for number in (FROM, E164("+14155550111")):
            found = await asked.numbers.find(number)
            assert found is not None
            former = found.routing
            changed = await asked.numbers.route(found.sid, ours)
            assert (changed.number, changed.routing) == (number, ours)
            assert (await asked.numbers.route(found.sid, former)) == found
        assert former.destination == application
        assert await asked.numbers.find(E164("+14155550122")) is None
        assert [number.number async for number in asked.numbers.list()] == list(numbers)
        assert [number.number async for number in asked.numbers.list(most=1)] == [f"{NUMBER}7"]


def test_a_trunk_takes_calls_before_an_application_and_that_before_an_address() -> None:
    routing = Routing("https://gw.example", voice_application_sid="AP1", trunk_sid="TK1")
    assert routing.destination == "TK1"
    assert replace(routing, trunk_sid="").destination == "AP1"
    assert Routing("https://gw.example").destination == "https://gw.example"


async def test_recordings_are_listed_heard_and_deleted(twilio: TwilioEmulator) -> None:
    sid = CallSid("CA" + "3" * 32)
    kept = twilio.shelf.put(sid, SILENCE * 16_000)
    twilio.shelf.put("CA" + "4" * 32, SILENCE)
    async with client(twilio) as asked:
        [listed] = [recording async for recording in asked.recordings.of_call(sid)]
        assert (listed.sid, listed.call_sid, listed.status, listed.duration_s) == (
            kept.sid,
            sid,
            "completed",
            2,
        )
        assert await asked.recordings.fetch(listed.sid) == listed
        async with asked.recordings.sound(listed.sid) as sound:
            wav = b"".join([chunk async for chunk in sound])
        assert (wav[:4], len(wav)) == (b"RIFF", 44 + 32_000)
        assert [await asked.recordings.delete(listed.sid) for _ in range(2)] == [True, False]
        with pytest.raises(VendorRejected, match="20404"):
            async with asked.recordings.sound(listed.sid):
                pass
    assert len(twilio.shelf.recordings) == 1


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (NO_ANSWER, VendorTimeout),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nRIFF", VendorTimeout),
        (response(200, b"RIFF", Content_Encoding="gzip"), VendorUnusable),
        (response(307, b"", Location="https://elsewhere.example"), VendorUnusable),
        (response(401, b""), VendorRejected),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", VendorUnusable),
    ],
    ids=lambda part: repr(part)[:30],
)
async def test_sound_that_does_not_come_is_an_error(answer: bytes, kind: type[VendorError]) -> None:
    async with Loopback(answer) as server, pool() as http:
        recordings = Twilio(http, server.url, AccountSid("AC1"), ("SK1", "s"), deadline_s=0.25).recordings
        with pytest.raises(kind):
            async with recordings.sound(ANOTHER, within_s=0.5) as sound:
                [chunk async for chunk in sound]


@pytest.mark.parametrize(
    ("fault", "kind", "calls"),
    [
        (faults.call_placed_without_an_answer(), OutcomeUnknown, 1),
        (faults.no_call_and_no_answer(), OutcomeUnknown, 0),
        (faults.call_placed_and_denied(), OutcomeUnknown, 1),
        (faults.call_throttled(), VendorUnusable, 0),
        (faults.call_refused(21211), VendorRejected, 0),
    ],
)
async def test_what_is_known_of_a_call_that_fails_is_true(
    twilio: TwilioEmulator, fault: RestFault, kind: type[VendorError], calls: int
) -> None:
    twilio.refuse_rest(fault)
    async with client(twilio, deadline_s=0.25) as asked:
        with pytest.raises(VendorError) as caught:
            await asked.calls.create(NewCall(TO, FROM, HOLD))
    assert type(caught.value) is kind
    assert len(twilio.ledger.entries(to=TO)) == calls


async def test_the_ledger_agrees_with_the_list(twilio: TwilioEmulator) -> None:
    async with client(twilio) as asked:
        made = [await asked.calls.create(NewCall(TO, FROM, HOLD)) for _ in range(3)]
        for call in made:
            await asked.hang_up(call.sid)
        for emulated in twilio.calls:
            await emulated.wait_over()
        listed = {call.sid: call.status.value async for call in asked.calls.list()}
    assert {entry.sid: entry.status.value for entry in twilio.ledger.entries()} == listed
    assert listed.keys() == {call.sid for call in made}
    assert set(listed.values()) <= {Emulated.CANCELED.value, Emulated.COMPLETED.value}
