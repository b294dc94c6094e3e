"""What a customer knows of a caller, asked while the phone rings: in time, or not at all."""

import asyncio
import json

import pytest
import structlog
from pydantic import SecretStr
from standardwebhooks import Webhook

from gateway.clients.egress import Egress
from gateway.clients.egress_rules import EgressRules
from gateway.clients.signed_post import new_secret
from gateway.ids import E164
from gateway.services.lookup import DEADLINE_S, LANES, LARGEST_ANSWER, MOST_NAMES, LookupCounts, LookupWebhook
from gateway.services.plans import Asked, Lookup
from tests.loopback import SILENCE, Answer, Loopback, response

pytestmark = pytest.mark.anyio
SECRET = new_secret()
ASKED = Asked(
    "call_1", E164("+14155550123"), E164("+14155550100"), {"caller_name": "Zoë", "caller_country": "US"}
)


async def ask(
    server: Loopback, *, secret: SecretStr | None = SECRET, deadline_s: float = 5.0
) -> tuple[object, LookupCounts]:
    async with server, Egress(EgressRules(loopback=True), lanes=LANES) as egress:
        lookup = LookupWebhook(egress, secret, deadline_s)
        return await lookup(f"{server.url}/callers", ASKED), lookup.counts


async def told(answer: Answer, deadline_s: float = 5.0) -> object:
    return (await ask(Loopback(answer), deadline_s=deadline_s))[0]


def variables(values: object) -> bytes:
    return response(200, json.dumps({"variables": values}))


async def test_the_endpoint_is_told_who_calls_and_signed_for() -> None:
    server = Loopback(variables({"first_name": "Zoë"}))
    assert await ask(server) == ({"first_name": "Zoë"}, LookupCounts(answered=1))
    [request] = server.requests
    event = Webhook(SECRET.get_secret_value()).verify(request.body, request.headers)
    assert (request.method, request.target, event["type"]) == ("POST", "/callers", "call.lookup")
    assert event["id"] == request.headers["webhook-id"]
    assert event["data"] == {
        "call_id": "call_1",
        "from": "+14155550123",
        "to": "+14155550100",
        "values": {"caller_name": "Zoë", "caller_country": "US"},
    }


async def test_values_are_text_numbers_true_false_or_null() -> None:
    values = {"name": "Zoë", "orders": 3, "balance": -1.5, "member": True, "plan": None}
    assert await told(variables(values)) == values
    assert await told(response(200, '{"variables": {}, "more": [1]}')) == {}


@pytest.mark.parametrize(
    "answer",
    [
        response(204),
        response(404, '{"variables": {"a": "b"}}'),
        response(500),
        response(302, Location="https://example.com/"),
        response(200, "<html>"),
        response(200, "[]"),
        response(200, "{}"),
        response(200, '{"variables": null}'),
        response(200, '{"variables": [1]}'),
        response(200, '{"variables": {"a": ["b"]}}'),
        response(200, '{"variables": {"a": {"b": "c"}}}'),
        response(200, '{"variables": {"a": 1e999}}'),
        response(200, '{"variables": {"a": NaN}}'),
        response(200, '{"variables": {"a": "\\ud800"}}'),
        response(200, b'{"variables": {"a": "\xff"}}'.decode("latin-1").encode("latin-1")),
        response(200, "[" * 10_000),
        variables({f"name_{number}": "x" for number in range(MOST_NAMES + 1)}),
        variables({"a": "x" * LARGEST_ANSWER}),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}",
        b"nonsense\r\n\r\n",
    ],
)
async def test_anything_else_says_nothing(answer: bytes) -> None:
    server = Loopback(answer)
    assert await ask(server, deadline_s=5) == ({}, LookupCounts(failed=1))
    assert len(server.requests) == 1


async def test_as_much_as_is_allowed_is_taken() -> None:
    values = {f"name_{number}": "x" * 250 for number in range(MOST_NAMES)}
    assert await told(variables(values)) == values


async def test_an_endpoint_that_does_not_answer_holds_up_the_call_for_the_deadline_at_most() -> None:
    async with asyncio.timeout(DEADLINE_S * 3):
        assert await told(SILENCE, DEADLINE_S) == {}


async def test_an_answer_that_drips_is_cut_off() -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while not writer.is_closing():
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with asyncio.timeout(5):
        assert await told(drip, 0.3) == {}


async def test_an_address_inside_is_not_asked() -> None:
    async with Loopback(variables({"a": "b"})) as server, Egress(EgressRules()) as egress:
        lookup: Lookup = LookupWebhook(egress, SECRET)
        assert await lookup(server.url, ASKED) == {}
        assert await lookup("no address at all", ASKED) == {}
    assert server.requests == []


async def test_without_a_secret_nobody_is_asked() -> None:
    server = Loopback(variables({"a": "b"}))
    assert await ask(server, secret=None) == ({}, LookupCounts(failed=1))
    assert server.requests == []


async def test_the_log_holds_neither_numbers_nor_answers() -> None:
    with structlog.testing.capture_logs() as lines:
        await told(response(200, '{"variables": {"a": ["private words"]}}'))
    assert [(line["event"], line["call_id"], line["log_level"]) for line in lines] == [
        ("lookup failed", "call_1", "warning")
    ]
    assert "5550" not in str(lines)
    assert "private" not in str(lines)
