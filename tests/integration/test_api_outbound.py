"""The API of outbound calls: what it takes, what it refuses, and that nothing happens then."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select
from starlette.applications import Starlette

from gateway.emulators.server import LoopbackServer
from gateway.emulators.twilio.people import Callee, Outcome
from gateway.policy.quota import Quotas
from gateway.store import models
from gateway.store.identifiers import new_call
from gateway.web.api.buckets import Rate
from gateway.web.api.outbound import Outbound
from gateway.web.api.routes import door, routes
from tests.integration.dial_rig import AGENT, ALLOWED, FROM, HASTE, PLENTY, TO
from tests.integration.dial_world import World, until, world
from tests.unit.policy_hostile import COUNTRIES, OWN, hostile_numbers

pytestmark = pytest.mark.anyio
KEY = "a key that people chose"
HOSTILE = 2000
_OTHER_AGENT = "2b1d6f0e-91c4-4a57-8a7e-6d0c5f3b9e44"


@dataclass
class Asked:
    """The API and everything behind it."""

    at: World
    client: httpx.AsyncClient

    async def place(self, body: Mapping[str, Any], key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return await self.client.post("/v1/calls", json=body, headers=headers)

    async def stored(self) -> int:
        """How many rows there are of calls and of intents."""
        async with self.at.rig.database.read() as connection:
            counts = [
                await connection.scalar(select(func.count()).select_from(table))
                for table in (models.calls, models.dial_intents)
            ]
        return sum(count or 0 for count in counts)


@asynccontextmanager
async def api(folder: Path, quotas: Quotas = PLENTY) -> AsyncIterator[Asked]:
    """The API of a dialler between emulated carriers."""
    async with world(folder, quotas=quotas, times=replace(HASTE, rate_per_s=500.0)) as at:
        fast = Rate(burst=100_000, per_s=100_000)
        table = Outbound(at.dialler).endpoints()
        app = Starlette(routes=routes(door(at.rig.database, SecretStr(KEY), fast), table))
        async with (
            LoopbackServer(app) as server,
            httpx.AsyncClient(
                base_url=server.url, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False
            ) as client,
        ):
            yield Asked(at, client)


async def test_a_call_is_accepted_and_placed(tmp_path: Path) -> None:
    async with api(tmp_path) as asked:
        asked.at.twilio.callees[TO] = Callee(Outcome.BUSY, 0.1)
        body = {
            "to": "+1 (415) 555-0199",
            "from": FROM,
            "agent_id": AGENT,
            "first_message": "Hello {{name|there}}, {{tries}} times.",
            "prompt": "You call {{name|a customer}}.",
            "variables": {"name": "Ada", "tries": 2},
            "machine_detection": "leave_message",
            "message": "Please call back.",
            "ring_timeout": 20,
            "max_duration": 120,
            "metadata": {"order": {"id": 4711}},
            "callback_url": "https://customer.example/events",
        }
        answer = await asked.place(body)
        call_id = answer.json()["id"]
        await until(asked.at.posts)
        plan = asked.at.rig.board.plans.get(call_id)
        call = await asked.at.rig.call(call_id)
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/calls/{call_id}"
    shown = {name: answer.json()[name] for name in ("status", "via", "to", "from", "agent_id")}
    assert shown == {"status": "queued", "via": "gateway", "to": TO, "from": FROM, "agent_id": AGENT}
    assert (call.metadata, call.callback_url) == (body["metadata"], body["callback_url"])
    assert plan is None or plan.first_message == "Hello Ada, 2 times."
    assert call.variables == {"name": "Ada", "tries": "2"}


async def test_the_same_key_gives_the_same_answer_and_another_body_is_a_conflict(tmp_path: Path) -> None:
    async with api(tmp_path) as asked:
        asked.at.twilio.callees[TO] = Callee(Outcome.BUSY, 0.1)
        first = await asked.place({"to": TO, "metadata": {"a": 1, "b": 2}}, "order-1")
        await until(asked.at.posts)
        again = await asked.place({"metadata": {"b": 2, "a": 1}, "to": TO}, "order-1")
        other = await asked.place({"to": "+14155550198"}, "order-1")
        unnamed = await asked.place({"to": TO})
        await until(lambda: len(asked.at.posts()) == 2)
    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 409)
    assert again.json() == first.json() != unnamed.json()
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    assert other.json()["errors"][0]["field"] == "Idempotency-Key"


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"to": "911"}, "to"),
    ({"to": "+19005550123"}, "to"),
    ({"to": FROM}, "to"),
    ({"to": "+33123456789"}, "to"),
    ({}, "to"),
    ({"to": TO, "from": "+14155550177"}, "from"),
    ({"to": TO, "from": "nobody"}, "from"),
    ({"to": TO, "agent_id": _OTHER_AGENT}, "agent_id"),
    ({"to": TO, "version_id": _OTHER_AGENT}, "version_id"),
    ({"to": TO, "first_message": "Hello {{name"}, "first_message"),
    ({"to": TO, "prompt": "{{1}}"}, "prompt"),
    ({"to": TO, "first_message": "Hello {{name}}."}, "variables"),
    ({"to": TO, "variables": {"1": "x"}}, "variables"),
    ({"to": TO, "variables": {"name": {"first": "x"}}}, "variables"),
    ({"to": TO, "callback_url": "http://customer.example"}, "callback_url"),
    ({"to": TO, "callback_url": "https://127.0.0.1/"}, "callback_url"),
    ({"to": TO, "callback_url": "https://169.254.169.254/latest"}, "callback_url"),
    ({"to": TO, "machine_detection": "leave_message"}, "message"),
    ({"to": TO, "message": "Hello"}, "message"),
    ({"to": TO, "machine_detection": "hang_up", "send_digits": "1"}, "send_digits"),
    ({"to": TO, "send_digits": "1,2"}, "send_digits"),
    ({"to": TO, "ring_timeout": 600}, "ring_timeout"),
    ({"to": TO, "max_duration": 1}, "max_duration"),
    ({"to": TO, "max_duration": "60"}, "max_duration"),
    ({"to": TO, "metadata": {"x": "y" * 5000}}, "metadata"),
    ({"to": TO, "metadata": {"x": 10**30}}, "metadata"),
    ({"to": TO, "metadata": {"x": "\x00"}}, "metadata"),
    ({"to": TO, "via": "pigeon"}, "via"),
    ({"to": TO, "via": "vatel", "machine_detection": "hang_up"}, "machine_detection"),
    ({"to": TO, "via": "vatel", "ring_timeout": 20}, "ring_timeout"),
    ({"to": TO, "via": "vatel", "from": FROM}, "from"),
    ({"to": TO, "via": "vatel", "prompt": "x" * 5000}, "prompt"),
    ({"to": TO, "record": True}, "record"),
]


async def test_what_is_wrong_is_named_and_neither_dialled_nor_stored(tmp_path: Path) -> None:
    async with api(tmp_path) as asked:
        for body, field in REFUSED:
            answer = await asked.place(body)
            assert answer.status_code == 422, (body, answer.text)
            assert answer.headers["content-type"] == "application/problem+json"
            named = [each["field"].partition(".")[0] for each in answer.json()["errors"]]
            assert named == [field], answer.text
        assert await asked.stored() == 0
        assert asked.at.twilio.requests == []
        assert asked.at.vatel.dials == []


async def test_no_hostile_number_is_ever_dialled(tmp_path: Path) -> None:
    assert (FROM, ALLOWED) == (OWN, COUNTRIES), "the rig must be as the numbers are made for"
    async with api(tmp_path) as asked:
        passed = [
            (number, why, answer.status_code)
            for number, why in hostile_numbers(4, HOSTILE)
            if (answer := await asked.place({"to": number})).status_code != 422
        ]
        assert passed == []
        assert await asked.stored() == 0
        assert asked.at.twilio.requests == []


async def test_a_limit_says_which_and_when_to_come_again(tmp_path: Path) -> None:
    async with api(tmp_path, replace(PLENTY, per_minute=2)) as asked:
        asked.at.twilio.callees[TO] = Callee(Outcome.BUSY, 0.1)
        answers = [await asked.place({"to": TO}) for _ in range(3)]
        await until(lambda: len(asked.at.posts()) == 2)
    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert answers[2].json()["errors"][0]["code"] == "per_minute"
    assert 1 <= int(answers[2].headers["retry-after"]) <= 60


async def test_a_call_is_hung_up_once_and_an_unknown_one_never(tmp_path: Path) -> None:
    async with api(tmp_path) as asked:
        asked.at.twilio.callees[TO] = Callee(after_s=600)
        call_id = (await asked.place({"to": TO})).json()["id"]
        await until(lambda: asked.at.rig.board.names)
        statuses = [(await asked.client.post(f"/v1/calls/{call_id}/hangup")).status_code]
        await until(lambda: "call.ended" in asked.at.rig.kinds(call_id))
        await asked.at.rig.call(call_id)
        statuses.append((await asked.client.post(f"/v1/calls/{call_id}/hangup")).status_code)
        statuses += [
            (await asked.client.post(f"/v1/calls/{name}/hangup")).status_code
            for name in (new_call(), "call_x")
        ]
    assert statuses == [204, 409, 404, 404]


async def test_a_call_that_is_not_answered_is_not_transferred(tmp_path: Path) -> None:
    async with api(tmp_path) as asked:
        asked.at.twilio.callees[TO] = Callee(after_s=600)
        call_id = (await asked.place({"to": TO})).json()["id"]
        path = f"/v1/calls/{call_id}/transfer"
        answers = [
            (await asked.client.post(path, json={"to": to})).status_code for to in ("+14155550142", "911", TO)
        ]
        await until(lambda: asked.at.rig.board.names)
    assert answers == [409, 422, 422]
