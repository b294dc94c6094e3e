"""Session tokens for callers who wait: tried again where that helps, not where it is in vain."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.clients.http import pool
from gateway.clients.vatel import Vatel
from gateway.clients.vatel.sessions import SessionRequest
from gateway.clients.vatel.tokens import TokenDesk, TokenTerms
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.errors import (
    VendorError,
    VendorForbidden,
    VendorGarbled,
    VendorNotFound,
    VendorThrottled,
    VendorTimeout,
    VendorUnauthorized,
    VendorUnavailable,
    VendorUnreachable,
)
from gateway.ids import AgentId
from tests.integration.gateway_rig import anyio_backend, running_gateway, until
from tests.loopback import SILENCE, Answer, Loopback, free_url, response

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
REQUEST = SessionRequest(agent_id=AgentId("agent-1"))
TOKEN = response(200, '{"token": "t-1"}')
QUICK = TokenTerms(pause_s=lambda: 0.001)
SHORT = TokenTerms(pause_s=lambda: 0.001, deadline_s=0.5)
"""For answers that never come."""


def terms(outcome: str) -> TokenTerms:
    return SHORT if outcome == "timeout" else QUICK


@asynccontextmanager
async def asking(url: str, terms: TokenTerms = QUICK) -> AsyncIterator[tuple[TokenDesk, list[str]]]:
    outcomes: list[str] = []
    async with pool() as http:
        yield TokenDesk(Vatel(http, url, "key-1").sessions, outcomes.append, terms), outcomes


async def tried(*answers: Answer, terms: TokenTerms = QUICK) -> tuple[str | VendorError, list[str]]:
    """What comes of asking for one token, and of each try."""
    async with Loopback(*answers) as server, asking(server.url, terms) as (desk, outcomes):
        try:
            return await desk.get(REQUEST), outcomes
        except VendorError as error:
            assert len(server.requests) == len(outcomes)
            return error, outcomes


async def hanging_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not writer.is_closing():
        writer.write(b"1\r\n \r\n")
        await writer.drain()
        await asyncio.sleep(0.01)


PASSING: dict[str, tuple[Answer, str]] = {
    "500": (response(500), "failed"),
    "502": (response(502), "failed"),
    "503": (response(503, Retry_After="60"), "failed"),
    "redirect": (response(302, Location="/elsewhere"), "failed"),
    "hangs up": (hanging_up, "failed"),
    "no answer": (SILENCE, "timeout"),
    "slow drip": (dripping, "timeout"),
    "html": (response(200, "<html>"), "garbled"),
    "empty": (response(200), "garbled"),
    "no token": (response(200, "{}"), "garbled"),
    "10 MiB": (response(200, b" " * (10 * 1024 * 1024)), "garbled"),
    "429": (response(429, Retry_After="0"), "throttled"),
}


@pytest.mark.parametrize(("answer", "outcome"), PASSING.values(), ids=PASSING.keys())
async def test_what_may_pass_is_tried_again(answer: Answer, outcome: str) -> None:
    assert await tried(answer, TOKEN, terms=terms(outcome)) == ("t-1", [outcome, "issued"])


@pytest.mark.parametrize(("answer", "outcome"), PASSING.values(), ids=PASSING.keys())
async def test_what_does_not_pass_is_given_up_after_three_tries(answer: Answer, outcome: str) -> None:
    error, outcomes = await tried(answer, terms=terms(outcome))
    assert isinstance(error, VendorError)
    assert error.retryable
    assert outcomes == [outcome] * 3


@pytest.mark.parametrize(
    ("status", "kind", "outcome"),
    [
        (401, VendorUnauthorized, "unauthorized"),
        (403, VendorForbidden, "forbidden"),
        (404, VendorNotFound, "agent_missing"),
        (400, VendorError, "rejected"),
    ],
)
async def test_a_refusal_is_not_repeated(status: int, kind: type[VendorError], outcome: str) -> None:
    error, outcomes = await tried(response(status), TOKEN)
    assert isinstance(error, kind)
    assert outcomes == [outcome]


@pytest.mark.parametrize("asked", ["4", "60", "soon", ""])
async def test_who_is_asked_to_wait_longer_than_a_caller_can_does_not_ask_again(asked: str) -> None:
    error, outcomes = await tried(response(429, Retry_After=asked), TOKEN)
    assert isinstance(error, VendorThrottled)
    assert error.retry_after_s == (float(asked) if asked.isdigit() else None)
    assert outcomes == ["throttled"]


@pytest.mark.parametrize("asked", ["1", "3"])
async def test_who_is_asked_to_wait_a_little_waits_so_long(asked: str) -> None:
    begun = time.monotonic()
    assert await tried(response(429, Retry_After=asked), TOKEN) == ("t-1", ["throttled", "issued"])
    assert time.monotonic() - begun >= float(asked)


async def test_pauses_differ_and_are_short() -> None:
    pauses = [TokenTerms().pause_s() for _ in range(100)]
    assert min(pauses) >= 0.1
    assert max(pauses) <= 0.4
    assert len(set(pauses)) > 90


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_who_can_not_be_reached_is_tried_again(scheme: str) -> None:
    async with asking((await free_url()).replace("http", scheme, 1)) as (desk, outcomes):
        with pytest.raises(VendorUnreachable):
            await desk.get(REQUEST)
    assert outcomes == ["unreachable"] * 3


async def test_all_tries_together_take_no_longer_than_the_caller_waits() -> None:
    async with Loopback(SILENCE) as server, asking(server.url) as (desk, outcomes):
        begun = time.monotonic()
        with pytest.raises(VendorTimeout):
            await desk.get(REQUEST, patience_s=0.3)
        assert 0.25 < time.monotonic() - begun < 1.0
    assert outcomes == ["timeout"]


async def test_a_vatel_that_fails_all_the_time_is_left_alone_and_found_when_it_works_again() -> None:
    async with (
        Loopback(*[response(500)] * 5, TOKEN) as server,
        asking(server.url) as (desk, outcomes),
    ):
        for _ in range(2):
            with pytest.raises(VendorError, match="500"):
                await desk.get(REQUEST)
        assert (desk.resting, len(server.requests)) == (True, 5)
        with pytest.raises(VendorUnavailable) as caught:
            await desk.get(REQUEST)
        assert 0 < (caught.value.retry_after_s or 0) <= 1
        assert len(server.requests) == 5
        await asyncio.sleep(1.0)
        assert await desk.get(REQUEST) == "t-1"
        assert not desk.resting
    assert outcomes == ["failed"] * 5 + ["not_asked"] * 2 + ["issued"]


async def test_a_key_that_is_refused_opens_the_breaker_and_a_missing_agent_does_not() -> None:
    for status, rests in ((401, True), (403, False), (404, False), (429, False)):
        async with Loopback(response(status)) as server, asking(server.url) as (desk, _):
            for _ in range(5):
                with pytest.raises(VendorError):
                    await desk.get(REQUEST)
            assert desk.resting is rests, status


async def test_an_answer_that_is_too_large_is_not_read_whole() -> None:
    async with Loopback(response(200, b" " * 65_537)) as server, asking(server.url) as (desk, outcomes):
        with pytest.raises(VendorGarbled, match="more than 65536 bytes"):
            await desk.get(REQUEST)
    assert outcomes == ["garbled"] * 3


async def test_a_token_that_is_too_old_is_replaced_and_the_caller_never_knows() -> None:
    async with running_gateway(behaviour=Behaviour(refuse_connection=401, refuse_times=1)) as rig:
        talk = await rig.conversation()
        assert len(rig.vatel.account.token_requests) == 2
        assert rig.metric("session_tokens_total", outcome="stale") == 1
        assert rig.metric("session_tokens_total", outcome="issued") == 2
        talk.call.give_up()
        assert await rig.ending(talk.call) == "caller_hung_up"


async def test_a_token_that_fails_twice_is_had_at_the_third_try_of_a_call() -> None:
    async with running_gateway(behaviour=Behaviour(token_status=503, token_times=2)) as rig:
        talk = await rig.conversation()
        assert rig.metric("session_tokens_total", outcome="failed") == 2
        talk.call.give_up()
        assert await rig.ending(talk.call) == "caller_hung_up"


async def test_a_refused_key_is_told_once_a_call_as_an_error() -> None:
    async with running_gateway(behaviour=Behaviour(token_status=401)) as rig:
        await rig.call()
        await until(lambda: any("refuses the API key" in line["event"] for line in rig.log))
        [line] = [line for line in rig.log if "refuses the API key" in line["event"]]
        assert line["level"] == "error"
        assert len(rig.vatel.account.token_requests) == 1
