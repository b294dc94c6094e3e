"""What every endpoint of the API does with requests that are none, and when things go wrong."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from pydantic import Field
from structlog.testing import capture_logs

from gateway.errors import DialRefused, VendorThrottled
from gateway.store.errors import StoreUnavailable
from gateway.web.api import reading
from gateway.web.api.endpoint import Answer, AnyEndpoint, Ask, Body, Endpoint, Nothing
from gateway.web.api.problem import Kind
from tests.integration.api_rig import FIRST_KEY, api, bearer

pytestmark = pytest.mark.anyio
CANARY = "canary-that-nobody-may-hear"


class Said(Body):
    word: str = Field(description="What fails, and how.")


class Nobody(Answer):
    pass


async def _fail(ask: Ask[Nothing, Nothing, Said]) -> Nobody:
    match ask.body.word:
        case "vendor":
            raise VendorThrottled("Twilio answered 429", status=429, code=20429, retry_after_s=7)
        case "dial":
            raise DialRefused("Not this one.", code="premium")
        case "store":
            raise StoreUnavailable(CANARY)
        case word:
            raise RuntimeError(CANARY + word)


FAILING: AnyEndpoint = Endpoint(
    "POST", "/v1/fail", "fail", "Fail", None, _fail, body=Said, answer=Nobody, problems=(Kind.VENDOR_BUSY,)
)


@pytest.mark.parametrize(
    ("word", "status", "slug"),
    [
        ("vendor", 503, "vendor-busy"),
        ("dial", 422, "refused"),
        ("store", 503, "unavailable"),
        ("x", 500, "internal"),
    ],
)
async def test_every_failure_is_a_problem(tmp_path: Path, word: str, status: int, slug: str) -> None:
    with capture_logs() as lines:
        async with api(tmp_path, more=[FAILING]) as rig:
            answer = await rig.client.post("/v1/fail", json={"word": word})
    assert (answer.status_code, answer.json()["type"]) == (status, f"/docs#problem-{slug}")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert CANARY not in f"{lines} {answer.text} {answer.headers}"
    assert [line["incident"] for line in lines] == ([answer.json()["incident"]] if word == "x" else [])
    assert ("retry-after" in answer.headers) == (status == 503)


async def _post(
    rig_url: str, content: bytes, kind: str | None = "application/json", **headers: str
) -> httpx.Response:
    shown = bearer(FIRST_KEY) | headers | ({"Content-Type": kind} if kind else {})
    async with httpx.AsyncClient() as client:
        return await client.post(f"{rig_url}/v1/fail", content=content, headers=shown)


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b'{"word": "dial"}', "application/json; charset=utf-8", 422),
        (b'{"word": "dial"}', "text/plain", 415),
        (b'{"word": "dial"}', "application/x-www-form-urlencoded", 415),
        (b'{"word": "dial"}', "application/json; charset=latin-1", 415),
        (b'{"word": "dial"}', None, 415),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b'{"word": "\\ud800"}', "application/json", 400),
        (b"[" * 30_000, "application/json", 400),
        (b"[]", "application/json", 422),
        (b"null", "application/json", 422),
        (b'{"word": 1}', "application/json", 422),
        (b'{"word": "dial", "more": 1}', "application/json", 422),
        (b'{"word": "dial", "word": "dial"}', "application/json", 422),
        (b'{"word": "' + b"a" * reading.LARGEST_BODY + b'"}', "application/json", 413),
    ],
)
async def test_a_body_that_will_not_do_is_told_so(
    tmp_path: Path, content: bytes, kind: str | None, status: int
) -> None:
    async with api(tmp_path, more=[FAILING]) as rig:
        answer = await _post(rig.url, content, kind)
    assert answer.status_code == status
    assert answer.json()["status"] == status


async def test_a_body_of_the_largest_size_is_read(tmp_path: Path) -> None:
    content = b'{"word": "dial"}'
    async with api(tmp_path, more=[FAILING]) as rig:
        answer = await _post(rig.url, content + b" " * (reading.LARGEST_BODY - len(content)))
        packed = await _post(rig.url, content, **{"Content-Encoding": "gzip"})
    assert answer.json()["type"] == "/docs#problem-refused"
    assert packed.status_code == 415


async def test_a_body_where_none_is_taken_is_refused(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        answer = await rig.client.request("GET", "/v1/calls", content=b"{}")
    assert answer.status_code == 400


async def test_a_body_that_does_not_come_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BODY_S", 0.05)
    head = (
        f"POST /v1/fail HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {FIRST_KEY}\r\n"
        "Content-Type: application/json\r\nContent-Length: 10\r\n\r\n{"
    )
    async with api(tmp_path, more=[FAILING]) as rig:
        reader, writer = await asyncio.open_connection("127.0.0.1", int(rig.url.rpartition(":")[2]))
        writer.write(head.encode())
        async with asyncio.timeout(10):
            answer = await reader.read()
        writer.close()
        await writer.wait_closed()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"/docs#problem-request-timeout" in answer


@pytest.mark.parametrize("path", ["/v1", "/v1/nothing", "/v1/calls/", "/v1/calls/a/b/c", "/v1/%2e%2e/x"])
@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS"])
async def test_an_address_that_is_none_is_not_found(tmp_path: Path, path: str, method: str) -> None:
    async with api(tmp_path) as rig:
        answer = await rig.client.request(method, path)
    assert (answer.status_code, answer.json()["type"]) == (404, "/docs#problem-not-found")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "PROPFIND"])
async def test_another_method_is_told_which_there_are(tmp_path: Path, method: str) -> None:
    async with api(tmp_path) as rig:
        answer = await rig.client.request(method, "/v1/keys")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, POST, HEAD")
    assert answer.json()["type"] == "/docs#problem-method-not-allowed"


async def test_nothing_of_the_api_is_kept_by_caches(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        for path in ("/v1/", "/v1/nothing", "/v1/calls/export", "/v1/calls?limit=0"):
            assert (await rig.get(path)).headers["cache-control"] == "no-store"


async def test_the_description_is_the_one_of_the_table(tmp_path: Path) -> None:
    async with api(tmp_path, more=[FAILING]) as rig, httpx.AsyncClient(base_url=rig.url) as client:
        document = json.loads((await client.get("/openapi.json")).content)
    assert document["openapi"].startswith("3.1.")
    assert document["paths"]["/v1/fail"]["post"]["operationId"] == "fail"
    assert document["paths"]["/v1/keys"]["post"]["security"] == [{"key": ["admin"]}]
