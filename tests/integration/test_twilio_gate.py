"""Requests to Twilio: no more than ten at once, live calls first, and peace when Twilio asks for it."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.twilio.codes import Concern, concern
from gateway.clients.twilio.gate import Gate
from gateway.clients.twilio.orders import Document, NewCall
from gateway.clients.twilio.refusals import certain
from gateway.emulators.twilio.api import RestFault
from gateway.errors import VendorError, VendorRejected, VendorThrottled, VendorUnreachable
from gateway.ids import E164, AccountSid, CallSid
from tests.integration.gateway_rig import anyio_backend, running_gateway, until
from tests.loopback import SILENCE, Answer, Loopback, Request, response

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
CALL = CallSid("CA" + "1" * 32)
ORDER = NewCall(E164("+14155550199"), E164("+14155550100"), Document(twiml="<Response/>"))
DONE = response(200, json.dumps({"sid": CALL, "status": "completed"}))
SLOW_DOWN = response(429, json.dumps({"code": 20429, "message": "Too many."}))


def problem(status: int, code: int) -> bytes:
    return response(status, json.dumps({"code": code, "message": "No."}))


class Told:
    """What the gate told."""

    def __init__(self) -> None:
        self.waits: list[tuple[str, float]] = []
        self.throttled: list[str] = []

    def gate(self) -> Gate:
        return Gate(lambda urgency, s: self.waits.append((urgency.value, s)), self.throttled.append)


@asynccontextmanager
async def asking(*answers: Answer, deadline_s: float = 3.0) -> AsyncIterator[tuple[Twilio, Loopback, Told]]:
    told = Told()
    async with Loopback(*answers) as server, pool() as http:
        login = ("SK1", "secret")
        yield (
            Twilio(http, server.url, AccountSid("AC1"), login, deadline_s=deadline_s, gate=told.gate()),
            server,
            told,
        )


class Slow:
    """Answers when it is told to, and remembers how many waited at once."""

    def __init__(self) -> None:
        self.now = self.most = 0
        self.go = asyncio.Event()

    async def __call__(self, writer: asyncio.StreamWriter) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await self.go.wait()
        self.now -= 1
        writer.write(DONE)


def urgent(request: Request) -> bool:
    return "/Calls/CA" in request.target


async def test_no_more_than_ten_requests_are_under_way() -> None:
    slow = Slow()
    async with asking(slow) as (twilio, server, told), asyncio.TaskGroup() as group:
        for _ in range(50):
            group.create_task(twilio.hang_up(CALL))
        await until(lambda: slow.now == 10)
        assert len(server.requests) == 10
        slow.go.set()
    assert (slow.most, len(server.requests), len(told.waits)) == (10, 50, 50)
    assert sum(seconds == 0.0 or seconds < 0.001 for _, seconds in told.waits) >= 10


async def test_a_live_call_passes_those_that_are_to_be_placed() -> None:
    slow = Slow()
    async with asking(slow, deadline_s=20.0) as (twilio, server, _), asyncio.TaskGroup() as group:
        for _ in range(20):
            group.create_task(twilio.calls.create(ORDER))
        await until(lambda: slow.now == 6)
        for _ in range(6):
            group.create_task(twilio.redirect(CALL, "<Response/>"))
        await until(lambda: slow.now == 10)
        await asyncio.sleep(0.05)
        assert (slow.now, sum(map(urgent, server.requests))) == (10, 4)
        slow.go.set()
    # The two that had to wait went before all that waited to be placed.
    assert [urgent(request) for request in server.requests[6:12]] == [True] * 6
    assert len(server.requests) == 26


async def test_a_request_that_waited_too_long_was_never_sent() -> None:
    async with asking(SILENCE, deadline_s=0.4) as (twilio, server, _):
        results = await asyncio.gather(
            *(twilio.calls.create(ORDER) for _ in range(8)), return_exceptions=True
        )
        assert len(server.requests) == 6
    unsent = [error for error in results if isinstance(error, VendorUnreachable)]
    assert len(unsent) == 2
    assert all(certain(error) for error in unsent)


async def test_a_request_that_is_given_up_leaves_its_place() -> None:
    slow = Slow()
    async with asking(slow) as (twilio, _, told):
        async with asyncio.TaskGroup() as group:
            under_way = [group.create_task(twilio.hang_up(CALL)) for _ in range(10)]
            await until(lambda: slow.now == 10)
            waiting = group.create_task(twilio.hang_up(CALL))
            await asyncio.sleep(0)
            waiting.cancel()
            for task in under_way:
                task.cancel()
        slow.go.set()
        await asyncio.gather(*(twilio.hang_up(CALL) for _ in range(10)))
        assert max(seconds for _, seconds in told.waits) < 1.0


async def test_a_throttled_order_is_refused_and_the_next_one_rests() -> None:
    async with asking(SLOW_DOWN, response(429, "{}", Retry_After="2"), DONE) as (twilio, server, told):
        with pytest.raises(VendorError) as first:
            await twilio.calls.create(ORDER)
        began = time.monotonic()
        with pytest.raises(VendorError) as second:
            await twilio.calls.create(ORDER)
        assert time.monotonic() - began >= 0.25
        with pytest.raises(VendorThrottled) as third:
            await twilio.calls.create(ORDER)
        assert len(server.requests) == 2
        await twilio.hang_up(CALL)  # somebody is on the line: this one does not rest
        assert len(server.requests) == 3
    for caught in (first, second, third):
        assert concern(caught.value) is Concern.RATE
        assert certain(caught.value)
    assert 1 < (third.value.retry_after_s or 0) <= 2
    assert told.throttled == ["other", "other"]


async def test_a_live_call_that_is_throttled_is_told_again() -> None:
    async with asking(SLOW_DOWN, SLOW_DOWN, DONE) as (twilio, server, told):
        await twilio.redirect(CALL, "<Response/>")
        assert len(server.requests) == 3
    assert told.throttled == ["live", "live"]


async def test_a_live_call_does_not_wait_longer_than_it_can() -> None:
    async with asking(response(429, "{}", Retry_After="60")) as (twilio, server, _):
        with pytest.raises(VendorError) as caught:
            await twilio.redirect(CALL, "<Response/>")
        assert (caught.value.retry_after_s, len(server.requests)) == (60.0, 1)


@pytest.mark.parametrize(("status", "code"), [(404, 20404), (400, 21220)])
async def test_a_call_that_is_over_already_is_fine(status: int, code: int) -> None:
    async with asking(problem(status, code)) as (twilio, _, _told):
        await twilio.hang_up(CALL)
        assert await twilio.calls.cancel(CALL) is False
        with pytest.raises(VendorRejected):
            await twilio.redirect(CALL, "<Response/>")


async def test_a_call_is_hung_up_although_twilio_asks_to_slow_down() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        rig.twilio.refuse_rest(RestFault(429, 20429, times=2, method="POST"))
        talk.session.end()
        await talk.call.wait_over(10)
        assert await rig.ending(talk.call) == "agent_ended"
        assert rig.metric("twilio_throttled_total", urgency="live") == 2
        assert rig.metric("twilio_wait_seconds_count", urgency="live") >= 3
