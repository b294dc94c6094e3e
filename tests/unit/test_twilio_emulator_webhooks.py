"""Webhooks: redirects, retries, cookies and limits, without a network."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from twilio.request_validator import RequestValidator

from gateway.emulators.twilio.twiml import MAX_BYTES
from gateway.emulators.twilio.webhooks import Answer, Webhooks

pytestmark = pytest.mark.anyio

URL = "http://gw.example.com/voice"
FORM = {"From": "+1", "FromCity": "", "ToCity": "東京"}
Answering = Callable[[httpx.Request], httpx.Response]


class Peer:
    """Answers requests, and remembers them."""

    def __init__(self, answer: Answering) -> None:
        self.requests: list[httpx.Request] = []
        self._answer = answer

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        return self._answer(request)


async def send(peer: Peer, url: str = URL, **options: object) -> Answer:
    webhooks = Webhooks("token", timeout_s=1.0, transport=httpx.MockTransport(peer))
    try:
        return await webhooks.send(url, FORM, **options)  # type: ignore[arg-type]  # each test its own
    finally:
        await webhooks.close()


def xml(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, text="<Response/>", headers={"Content-Type": "text/xml; charset=utf-8"})


async def test_a_post_is_signed_over_its_form() -> None:
    peer = Peer(xml)
    answer = await send(peer, "http://gw.example.com/voice?a=1#rc=3")
    (request,) = peer.requests
    signature = request.headers["x-twilio-signature"]
    assert RequestValidator("token").validate("http://gw.example.com/voice?a=1", FORM, signature)
    assert httpx.QueryParams(request.content.decode()).get("FromCity") == ""
    assert (answer.status, answer.content_type, answer.error) == (200, "text/xml", None)


async def test_a_get_is_signed_over_its_query() -> None:
    peer = Peer(xml)
    await send(peer, f"{URL}?a=1", method="GET")
    (request,) = peer.requests
    signature = request.headers["x-twilio-signature"]
    assert RequestValidator("token").validate(str(request.url), {}, signature)
    assert request.url.params["ToCity"] == "東京"


async def test_a_redirect_becomes_a_get_without_parameters() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return xml(request) if request.url.path == "/b" else httpx.Response(302, headers={"Location": "/b"})

    peer = Peer(answer)
    assert (await send(peer)).error is None
    assert [(request.method, request.content) for request in peer.requests[1:]] == [("GET", b"")]


async def test_a_permanent_redirect_of_the_new_kind_keeps_the_form() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return xml(request) if request.url.path == "/b" else httpx.Response(308, headers={"Location": "/b"})

    peer = Peer(answer)
    assert (await send(peer)).error is None
    assert peer.requests[1].content == peer.requests[0].content


async def test_ten_redirects_are_followed_and_no_more() -> None:
    peer = Peer(lambda _: httpx.Response(307, headers={"Location": URL}))
    assert (await send(peer)).error == 11215
    assert len(peer.requests) == 11


async def test_a_missing_connection_is_tried_once_more() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    peer = Peer(refuse)
    assert (await send(peer)).error == 11205
    assert ["i-twilio-idempotency-token" in request.headers for request in peer.requests] == [False, True]


async def test_a_failing_server_is_tried_again_only_on_request() -> None:
    peer = Peer(lambda _: httpx.Response(503))
    assert (await send(peer)).error == 11200
    assert len(peer.requests) == 1
    await send(peer, f"{URL}#rc=2&rp=5xx")
    assert len(peer.requests) == 4


async def test_a_body_over_64_kb_is_refused() -> None:
    peer = Peer(lambda _: httpx.Response(200, content=b" " * (MAX_BYTES + 1)))
    assert (await send(peer)).error == 11750


async def test_a_slow_server_has_its_time_and_no_more() -> None:
    async def slow(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    webhooks = Webhooks("token", timeout_s=0.01, transport=httpx.MockTransport(slow))
    assert (await webhooks.send(URL, FORM)).error == 11200
    await webhooks.close()


async def test_cookies_belong_to_a_call() -> None:
    peer = Peer(lambda _: httpx.Response(200, headers={"Set-Cookie": "a=1"}))
    webhooks = Webhooks("token", transport=httpx.MockTransport(peer))
    one, two = httpx.Cookies(), httpx.Cookies()
    for jar in (one, one, two):
        await webhooks.send(URL, FORM, cookies=jar)
    await webhooks.close()
    assert [request.headers.get("cookie") for request in peer.requests] == [None, "a=1", None]


async def test_an_address_that_is_none_is_a_failure() -> None:
    assert (await send(Peer(xml), "nonsense")).error == 11200


async def test_a_body_that_breaks_off_is_a_failure() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"<Resp"
        raise httpx.ReadError("gone")

    assert (await send(Peer(lambda _: httpx.Response(200, content=broken())))).error == 11200
