"""The Vatel emulator against the table of Vatel's operations."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from starlette.routing import Route

from gateway.emulators.vatel.account import DEFAULT_AGENT_ID, Agent
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.records import DialOutcome
from gateway.emulators.vatel.rest import routes
from tests.integration.vatel_client import UNKNOWN, rest
from tests.unit.vatel_table import OPERATIONS, SHAPES, Operation, field, sample

pytestmark = pytest.mark.anyio
EACH = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
ACCOUNT_SID = "AC" + "0" * 32
OUTCOME = DialOutcome(
    transcript=(("assistant", "Hello"), ("user", "Bye")),
    variables={"age": 5, "name": "Ann"},
    tags=("vip",),
    recording=bytes(480),
)


class World:
    """An emulator that holds one thing of each kind, and the ids of these."""

    def __init__(self, vatel: VatelEmulator, http: httpx.AsyncClient) -> None:
        self.vatel = vatel
        self.http = http
        self.ids: dict[str, str] = {}

    async def build(self) -> None:
        number = {"phone_number": "+14155550100", "account_sid": ACCOUNT_SID, "auth_token": "emulated"}
        self.ids["number"] = await self._made("/twilio/numbers", number)
        self.ids["agent"] = DEFAULT_AGENT_ID
        owner = Agent(id=DEFAULT_AGENT_ID, phone_number_id=self.ids["number"])
        self.vatel.account.agents[DEFAULT_AGENT_ID] = owner
        self.ids["trunk"] = await self._made("/sip-trunks", {"pbx": "generic"})
        place = {"agent_id": DEFAULT_AGENT_ID, "number": "100"}
        self.ids["place"] = await self._made(f"/sip-trunks/{self.ids['trunk']}/assignments", place)
        versions = (await self.http.get(f"/agents/{DEFAULT_AGENT_ID}/versions")).json()
        self.ids["version"] = versions[-1]["id"]
        dialled = await self.http.post(f"/agents/{DEFAULT_AGENT_ID}/dial?number=%2B14155550101")
        assert dialled.status_code == 200
        self.ids["call"] = self.vatel.phone_calls[0].id

    async def _made(self, path: str, content: dict[str, str]) -> str:
        answer = await self.http.post(path, json=content)
        assert answer.status_code == 201
        return str(answer.json()["id"])

    def path(self, operation: Operation, known: str = "") -> str:
        """The operation's path, its ids those of what is there, or ``known``."""
        areas = {"/v1/agents": "agent", "/v1/calls": "call", "/v1/twilio": "number", "/v1/sip": "trunk"}
        own = next((self.ids[each] for area, each in areas.items() if operation.path.startswith(area)), "")
        path = operation.path.removeprefix("/v1").replace("{id}", known or own)
        path = path.replace("{versionId}", known or self.ids["version"])
        return path.replace("{assignmentId}", known or self.ids["place"])

    def body(self, operation: Operation) -> Any:
        """A whole body with what the emulator knows in it."""
        content = sample(operation.body) if operation.body else None
        known: dict[str, object] = {
            "phone_number_id": self.ids["number"],
            "llm": "openai/gpt-4.1-mini",
            "fallback_llm": "openai/gpt-4.1-mini",
            "voice_settings": {"id": "emulated-agent", "provider": "openai", "speed": 1.2},
            "caller_id_transforms": [{"type": "replace", "value": "a", "value2": "b", "number": 1}],
            "agent_id": DEFAULT_AGENT_ID,
            "version_id": self.ids["version"],
            "chat_id": UNKNOWN,
            "phone_number": "+14155550102",
            "account_sid": ACCOUNT_SID,
        }
        return content and {name: known.get(name, value) for name, value in content.items()}

    def query(self, operation: Operation) -> dict[str, str]:
        known = {"number": "+14155550103", "destination": "+14155550103", "sipTrunkId": self.ids["trunk"]}
        return {name: known.get(name, "some") for name in operation.query if operation.body}


@pytest.fixture
async def world() -> AsyncIterator[World]:
    emulator = VatelEmulator(outcome=OUTCOME, webrtc_url="wss://media.example")
    async with emulator as vatel, rest(vatel) as http:
        built = World(vatel, http)
        await built.build()
        yield built


def wrong(spec: str, value: object, where: str) -> Iterator[str]:
    """What an answer holds against the table."""
    described = field(spec)
    if described.many and isinstance(value, list):
        for number, each in enumerate(value):
            yield from wrong(described.kind, each, f"{where}[{number}]")
    elif described.kind in SHAPES and isinstance(value, dict):
        fields = SHAPES[described.kind]
        yield from (f"{where}.{name} is unknown" for name in value.keys() - fields.keys())
        for name, each in fields.items():
            if name in value:
                kind = f"[{each.kind}]" if each.many else each.kind
                yield from wrong(kind, value[name], f"{where}.{name}")
            elif each.required:
                yield f"{where}.{name} is missing"
    else:
        types: dict[str, type | tuple[type, ...]] = {"text": str, "number": (int, float), "integer": int}
        types |= {"flag": bool, "object": dict}
        if described.many or not isinstance(value, types.get(described.kind, object)):
            yield f"{where} is {value!r}, not {spec}"


def test_the_emulator_has_every_operation_and_no_other() -> None:
    found = {
        (method, route.path)
        for route in routes(VatelEmulator().account)
        if isinstance(route, Route)
        for method in (route.methods or set()) - {"HEAD"}
    }
    assert found == {(each.method, each.path) for each in OPERATIONS.values()}


@EACH
async def test_the_emulator_answers_as_documented(world: World, operation: Operation) -> None:
    answer = await world.http.request(
        operation.method,
        world.path(operation),
        params=world.query(operation),
        json=world.body(operation),
    )
    assert answer.status_code == operation.status, answer.text
    if operation.answer == "sound":
        assert answer.headers["content-type"] == "audio/wav"
        assert answer.headers["content-disposition"] == f'attachment; filename="{world.ids["call"]}.wav"'
    elif operation.answer:
        assert list(wrong(operation.answer, answer.json(), "answer")) == []
        assert answer.json()
    else:
        assert answer.content == b""


@EACH
async def test_the_emulator_refuses_as_documented(world: World, operation: Operation) -> None:
    async def status(known: str = "", **more: Any) -> int:
        path, content = world.path(operation, known), world.body(operation)
        query = world.query(operation)
        answer = await world.http.request(operation.method, path, params=query, json=content, **more)
        assert isinstance(answer.json()["error"], str)
        return answer.status_code

    assert await status(headers={"Authorization": "Bearer wrong"}) == 401
    if "{" in operation.path:
        assert (await status("x"), await status(UNKNOWN)) == (400, 404)
