"""Events on their way to a customer's endpoint, checked as the specification has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import SecretStr

from gateway.clients.egress import Egress
from gateway.clients.egress_rules import EgressRules
from gateway.clients.signed_post import Endpoint, new_secret, post_event, signed_headers
from gateway.errors import (
    EgressRefused,
    EndpointError,
    EndpointFailed,
    EndpointGone,
    EndpointRejected,
    EndpointTimeout,
    SettingsError,
)
from tests.loopback import SILENCE, Answer, Loopback, Request, free_url, response

pytestmark = pytest.mark.anyio
AT = datetime(2026, 3, 1, 12, 0, 0, 900_000, UTC)
SECONDS = 1772366400
BODY = '{"type":"call.ended","data":{"name":"Zoë"}}'.encode()
MESSAGE = "msg_1"
NEW, OLD = new_secret(), new_secret()


def genuine(request: Request, secret: SecretStr) -> bool:
    """Whether one of a request's signatures was made with a secret: HMAC-SHA256 of ``id.timestamp.body``."""
    key = base64.b64decode(secret.get_secret_value().removeprefix("whsec_"))
    headers = request.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + request.body
    expected = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    return f"v1,{expected}" in headers["webhook-signature"].split(" ")


async def post(
    answer: Answer, *secrets: SecretStr, at: datetime = AT, body: bytes = BODY, deadline_s: float = 5.0
) -> tuple[int, Request]:
    async with Loopback(answer) as server, Egress(EgressRules(loopback=True)) as egress:
        endpoint = Endpoint(f"{server.url}/hook", secrets or (NEW,))
        status = await post_event(egress, endpoint, MESSAGE, at, body, deadline_s=deadline_s)
    [request] = server.requests
    return status, request


async def failure(answer: Answer, deadline_s: float = 5.0) -> EndpointError:
    with pytest.raises(EndpointError) as caught:
        await post(answer, deadline_s=deadline_s)
    return caught.value


async def test_an_event_arrives_byte_for_byte_and_signed() -> None:
    status, request = await post(response(204))
    assert (status, request.method, request.target, request.body) == (204, "POST", "/hook", BODY)
    assert genuine(request, NEW)
    assert request.headers["webhook-id"] == MESSAGE
    assert request.headers["webhook-timestamp"] == str(SECONDS)
    assert request.headers["content-type"] == "application/json"


async def test_another_secret_body_name_or_time_is_not_genuine() -> None:
    _, request = await post(response(200))
    assert not genuine(request, OLD)
    for name, value in (("webhook-id", "msg_2"), ("webhook-timestamp", str(SECONDS + 1))):
        forged = Request(request.method, request.target, request.headers | {name: value}, request.body)
        assert not genuine(forged, NEW)
    assert not genuine(Request("POST", "/hook", request.headers, BODY + b" "), NEW)


async def test_while_a_secret_is_changed_both_will_do() -> None:
    _, request = await post(response(200), NEW, OLD)
    assert genuine(request, NEW)
    assert genuine(request, OLD)
    assert [part[:3] for part in request.headers["webhook-signature"].split(" ")] == ["v1,", "v1,"]


async def test_a_time_of_another_zone_is_the_same_time() -> None:
    _, request = await post(response(200), at=AT.astimezone(timezone(timedelta(hours=-7))))
    assert request.headers["webhook-timestamp"] == str(SECONDS)
    assert genuine(request, NEW)


async def test_the_same_event_is_signed_the_same() -> None:
    assert signed_headers([NEW], MESSAGE, AT, BODY) == signed_headers([NEW], MESSAGE, AT, BODY)


def test_the_signature_is_that_of_the_specifications_example() -> None:
    secret = SecretStr("whsec_" + base64.b64encode(bytes(range(24))).decode())
    expected = hmac.new(bytes(range(24)), b"msg_1.1772366400." + BODY, "sha256").digest()
    headers = signed_headers([secret], MESSAGE, AT, BODY)
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(expected).decode()}"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (300, EndpointRejected),
        (301, EndpointRejected),
        (307, EndpointRejected),
        (400, EndpointRejected),
        (401, EndpointRejected),
        (404, EndpointRejected),
        (408, EndpointFailed),
        (410, EndpointGone),
        (422, EndpointRejected),
        (425, EndpointFailed),
        (429, EndpointFailed),
        (500, EndpointFailed),
        (503, EndpointFailed),
        (599, EndpointFailed),
    ],
)
async def test_a_refusal_says_whether_to_come_again(status: int, kind: type[EndpointError]) -> None:
    error = await failure(response(status, "private words", Location="https://example.com/"))
    assert (type(error), error.status, error.retryable) == (kind, status, kind is EndpointFailed)
    assert str(error) == f"the endpoint answered {status}"


async def test_an_endpoint_may_say_when_to_come_again() -> None:
    assert (await failure(response(429, Retry_After="30"))).retry_after_s == 30.0
    assert (await failure(response(503, Retry_After="soon"))).retry_after_s is None


async def test_an_endpoint_that_does_not_answer_is_tried_again() -> None:
    assert type(await failure(SILENCE, 0.25)) is EndpointTimeout
    async with Egress(EgressRules(loopback=True)) as egress:
        with pytest.raises(EndpointFailed):
            await post_event(egress, Endpoint(await free_url(), (NEW,)), MESSAGE, AT, BODY)


async def test_an_endpoint_inside_is_not_asked() -> None:
    async with Loopback(response(200)) as server, Egress(EgressRules()) as egress:
        with pytest.raises(EgressRefused):
            await post_event(egress, Endpoint(server.url, (NEW,)), MESSAGE, AT, BODY)
    assert server.requests == []


@pytest.mark.parametrize(
    "secret",
    ["", "whsec_", "whsec_!!!!", "whsec_AAAA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "x" + "whsec_" + "A" * 32],
)
def test_a_secret_that_signs_nothing_is_the_operators_fault(secret: str) -> None:
    with pytest.raises(SettingsError, match=r"^a webhook secret is whsec_ and base64 of 16 to 64 bytes$"):
        signed_headers([SecretStr(secret)], MESSAGE, AT, BODY)


@pytest.mark.parametrize("count", [0, 5])
def test_there_is_a_secret_but_not_any_number(count: int) -> None:
    with pytest.raises(SettingsError, match="1 to 4 secrets"):
        signed_headers([NEW] * count, MESSAGE, AT, BODY)


@pytest.mark.parametrize(
    ("message", "at"), [("", AT), ("a.b", AT), ("a\r\nx: y", AT), ("a", AT.replace(tzinfo=None))]
)
def test_a_name_or_a_time_that_can_be_read_two_ways_is_our_mistake(message: str, at: datetime) -> None:
    with pytest.raises(ValueError, match="plain name"):
        signed_headers([NEW], message, at, BODY)


def test_neither_address_nor_secret_is_shown() -> None:
    shown = repr(Endpoint("https://hooks.example.com/T0/private", (NEW,)))
    assert "private" not in shown
    assert NEW.get_secret_value() not in shown
