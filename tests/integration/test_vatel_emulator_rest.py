"""The Vatel emulator's REST endpoints: what they keep, what they refuse, what they get wrong when told to."""

import asyncio
from typing import Any

import httpx
import pytest

from gateway.emulators.vatel.account import DEFAULT_AGENT_ID, MOST_RESOURCES, Agent
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.records import DialOutcome
from tests.integration.vatel_client import FOREIGN, UNKNOWN, rest

pytestmark = pytest.mark.anyio
pytest_plugins = ["gateway.emulators.vatel.fixtures"]
AGENT = f"/agents/{DEFAULT_AGENT_ID}"
TO = {"number": "+14155550101"}


async def made(http: httpx.AsyncClient, path: str, **content: object) -> dict[str, Any]:
    answer = await http.post(path, json=content)
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def refused(http: httpx.AsyncClient, method: str, path: str, **content: object) -> int:
    answer = await http.request(method, path, json=content)
    assert answer.json()["error"]
    return answer.status_code


async def with_number(vatel: VatelEmulator, http: httpx.AsyncClient) -> None:
    number = {"phone_number": "+14155550100", "account_sid": "AC1", "auth_token": "emulated"}
    number_id = (await made(http, "/twilio/numbers", **number))["id"]
    vatel.account.agents[DEFAULT_AGENT_ID] = Agent(id=DEFAULT_AGENT_ID, phone_number_id=number_id)


# Agents.


async def test_an_agent_is_made_changed_and_removed(vatel: VatelEmulator) -> None:
    async with rest(vatel) as http:
        agent = await made(http, "/agents", name="Shop", keyterms=["latte"], vad_settings={"stop_secs": 1.5})
        path = f"/agents/{agent['id']}"
        change = {"status": "active", "vad_settings": {"start_secs": 0.1}, "keyterms": []}
        changed = (await http.patch(path, json=change)).json()
        assert (await http.get(path)).json() == changed
        assert (await http.delete(path)).status_code == 204
        assert (await http.get(path)).status_code == 404
    assert (agent["name"], agent["status"], agent["keyterms"]) == ("Shop", "inactive", ["latte"])
    assert (changed["status"], changed["keyterms"]) == ("active", [])
    assert changed["vad_settings"] == {"start_secs": 0.1, "stop_secs": 1.5}


@pytest.mark.parametrize(
    "change",
    [
        {"name": 5},
        {"news": "of tomorrow"},
        {"llm": "nobody/nothing"},
        {"status": "asleep"},
        {"default_language": "tlh"},
        {"phone_number_id": UNKNOWN},
        {"voice_settings": {"id": "nobody", "provider": "openai"}},
        {"voice_settings": {"id": "emulated-agent"}},
        {"voice_settings": {"id": "emulated-agent", "provider": "openai", "speed": 3}},
    ],
)
async def test_an_agent_is_not_made_of_anything(vatel: VatelEmulator, change: dict[str, object]) -> None:
    async with rest(vatel) as http:
        assert await refused(http, "PATCH", AGENT, **change) == 400
        assert await refused(http, "POST", "/agents", **({"name": "Shop"} | change)) == 400
        assert await refused(http, "POST", "/agents") == 400


async def test_there_may_be_so_many_agents(vatel: VatelEmulator) -> None:
    agents = vatel.account.agents
    agents |= {str(number): Agent(id=str(number)) for number in range(MOST_RESOURCES - len(agents))}
    async with rest(vatel) as http:
        assert await refused(http, "POST", "/agents", name="One more") == 400


async def test_a_version_is_published_once(vatel: VatelEmulator) -> None:
    async with rest(vatel) as http:
        first, draft = (await http.get(f"{AGENT}/versions")).json()
        publish = f"{AGENT}/versions/{draft['id']}/publish"
        published = await http.post(publish)
        assert (published.status_code, published.json()["id"]) == (200, draft["id"])
        assert await refused(http, "POST", publish) == 409
        assert await refused(http, "POST", f"{AGENT}/versions/{first['id']}/publish") == 409
        detail = (await http.get(f"{AGENT}/versions/{draft['id']}")).json()
    assert "published_at" not in draft
    assert detail["version"] == published.json()


# Dialling.


async def test_a_dialled_call_has_the_outcome_it_was_given() -> None:
    talk = DialOutcome(
        transcript=(("user", "Yes"),), variables={"coming": True}, tags=("rsvp",), recording=bytes(480)
    )
    busy = DialOutcome(answered=False, termination_reason="busy")
    async with VatelEmulator(outcome=(talk, busy)) as vatel, rest(vatel) as http:
        await with_number(vatel, http)
        for _ in range(3):
            assert (await http.post(f"{AGENT}/dial", params=TO)).status_code == 200
        calls = (await http.get("/calls", params={"outbound": "true", "search": "0101"})).json()["calls"]
        tagged = (await http.get("/calls", params={"tag": "rsvp"})).json()["calls"]
        sound = await http.get(f"/calls/{calls[-1]['id']}/recording")
        silent = await http.get(f"/calls/{calls[0]['id']}/recording")
        assert (await http.get("/calls", params={"search": "0199"})).json()["calls"] == []
    assert [call["termination_reason"] for call in calls] == ["busy", "busy", "ended_by_user"]
    assert {(call["status"], call["source"], call["outbound"]) for call in calls} == {
        ("ended", "twilio", True)
    }
    assert "started_at" not in calls[0]
    assert tagged == [calls[-1]]
    assert tagged[0]["transcript"]["entries"][0]["message"] == "Yes"
    assert [entry["value"] for entry in tagged[0]["extracted_variables"]] == [True]
    assert (sound.status_code, len(sound.content), silent.status_code) == (200, 44 + 480, 404)


async def test_a_dialled_call_goes_on_until_it_is_ended() -> None:
    long = (DialOutcome(talk_s=None, summary="Coming"), DialOutcome(ring_s=3_600, recording=b""))
    async with VatelEmulator(outcome=long) as vatel, rest(vatel) as http:
        await with_number(vatel, http)
        for _ in range(2):
            await http.post(f"{AGENT}/dial", params=TO)
        paths = [f"/calls/{call.id}" for call in vatel.phone_calls]
        before = [(await http.get(path)).json() for path in paths]
        assert (await http.get(f"{paths[0]}/recording")).status_code == 404
        for call in vatel.phone_calls:
            call.end("ended_by_agent")
        after = [(await http.get(path)).json() for path in paths]
    assert [call["status"] for call in before] == ["in_progress", "connected"]
    assert (before[0]["summary"], after[0]["summary"]) == ("", "Coming")
    assert {(call["status"], call["termination_reason"]) for call in after} == {("ended", "ended_by_agent")}


async def test_a_trunk_is_dialled_through_when_it_is_the_agent_s(vatel: VatelEmulator) -> None:
    async with rest(vatel) as http:
        trunk = await made(http, "/sip-trunks", pbx="generic")
        through = TO | {"sipTrunkId": trunk["id"], "callerId": "shop"}
        assert (await http.post(f"{AGENT}/dial", params=through)).status_code == 403
        await made(http, f"/sip-trunks/{trunk['id']}/assignments", agent_id=DEFAULT_AGENT_ID)
        assert (await http.post(f"{AGENT}/dial", params=through)).status_code == 200
        [call] = (await http.get("/calls", params={"source": "sip"})).json()["calls"]
    assert (vatel.dials[0].sip_trunk_id, vatel.dials[0].caller_id) == (trunk["id"], "shop")
    assert call["party_number"] == TO["number"]


# Trunks.


async def test_a_trunk_keeps_no_passwords_and_clears_what_is_null(vatel: VatelEmulator) -> None:
    async with rest(vatel) as http:
        secret = {"inbound_sip_password": "not-to-be-told", "outbound_sip_password": "not-to-be-told"}
        trunk = await made(
            http, "/sip-trunks", pbx="3cx", inbound_sip_username="shop", register=True, **secret
        )
        path = f"/sip-trunks/{trunk['id']}"
        assert await refused(http, "POST", "/sip-trunks", pbx="webex", inbound_sip_username="shop") == 409
        assert await refused(http, "PATCH", path) == 400
        cleared = (await http.patch(path, json={"register": None, "inbound_sip_username": None})).json()
        await made(http, f"{path}/assignments", agent_id=DEFAULT_AGENT_ID)
        assert (await http.delete(path)).status_code == 204
    assert "not-to-be-told" not in str(trunk) + str(vatel.account)
    assert (trunk["register"], cleared["register"], cleared["inbound_sip_username"]) == (True, False, "")
    assert (vatel.account.trunks, vatel.account.assignments) == ({}, {})


async def test_numbers_on_trunks_are_given_once() -> None:
    async with VatelEmulator(foreign_agents=[FOREIGN]) as vatel, rest(vatel) as http:
        first, second = [
            f"/sip-trunks/{(await made(http, '/sip-trunks', pbx='generic'))['id']}/assignments" for _ in "12"
        ]
        agent = {"agent_id": DEFAULT_AGENT_ID}
        place = await made(http, first, **agent, number="100", alternate_number="900")
        other = await made(http, second, **agent, number="100")
        assert await refused(http, "POST", first, **agent, number="100") == 409
        assert await refused(http, "POST", second, **agent, alternate_number="900") == 409
        path = f"/sip-trunks/assignments/{other['id']}"
        assert await refused(http, "PATCH", path, alternate_number="900") == 409
        own = f"/sip-trunks/assignments/{place['id']}"
        cleared = (await http.patch(own, json={"alternate_number": None})).json()
        assert (await http.patch(path, json={"alternate_number": "900"})).status_code == 200
        assert await refused(http, "POST", first, agent_id=FOREIGN) == 400
        assert await refused(http, "POST", first, agent_id=UNKNOWN) == 404
    assert (cleared["number"], cleared["alternate_number"]) == ("100", "")


# Tokens and failures.


async def test_a_token_for_webrtc_names_a_room() -> None:
    async with VatelEmulator(webrtc_url="wss://media.example") as vatel, rest(vatel) as http:
        asked = {"agent_id": DEFAULT_AGENT_ID, "transport": "webrtc"}
        answer = (await http.post("/session-token", json=asked)).json()
    assert answer.keys() == {"token", "webrtc_token", "room", "identity", "url"}
    assert answer["url"] == "wss://media.example"


async def test_requests_fail_as_often_as_they_are_told_to() -> None:
    trouble = Behaviour(api_status=429, api_retry_after_s=3, api_times=2, api_only="GET /v1/agents")
    async with VatelEmulator(behaviour=trouble) as vatel, rest(vatel) as http:
        assert (await http.get("/llms")).status_code == 200
        answers = [await http.get("/agents") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [429, 429, 200]
    assert answers[0].headers["retry-after"] == "3"


async def test_an_answer_may_be_something_else() -> None:
    async with VatelEmulator(behaviour=Behaviour(api_body="<html>")) as vatel, rest(vatel) as http:
        answer = await http.get("/calls")
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        200,
        "<html>",
        "text/html; charset=utf-8",
    )


async def test_a_client_that_hangs_up_in_mid_request_is_no_error(
    vatel: VatelEmulator, caplog: pytest.LogCaptureFixture
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", vatel.server.port)
    head = f"POST /v1/session-token HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {vatel.api_key}\r\n"
    writer.write(f'{head}Content-Length: 99\r\n\r\n{{"agent_id"'.encode())
    await asyncio.sleep(0.1)
    writer.close()
    async with rest(vatel) as http:
        assert (await http.get("/agents")).status_code == 200
    assert not await reader.read()
    assert [record for record in caplog.records if record.exc_info] == []
