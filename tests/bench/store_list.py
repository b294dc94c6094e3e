"""How fast the list of calls is: ``python -m tests.bench.store_list [--rows N]``.

Fills a PostgreSQL of its own with calls of 400 days and asks for pages as customers do: with every filter,
several at once, the first page and one deep in the list. Fails if a query's p95 is above 50 ms.
"""

import argparse
import asyncio
import random
import statistics
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg

from gateway.ids import E164, AgentId
from gateway.store import calls
from gateway.store.calls import Filter
from gateway.store.database import Database
from gateway.store.records import Direction, Status
from tests.integration.store import cluster as clusters

TARGET_MS = 50.0
ROUNDS = 60
END = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 400
OURS = [E164(f"+1415555{number:04d}") for number in range(100, 150)]
AGENTS = [AgentId(f"agent-{number}") for number in range(40)]
FILL = """
INSERT INTO calls (id, direction, call_sid, session_id, from_number, to_number, number, agent_id, status,
                   ending, ended_by, created_at, ended_at, duration_ms, metadata, variables, summary)
SELECT 'call_' || lpad(n::text, 26, '0'),
       CASE WHEN n %% 3 = 0 THEN 'outbound' ELSE 'inbound' END,
       'CA' || md5(n::text), md5('s' || n),
       '+1212' || lpad((n * 7919 %% 200000)::text, 7, '0'),
       '+1415555' || lpad((100 + (n * n %% 50))::text, 4, '0'),
       '+1415555' || lpad((100 + (n * n %% 50))::text, 4, '0'),
       'agent-' || floor(40 * random() ^ 3),
       CASE WHEN n %% 997 = 0 THEN 'failed' WHEN n %% 50 = 0 THEN 'no_answer' ELSE 'completed' END,
       CASE WHEN n %% 5003 = 0 THEN 'gateway_error' WHEN n %% 211 = 0 THEN 'agent_lost'
            WHEN n %% 2 = 0 THEN 'caller_hung_up' ELSE 'agent_ended' END,
       'caller', at, at + interval '90 seconds', 90000 * random(),
       jsonb_build_object('order', n), jsonb_build_object('name', md5('v' || n)), repeat(md5(n::text), 8)
FROM (SELECT n, %(end)s::timestamptz - %(days)s * interval '1 day' * (1 - n::float8 / %(rows)s) AS at
      FROM generate_series(%(first)s::bigint, %(last)s::bigint) n) made
"""
FILTERS = {
    "no filter": Filter(),
    "number": Filter(number=OURS[4]),
    "caller": Filter(from_number=E164("+12120007919")),
    "agent, common": Filter(agent_id=AGENTS[0]),
    "agent, rare": Filter(agent_id=AGENTS[39]),
    "direction": Filter(direction=Direction.OUTBOUND),
    "status, rare": Filter(status=Status.FAILED),
    "status, none": Filter(status=Status.IN_PROGRESS),
    "ending, rare": Filter(ending="gateway_error"),
    "month": Filter(since=END - timedelta(days=200), until=END - timedelta(days=170)),
    "number, ending": Filter(number=OURS[4], ending="agent_lost"),
    "agent, rare ending": Filter(agent_id=AGENTS[0], ending="gateway_error"),
    "direction, status": Filter(direction=Direction.OUTBOUND, status=Status.FAILED),
    "number, agent, month": Filter(
        number=OURS[4], agent_id=AGENTS[1], since=END - timedelta(days=200), until=END - timedelta(days=170)
    ),
    "all at once": Filter(
        number=OURS[4],
        agent_id=AGENTS[0],
        direction=Direction.INBOUND,
        status=Status.COMPLETED,
        ending="caller_hung_up",
        since=END - timedelta(days=300),
    ),
}


def fill(url: str, rows: int) -> None:
    """Write the calls, in steps that can be watched."""
    step = 100_000
    with psycopg.connect(url, autocommit=True) as connection:
        for first in range(1, rows + 1, step):
            last = min(first + step - 1, rows)
            values = {"first": first, "last": last, "rows": rows, "end": END, "days": DAYS}
            connection.execute(FILL, values)
            print(f"  {last} rows", flush=True)
        connection.execute("VACUUM ANALYZE calls")


async def measure(database: Database, which: Filter, chance: random.Random) -> list[float]:
    """Milliseconds of pages: the first one, the one behind it, and one from somewhere in the past."""
    took = []
    for number in range(ROUNDS):
        past = END - timedelta(days=chance.uniform(0, DAYS))
        asked = replace(which, until=which.until or past) if number % 3 == 2 else which
        cursor = None
        for _ in range(2 if number % 3 == 1 else 1):
            began = time.perf_counter()
            async with database.read() as connection:
                page = await calls.page(connection, asked, cursor=cursor)
            took.append((time.perf_counter() - began) * 1000)
            if (cursor := page.next) is None:
                break
    return took


async def bench(url: str, rows: int) -> bool:
    """Fill, ask, and tell; whether every query is fast enough."""
    async with Database.open(url) as database:
        began = time.monotonic()
        await asyncio.to_thread(fill, url, rows)
        print(f"{rows} calls written in {time.monotonic() - began:.0f} s\n")
        print(f"{'filter':24}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}")
        good, every, chance = True, [], random.Random(1)
        for name, which in FILTERS.items():
            took = await measure(database, which, chance)
            every += took
            p95 = statistics.quantiles(took, n=20)[-1]
            good &= p95 <= TARGET_MS
            print(f"{name:24}{statistics.median(took):9.1f}{p95:9.1f}{max(took):9.1f}")
        print(f"{'all':24}{statistics.median(every):9.1f}{statistics.quantiles(every, n=20)[-1]:9.1f}")
    return good


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    rows = parser.parse_args().rows
    programs = clusters.binaries()
    if programs is None:
        sys.exit("PostgreSQL is not installed")
    with clusters.running(programs, "max_wal_size=4GB") as cluster:
        cluster.execute("CREATE DATABASE bench")
        sys.exit(not asyncio.run(bench(cluster.url("bench"), rows)))


if __name__ == "__main__":
    main()
