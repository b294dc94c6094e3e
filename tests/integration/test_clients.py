"""The REST clients against a server that answers well, badly or not at all."""

import asyncio
import json
from urllib.parse import parse_qs

import httpx
import pytest

from gateway.clients.http import ask, pool
from gateway.clients.twilio import Twilio
from gateway.clients.vatel import Vatel
from gateway.errors import (
    VendorError,
    VendorForbidden,
    VendorGarbled,
    VendorNotFound,
    VendorRejected,
    VendorThrottled,
    VendorTimeout,
    VendorUnauthorized,
    VendorUnavailable,
    VendorUnreachable,
    VendorUnusable,
)
from gateway.ids import AccountSid, AgentId, CallSid
from tests.loopback import SILENCE, Answer, Loopback, free_url, response

pytestmark = pytest.mark.anyio
AGENT = AgentId("agent/1")
ACCOUNT = AccountSid("AC" + "0" * 32)
CALL = CallSid("CA" + "1" * 32)
TOKEN = response(200, '{"token": "t-1", "room": null}')
HTML = "<html><body>502 Bad Gateway</body></html>"
DEADLINE_S = 0.25
"""For answers that never come."""


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.01)


async def hanging_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def token(answer: Answer, deadline_s: float = 2.0) -> str:
    async with Loopback(answer) as server, pool() as http:
        return await Vatel(http, server.url, "key-1").session_token(AGENT, deadline_s=deadline_s)


async def refusal(answer: Answer, deadline_s: float = 2.0) -> VendorError:
    with pytest.raises(VendorError) as caught:
        await token(answer, deadline_s)
    return caught.value


async def test_a_token_is_asked_for_as_documented() -> None:
    async with Loopback(TOKEN) as server, pool() as http:
        assert await Vatel(http, f"{server.url}/", "key-1").session_token(AGENT) == "t-1"
    [request] = server.requests
    assert (request.method, request.target) == ("POST", "/v1/session-token")
    assert request.headers["authorization"] == "Bearer key-1"
    assert request.headers["accept-encoding"] == "identity"
    assert json.loads(request.body) == {"agent_id": "agent/1"}


@pytest.mark.parametrize(
    ("status", "kind", "remedy"),
    [
        (400, VendorRejected, "Check the credentials and the identifiers"),
        (401, VendorUnauthorized, "Check VATEL_API_KEY"),
        (403, VendorForbidden, "The agent belongs to another organization"),
        (404, VendorNotFound, "Check VATEL_AGENT_ID"),
        (429, VendorThrottled, "Vatel asks to slow down"),
        (503, VendorUnavailable, "Check the vendor's status page"),
        (302, VendorUnusable, "Check the vendor's status page"),
    ],
)
async def test_a_refusal_says_what_to_do(status: int, kind: type[VendorError], remedy: str) -> None:
    error = await refusal(response(status, '{"error": "because"}', Retry_After="7", Location="/elsewhere"))
    assert (type(error), error.status, error.retry_after_s) == (kind, status, 7.0)
    assert error.retryable is issubclass(kind, VendorUnusable)
    assert (str(error), error.said) == (f"Vatel answered {status}", "because")
    assert error.remedy.startswith(remedy)


@pytest.mark.parametrize(
    "body", ["", HTML, "[]", '{"error": null}', '{"error": {}}', "[" * 50_000, b"\xff", b'{"error": "\xff"}']
)
async def test_a_refusal_needs_no_reason(body: str | bytes) -> None:
    error = await refusal(response(401, body, Retry_After="soon"))
    assert (str(error), error.retry_after_s) == ("Vatel answered 401", None)


@pytest.mark.parametrize(
    "answer",
    [
        response(200, ""),
        response(204, ""),
        response(200, HTML),
        response(200, "{}"),
        response(200, '{"token": ""}'),
        response(200, '{"token": 5}'),
        response(200, "[" * 50_000),
        response(200, b'{"token": "\xff"}'),
        response(200, b" " * (10 * 1024 * 1024)),
        response(200, '{"token": "t-1"}', Content_Encoding="gzip"),
    ],
    ids=lambda answer: getattr(answer, "__name__", repr(answer)[:60]),
)
async def test_an_answer_of_another_form_is_of_no_use(answer: Answer) -> None:
    assert type(await refusal(answer)) is VendorGarbled


@pytest.mark.parametrize(
    "answer",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
        hanging_up,
    ],
    ids=lambda answer: getattr(answer, "__name__", repr(answer)[:60]),
)
async def test_what_is_no_http_is_of_no_use(answer: Answer) -> None:
    assert type(await refusal(answer)) is VendorUnusable


@pytest.mark.parametrize("answer", [SILENCE, dripping, b"HTTP/1.1 200 OK\r\n"])
async def test_an_answer_has_a_deadline(answer: Answer) -> None:
    error = await refusal(answer, DEADLINE_S)
    assert (type(error), str(error)) == (VendorTimeout, "Vatel did not answer within 0.25 s")


async def test_a_server_that_is_not_there_was_not_reached() -> None:
    async with pool() as http:
        with pytest.raises(VendorUnreachable, match="ConnectError"):
            await Vatel(http, await free_url(), "key-1").session_token(AGENT)


async def test_agents_and_organizations_have_names() -> None:
    async with Loopback(response(200, '{"name": "Reception", "id": "1"}')) as server, pool() as http:
        vatel = Vatel(http, server.url, "key-1")
        assert (await vatel.agent(AGENT), await vatel.organization()) == ("Reception", "Reception")
    assert [request.target for request in server.requests] == ["/v1/agents/agent%2F1", "/v1/organization"]


def test_the_address_of_a_session_holds_token_and_agent() -> None:
    vatel = Vatel(httpx.AsyncClient(), "https://api.vatel.ai", "key-1")
    url = vatel.session_url("a+b&c", AGENT)
    assert url == "wss://api.vatel.ai/v1/connection?token=a%2Bb%26c&agentId=agent%2F1"


async def test_nothing_of_one_request_is_carried_into_the_next() -> None:
    async with Loopback(response(200, "{}", Set_Cookie="call=1; Path=/")) as server, pool() as http:
        for _ in range(2):
            await ask(http, "GET", server.url, vendor="it", deadline_s=2.0)
        assert len(http.cookies) == 0
    assert ["cookie" in request.headers for request in server.requests] == [False, False]


async def test_the_deadline_asked_for_is_the_one_that_holds() -> None:
    patience: list[object] = []

    def answer(request: httpx.Request) -> httpx.Response:
        patience.append(request.extensions["timeout"])
        return httpx.Response(200, stream=httpx.ByteStream(b""))

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        await ask(http, "GET", "https://tool.example", vendor="it", deadline_s=60.0)
    assert patience == [{"connect": 3.0, "read": 60.0, "write": 60.0, "pool": 3.0}]


# Twilio


def error_body(code: int, status: int) -> bytes:
    body = {"code": code, "message": "No.", "more_info": "https://www.twilio.com/docs", "status": status}
    return response(status, json.dumps(body))


def problem_body(code: object, status: object, answered: int) -> bytes:
    body = {"type": "about:blank", "title": "No", "status": status, "code": code, "detail": "No at all."}
    return response(answered, json.dumps(body))


UPDATED = response(200, json.dumps({"sid": CALL, "status": "completed"}))


async def hang_up(answer: Answer, deadline_s: float = 2.0) -> Loopback:
    async with Loopback(answer) as server, pool() as http:
        twilio = Twilio(http, server.url, ACCOUNT, ("SK1", "secret"), deadline_s=deadline_s)
        await twilio.hang_up(CALL)
    return server


async def test_a_call_is_hung_up_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TWILIO_REGION", "ie1")
    monkeypatch.setenv("TWILIO_EDGE", "dublin")
    [request] = (await hang_up(UPDATED)).requests
    assert (request.method, request.target) == ("POST", f"/2010-04-01/Accounts/{ACCOUNT}/Calls/{CALL}.json")
    assert parse_qs(request.body.decode()) == {"Status": ["completed"]}
    assert request.headers["authorization"] == "Basic U0sxOnNlY3JldA=="


@pytest.mark.parametrize(
    "answer",
    [error_body(21220, 400), error_body(20404, 404), problem_body(20404, 404, 404)],
    ids=["not in progress", "unknown", "unknown, in the newer form"],
)
async def test_a_call_that_is_over_already_is_hung_up(answer: bytes) -> None:
    await hang_up(answer)


@pytest.mark.parametrize(
    ("answer", "kind", "code", "remedy"),
    [
        (error_body(20003, 401), VendorRejected, 20003, "Check TWILIO_ACCOUNT_SID"),
        (response(401, HTML), VendorRejected, 401, "Check TWILIO_ACCOUNT_SID"),
        (response(404, HTML), VendorRejected, 404, "Check the credentials"),
        (error_body(21205, 400), VendorRejected, 21205, "See https://www.twilio.com/docs/api/errors/21205"),
        (error_body(20429, 429), VendorUnusable, 20429, "Too many requests at once"),
        (response(500, ""), VendorUnusable, 500, "Check the vendor's status page"),
        (response(302, "", Location="https://elsewhere.example"), VendorUnusable, 302, "Check the vendor's"),
        (response(400, '{"code": [], "message": 5}'), VendorRejected, 400, "Check the credentials"),
        (response(400, "[1]"), VendorRejected, 400, "Check the credentials"),
        (problem_body([], "x", 400), VendorUnusable, 500, "Check the vendor's status page"),
    ],
    ids=lambda part: repr(part)[:50],
)
async def test_a_refusal_of_twilios_says_what_to_do(
    answer: bytes, kind: type[VendorError], code: int, remedy: str
) -> None:
    with pytest.raises(VendorError) as caught:
        await hang_up(answer)
    assert (type(caught.value), caught.value.code) == (kind, code)
    assert caught.value.remedy.startswith(remedy)


@pytest.mark.parametrize(
    "answer",
    [
        response(200, HTML),
        response(200, ""),
        response(200, "[]"),
        response(200, "5"),
        response(200, '{"date_created": 5, "start_time": {}}'),
        response(200, "[" * 50_000),
        response(200, b"\xff" * 100),
        response(200, b" " * (2 * 1024 * 1024)),
        hanging_up,
    ],
    ids=lambda answer: getattr(answer, "__name__", repr(answer)[:50]),
)
async def test_garbage_from_twilio_is_of_no_use(answer: Answer) -> None:
    with pytest.raises(VendorUnusable):
        await hang_up(answer)


@pytest.mark.parametrize("answer", [SILENCE, dripping])
async def test_twilio_has_a_deadline(answer: Answer) -> None:
    with pytest.raises(VendorTimeout, match=r"Twilio did not answer within 0\.25 s"):
        await hang_up(answer, DEADLINE_S)


async def test_twilio_may_be_out_of_reach() -> None:
    async with pool() as http:
        with pytest.raises(VendorUnreachable):
            await Twilio(http, await free_url(), ACCOUNT, ("SK1", "s")).hang_up(CALL)


async def test_a_redirected_call_gets_its_document() -> None:
    async with Loopback(UPDATED, error_body(21220, 400)) as server, pool() as http:
        twilio = Twilio(http, server.url, ACCOUNT, ("SK1", "s"))
        await twilio.redirect(CALL, "<Response/>")
        with pytest.raises(VendorRejected):  # there is nobody left to transfer
            await twilio.redirect(CALL, "<Response/>")
    assert parse_qs(server.requests[0].body.decode()) == {"Twiml": ["<Response/>"]}


async def test_the_account_has_a_status() -> None:
    async with Loopback(response(200, '{"status": "active"}')) as server, pool() as http:
        assert await Twilio(http, server.url, ACCOUNT, ("SK1", "s")).account_status() == "active"


@pytest.mark.parametrize(
    ("number", "url"),
    [
        ({"voice_url": "https://a.example/voice", "trunk_sid": None}, "https://a.example/voice"),
        ({"voice_url": "https://a.example/voice", "voice_application_sid": "AP1"}, "AP1"),
        ({"voice_url": "x", "voice_application_sid": "AP1", "trunk_sid": "TK1"}, "TK1"),
        ({"voice_url": None}, ""),
        (None, None),
    ],
)
async def test_a_number_has_one_place_its_calls_go_to(
    number: dict[str, object] | None, url: str | None
) -> None:
    page = {"incoming_phone_numbers": [number] if number else [], "page": 0, "page_size": 1}
    async with Loopback(response(200, json.dumps(page))) as server, pool() as http:
        assert await Twilio(http, server.url, ACCOUNT, ("SK1", "s")).voice_url("+14155550100") == url
    assert "PhoneNumber=%2B14155550100" in server.requests[0].target
