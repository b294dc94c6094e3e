"""A thousand calls in a row against a gateway's process: what it holds afterwards that it did not before.

``python -m tests.bench.leaks [CALLS]``
"""

import asyncio
import sys

from tests.integration.gateway_process import Site, gateway_process
from tests.integration.gateway_row import SPEED, TINY, row

WARM_UP, AT_ONCE, STEPS = 1000, 20, 4
MOST_KIB_A_CALL = 1.0
KEPT_ALIVE = 4
"""Connections that may be open to the vendors when the count is taken."""


async def settled(site: Site) -> tuple[int, int]:
    """Descriptors and memory (KiB) when nothing goes on.

    Connections to the vendors are kept alive for 5 s, and closed when the next request is made.
    """
    await asyncio.sleep(7)
    await row(site.call, 1, 1)
    await asyncio.sleep(1)
    assert not site.vatel.live, "a session is left"
    return site.descriptors(), site.memory_kib()


async def main(calls: int) -> bool:
    """Print what is left after each quarter; whether it is within bounds."""
    async with gateway_process(script=TINY, speed=SPEED) as site:
        await row(site.call, WARM_UP, AT_ONCE)
        descriptors, memory = await settled(site)
        print(f"after {WARM_UP} calls to warm up: {descriptors} descriptors, {memory} KiB")
        now = descriptors, memory
        for step in range(1, STEPS + 1):
            await row(site.call, calls // STEPS, AT_ONCE)
            now = await settled(site)
            print(f"after {calls // STEPS * step} more: {now[0]} descriptors, {now[1]} KiB")
    a_call = (now[1] - memory) / calls
    print(f"{a_call:.2f} KiB a call (bound {MOST_KIB_A_CALL:g}); {now[0] - descriptors:+d} descriptors")
    return a_call <= MOST_KIB_A_CALL and now[0] <= descriptors + KEPT_ALIVE


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    sys.exit(0 if asyncio.run(main(wanted)) else 1)
