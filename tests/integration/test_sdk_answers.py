"""What the Python client makes of answers: good, bad, late and none."""

import ast
import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from inspect import Parameter, signature
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from gateway.errors import SettingsError
from gateway.sdk import (
    ApiError,
    AsyncGateway,
    Failed,
    Garbled,
    Gateway,
    Invalid,
    Throttled,
    Unanswered,
    Unreachable,
    access,
    calls,
    core,
    errors,
    numbers,
    requests,
)
from gateway.sdk.sending import AsyncSender
from tests.integration.test_cli_check import free_port
from tests.loopback import SILENCE, Answer, Loopback, response

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
KEY = "a-key-of-some-length"
CALL = '{"id": "call_1", "created_at": "2026-03-01T12:00:00Z", "status": "singing", "new": {"a": 1}}'
BUSY = response(503, '{"title": "Busy", "detail": "Wait."}', retry_after="0")


@asynccontextmanager
async def gateway(*answers: Answer) -> AsyncIterator[tuple[AsyncGateway, Loopback]]:
    """A client of a server that answers so."""
    async with Loopback(*answers) as server, AsyncGateway(server.url, KEY) as client:
        yield client, server


def breaking_off(answer: bytes) -> Answer:
    """An answer that is not whole."""

    async def write(writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()

    return write


async def test_fields_and_words_that_are_not_known_do_no_harm() -> None:
    async with gateway(response(200, CALL)) as (client, server):
        call = await client.calls.get("call_1")
    assert (call.status, call.over, call.ending) == ("singing", False, None)
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


async def test_reading_is_tried_again_when_it_fails_in_passing() -> None:
    async with gateway(BUSY, BUSY, response(200, CALL)) as (client, server):
        assert (await client.calls.get("call_1")).id == "call_1"
    assert len(server.requests) == 3


async def test_reading_is_given_up_after_three_times() -> None:
    async with gateway(BUSY) as (client, server):
        with pytest.raises(Failed) as caught:
            await client.calls.get("call_1")
    assert len(server.requests) == core.ATTEMPTS
    assert (caught.value.status, caught.value.title, caught.value.detail) == (503, "Busy", "Wait.")


async def test_what_changes_something_is_sent_once() -> None:
    async with gateway(BUSY) as (client, server):
        with pytest.raises(Failed):
            await client.calls.hangup("call_1")
        with pytest.raises(Failed) as caught:
            await client.calls.place("+14155550177")
    assert [request.method for request in server.requests] == ["POST", "POST"]
    assert caught.value.idempotency_key == server.requests[1].headers["idempotency-key"]


async def test_a_call_whose_answer_is_lost_can_be_asked_for_again() -> None:
    async with gateway(breaking_off(response(201, "")[:20])) as (client, server):
        with pytest.raises(Unanswered) as caught:
            await client.calls.place("+14155550177")
    assert caught.value.idempotency_key == server.requests[0].headers["idempotency-key"]
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "text"),
    [
        (response(200, "<html>"), Garbled, "not JSON"),
        (response(200, '{"id": 1}'), Garbled, "`str`"),
        (response(302, "", location="https://example.com"), Garbled, "302"),
        (response(500, "<html>"), Failed, "500"),
        (response(422, '{"errors": [{"field": "to", "reason": "is required"}]}'), Invalid, ""),
        (response(429, "{}", retry_after="3600"), Throttled, ""),
    ],
)
async def test_an_answer_that_will_not_do_is_an_error_at_once(
    answer: bytes, kind: type[ApiError], text: str
) -> None:
    async with gateway(answer) as (client, server):
        with pytest.raises(kind) as caught:
            await client.calls.get("call_1")
    assert text in str(caught.value)
    assert KEY not in str(caught.value)
    assert len(server.requests) == 1


async def test_a_list_that_goes_round_in_circles_ends() -> None:
    async with gateway(response(200, '{"calls": [], "next_cursor": "a"}')) as (client, _):
        with pytest.raises(Garbled, match="circles"):
            [call async for call in client.calls.list()]


async def test_a_file_that_breaks_off_is_not_left_behind(tmp_path: Path) -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    target = tmp_path / "calls.csv"
    async with gateway(breaking_off(cut)) as (client, _):
        with pytest.raises(Unanswered):
            await client.calls.export(target)
    assert sorted(path.name for path in tmp_path.iterdir()) == []  # noqa: ASYNC240 - a folder of the test's


def test_nobody_there_is_said_after_three_times() -> None:
    with Gateway(f"http://127.0.0.1:{free_port()}", KEY) as client, pytest.raises(Unreachable) as caught:
        client.whoami()
    assert caught.value.retryable


async def test_an_answer_that_is_late_is_given_up() -> None:
    question = requests.Question(method="POST", path="/v1/", answer=object, deadline_s=0.05)
    async with Loopback(SILENCE) as server, httpx.AsyncClient(base_url=server.url) as http:
        with pytest.raises(Unanswered, match=r"no answer within 0\.05 s"):
            await AsyncSender(http).ask(question)


@pytest.mark.parametrize(
    "url",
    ["http://gateway.example.com", "ftp://a", "https://", "https://a@b", "https://a?b=c", "https://a#b", "a"],
)
def test_an_address_the_key_must_not_go_to_is_refused(url: str) -> None:
    with pytest.raises(SettingsError):
        Gateway(url, KEY)


@pytest.mark.parametrize("key", ["", "two words", "line\nbreak", "größe"])
def test_a_key_that_cannot_be_sent_is_refused(key: str) -> None:
    with pytest.raises(SettingsError) as caught:
        Gateway("https://gateway.example.com/base/", SecretStr(key))
    assert not key or key not in str(caught.value)


def test_a_client_shows_its_address_and_not_its_key() -> None:
    with Gateway("https://gateway.example.com/base/", KEY) as client:
        assert repr(client) == "Gateway('https://gateway.example.com/base')"


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "%2e%2e"])
def test_a_name_stays_one_segment_of_the_path(name: str) -> None:
    path = requests.get_call(name).path
    assert path.count("/") == 3
    assert not path.endswith(("/", ".", ".."))


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b'{"errors": 1}', b'{"type": null}', b"1" * 99])
@pytest.mark.parametrize("status", [100, 302, 400, 404, 418, 429, 500, 599, 999])
def test_no_refusal_is_beyond_reading(status: int, body: bytes) -> None:
    assert errors.refusal(status, body, "soon").status == status


@pytest.mark.parametrize(
    ("waiting", "awaiting"),
    [
        (calls.Calls, calls.AsyncCalls),
        (numbers.Numbers, numbers.AsyncNumbers),
        (access.Keys, access.AsyncKeys),
        (access.Webhooks, access.AsyncWebhooks),
    ],
)
def test_both_clients_have_the_same_methods(waiting: type, awaiting: type) -> None:
    def shape(kind: type) -> dict[str, list[tuple[str, object, object]]]:
        methods = {name: each for name, each in vars(kind).items() if not name.startswith("_")}
        return {
            name: [_parts(part) for part in signature(each).parameters.values()]
            for name, each in methods.items()
        }

    assert shape(waiting) == shape(awaiting)


def _parts(parameter: Parameter) -> tuple[str, object, object]:
    return parameter.name, parameter.kind, parameter.default


@pytest.mark.parametrize("file", sorted((ROOT / "gateway/sdk").glob("*.py")), ids=lambda file: file.name)
def test_the_client_takes_nothing_of_the_gateway_but_its_errors(file: Path) -> None:
    found = {
        node.module
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] == "gateway"
    }
    assert {each for each in found if not each.startswith("gateway.sdk")} <= {"gateway.errors", "gateway.ids"}
