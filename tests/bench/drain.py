"""A deploy under fifty calls, and one that will not wait: ``python -m tests.bench.drain [CALLS]``."""

import asyncio
import sys

from tests.integration.gateway_drain import drain, hand_over


async def main(calls: int) -> bool:
    """Print what became of the calls; whether none was cut and all were handed over."""
    drained = await drain(calls)
    print(f"SIGTERM under {calls} calls: {drained.whole} heard whole, {drained.cut} cut")
    print(
        f"  a new call was refused {drained.refused_after_s:.2f} s after the signal: {drained.refused_verbs}"
    )
    print(f"  /readyz {drained.ready}; exit {drained.exit_code} {drained.exit_after_s:.2f} s behind the last")
    over = await hand_over(calls)
    handed = sum(verbs[2:3] == ["Say"] for verbs in over.verbs)
    print(
        f"second SIGTERM: {handed} of {calls} handed over; exit {over.exit_code} in {over.exit_after_s:.2f} s"
    )
    good = drained.whole == calls and not drained.cut and drained.exit_after_s < 2
    return good and handed == calls and drained.exit_code == over.exit_code == 0


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    sys.exit(0 if asyncio.run(main(wanted)) else 1)
