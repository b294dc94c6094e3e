"""A process that writes to a journal until it is killed: it says on standard output what it has put."""

import asyncio
import sys
from pathlib import Path

from gateway.store.database import Database
from gateway.store.engine import EngineLimits
from gateway.store.identifiers import CallId
from gateway.store.journal import Journal, JournalLimits
from tests.integration.store import samples


async def main(url: str, folder: str, call_id: str) -> None:
    one = CallId(call_id)
    limits = JournalLimits(deadline_s=0.3, patience_s=0.01, first_retry_s=0.05, last_retry_s=0.1)
    async with Database.open(url, EngineLimits(lock_wait_s=0.05)) as database:
        journal = Journal(database, Path(folder), limits)
        async with journal.running():
            number = 0
            while True:
                number += 1
                journal.put(samples.call(one), samples.event(one, number))
                await asyncio.sleep(0.002)
                if not journal.waiting:  # all of it is in the tables or on disk
                    sys.stdout.write(f"{number}\n")
                    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:4]))
