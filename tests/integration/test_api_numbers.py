"""The API of numbers, asked over its door: answers, problems, and what never comes out."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.routing import Route

from gateway.emulators.twilio.emulator import AUTH_TOKEN
from gateway.emulators.twilio.faults import RestFault
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.web.api.door import Door, Resource
from gateway.web.api.keyring import Keyring
from gateway.web.api.numbers import NumbersApi
from gateway.web.api.scopes import Scope
from tests.integration.numbers_rig import (
    AGENT,
    FOREIGN_ACCOUNT,
    FOREIGN_TOKEN,
    OTHER_AGENT,
    OURS,
    PERSON,
    SECOND,
    TRUNK,
    VOICE,
    Rig,
    running,
)

pytestmark = pytest.mark.anyio
KEY = "a-key-for-the-tests"
ONE = f"/v1/numbers/{OURS}"


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as made:
        yield made


@pytest.fixture
async def api(rig: Rig) -> AsyncIterator[httpx.AsyncClient]:
    door = Door(Keyring(rig.database, SecretStr(KEY)))
    table = NumbersApi(rig.numbers).endpoints()
    paths = dict.fromkeys(endpoint.path for endpoint in table)
    routes = [Route(path, Resource(door, [each for each in table if each.path == path])) for path in paths]
    transport = httpx.ASGITransport(Starlette(routes=routes))
    headers = {"Authorization": f"Bearer {KEY}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway", headers=headers) as client:
        yield client


def problem(answer: httpx.Response) -> tuple[int, list[str]]:
    assert answer.headers["content-type"] == "application/problem+json"
    found: dict[str, Any] = answer.json()
    return answer.status_code, [each["field"] for each in found.get("errors", [])]


async def test_numbers_are_listed_with_what_each_side_knows(rig: Rig, api: httpx.AsyncClient) -> None:
    await rig.numbers.bring(OURS, label="Sales")
    answer = await api.get("/v1/numbers")
    assert answer.status_code == 200
    ours, second = answer.json()["numbers"]
    assert answer.json()["missing"] == []
    assert (ours["number"], ours["label"], ours["vatel"]["label"], ours["route"]) == (
        OURS,
        "Sales",
        "Sales",
        None,
    )
    assert ours["twilio"]["place"] == "elsewhere"
    assert (second["twilio"]["destination"], second["vatel"]) == (TRUNK, None)


async def test_a_partial_list_says_what_is_missing(rig: Rig, api: httpx.AsyncClient) -> None:
    rig.twilio.refuse_rest(RestFault(503))
    rig.vatel.behaviour = Behaviour(api_status=503)
    answer = await api.get("/v1/numbers")
    assert answer.status_code == 200
    assert [each["side"] for each in answer.json()["missing"]] == ["twilio", "vatel"]
    assert all(each["reason"] and each["remedy"] for each in answer.json()["missing"])
    with rig.broken_database():
        assert problem(await api.get("/v1/numbers")) == (503, [])


async def test_a_number_is_imported_once(rig: Rig, api: httpx.AsyncClient) -> None:
    body = {"number": OURS, "label": "Sales"}
    answer = await api.post("/v1/numbers/import", json=body)
    assert answer.status_code == 201
    assert {**answer.json(), "id": ""} == {
        "id": "",
        "number": OURS,
        "label": "Sales",
        "account_sid": rig.twilio.account.sid,
    }
    assert problem(await api.post("/v1/numbers/import", json=body)) == (409, [])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({"number": "nobody"}, ["number"]),
        ({"number": "+1415555"}, ["number"]),
        ({"number": OURS, "account_sid": FOREIGN_ACCOUNT}, ["auth_token"]),
        ({"number": OURS, "auth_token": ""}, ["auth_token"]),
        ({"number": OURS, "auth_token": 7}, ["auth_token"]),
        ({"number": OURS, "account_sid": "AC1", "auth_token": FOREIGN_TOKEN}, ["account_sid"]),
        ({"number": OURS, "token": FOREIGN_TOKEN}, ["token"]),
    ],
)
async def test_what_is_wrong_with_an_import_is_named(
    rig: Rig, api: httpx.AsyncClient, body: dict[str, Any], fields: list[str]
) -> None:
    answer = await api.post("/v1/numbers/import", json=body)
    assert problem(answer) == (422, fields)
    assert FOREIGN_TOKEN not in answer.text
    assert rig.vatel.account.numbers == {}


async def test_a_token_comes_out_nowhere(rig: Rig, api: httpx.AsyncClient) -> None:
    body = {"number": OURS, "account_sid": FOREIGN_ACCOUNT, "auth_token": FOREIGN_TOKEN}
    answers = [await api.post("/v1/numbers/import", json=body)]
    assert answers[0].status_code == 201
    vatel_says = f'{{"error": "bad token {FOREIGN_TOKEN} of {OURS}"}}'
    for status in (400, 409, 500, 502):
        rig.vatel.behaviour = Behaviour(api_status=status, api_body=vatel_says, api_only="POST")
        answers.append(await api.post("/v1/numbers/import", json=body))
        assert problem(answers[-1])[0] == (409 if status == 409 else 502)
    rig.vatel.behaviour = Behaviour()
    answers += [await api.get("/v1/numbers"), await api.post("/v1/numbers/import", json={"number": SECOND})]
    shown = [rig.output.getvalue(), rig.kept().decode("latin-1")]
    shown += [answer.text + repr(answer.headers) for answer in answers]
    for text in shown:
        assert FOREIGN_TOKEN not in text
        assert AUTH_TOKEN not in text
    assert OURS not in rig.output.getvalue()


async def test_a_number_is_labelled(rig: Rig, api: httpx.AsyncClient) -> None:
    await rig.numbers.bring(OURS)
    answer = await api.patch(f"/v1/numbers/%2B{OURS[1:]}", json={"label": "Support"})
    assert (answer.status_code, answer.json()) == (200, {"number": OURS, "label": "Support"})
    assert [number["label"] for number in rig.vatel.account.numbers.values()] == ["Support"]
    assert problem(await api.patch("/v1/numbers/+14155550177", json={"label": "x"})) == (404, [])
    assert problem(await api.patch(ONE, json={"label": "two\nlines"})) == (422, ["label"])
    assert problem(await api.patch(ONE, json={})) == (422, ["label"])


async def test_a_route_is_put_read_and_deleted(api: httpx.AsyncClient) -> None:
    route = {
        "first_message": "Hello {{name|there}}.",
        "fallback_number": PERSON,
        "transfer_numbers": [PERSON],
        "tools": [],
        "max_duration_s": 600,
        "recording": True,
        "recording_notice": "This call is recorded.",
        "lookup_url": "https://crm.example.com/callers",
        "weights": {AGENT: 3, OTHER_AGENT: 1},
    }
    whole = {"number": OURS, "agent_id": None, "version_id": None, "prompt": None, **route}
    answer = await api.put(f"{ONE}/route", json=route)
    assert (answer.status_code, answer.json()) == (200, whole)
    assert (await api.get(f"{ONE}/route")).json() == whole
    assert (await api.get("/v1/numbers")).json()["numbers"][0]["route"] == whole
    assert (await api.delete(f"{ONE}/route")).status_code == 204
    for answer in (await api.get(f"{ONE}/route"), await api.delete(f"{ONE}/route")):
        assert problem(answer) == (404, [])


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, []),
        ({"agent": AGENT}, ["agent"]),
        ({"agent_id": "00000000-0000-4000-8000-000000000000"}, ["agent_id"]),
        ({"first_message": "Hello {{"}, ["first_message"]),
        ({"transfer_numbers": [PERSON, "911"]}, ["transfer_numbers.1"]),
        ({"tools": ["rob_bank"]}, ["tools.0"]),
        ({"max_duration_s": "600"}, ["max_duration_s"]),
        ({"max_duration_s": 1}, ["max_duration_s"]),
        ({"weights": {AGENT: True}}, [f"weights.{AGENT}"]),
        ({"weights": {AGENT: 0}}, ["weights"]),
        ({"lookup_url": "https://localhost/"}, ["lookup_url"]),
    ],
)
async def test_what_is_wrong_with_a_route_is_named(
    api: httpx.AsyncClient, body: dict[str, Any], fields: list[str]
) -> None:
    assert problem(await api.put(f"{ONE}/route", json=body)) == (422, fields)


async def test_a_vendor_that_fails_is_no_field(rig: Rig, api: httpx.AsyncClient) -> None:
    rig.vatel.behaviour = Behaviour(api_status=500)
    assert problem(await api.put(f"{ONE}/route", json={"agent_id": AGENT})) == (502, [])


async def test_a_number_is_connected_and_disconnected(rig: Rig, api: httpx.AsyncClient) -> None:
    answer = await api.post(f"{ONE}/connect")
    assert answer.status_code == 200
    assert (answer.json()["place"], answer.json()["routing"]["voice_url"]) == ("here", VOICE)
    before = answer.json()["before"]
    assert (await api.post(f"{ONE}/connect")).json() == answer.json()
    rig.phone.trunk_sid = TRUNK
    refused = await api.post(f"{ONE}/disconnect")
    assert problem(refused) == (409, [])
    assert TRUNK in refused.json()["detail"]
    restored = (await api.post(f"{ONE}/disconnect?force=true")).json()
    assert (restored["place"], restored["routing"], restored["before"]) == ("elsewhere", before, None)


async def test_an_unknown_number_is_not_connected(api: httpx.AsyncClient) -> None:
    for action in ("connect", "disconnect"):
        assert problem(await api.post(f"/v1/numbers/+14155550177/{action}")) == (404, [])
        assert problem(await api.post(f"/v1/numbers/nobody/{action}"))[0] == 404


def test_every_endpoint_is_described_and_asks_for_the_right_scope(tmp_path: Path) -> None:
    endpoints = NumbersApi(None).endpoints()  # type: ignore[arg-type]  # the table alone
    assert all(endpoint.summary and endpoint.description for endpoint in endpoints)
    reading = {endpoint.name for endpoint in endpoints if endpoint.scope is Scope.NUMBERS_READ}
    assert reading == {endpoint.name for endpoint in endpoints if endpoint.method == "GET"}
    assert {endpoint.scope for endpoint in endpoints} == {Scope.NUMBERS_READ, Scope.NUMBERS_WRITE}
