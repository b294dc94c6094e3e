"""The Twilio emulator over real sockets: bad messages, bad lines, many calls."""

import json

import httpx
import pytest

from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.fixtures import NUMBER, SPEED, twilio
from gateway.emulators.twilio.line_impairments import Impairments
from gateway.emulators.twilio.records import EndedBy
from gateway.emulators.twilio.services import Conduct
from tests.integration.twilio_server import (
    CALLER,
    TONE,
    Server,
    Socket,
    connecting,
    ring,
    ring_stream,
    server,
)

pytestmark = pytest.mark.anyio
__all__ = ["server", "twilio"]


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
