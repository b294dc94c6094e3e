"""The Vatel emulator over real sockets: sessions driven by hand."""

import pytest
from websockets.asyncio.client import connect

from gateway.emulators.vatel.account import DEFAULT_AGENT_ID
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.script import Manual
from tests.integration.vatel_client import (
    address,
    answer,
    by_hand,
    client,
    kinds,
    received,
    rest_of,
    speak,
    token,
    until,
)

pytestmark = pytest.mark.anyio
pytest_plugins = ["gateway.emulators.vatel.fixtures"]


async def test_a_session_driven_by_hand_sends_what_it_is_told_in_order() -> None:
    async with by_hand() as (vatel, session, socket):
        await received(socket)
        session.text("a", "Hi")
        session.say("a", b"\1\0")
        session.say("a", b"", final=True)
        session.speech_started(emulated=True)
        session.transcript("Oh", turn_id="c")
        session.speech_stopped()
        session.interrupt()
        call = session.tool_call("look", {"a": 1})
        session.send_raw("{")
        session.send_raw(b"\0")
        messages = await until(socket, "tool_call")
        assert (await socket.recv(), await socket.recv()) == ("{", b"\0")
        await answer(socket, messages[-1], "done")
        await vatel.wait_for(lambda: session.record.tool_outputs)
        session.end()
        assert kinds(await rest_of(socket)) == ["session_ended"]
    assert kinds(messages) == [
        "response_text",
        "response_audio",
        "speech_started",
        "input_audio_transcript",
        "speech_stopped",
        "interruption",
        "tool_call",
    ]
    assert session.record.tool_outputs == {call: "done"}


async def test_a_session_can_be_aborted_closed_and_left_by_the_client() -> None:
    async with by_hand() as (_, session, socket):
        session.abort()
        await rest_of(socket)
        assert socket.close_code == 1006
    async with by_hand() as (_, session, socket):
        session.close(4001)
        await rest_of(socket)
        assert socket.close_code == 4001
    async with by_hand() as (vatel, session, socket):
        await socket.close(1001)
        await vatel.wait_for(lambda: session.record.ended)
        assert session.record.end_reason == "disconnected with 1001"
        assert vatel.live == []


async def test_what_the_client_does_wrong_is_remembered() -> None:
    async with by_hand() as (vatel, session, socket):
        await socket.send("{")
        await socket.send(b"\0")
        await socket.send('{"type":"tool_call_output","data":{"toolCallId":"x","output":""}}')
        await socket.send('{"type":"input_audio","data":{"audio":"AA=="}}')
        await vatel.wait_for(lambda: len(session.record.errors) == 4)
    assert [error.partition(":")[0] for error in session.record.errors[1:]] == [
        "binary message",
        "output for a tool call that is not open",
        "input_audio of an odd number of bytes",
    ]


async def test_the_caller_s_audio_is_kept_up_to_a_limit() -> None:
    async with VatelEmulator(script=Manual(), heard_s=0.02) as vatel, client(vatel) as socket:
        await speak(socket, bytes(9_600))
        await vatel.wait_for(lambda: vatel.sessions[0].audio_messages == 10)
        assert len(vatel.sessions[0].heard) == 960


async def test_an_emulator_that_stops_ends_its_sessions() -> None:
    seen: list[str] = []
    async with VatelEmulator(script=Manual()) as vatel:
        vatel.on_event = lambda kind, detail: seen.append(kind)
        query = f"token={await token(vatel)}&agentId={DEFAULT_AGENT_ID}"
        socket = await connect(address(vatel, query), proxy=None)
        await received(socket)
    await socket.wait_closed()
    assert vatel.sessions[0].end_reason == "the emulator stopped"
    assert seen == ["token", "opened", "session_started", "closed"]


async def test_waiting_for_what_does_not_come_ends_with_what_did() -> None:
    async with by_hand() as (vatel, _, socket):
        await received(socket)
        with pytest.raises(TimeoutError, match=r"not within 0.01 s; last: opened, session_started"):
            await vatel.wait_for(lambda: False, 0.01)
        with pytest.raises(TimeoutError):
            await vatel.joined(0.01)


async def test_what_is_said_behind_a_close_goes_nowhere() -> None:
    async with by_hand() as (vatel, session, socket):
        session.close(1011)
        session.transcript("Is anybody there?")
        await rest_of(socket)
        await vatel.wait_for(lambda: session.record.ended)
        assert (socket.close_code, session.record.end_reason) == (1011, "closed with 1011")
