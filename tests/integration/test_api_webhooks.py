"""Webhooks that were given up, and another try."""

from datetime import timedelta
from pathlib import Path

import pytest

from gateway.store import outbox
from gateway.store.identifiers import MessageId, new_message
from gateway.store.records import Outgoing
from tests.integration.api_rig import NOW, Rig, api

pytestmark = pytest.mark.anyio


async def _dead(rig: Rig, seconds: int = 0) -> MessageId:
    """A webhook that nobody took."""
    message = new_message()
    at = NOW + timedelta(seconds=seconds)
    record = Outgoing(
        id=message,
        endpoint="https://user:word@example.com/hook?token=1",
        event_type="call.ended",
        payload={"a": 1},
        at=at,
    )
    async with rig.database.write() as connection:
        await outbox.add(connection, record)
        await outbox.claim(connection, "test", at, timedelta(minutes=1))
        await outbox.failed(connection, message, "test", "410 Gone", None)
    return message


async def test_dead_webhooks_are_listed_without_what_is_secret_in_their_address(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        first, second = await _dead(rig), await _dead(rig, 1)
        page = (await rig.get("/v1/webhooks/dead?limit=1")).json()
        rest = (await rig.get("/v1/webhooks/dead", params={"cursor": page["next_cursor"]})).json()
    assert [each["id"] for each in page["webhooks"]] == [second]
    assert page["webhooks"][0]["endpoint"] == "https://example.com/hook"
    assert page["webhooks"][0]["last_error"] == "410 Gone"
    assert [each["id"] for each in rest["webhooks"]] == [first]
    assert rest["next_cursor"] is None


async def test_all_dead_webhooks_since_a_time_are_delivered_after_all(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        first, second = await _dead(rig), await _dead(rig, 60)
        since = (NOW + timedelta(seconds=30)).isoformat().replace("+00:00", "Z")
        replayed = await rig.client.post("/v1/webhooks/replay", json={"since": since})
        wrong = await rig.client.post("/v1/webhooks/replay", json={"since": "yesterday"})
        left = (await rig.get("/v1/webhooks/dead")).json()["webhooks"]
    assert (replayed.status_code, replayed.json()) == (202, {"replayed": 1})
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "since")
    assert ([each["id"] for each in left], second != first) == ([first], True)


async def test_a_dead_webhook_is_delivered_after_all_but_once(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        message = await _dead(rig)
        replayed = await rig.client.post(f"/v1/webhooks/{message}/replay")
        again = await rig.client.post(f"/v1/webhooks/{message}/replay")
        nobody = await rig.client.post(f"/v1/webhooks/{new_message()}/replay")
        async with rig.database.write() as connection:
            due = await outbox.claim(connection, "test", NOW.replace(year=2100), timedelta(minutes=1))
    assert (replayed.status_code, replayed.json()) == (202, {"id": message, "state": "pending"})
    assert again.status_code == 409
    assert nobody.status_code == 404
    assert [each.id for each in due] == [message]
