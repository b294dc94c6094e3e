"""The Vatel emulator over real sockets: everything a gateway must live through."""

import asyncio
import base64

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.emulators import voice
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.script import Pause, Say, Script
from tests.integration.vatel_client import (
    address,
    audio_of,
    by_hand,
    client,
    kinds,
    received,
    rest,
    rest_of,
    token,
    until,
)

pytestmark = pytest.mark.anyio
pytest_plugins = ["gateway.emulators.vatel.fixtures"]


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
