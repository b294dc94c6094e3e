"""The Vatel emulator over real sockets: the rest of the API, and the server beneath."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from gateway.emulators import voice
from gateway.emulators.server import LoopbackServer, ServerFailed
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID, Agent
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.script import End, Say, Script, Tool
from tests.integration.vatel_client import (
    FOREIGN,
    SPEECH,
    UNKNOWN,
    answer,
    by_hand,
    client,
    kinds,
    rest,
    rest_of,
    speak,
    until,
)

pytestmark = pytest.mark.anyio
pytest_plugins = ["gateway.emulators.vatel.fixtures"]


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
