"""Forty calls in a row leave nothing behind; ``python -m tests.bench.leaks`` is the long version."""

import asyncio
import gc
import tracemalloc
from collections import Counter

import pytest

from tests.integration.gateway_rig import Rig, anyio_backend, running_gateway, until
from tests.integration.gateway_row import AT_ONCE, SPEED, TINY, row

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
CALLS = 40
ROUNDS = 4
AT_A_TIME = 8
OURS = [
    tracemalloc.Filter(inclusive=True, filename_pattern=f"*/gateway/{part}/*")
    for part in ("calls", "bridge", "web", "wire", "audio", "clients")
]


async def held_bytes(rig: Rig) -> int:
    """What the gateway's own code has allocated and not let go."""
    await until(lambda: rig.gateway.registry.idle and not rig.vatel.live)
    await asyncio.sleep(0.2)
    rig.gateway.registry.recent.clear()  # the newest reports are kept on purpose
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(OURS)
    return sum(trace.size for trace in snapshot.traces)


async def test_calls_in_a_row_leave_no_task_no_socket_and_hardly_any_memory() -> None:
    async with running_gateway(script=TINY, behaviour=AT_ONCE, speed=SPEED) as rig:
        tracemalloc.start()
        try:
            await row(rig.call, 20, AT_A_TIME)
            tasks, grown = len(asyncio.all_tasks()), list[int]()
            for _ in range(ROUNDS):  # caches fill until they are full: one round without growth is proof
                before = await held_bytes(rig)
                await row(rig.call, CALLS, AT_A_TIME)
                grown.append(await held_bytes(rig) - before)
                assert len(asyncio.all_tasks()) <= tasks
                if grown[-1] / CALLS < 1024:
                    break
        finally:
            tracemalloc.stop()
        assert rig.metric("calls_admitted_total") == 20 + CALLS * len(grown)
        assert rig.metric("calls_ended_total", ending="agent_ended", by="agent") >= 39
    assert grown[-1] / CALLS < 1024, f"{grown} bytes in rounds of {CALLS} calls"


def ours() -> Counter[str]:
    """How many there are of each class that makes a call, or one of its sockets."""
    kinds = (type(each) for each in gc.get_objects())
    parts = ("gateway.calls.", "gateway.bridge.", "gateway.web.", "gateway.clients.")
    return Counter(kind.__qualname__ for kind in kinds if kind.__module__.startswith(parts))


async def test_what_made_a_call_is_freed_with_its_end_and_without_the_collector() -> None:
    async with running_gateway(script=TINY, behaviour=AT_ONCE, speed=SPEED) as rig:
        await row(rig.call, 6, 3)  # what is made once is made now
        await until(lambda: rig.gateway.registry.idle and not rig.vatel.live)
        rig.gateway.registry.recent.clear()  # the newest reports are kept on purpose
        gc.collect()
        gc.disable()
        try:
            before = ours()
            assert before, "what serves the next call is there"
            await row(rig.call, 6, 3)  # of which two end by the caller
            rig.gateway.registry.recent.clear()
            await until(lambda: set(ours() - before) == {"Ended"})  # how a call ended is kept on purpose
        finally:
            gc.enable()
        assert rig.metric("calls_admitted_total") == 12
