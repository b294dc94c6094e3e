"""The Twilio emulator over real sockets: streams, and what follows them."""

import base64

import pytest

from gateway.emulators.chaos.faults import Fault, Kind
from gateway.emulators.chaos.proxy import ToxicProxy
from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.fixtures import NUMBER, twilio
from gateway.emulators.twilio.line import LineEnd
from gateway.emulators.twilio.records import CallStatus, EndedBy
from gateway.emulators.twilio.services import DialOutcome, Outcome, PhoneNumber
from tests.integration.twilio_server import (
    CALLER,
    HUMAN,
    TONE,
    Server,
    Socket,
    connecting,
    rest,
    ring,
    server,
)

pytestmark = pytest.mark.anyio
__all__ = ["server", "twilio"]


async def test_a_call_is_heard_in_both_directions(twilio: TwilioEmulator, server: Server) -> None:
    async def talk(socket: Socket) -> None:
        await socket.play(TONE)
        await socket.mark("end")
        await socket.until("mark")

    server.talk = talk
    server.twiml["/voice"] = connecting('<Parameter name="t" value="42"/>')
    call = await ring(twilio, server)
    line = await call.stream()
    await line.say(TONE[:1600])
    await line.wait_heard(1.0)
    line.press("1#")
    await line.wait_until(lambda line: line.now > 1.6)
    await call.hang_up()

    assert line.heard.strip(b"\xff") == TONE
    assert line.spoken.strip(b"\xff") == TONE[:1600]
    assert (call.ended_by, call.status, line.ended) == (EndedBy.CALLER, CallStatus.COMPLETED, LineEnd.HUNG_UP)
    events = [frame["event"] for frame in server.frames]
    assert events[:3] == ["connected", "start", "media"]
    assert events[-1] == "stop"
    assert server.frames[1]["start"]["customParameters"] == {"t": "42"}
    assert [frame["dtmf"]["digit"] for frame in server.frames if frame["event"] == "dtmf"] == ["1", "#"]
    assert [mark.name for mark in line.marks] == ["end"]
    assert server.bad_signatures == []
    assert line.warnings == []


async def test_the_frames_have_the_documented_form(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = connecting()
    call = await ring(twilio, server)
    line = await call.stream()
    await line.wait_until(lambda line: line.now > 0.2)
    await call.hang_up()
    connected, start, media, stop = (*server.frames[:3], server.frames[-1])
    sid = start["streamSid"]

    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start == {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": sid,
        "start": {
            "accountSid": twilio.account.sid,
            "streamSid": sid,
            "callSid": call.sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": {},
        },
    }
    assert media == {
        "event": "media",
        "sequenceNumber": "2",
        "streamSid": sid,
        "media": {
            "track": "inbound",
            "chunk": "1",
            "timestamp": "20",
            "payload": base64.b64encode(b"\xff" * 160).decode(),
        },
    }
    assert stop["stop"] == {"accountSid": twilio.account.sid, "callSid": call.sid}


async def test_a_clear_cuts_what_was_not_heard_and_returns_its_marks(
    twilio: TwilioEmulator, server: Server
) -> None:
    async def talk(socket: Socket) -> None:
        await socket.play(TONE * 10)
        await socket.mark("late")
        while True:
            frame = await socket.until("media")
            if int(frame["media"]["timestamp"]) >= 500:
                break
        await socket.send("clear")
        await socket.until("mark")

    server.talk = talk
    server.twiml["/voice"] = connecting()
    call = await ring(twilio, server)
    line = await call.stream()
    await line.wait_until(lambda line: bool(line.marks))
    await call.hang_up()

    assert [(mark.name, mark.flushed) for mark in line.marks] == [("late", True)]
    assert line.cut[0].duration_s + line.heard_s == pytest.approx(10.0)
    assert 0.4 < line.heard_s < 5.0


async def test_the_webhook_brings_all_parameters_and_a_signature(
    twilio: TwilioEmulator, server: Server
) -> None:
    server.twiml["/voice"] = "<Response><Hangup/></Response>"
    call = await ring(twilio, server)
    await call.wait_over()
    params = server.asked("/voice")[0]

    assert {"CallSid", "AccountSid", "From", "To", "CallStatus", "ApiVersion", "Direction"} <= params.keys()
    assert (params["CallStatus"], params["Direction"], params["FromCity"]) == (
        "ringing",
        "inbound",
        "MÜNCHEN",
    )
    assert params["FromZip"] == ""
    assert server.bad_signatures == []
    assert call.ended_by is EndedBy.TWIML


async def test_when_the_server_closes_the_stream_the_next_verb_runs(
    twilio: TwilioEmulator, server: Server
) -> None:
    async def talk(socket: Socket) -> None:
        await socket.ws.close(1000)

    server.talk = talk
    server.twiml["/voice"] = connecting(after="<Say>Good bye now</Say><Hangup/>")
    call = await ring(twilio, server)
    await call.wait_over()

    assert [verb.verb for verb in call.verbs] == ["Connect", "Stream", "Say", "Hangup"]
    assert [entry.code for entry in call.debug] == [31921]
    assert call.lines[0].ended is LineEnd.SERVER_CLOSED


async def test_a_refused_upgrade_is_31920_and_reported(twilio: TwilioEmulator, server: Server) -> None:
    server.accept = False
    server.twiml["/voice"] = connecting(after="<Redirect>/after</Redirect>").replace(
        "<Stream", '<Stream statusCallback="/stream"'
    )
    call = await ring(twilio, server)
    await call.wait_over()

    assert [entry.code for entry in call.debug] == [31920]
    assert server.asked("/after")
    report = server.asked("/stream")[0]
    assert (report["StreamEvent"], report["StreamError"]) == ("stream-error", "31920")


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("{media}?x=1", 31920),
        ("ws://gateway.example.com/m", 31922),
        ("https://h/m", 31922),
        ("wss://", 31923),
    ],
)
async def test_an_address_twilio_would_not_open_is_refused(
    twilio: TwilioEmulator, server: Server, url: str, code: int
) -> None:
    server.twiml["/voice"] = connecting().replace("{media}", url)
    call = await ring(twilio, server)
    await call.wait_over()
    assert [entry.code for entry in call.debug] == [code]
    assert call.ended_by is EndedBy.TWIML


async def test_the_action_of_connect_replaces_the_next_verb(twilio: TwilioEmulator, server: Server) -> None:
    async def talk(socket: Socket) -> None:
        await socket.ws.close(1000)

    server.talk = talk
    server.twiml["/voice"] = connecting(after="<Say>never</Say>").replace(
        "<Connect>", '<Connect action="/after">'
    )
    call = await ring(twilio, server)
    await call.wait_over()
    assert len(server.asked("/after")) == 1
    assert "Say" not in [verb.verb for verb in call.verbs]


async def test_a_failing_webhook_goes_to_the_fallback(twilio: TwilioEmulator, server: Server) -> None:
    twilio.numbers[NUMBER] = PhoneNumber(
        voice_url=f"{server.url}/voice", voice_fallback_url=f"{server.url}/fallback"
    )
    server.status["/voice"] = 500
    server.twiml["/fallback"] = "<Response><Say>Sorry</Say></Response>"
    call = await twilio.call_in(NUMBER, CALLER)
    await call.wait_over()

    asked = server.asked("/fallback")[0]
    assert (asked["ErrorCode"], asked["ErrorUrl"]) == ("11200", f"{server.url}/voice")
    assert [verb.text for verb in call.verbs] == ["Sorry"]


async def test_without_a_fallback_the_caller_hears_an_error(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = "<Response><Say>"
    call = await ring(twilio, server)
    await call.wait_over()
    assert call.ended_by is EndedBy.APPLICATION_ERROR
    assert [entry.code for entry in call.debug] == [12100]


async def test_a_redirect_by_rest_stops_the_stream_and_runs_the_new_twiml(
    twilio: TwilioEmulator, server: Server
) -> None:
    twilio.dial[HUMAN] = DialOutcome(Outcome.BUSY, after_s=0.5)
    server.twiml["/voice"] = connecting()
    call = await ring(twilio, server)
    line = await call.stream()
    await line.wait_until(lambda line: line.now > 0.2)
    twiml = f'<Response><Dial action="{server.url}/dialled">{HUMAN}</Dial></Response>'
    await rest(twilio, lambda client: client.calls(call.sid).update(twiml=twiml))
    await call.wait_over()

    assert line.ended is LineEnd.REDIRECTED
    assert server.frames[-1]["event"] == "stop"
    assert server.asked("/dialled")[0]["DialCallStatus"] == "busy"
    assert call.status is CallStatus.COMPLETED


async def test_a_redirected_call_does_not_wait_for_a_server_that_is_not_there(
    twilio: TwilioEmulator, server: Server
) -> None:
    async with ToxicProxy(int(server.url.rpartition(":")[2])) as proxy:
        media = proxy.url.replace("http", "ws") + "/media"
        server.twiml["/voice"] = connecting().replace("{media}", media)
        call = await ring(twilio, server)
        await call.stream()
        proxy.ail(Fault(kind=Kind.BLACK_HOLE))
        at = call.now
        await rest(
            twilio,
            lambda client: client.calls(call.sid).update(twiml="<Response><Say>Hello</Say></Response>"),
        )
        await call.wait_over()
    assert next(verb.at_s for verb in call.verbs if verb.verb == "Say") - at < 1.5
