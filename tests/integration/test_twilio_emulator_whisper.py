"""The Twilio emulator over real sockets: what a dialled person hears before being connected."""

import pytest

from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.fixtures import twilio
from gateway.emulators.twilio.people import DialOutcome, Outcome
from gateway.emulators.twilio.records import CallStatus, Direction
from tests.integration.twilio_server import HUMAN, Server, ring, server

pytestmark = pytest.mark.anyio
__all__ = ["server", "twilio"]
SECOND = "+14155550188"
WHISPER = (
    '<Response><Gather numDigits="1" timeout="2" action="/accept"><Say>A caller for you</Say></Gather>'
    "<Hangup/></Response>"
)


def dialling(*numbers: str) -> str:
    inside = "".join(f'<Number url="/whisper">{number}</Number>' for number in numbers)
    return f'<Response><Dial answerOnBridge="true" timeout="3" action="/dialled">{inside}</Dial></Response>'


async def dialled(twilio: TwilioEmulator, server: Server, *numbers: str) -> dict[str, str]:
    server.twiml |= {"/voice": dialling(*numbers), "/whisper": WHISPER}
    await (await ring(twilio, server)).wait_over()
    [told] = server.asked("/dialled")
    return told


async def test_a_person_who_presses_one_is_connected(twilio: TwilioEmulator, server: Server) -> None:
    twilio.dial[HUMAN] = DialOutcome(after_s=0.2, talk_s=2.0, presses="w1")
    told = await dialled(twilio, server, HUMAN)
    assert (told["DialCallStatus"], told["DialBridged"]) == ("completed", "true")
    [whispered], [accepted] = server.asked("/whisper"), server.asked("/accept")
    assert (whispered["Direction"], whispered["CallSid"]) == ("outbound-dial", told["DialCallSid"])
    assert (accepted["Digits"], accepted["CallStatus"]) == ("1", "in-progress")
    assert server.bad_signatures == []


async def test_a_person_who_presses_nothing_is_not_connected(twilio: TwilioEmulator, server: Server) -> None:
    twilio.dial[HUMAN] = DialOutcome(after_s=0.2)
    told = await dialled(twilio, server, HUMAN)
    assert (told["DialCallStatus"], told["DialBridged"]) == ("no-answer", "false")
    [leg] = twilio.ledger.entries(Direction.OUTBOUND_DIAL)
    assert (leg.status, leg.started is not None) == (CallStatus.COMPLETED, True)


async def test_a_person_who_is_told_no_is_not_connected(twilio: TwilioEmulator, server: Server) -> None:
    twilio.dial[HUMAN] = DialOutcome(after_s=0.2, presses="2", declined=CallStatus.BUSY)
    server.twiml["/accept"] = "<Response><Hangup/></Response>"
    told = await dialled(twilio, server, HUMAN)
    assert (told["DialCallStatus"], server.asked("/accept")[0]["Digits"]) == ("busy", "2")


async def test_the_next_person_is_asked_when_the_first_declines(
    twilio: TwilioEmulator, server: Server
) -> None:
    twilio.dial.update({HUMAN: DialOutcome(after_s=0.2), SECOND: DialOutcome(after_s=0.4, presses="1")})
    told = await dialled(twilio, server, HUMAN, SECOND)
    [leg] = [call for call in twilio.calls if call.to == SECOND]
    assert (told["DialCallStatus"], told["DialCallSid"]) == ("completed", leg.sid)


async def test_a_whisper_that_fails_connects_nobody(twilio: TwilioEmulator, server: Server) -> None:
    server.status["/whisper"] = 500
    twilio.dial[HUMAN] = DialOutcome(after_s=0.2, presses="1")
    assert (await dialled(twilio, server, HUMAN))["DialBridged"] == "false"


async def test_a_whisper_dials_nobody(twilio: TwilioEmulator, server: Server) -> None:
    twilio.dial[HUMAN] = DialOutcome(after_s=0.2, talk_s=1.0)
    server.twiml |= {"/voice": dialling(HUMAN), "/whisper": f"<Response><Dial>{SECOND}</Dial></Response>"}
    await (await ring(twilio, server)).wait_over()
    [leg] = twilio.ledger.entries(Direction.OUTBOUND_DIAL)
    assert leg.to == HUMAN
    assert server.asked("/dialled")[0]["DialBridged"] == "true"


async def test_a_caller_who_hangs_up_during_the_whisper_ends_both(
    twilio: TwilioEmulator, server: Server
) -> None:
    twilio.dial[HUMAN] = DialOutcome(after_s=0.1)
    server.twiml |= {"/voice": dialling(HUMAN), "/whisper": '<Response><Pause length="600"/></Response>'}
    call = await ring(twilio, server)
    twilio.on_event = lambda event: call.give_up() if event.kind == "<Pause>" else None
    await call.wait_over()
    assert call.status is CallStatus.CANCELED
    assert all(leg.status.final for leg in twilio.calls)


@pytest.mark.parametrize("outcome", [Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FAILED])
async def test_who_does_not_answer_hears_no_whisper(
    twilio: TwilioEmulator, server: Server, outcome: Outcome
) -> None:
    twilio.dial[HUMAN] = DialOutcome(outcome, after_s=0.2)
    told = await dialled(twilio, server, HUMAN)
    assert (told["DialCallStatus"], server.asked("/whisper")) == (outcome.value, [])
