"""Whole calls over real sockets, against a small application that plays the server's side."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import anyio.to_thread
import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from twilio.base.exceptions import TwilioRestException
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from gateway.emulators.line import LineEnd
from gateway.emulators.line_impairments import Impairments
from gateway.emulators.server import LoopbackServer
from gateway.emulators.twilio import EmulatorMisused, TwilioEmulator
from gateway.emulators.twilio_api import RestFault
from gateway.emulators.twilio_call import Call
from gateway.emulators.twilio_fixtures import NUMBER, SPEED, twilio
from gateway.emulators.twilio_records import CallStatus, EndedBy
from gateway.emulators.twilio_services import Callee, Conduct, DialOutcome, Outcome, PhoneNumber

pytestmark = pytest.mark.anyio
__all__ = ["twilio"]

CALLER = "+4989123456"
HUMAN = "+14155550199"
TONE = bytes(range(1, 126)) * 64  # 8000 bytes, one second, none of them silence


@dataclass
class Server:
    """The server's side of a test: TwiML by path, requests and frames as they came."""

    twiml: dict[str, str] = field(default_factory=dict)
    status: dict[str, int] = field(default_factory=dict)
    forms: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bad_signatures: list[str] = field(default_factory=list)
    frames: list[dict[str, Any]] = field(default_factory=list)
    talk: Callable[["Socket"], Awaitable[None]] | None = None
    accept: bool = True
    token: str = "emulated-auth-token"
    url: str = ""

    @property
    def media_url(self) -> str:
        return self.url.replace("http", "ws") + "/media"

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                WebSocketRoute("/media", self.media),
                Route("/{path:path}", self.hook, methods=["GET", "POST"]),
            ]
        )

    async def hook(self, request: Request) -> Response:
        form = await request.form()
        params = {key: str(value) for key, value in form.items()}
        url = self.url + request.url.path + (f"?{request.url.query}" if request.url.query else "")
        valid = RequestValidator(self.token).validate(
            url, form, request.headers.get("x-twilio-signature", "")
        )
        if not valid:
            self.bad_signatures.append(url)
        path = request.url.path
        self.forms.append((path, params or dict(request.query_params)))
        body = (
            self.twiml.get(path, "<Response/>").replace("{media}", self.media_url).replace("{url}", self.url)
        )
        return Response(body, self.status.get(path, 200), media_type="text/xml")

    async def media(self, ws: WebSocket) -> None:
        signature = ws.headers.get("x-twilio-signature", "")
        if not RequestValidator(self.token).validate(self.media_url, {}, signature):
            self.bad_signatures.append(self.media_url)
        if not self.accept:
            await ws.close(1008)
            return
        await ws.accept()
        socket = Socket(ws, self)
        try:
            await socket.until("start")
            if self.talk is not None:
                await self.talk(socket)
            await socket.until("stop")
        except WebSocketDisconnect:
            pass

    def asked(self, path: str) -> list[dict[str, str]]:
        return [params for at, params in self.forms if at == path]


@dataclass
class Socket:
    ws: WebSocket
    server: Server
    sid: str = ""

    async def until(self, event: str) -> dict[str, Any]:
        while True:
            frame: dict[str, Any] = json.loads(await self.ws.receive_text())
            self.server.frames.append(frame)
            self.sid = frame.get("streamSid", self.sid)
            if frame["event"] == event:
                return frame

    async def send(self, event: str, **body: object) -> None:
        await self.ws.send_text(json.dumps({"event": event, "streamSid": self.sid, **body}))

    async def play(self, audio: bytes) -> None:
        await self.send("media", media={"payload": base64.b64encode(audio).decode()})

    async def mark(self, name: str) -> None:
        await self.send("mark", mark={"name": name})


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    async with LoopbackServer(server.app()) as running:
        server.url = running.url
        yield server


CONNECT = '<Response><Connect><Stream url="{media}">{inside}</Stream></Connect>{after}</Response>'


def connecting(inside: str = "", after: str = "") -> str:
    return CONNECT.replace("{inside}", inside).replace("{after}", after)


async def ring(twilio: TwilioEmulator, server: Server, from_: str = CALLER) -> Call:
    return await twilio.call_in(NUMBER, from_, f"{server.url}/voice")


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


async def ring_stream(twilio: TwilioEmulator, server: Server) -> Call:
    server.twiml["/voice"] = connecting()
    call = await ring(twilio, server)
    await call.stream()
    return call


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


async def test_a_webhook_is_replayed_and_forged(twilio: TwilioEmulator, server: Server) -> None:
    call = await ring(twilio, server)
    await call.wait_over()
    record = call.requests[0]
    await twilio.replay(record)
    assert server.asked("/voice")[0] == server.asked("/voice")[1]
    assert server.bad_signatures == []
    await twilio.replay(record, params={**record.params, "From": "+1"}, signature=record.signature)
    assert len(server.bad_signatures) == 1


async def test_bad_messages_are_recorded_and_do_not_end_the_stream(
    twilio: TwilioEmulator, server: Server
) -> None:
    async def talk(socket: Socket) -> None:
        await socket.ws.send_bytes(b"x")
        await socket.ws.send_text("{")
        await socket.send("media", media={"payload": "!!!!"})
        await socket.send("clear", sequenceNumber="1")
        await socket.ws.send_text(json.dumps({"event": "clear", "streamSid": "MZ0"}))
        await socket.mark("done")

    server.talk = talk
    server.twiml["/voice"] = connecting()
    call = await ring(twilio, server)
    line = await call.stream()
    await line.wait_until(lambda line: bool(line.marks))
    await call.hang_up()
    assert [warning.code for warning in line.warnings] == [31950, 31951, 31950, 31951, 31951]
    assert [entry.code for entry in call.debug] == [31950, 31951, 31950, 31951, 31951]


async def test_an_impaired_line_loses_and_delays(server: Server) -> None:
    conduct = Conduct(impairments=Impairments(delay_ms=200, loss=0.3, seed=7))
    server.twiml["/voice"] = connecting()
    async with TwilioEmulator(numbers={NUMBER: ""}, speed=SPEED, conduct=conduct) as twilio:
        call = await ring(twilio, server)
        line = await call.stream()
        await line.wait_until(lambda line: line.now > 2.2)
        await call.hang_up()
    stamps = [int(frame["media"]["timestamp"]) for frame in server.frames if frame["event"] == "media"]
    assert 50 < len(stamps) < 90
    assert stamps == sorted(stamps)


async def test_many_calls_at_once(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = connecting()
    calls = [await ring(twilio, server) for _ in range(10)]
    lines = [await call.stream() for call in calls]
    for line in lines:
        await line.wait_until(lambda line: line.now > 0.3)
    for call in calls:
        await call.hang_up()
    assert len({line.core.names.stream_sid for line in lines}) == 10


async def test_frames_keep_real_time(twilio: TwilioEmulator, server: Server) -> None:
    call = await ring_stream(twilio, server)
    line = await call.stream()
    await line.wait_until(lambda line: line.now > 3.0)
    await call.hang_up()
    frames = sum(frame["event"] == "media" for frame in server.frames)
    assert frames == pytest.approx(line.now / 0.02, abs=3)


async def test_a_call_is_placed_by_curl(twilio: TwilioEmulator, server: Server) -> None:
    server.twiml["/voice"] = connecting()
    async with httpx.AsyncClient(base_url=twilio.url) as client:
        body = {"to": NUMBER, "from": CALLER, "voice_url": f"{server.url}/voice"}
        placed = await client.post("/emulator/calls", json=body)
        path = f"/emulator/calls/{placed.json()['sid']}"
        line = await twilio.calls[0].stream()
        assert (await client.post(f"{path}/say", content=TONE[:800])).status_code == 202
        assert (await client.post(f"{path}/press", json={"digits": "5"})).status_code == 202
        await line.wait_until(lambda line: line.now > 0.5)
        assert (await client.get(f"{path}/heard.wav")).content[:4] == b"RIFF"
        assert (await client.post(f"{path}/hang-up")).status_code == 202
        await twilio.calls[0].wait_over()
        shown = (await client.get(path)).json()
        foreign = await client.get(path, headers={"Origin": "https://example.com"})
    assert (placed.status_code, shown["status"], shown["ended_by"]) == (201, "completed", "caller")
    assert foreign.status_code == 403


async def test_the_emulator_ends_its_calls_when_it_stops(server: Server) -> None:
    server.twiml["/voice"] = connecting()
    async with TwilioEmulator(numbers={NUMBER: ""}, speed=SPEED) as twilio:
        call = await ring_stream(twilio, server)
    assert (call.over, call.ended_by) == (True, EndedBy.EMULATOR)
    assert server.frames[-1]["event"] == "stop"


def outgoing(server: Server) -> dict[str, Any]:
    return {
        "to": HUMAN,
        "from_": NUMBER,
        "url": f"{server.url}/voice",
        "status_callback": f"{server.url}/status",
        "status_callback_event": ["initiated", "ringing", "answered", "completed"],
    }


async def rest(
    twilio: TwilioEmulator, ask: Callable[[Client], Any], user: tuple[str, str] | None = None
) -> Any:
    """Ask through Twilio's own client, which blocks, in a thread."""
    name, password = user or (twilio.account.sid, twilio.account.auth_token)
    client = Client(name, password, account_sid=twilio.account.sid)
    client.api.base_url = twilio.url
    try:
        return await anyio.to_thread.run_sync(ask, client)
    finally:
        session = getattr(client.http_client, "session", None)
        if session is not None:
            session.close()


async def refusal(
    twilio: TwilioEmulator, ask: Callable[[Client], Any], user: tuple[str, str] | None = None
) -> tuple[int, int | None]:
    with pytest.raises(TwilioRestException) as caught:
        await rest(twilio, ask, user)
    return caught.value.status, caught.value.code
