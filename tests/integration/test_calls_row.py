"""A hundred calls in a row leave nothing behind; ``python -m tests.bench.leaks`` is the long version."""

import asyncio
import gc
import tracemalloc

import pytest

from tests.integration.gateway_rig import Rig, anyio_backend, running_gateway, until
from tests.integration.gateway_row import AT_ONCE, SPEED, TINY, row

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
OURS = [
    tracemalloc.Filter(inclusive=True, filename_pattern=f"*/gateway/{part}/*")
    for part in ("calls", "bridge", "web", "wire", "audio", "clients")
]


async def held_bytes(rig: Rig) -> int:
    """What the gateway's own code has allocated and not let go."""
    await until(lambda: rig.gateway.registry.idle and not rig.vatel.live)
    await asyncio.sleep(0.2)
    gc.collect()
    snapshot = tracemalloc.take_snapshot().filter_traces(OURS)
    return sum(trace.size for trace in snapshot.traces)


async def test_calls_in_a_row_leave_no_task_no_socket_and_hardly_any_memory() -> None:
    async with running_gateway(script=TINY, behaviour=AT_ONCE, speed=SPEED) as rig:
        tracemalloc.start()
        try:
            await row(rig.call, 40, 25)
            before, tasks = await held_bytes(rig), len(asyncio.all_tasks())
            await row(rig.call, 100, 25)
            grown = await held_bytes(rig) - before
            assert len(asyncio.all_tasks()) <= tasks
        finally:
            tracemalloc.stop()
        assert rig.metric("calls_admitted_total") == 140
        endings = {report.ending for _, report in rig.gateway.registry.recent}
        assert endings == {"agent_ended", "caller_hung_up"}
    # The newest 200 reports are kept on purpose, which such a row does not fill.
    assert grown / 100 < 1024, f"{grown / 100:.0f} bytes a call"
