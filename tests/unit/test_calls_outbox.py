"""The outbox: in order, bounded, and never waited for by who puts."""

import asyncio

import pytest

from gateway.calls.outbox import BOUND, Full, Outbox
from gateway.errors import Fault

pytestmark = pytest.mark.anyio


async def test_messages_leave_in_the_order_they_came() -> None:
    outbox = Outbox()
    for number in range(3):
        outbox.put(f"m{number}", float(number))
    assert [await outbox.get() for _ in range(3)] == [("m0", 0.0), ("m1", 1.0), ("m2", 2.0)]


async def test_a_full_outbox_says_so_and_keeps_what_it_has() -> None:
    outbox = Outbox()
    for number in range(BOUND):
        outbox.put(str(number), 0.0)
    with pytest.raises(Full) as caught:
        outbox.put("one too many", 0.0)
    assert caught.value.fault is Fault.PEER
    assert [(await outbox.get())[0] for _ in range(BOUND)] == [str(number) for number in range(BOUND)]


async def test_room_is_made_by_taking_and_by_dropping() -> None:
    outbox = Outbox()
    for number in range(BOUND):
        outbox.put(str(number), 0.0)
    await outbox.get()
    outbox.put("last", 1.0)
    outbox.drop()
    outbox.put("clear", 2.0)
    assert await outbox.get() == ("clear", 2.0)


async def test_who_waits_gets_the_next_message_even_if_some_were_dropped() -> None:
    outbox = Outbox()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(outbox.get())
        await asyncio.wait([waiting], timeout=0)
        outbox.put("dropped", 1.0)
        outbox.drop()
        await asyncio.wait([waiting], timeout=0)
        assert not waiting.done()
        outbox.put("kept", 2.0)
        assert await waiting == ("kept", 2.0)


async def test_who_stops_waiting_loses_nothing() -> None:
    outbox = Outbox()
    waiting = asyncio.ensure_future(outbox.get())
    await asyncio.wait([waiting], timeout=0)
    outbox.put("m", 0.0)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert await outbox.get() == ("m", 0.0)
