"""Nobody is called twice: processes killed around the request for a call.

    python -m tests.bench.dial_crash --times 20

At each of ten points a process is killed with signal 9 so many times; Twilio's list of calls is the judge.
"""

import argparse
import asyncio
import sys
import tempfile
import time
from pathlib import Path

from tests.integration.dial_killing import kill_everywhere


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=20, help="how often at each point")
    asked = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        toll = asyncio.run(kill_everywhere(Path(folder), asked.times))
    for point, runs in toll.runs.items():
        print(f"{point:<10} {runs} killed")
    print(f"{sum(toll.runs.values())} calls in {time.monotonic() - began:.0f} s")
    for name in ("twice", "forgotten", "strange", "alive"):
        found = getattr(toll, name)
        print(f"{name:<10} {len(found)} {found[:5] if found else ''}")
    return 0 if toll.clean else 1


if __name__ == "__main__":
    sys.exit(main())
