"""The Vatel emulator over real sockets, with clients that know nothing of it but the contract."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.emulators import voice
from gateway.emulators.script import Branch, End, Goto, Listen, Manual, Pause, Say, Script, Tool
from gateway.emulators.server import LoopbackServer, ServerFailed
from gateway.emulators.vatel import VatelEmulator
from gateway.emulators.vatel_account import DEFAULT_AGENT_ID, Agent
from gateway.emulators.vatel_behaviour import Behaviour
from gateway.emulators.vatel_hearing import Listening
from gateway.emulators.vatel_session import Session

pytestmark = pytest.mark.anyio
pytest_plugins = ["gateway.emulators.vatel_fixtures"]

FOREIGN = "11111111-1111-4111-8111-111111111111"
UNKNOWN = "22222222-2222-4222-8222-222222222222"
SPEECH = bytes(4_800) + voice.speak("hello there").pcm
QUICK = Listening(silence_ms=200)


@asynccontextmanager
async def rest(vatel: VatelEmulator, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {vatel.api_key if key is None else key}"}
    async with httpx.AsyncClient(
        base_url=f"{vatel.url}/v1", headers=headers, timeout=5, trust_env=False
    ) as client:
        yield client


async def token(vatel: VatelEmulator, **more: object) -> str:
    async with rest(vatel) as client:
        answer = await client.post("/session-token", json={"agent_id": DEFAULT_AGENT_ID} | more)
    assert answer.status_code == 200
    return str(answer.json()["token"])


def address(vatel: VatelEmulator, query: str) -> str:
    return f"{vatel.url.replace('http', 'ws', 1)}/v1/connection?{query}"


@asynccontextmanager
async def client(vatel: VatelEmulator, **more: object) -> AsyncIterator[ClientConnection]:
    query = f"token={await token(vatel, **more)}&agentId={DEFAULT_AGENT_ID}"
    async with connect(
        address(vatel, query), compression=None, max_size=None, proxy=None, close_timeout=2
    ) as socket:
        yield socket


async def received(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """The messages up to the first of this type."""
    messages = [await received(socket)]
    while messages[-1]["type"] != kind:
        messages.append(await received(socket))
    return messages


async def rest_of(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages until the connection is closed."""
    messages: list[dict[str, Any]] = []
    try:
        while True:
            messages.append(await received(socket))
    except ConnectionClosed:
        return messages


async def speak(socket: ClientConnection, pcm: bytes) -> None:
    for at in range(0, len(pcm), 960):
        audio = base64.b64encode(pcm[at : at + 960]).decode()
        await socket.send(json.dumps({"type": "input_audio", "data": {"audio": audio}}))


async def answer(socket: ClientConnection, call: dict[str, Any], output: str) -> None:
    data = {"toolCallId": call["data"]["toolCallId"], "output": output}
    await socket.send(json.dumps({"type": "tool_call_output", "data": data}))


def audio_of(messages: list[dict[str, Any]], turn_id: str) -> bytes:
    audio = [it["data"] for it in messages if it["type"] == "response_audio"]
    return b"".join(base64.b64decode(data["audio"]) for data in audio if data["turn_id"] == turn_id)


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    """The types of messages, runs of one type once."""
    names = [message["type"] for message in messages]
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


# The session token and the handshake.


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"agent_id": "x"}, 400),
        ({"agent_id": DEFAULT_AGENT_ID, "more": 1}, 400),
        ({"agent_id": DEFAULT_AGENT_ID, "transport": "pigeon"}, 400),
        ({"agent_id": DEFAULT_AGENT_ID, "version_id": "x"}, 400),
        ({"agent_id": UNKNOWN}, 404),
        ({"agent_id": FOREIGN}, 403),
        ({"agent_id": DEFAULT_AGENT_ID, "transport": "webrtc"}, 503),
    ],
)
async def test_a_token_request_that_is_wrong_is_refused(body: dict[str, object], status: int) -> None:
    async with VatelEmulator(foreign_agents=[FOREIGN]) as vatel, rest(vatel) as http:
        refused = await http.post("/session-token", json=body)
        assert (refused.status_code, list(refused.json())) == (status, ["error"])


async def test_a_wrong_key_opens_nothing(vatel: VatelEmulator) -> None:
    async with rest(vatel, "wrong") as http:
        paths = ["/organization", "/llms", "/voices", "/agents", "/calls", "/twilio/numbers"]
        assert {(await http.get(path)).status_code for path in paths} == {401}
        assert (await http.post("/session-token", json={"agent_id": DEFAULT_AGENT_ID})).status_code == 401
    assert vatel.token_requests == []


async def test_a_token_opens_one_connection_and_remembers_what_it_was_asked_for(vatel: VatelEmulator) -> None:
    value = await token(vatel, first_message="Welcome", prompt="Be kind")
    url = address(vatel, f"token={value}&agentId={DEFAULT_AGENT_ID}")
    async with connect(url, proxy=None) as socket:
        started = await received(socket)
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)
    assert refused.value.response.status_code == 401
    record = vatel.sessions[0]
    assert started == {"type": "session_started", "data": {"id": record.id}}
    assert (record.token_request.first_message, record.token_request.prompt) == ("Welcome", "Be kind")
    assert len(vatel.token_requests) == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("token={token}", 400),
        ("token={token}&agentId=x", 400),
        (f"token={{token}}&agentId={DEFAULT_AGENT_ID}&versionId=x", 400),
        (f"token=wrong&agentId={DEFAULT_AGENT_ID}", 401),
        (f"token={{token}}&agentId={FOREIGN}", 403),
        (f"token={{token}}&agentId={UNKNOWN}", 404),
    ],
)
async def test_a_handshake_that_is_wrong_is_refused_before_it_is_accepted(query: str, status: int) -> None:
    async with VatelEmulator(foreign_agents=[FOREIGN]) as vatel:
        url = address(vatel, query.format(token=await token(vatel)))
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)
    assert refused.value.response.status_code == status
    assert vatel.sessions == []


async def test_a_token_is_of_no_use_after_a_minute(vatel: VatelEmulator) -> None:
    value = await token(vatel)
    issued = vatel.account.tokens[value]
    assert vatel.account.valid(value, issued.expires_at - 0.001) is issued
    assert vatel.account.valid(value, issued.expires_at) is None


# Sessions with a script.


async def test_a_turn_is_sent_whole_and_faster_than_it_plays() -> None:
    script = Script(steps=(Say(clip="agent-hours", wait=False), End()))
    async with (
        VatelEmulator(script=script, behaviour=Behaviour(audio_factor=0)) as vatel,
        client(vatel) as socket,
    ):
        messages = await rest_of(socket)
    clip = voice.clip("agent-hours")
    audio = [message for message in messages if message["type"] == "response_audio"]
    assert kinds(messages) == [
        "session_started",
        "response_text",
        "response_audio",
        "response_text",
        "session_ended",
    ]
    assert audio_of(messages, "turn-1") == clip.pcm
    assert [message["data"]["is_final"] for message in audio] == [False] * (len(audio) - 1) + [True]
    assert messages[-2]["data"] == {"turn_id": "turn-1", "text": clip.text, "is_final": True}
    assert socket.close_code == 1000
    turn = vatel.sessions[0].turns[0]
    assert (turn.text, turn.samples, turn.cut) == (clip.text, len(clip.samples), False)


async def test_the_token_s_first_message_is_what_the_agent_opens_with() -> None:
    script = Script(steps=(Say(clip="agent-greeting", wait=False),))
    async with VatelEmulator(script=script) as vatel, client(vatel, first_message="Back again.") as socket:
        messages = await rest_of(socket)
    assert messages[-2]["data"]["text"] == "Back again."
    assert audio_of(messages, "turn-1") == voice.speak("Back again.").pcm


async def test_a_caller_who_speaks_is_heard_and_transcribed() -> None:
    script = Script(steps=(Listen(hears="two little words"), End()), listening=QUICK)
    async with VatelEmulator(script=script) as vatel, client(vatel) as socket:
        await received(socket)
        await speak(socket, SPEECH)
        interim = await until(socket, "input_audio_transcript")
        await speak(socket, bytes(24_000))
        messages = await rest_of(socket)
    assert kinds(interim) == ["speech_started", "input_audio_transcript"]
    assert interim[-1]["data"] == {"transcript": "two little", "is_final": False}
    assert kinds(messages) == ["speech_stopped", "input_audio_transcript", "session_ended"]
    assert messages[1]["data"] == {"transcript": "two little words", "is_final": True}
    assert vatel.sessions[0].heard == SPEECH + bytes(24_000)


async def barge_in(script: Script, behaviour: Behaviour) -> tuple[VatelEmulator, list[dict[str, Any]]]:
    """A caller who speaks while the agent does, and then is silent."""
    async with VatelEmulator(script=script, behaviour=behaviour) as vatel, client(vatel) as socket:
        before = await until(socket, "response_audio")
        await speak(socket, SPEECH + bytes(24_000))
        return vatel, before + await rest_of(socket)


LONG = Script(
    steps=(Say(clip="agent-hours"), Listen(hears="Stop."), Say(text="Yes", wait=False), End()),
    listening=QUICK,
)


@pytest.mark.parametrize("factor", [0, 1])
async def test_a_caller_who_speaks_cuts_the_agent_off_while_it_generates_and_after(factor: float) -> None:
    vatel, messages = await barge_in(LONG, Behaviour(audio_factor=factor))
    at = next(n for n, message in enumerate(messages) if message["type"] == "interruption")
    assert messages[at - 1]["type"] == "speech_started"
    assert not any(it["data"].get("turn_id") == "turn-1" for it in messages[at:])
    assert [(turn.turn_id, turn.cut) for turn in vatel.sessions[0].turns] == [
        ("turn-1", True),
        ("turn-2", False),
    ]
    whole = len(voice.clip("agent-hours").samples)
    assert (vatel.sessions[0].turns[0].samples == whole) == (factor == 0)


async def test_late_audio_of_the_cut_turn_follows_if_the_behaviour_says_so() -> None:
    _, messages = await barge_in(LONG, Behaviour(late_chunks_after_interruption=3))
    at = next(n for n, message in enumerate(messages) if message["type"] == "interruption")
    assert [it["data"].get("turn_id") for it in messages[at + 1 : at + 5]] == ["turn-1"] * 3 + [None]


async def test_words_that_cannot_be_interrupted_are_not() -> None:
    steps = (Say(text="Hello", interruptible=False), Say(text="Bye", wait=False))
    vatel, messages = await barge_in(Script(steps=steps, listening=QUICK), Behaviour())
    assert "interruption" not in kinds(messages)
    assert "speech_started" in vatel.sessions[0].kinds()


async def test_a_caller_who_is_silent_is_asked_again_and_then_left() -> None:
    listen = Listen(timeout_s=0.05, reprompt="Eh?", attempts=2, otherwise="bye")
    steps = (listen, Say(text="never"), Say(text="Bye", label="bye", wait=False))
    async with VatelEmulator(script=Script(steps=steps)) as vatel, client(vatel) as socket:
        await rest_of(socket)
    assert [turn.text for turn in vatel.sessions[0].turns] == ["Eh?", "Bye"]
    assert "nothing_heard" in vatel.sessions[0].kinds()


async def test_a_tool_is_answered_branched_on_and_filled_in() -> None:
    steps = (
        Tool(name="digits", arguments={"max_digits": 4}, branches=(Branch(contains="12", goto="look"),)),
        Say(text="never"),
        Tool(name="look", arguments={"code": "{digits}", "n": 1}, label="look"),
        Say(text="It is {output}, {unknown}", wait=False),
    )
    async with VatelEmulator(script=Script(steps=steps)) as vatel, client(vatel) as socket:
        digits = (await until(socket, "tool_call"))[-1]
        await answer(socket, digits, "1234")
        look = (await until(socket, "tool_call"))[-1]
        await answer(socket, look, "ready")
        await rest_of(socket)
    assert digits["data"]["toolName"] == "digits"
    assert [(it["name"], it["value"]) for it in look["data"]["arguments"]] == [("code", "1234"), ("n", 1)]
    record = vatel.sessions[0]
    assert list(record.tool_outputs.values()) == ["1234", "ready"]
    assert record.turns[0].text == "It is ready, {unknown}"
    assert record.errors == []


async def test_a_tool_that_is_never_answered_does_not_hold_the_agent() -> None:
    steps = (Tool(name="look", timeout_s=0.05, otherwise="end"), Say(text="never"))
    async with VatelEmulator(script=Script(steps=steps)) as vatel, client(vatel) as socket:
        assert kinds(await rest_of(socket)) == ["session_started", "tool_call", "session_ended"]
    assert "tool_timeout" in vatel.sessions[0].kinds()


async def test_a_script_that_goes_round_ends_at_its_limit() -> None:
    steps = (Pause(seconds=0.01, label="again"), Goto(to="again"))
    async with VatelEmulator(script=Script(steps=steps, limit_s=0.1)) as vatel, client(vatel) as socket:
        assert kinds(await rest_of(socket)) == ["session_started", "session_ended"]
    assert vatel.sessions[0].ended


async def test_the_demonstration_goes_from_greeting_to_goodbye(vatel: VatelEmulator) -> None:
    async def speak_over(turn: int, clip: str) -> None:
        await vatel.wait_for(
            lambda: len(vatel.sessions[0].turns) == turn and vatel.sessions[0].turns[-1].samples
        )
        await speak(socket, voice.clip(clip).pcm + bytes(48_000))

    async with client(vatel) as socket:
        await until(socket, "response_audio")
        await speak_over(1, "caller-hours")
        await speak_over(2, "caller-saturday")
        await speak_over(3, "caller-hello")
        digits = (await until(socket, "tool_call"))[-1]
        await answer(socket, digits, '{"digits":"1234","ended_by":"max_digits"}')
        lookup = (await until(socket, "tool_call"))[-1]
        await answer(socket, lookup, "on its way")
        await speak_over(5, "caller-hello")
        await speak_over(6, "caller-goodbye")
        await answer(socket, (await until(socket, "tool_call"))[-1], "ok")
        await rest_of(socket)
    record = vatel.sessions[0]
    assert (digits["data"]["toolName"], lookup["data"]["arguments"][0]["value"]) == ("collect_digits", "1234")
    assert [turn.cut for turn in record.turns] == [True] * 6 + [False]
    assert record.turns[-1].text == "Thank you for calling. Goodbye."
    assert (record.errors, record.end_reason) == ([], "closed with 1000")


# Sessions driven by hand.


@asynccontextmanager
async def by_hand(
    behaviour: Behaviour = Behaviour(),  # noqa: B008  # frozen
) -> AsyncIterator[tuple[VatelEmulator, Session, ClientConnection]]:
    async with VatelEmulator(script=Manual(), behaviour=behaviour) as vatel, client(vatel) as socket:
        yield vatel, await vatel.joined(), socket


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


# Misbehaviour.


@pytest.mark.parametrize(
    ("behaviour", "status", "text"),
    [
        (Behaviour(token_status=503), 503, '{"error":"emulated 503"}'),
        (Behaviour(token_status=429, token_retry_after_s=7), 429, '{"error":"emulated 429"}'),
        (Behaviour(token_body="<html>"), 200, "<html>"),
        (Behaviour(token_body=""), 200, ""),
        (Behaviour(token_body="{}"), 200, "{}"),
    ],
)
async def test_token_requests_fail_as_often_as_they_should(
    behaviour: Behaviour, status: int, text: str
) -> None:
    once = Behaviour(
        token_status=behaviour.token_status,
        token_retry_after_s=behaviour.token_retry_after_s,
        token_body=behaviour.token_body,
        token_times=1,
    )
    async with VatelEmulator(behaviour=once) as vatel, rest(vatel) as http:
        bad = await http.post("/session-token", json={"agent_id": DEFAULT_AGENT_ID})
        good = await http.post("/session-token", json={"agent_id": DEFAULT_AGENT_ID})
    assert (bad.status_code, bad.text) == (status, text)
    assert bad.headers.get("retry-after") == ("7" if status == 429 else None)
    assert good.json()["token"]
    assert len(vatel.token_requests) == 2


async def test_a_handshake_is_refused_as_often_as_it_should() -> None:
    async with VatelEmulator(behaviour=Behaviour(refuse_connection=503, refuse_times=1)) as vatel:
        url = address(vatel, f"token={await token(vatel)}&agentId={DEFAULT_AGENT_ID}")
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)
        async with connect(url, proxy=None) as socket:
            assert (await received(socket))["type"] == "session_started"
    assert refused.value.response.status_code == 503


@pytest.mark.parametrize(
    "field", ["token_delay_s", "connect_delay_s", "start_delay_s", "first_audio_delay_s"]
)
async def test_every_stage_can_be_late(field: str) -> None:
    script = Script(steps=(Say(text="Hi", wait=False),))
    behaviour = Behaviour(**{field: 0.1})  # type: ignore[arg-type]  # all four are seconds
    loop = asyncio.get_running_loop()
    async with VatelEmulator(script=script, behaviour=behaviour) as vatel:
        began = loop.time()
        async with client(vatel) as socket:
            await until(socket, "response_audio")
            assert loop.time() - began > 0.1


async def test_a_session_may_never_start() -> None:
    behaviour = Behaviour(never_start=True, close_after_s=0.05, close_code=1011)
    async with VatelEmulator(behaviour=behaviour) as vatel, client(vatel) as socket:
        assert await rest_of(socket) == []
    assert (socket.close_code, vatel.sessions[0].end_reason) == (1011, "closed with 1011")


async def test_a_connection_may_be_lost_without_a_close() -> None:
    plan = (Behaviour(drop_connection_after_s=0.05), Behaviour())
    script = Script(steps=(Say(text="Hi", wait=False),))
    async with VatelEmulator(script=(Script(steps=(Pause(seconds=60),)), script), behaviour=plan) as vatel:
        async with client(vatel) as socket:
            assert kinds(await rest_of(socket)) == ["session_started"]
        assert socket.close_code == 1006
        async with client(vatel) as socket:
            assert kinds(await rest_of(socket))[-1] == "session_ended"
    assert [record.end_reason for record in vatel.sessions] == ["dropped", "closed with 1000"]


async def test_audio_may_be_cut_within_samples() -> None:
    script = Script(steps=(Say(clip="caller-hello", wait=False),))
    behaviour = Behaviour(odd_chunks=True, chunk_ms=20, audio_factor=0)
    async with VatelEmulator(script=script, behaviour=behaviour) as vatel, client(vatel) as socket:
        messages = await rest_of(socket)
    sizes = [len(base64.b64decode(it["data"]["audio"])) for it in messages if it["type"] == "response_audio"]
    assert set(sizes[:-1]) == {959}
    assert audio_of(messages, "turn-1") == voice.clip("caller-hello").pcm
    assert vatel.sessions[0].turns[0].samples == len(voice.clip("caller-hello").samples)


async def test_a_session_may_end_in_the_middle_of_a_word() -> None:
    script = Script(steps=(Say(clip="agent-code"), Say(text="never")))
    behaviour = Behaviour(end_mid_word=1, audio_factor=0)
    async with VatelEmulator(script=script, behaviour=behaviour) as vatel, client(vatel) as socket:
        messages = await rest_of(socket)
    assert messages[-1]["type"] == "session_ended"
    assert 0 < len(audio_of(messages, "turn-1")) < len(voice.clip("agent-code").pcm)
    assert messages[-2]["data"]["is_final"] is False


async def test_rubbish_and_floods_are_sent() -> None:
    behaviour = Behaviour(garbage=((0.02, "{"), (0.04, '{"type":1}')), flood=2_000)
    async with by_hand(behaviour) as (_, session, socket):
        assert kinds([await received(socket) for _ in range(2_001)]) == ["session_started", "emulated_flood"]
        assert [await socket.recv(), await socket.recv()] == ["{", '{"type":1}']
        session.end()


# The rest of the API.


async def test_catalogues_and_agents_are_listed(vatel: VatelEmulator) -> None:
    async with rest(vatel) as http:
        assert set((await http.get("/organization")).json()) == {"id", "name", "created_at"}
        assert len((await http.get("/llms")).json()["llms"]) == 2
        assert {"id", "name", "provider", "languages"} <= set((await http.get("/voices")).json()["voices"][0])
        agents = (await http.get("/agents")).json()
        assert [agent["id"] for agent in agents] == [DEFAULT_AGENT_ID]
        assert (await http.get(f"/agents/{DEFAULT_AGENT_ID}")).json() == agents[0]
        assert (await http.get(f"/agents/{UNKNOWN}")).status_code == 404
        assert (await http.get("/agents/x")).status_code == 400
        assert (await http.get("/nothing")).json() == {"error": "Not Found"}


async def test_a_session_is_a_call_with_a_transcript_and_a_recording() -> None:
    script = Script(steps=(Tool(name="look"), Say(text="Done", wait=False)))
    async with VatelEmulator(script=script) as vatel, rest(vatel) as http:
        async with client(vatel) as socket:
            await speak(socket, SPEECH)
            await answer(socket, (await until(socket, "tool_call"))[-1], "x")
            await rest_of(socket)
        await vatel.wait_for(lambda: vatel.sessions[0].ended)
        path = f"/calls/{vatel.sessions[0].id}"
        call = (await http.get(path)).json()
        recording = await http.get(f"{path}/recording")
        listed = (await http.get("/calls", params={"outcome": "ended_by_agent", "page_size": 1})).json()
        missing = await http.get(f"/calls/{UNKNOWN}")
    assert (call["status"], call["source"], call["termination_reason"]) == ("ended", "api", "ended_by_agent")
    types = [entry["type"] for entry in call["transcript"]["entries"]]
    assert types == ["tool_call", "tool_call_output", "message"]
    assert recording.headers["content-type"] == "audio/wav"
    assert recording.content[44:] == SPEECH
    assert listed["calls"] == [call]
    assert listed["pagination"] == {
        "page": 1,
        "page_size": 1,
        "total": 1,
        "total_pages": 1,
        "has_next": False,
        "has_prev": False,
    }
    assert missing.status_code == 404


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("status=ended", 0),
        ("status=in_progress", 1),
        ("outbound=true", 0),
        (f"agent_ids={UNKNOWN}", 0),
        (f"agent_ids={UNKNOWN},{DEFAULT_AGENT_ID}", 1),
        ("date_from=2100-01-01", 0),
        ("date_from=2020-01-01T00:00:00Z&date_to=2100-01-01T00:00:00Z", 1),
        ("tag=x", 0),
        ("status=x", None),
        ("page=0", None),
        ("page_size=101", None),
        ("date_from=x", None),
        ("agent_ids=x", None),
    ],
)
async def test_calls_are_filtered(query: str, count: int | None) -> None:
    async with by_hand() as (vatel, _, _), rest(vatel) as http:
        found = await http.get(f"/calls?{query}")
        if count is None:
            assert found.status_code == 400
        else:
            assert found.json()["pagination"]["total"] == count


async def test_numbers_are_imported_once_and_labelled() -> None:
    account = {"phone_number": "+15005550006", "account_sid": "AC1", "auth_token": "right"}
    async with VatelEmulator(twilio_accounts={"AC1": "right"}) as vatel, rest(vatel) as http:
        assert (await http.post("/twilio/numbers", json=account | {"auth_token": "wrong"})).status_code == 502
        assert (await http.post("/twilio/numbers", json=account | {"phone_number": "5"})).status_code == 400
        assert (await http.post("/twilio/numbers", json={})).status_code == 400
        imported = await http.post("/twilio/numbers", json=account)
        assert (imported.status_code, imported.json()["phone_number"]) == (201, "+15005550006")
        assert (await http.post("/twilio/numbers", json=account)).status_code == 409
        path = f"/twilio/numbers/{imported.json()['id']}"
        assert (await http.patch(path, json={"label": "Shop"})).json()["label"] == "Shop"
        assert (await http.patch(f"/twilio/numbers/{UNKNOWN}", json={"label": ""})).status_code == 404
        assert [it["label"] for it in (await http.get("/twilio/numbers")).json()] == ["Shop"]


async def test_an_agent_dials_from_its_number() -> None:
    number = {"phone_number": "+15005550006", "account_sid": "AC1", "auth_token": "t"}
    agents = (Agent(id=DEFAULT_AGENT_ID), Agent(id=UNKNOWN, active=False))
    async with VatelEmulator(agents=agents, foreign_agents=[FOREIGN]) as vatel, rest(vatel) as http:
        path = f"/agents/{DEFAULT_AGENT_ID}/dial"
        to = {"number": "+15551234567"}
        assert (await http.post(path, params=to)).status_code == 400
        imported = (await http.post("/twilio/numbers", json=number)).json()
        vatel.account.agents[DEFAULT_AGENT_ID] = Agent(id=DEFAULT_AGENT_ID, phone_number_id=imported["id"])
        variables = {"variables": [{"key": "name", "value": "Ann"}]}
        accepted = await http.post(path, params=to | {"firstMessage": "Hi"}, json=variables)
        refused = [
            (await http.post(path)).status_code,
            (await http.post(path, params={"number": "1"})).status_code,
            (await http.post(path, params=to | {"destination": "+15550000000"})).status_code,
            (await http.post(path, params=to | {"sipTrunkId": "x"})).status_code,
            (await http.post(path, params=to | {"sipTrunkId": UNKNOWN})).status_code,
            (await http.post(f"/agents/{UNKNOWN}/dial", params=to)).status_code,
            (await http.post(f"/agents/{FOREIGN}/dial", params=to)).status_code,
        ]
    assert accepted.json() == {"success": True}
    assert refused == [400, 400, 400, 400, 404, 404, 401]
    dialled = vatel.dials[0]
    assert (dialled.destination, dialled.first_message, dialled.variables) == (
        "+15551234567",
        "Hi",
        (("name", "Ann"),),
    )


# The server beneath.


async def test_a_port_that_is_taken_is_refused_by_name(vatel: VatelEmulator) -> None:
    with pytest.raises(ServerFailed, match=f"port {vatel.server.port} cannot be taken"):
        async with LoopbackServer(Starlette(), port=vatel.server.port):
            pass


async def test_an_application_that_does_not_start_is_an_error_and_not_an_exit() -> None:
    @asynccontextmanager
    async def broken(app: Starlette) -> AsyncIterator[None]:
        raise OSError("no disk")
        yield

    with pytest.raises(ServerFailed, match="start-up failed"):
        async with LoopbackServer(Starlette(lifespan=broken)):
            pass


async def test_small_answers_do_not_wait_for_an_acknowledgement(vatel: VatelEmulator) -> None:
    loop = asyncio.get_running_loop()
    async with rest(vatel) as http:
        await http.get("/llms")
        began = loop.time()
        for _ in range(20):
            await http.get("/llms")
    assert loop.time() - began < 0.6  # 20 delayed acknowledgements are 0.8 s


async def test_the_body_s_own_error_comes_out_as_it_is() -> None:
    with pytest.raises(ZeroDivisionError):
        async with LoopbackServer(Starlette()):
            _ = 1 / 0


async def test_a_message_too_large_ends_its_session_alone() -> None:
    async with by_hand() as (vatel, session, socket):
        with suppress(ConnectionClosed):
            await socket.send("x" * (4 * 1024 * 1024 + 1))
        await rest_of(socket)
        assert socket.close_code == 1009
        await vatel.wait_for(lambda: session.record.ended)
        assert session.record.end_reason == "disconnected with 1009"


async def test_an_application_that_does_not_end_is_cancelled_after_the_grace() -> None:
    async def stuck(websocket: WebSocket) -> None:
        await websocket.accept()
        await asyncio.Event().wait()

    app = Starlette(routes=[WebSocketRoute("/", stuck)])
    loop = asyncio.get_running_loop()
    async with LoopbackServer(app, grace_s=0.1) as server:
        socket = await connect(server.url.replace("http", "ws", 1), proxy=None)
        began = loop.time()
    assert loop.time() - began < 1
    await socket.wait_closed()


async def test_a_client_that_does_not_read_is_given_up() -> None:
    async with by_hand() as (vatel, session, socket):
        for _ in range(10_001):
            session.send_raw("{}")
        await vatel.wait_for(lambda: session.record.ended)
        assert session.record.end_reason == "the client does not read"
        session.send_raw("after the end")
        await rest_of(socket)


async def test_a_fault_of_the_emulator_ends_its_session_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(text: str) -> voice.Clip:
        raise OSError("no sound")

    monkeypatch.setattr(voice, "speak", broken)
    plan = (Script(steps=(Say(text="Hi"),)), Script(steps=(End(),)))
    async with VatelEmulator(script=plan) as vatel:
        async with client(vatel) as socket:
            assert kinds(await rest_of(socket)) == ["session_started"]
        assert socket.close_code == 1006
        async with client(vatel) as socket:
            assert kinds(await rest_of(socket)) == ["session_started", "session_ended"]
    assert vatel.sessions[0].end_reason == "the emulator failed: OSError('no sound')"
