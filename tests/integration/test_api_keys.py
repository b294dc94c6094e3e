"""Who gets in, how often, and what becomes of keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from gateway.store import keys
from gateway.store.key_text import mint
from gateway.web.api.buckets import Rate
from gateway.web.api.scopes import Scope
from tests.integration.api_rig import FIRST_KEY, api, bearer

pytestmark = pytest.mark.anyio


async def test_the_key_of_the_settings_may_do_everything(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        answer = await rig.get("/v1/")
    assert answer.status_code == 200
    assert answer.json()["key"]["name"] == "GATEWAY_API_KEY"
    assert set(answer.json()["key"]["scopes"]) == set(Scope)


async def test_without_a_key_of_the_settings_its_text_opens_nothing(tmp_path: Path) -> None:
    async with api(tmp_path, first_key=None) as rig:
        assert (await rig.get("/v1/")).status_code == 401


@pytest.mark.parametrize(
    ("headers", "words", "challenge"),
    [
        ({}, "has no key", 'Bearer realm="vatel-gateway"'),
        ({"Authorization": "Basic dTpw"}, "can't be read", "invalid_request"),
        ({"Authorization": "Bearer"}, "can't be read", "invalid_request"),
        (bearer("x" * 201), "can't be read", "invalid_request"),
        (bearer("sk_1"), "begin with vgw_", "invalid_token"),
        (bearer("vgw_" + "0" * 22 + "_000000"), "mistyped", "invalid_token"),
        (bearer(mint().get_secret_value()), "unknown", "invalid_token"),
    ],
)
async def test_a_bad_key_is_told_what_is_wrong_with_it(
    tmp_path: Path, headers: dict[str, str], words: str, challenge: str
) -> None:
    async with api(tmp_path) as rig, httpx.AsyncClient(base_url=rig.url) as client:
        answer = await client.get("/v1/calls", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/docs#problem-unauthorized"
    assert words in answer.json()["detail"]
    assert challenge in answer.headers["www-authenticate"]


async def test_two_keys_at_once_are_none(tmp_path: Path) -> None:
    async with api(tmp_path) as rig, httpx.AsyncClient() as client:
        shown = [("Authorization", f"Bearer {FIRST_KEY}")] * 2
        assert (await client.get(f"{rig.url}/v1/", headers=shown)).status_code == 401


async def test_a_key_is_shown_once_and_works_until_it_is_taken_back(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        body = {"name": "Reports", "scopes": ["calls:read", "calls:read"], "expires_in_days": 3}
        made = await rig.client.post("/v1/keys", json=body)
        assert made.status_code == 201
        assert made.headers["location"] == f"/v1/keys/{made.json()['id']}"
        shown = bearer(made.json()["key"])
        assert (await rig.get("/v1/calls", headers=shown)).status_code == 200
        listed = (await rig.get("/v1/keys")).json()["keys"]
        assert "key" not in listed[0]
        assert listed[0]["scopes"] == ["calls:read"]
        assert listed[0]["last_used_at"] is not None
        assert (await rig.client.delete(made.headers["location"])).status_code == 204
        assert (await rig.get("/v1/calls", headers=shown)).status_code == 401
        assert (await rig.client.delete(made.headers["location"])).status_code == 404


async def test_a_key_ends_when_it_was_to(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        now = datetime.now(UTC)
        over = await rig.key(Scope.ADMIN, expires_at=now - timedelta(seconds=1))
        good = await rig.key(Scope.ADMIN, expires_at=now + timedelta(minutes=5))
        assert (await rig.get("/v1/", headers=over)).status_code == 401
        assert (await rig.get("/v1/", headers=good)).status_code == 200


async def test_the_database_knows_no_key_but_only_its_hash(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        text = (await rig.key(Scope.ADMIN))["Authorization"].removeprefix("Bearer ")
    stored = _stored(tmp_path)
    assert stored
    assert text.encode() not in stored
    assert FIRST_KEY.encode() not in stored


def _stored(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob("gateway.db*"))


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "/v1/calls", Scope.CALLS_READ),
        ("GET", "/v1/calls/export", Scope.CALLS_READ),
        ("GET", "/v1/webhooks/dead", Scope.WEBHOOKS_READ),
        ("GET", "/v1/keys", Scope.ADMIN),
        ("POST", "/v1/keys", Scope.ADMIN),
    ],
)
async def test_a_key_without_the_scope_is_refused(
    tmp_path: Path, method: str, path: str, scope: Scope
) -> None:
    async with api(tmp_path) as rig:
        others = await rig.key(*(each for each in Scope if each not in (scope, Scope.ADMIN)))
        answer = await rig.client.request(method, path, headers=others)
        assert answer.status_code == 403
        assert scope in answer.json()["detail"]
        whole = await rig.key(scope)
        assert (await rig.client.request(method, path, headers=whole)).status_code != 403


async def test_an_address_that_shows_bad_keys_is_stopped(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        statuses = [
            (await rig.get("/v1/", headers=bearer(mint().get_secret_value()))).status_code for _ in range(11)
        ]
        assert statuses == [401] * 10 + [429]
        locked_out = await rig.get("/v1/")
    assert locked_out.status_code == 429
    assert 1 <= int(locked_out.headers["retry-after"]) <= 11


async def test_behind_a_proxy_one_who_shows_bad_keys_locks_out_nobody(tmp_path: Path) -> None:
    async with api(tmp_path, proxies=["127.0.0.1"]) as rig:
        for _ in range(12):
            bad = await rig.get("/v1/", headers=bearer(mint().get_secret_value()))
            assert bad.status_code == 401
        assert (await rig.get("/v1/")).status_code == 200


async def test_a_request_without_a_key_locks_nobody_out(tmp_path: Path) -> None:
    async with api(tmp_path) as rig, httpx.AsyncClient(base_url=rig.url) as client:
        assert {(await client.get("/v1/")).status_code for _ in range(15)} == {401}
        assert (await rig.get("/v1/")).status_code == 200


async def test_each_key_has_a_rate_of_its_own(tmp_path: Path) -> None:
    async with api(tmp_path, rate=Rate(burst=2, per_s=0.01)) as rig:
        first = await rig.get("/v1/")
        assert first.headers["ratelimit-policy"] == '"key";q=2;w=200'
        assert first.headers["ratelimit"].startswith('"key";r=1;')
        await rig.get("/v1/")
        third = await rig.get("/v1/")
        other = await rig.get("/v1/", headers=await rig.key(Scope.CALLS_READ))
    assert third.status_code == 429
    assert third.json()["type"] == "/docs#problem-too-many-requests"
    assert 90 <= int(third.headers["retry-after"]) <= 100
    assert third.headers["ratelimit"].startswith('"key";r=0;')
    assert other.status_code == 200


async def test_keys_come_in_pages(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        for _ in range(5):
            await rig.key(Scope.CALLS_READ)
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            parameters = {"limit": 2} | ({"cursor": cursor} if cursor else {})
            page = (await rig.get("/v1/keys", params=parameters)).json()
            seen += [key["id"] for key in page["keys"]]
            cursor = page["next_cursor"]
        async with rig.database.read() as connection:
            expected = [key.id for key in await keys.every(connection)]
    assert seen == expected[::-1]
