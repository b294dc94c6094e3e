"""The database stops under calls, and comes back: ``python -m tests.bench.store_away [--seconds S]``.

A gateway between both emulators keeps its records in a PostgreSQL of its own. The server is stopped under
calls that talk; most end while it is away, some begin and end then, some outlive it. Afterwards they are
counted: each person must have heard every sample of every turn, no turn torn, and each call must be in the
database with its turns, its ending and its events.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from gateway.ids import CallSid
from gateway.store import calls, conversations
from gateway.store.database import Database
from tests.integration.gateway_audio import heard, on_the_line, speak, words
from tests.integration.gateway_rig import Conversation, Rig, running_gateway
from tests.integration.store import cluster as clusters
from tests.integration.store.cluster import Cluster

TURN_S = 0.8
PAUSE_S = 0.4
SEED = 20261121
CAUGHT_UP_S = 30.0
"""Two tries of the journal fit in well."""


@dataclass
class Talk:
    """A call, what was said in it, and whether it went on as it should."""

    number: int
    conversation: Conversation
    turns: int = 0
    early: bool = False

    async def go_on(self, until: float) -> None:
        """Say one turn after the other, then hang up."""
        line, session = self.conversation.line, self.conversation.session
        while time.monotonic() < until and not line.over:
            said = f"Turn {self.turns}."
            session.text(said, said, final=True)
            speak(session, said, words(self.number + self.turns, TURN_S))
            self.turns += 1
            await asyncio.sleep(TURN_S + PAUSE_S)
        self.early = line.over
        await self.conversation.call.hang_up()
        await self.conversation.call.wait_over(10)

    @property
    def whole(self) -> bool:
        """Whether every sample was heard, and no turn has a hole."""
        line = self.conversation.line
        said = b"".join(on_the_line(words(self.number + turn, TURN_S)) for turn in range(self.turns))
        return heard(line) == said and len(line.heard_spans) == self.turns


@dataclass
class Result:
    """What came of it; counts are of calls where nothing else is said."""

    seconds: float
    calls: int = 0
    begun_away: int = 0
    turns: int = 0
    early: int = 0
    torn: int = 0
    missing: int = 0
    unended: int = 0
    turns_missing: int = 0
    events_missing: int = 0
    spilled: int = 0
    lost: int = 0
    caught_up_s: float = 0.0

    @property
    def good(self) -> bool:
        """Whether nothing was lost, and nobody noticed. That nothing waited on disk would prove nothing."""
        wrong = (self.early, self.torn, self.missing, self.unended, self.turns_missing, self.events_missing)
        return not any(wrong) and not self.lost and self.spilled > 0 and self.calls > 0

    def __str__(self) -> str:
        return (
            f"PostgreSQL away for {self.seconds:g} s under {self.calls} calls, {self.begun_away} of them "
            f"begun then, with {self.turns} turns\n"
            f"  the calls: {self.early} ended early, {self.torn} not heard whole\n"
            f"  the records: {self.spilled} waited on disk, {self.lost} lost; "
            f"caught up {self.caught_up_s:.1f} s after it was back\n"
            f"  the database: {self.missing} calls missing, {self.unended} without their ending, "
            f"{self.turns_missing} without a turn, {self.events_missing} without an event"
        )


async def run(cluster: Cluster, name: str, count: int, seconds: float) -> Result:
    """Have so many calls talk, take the database ``name`` away for so long, and count."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "database_url": cluster.url(name),
            "spool_dir": Path(folder) / "spool",
            "recordings_dir": Path(folder) / "recordings",
        }
        async with running_gateway(settings=settings, keep=True) as rig:
            result = Result(seconds)
            talks = await _talk(rig, cluster, count, result)
            await _caught_up(rig, result)
            await _compare(rig, talks, result)
    return result


async def _talk(rig: Rig, cluster: Cluster, count: int, result: Result) -> list[Talk]:
    """Have calls talk while the database goes and comes back; all of them are over then."""
    chance, seconds, talks = random.Random(SEED), result.seconds, list[Talk]()

    async def begin() -> Talk:
        talks.append(Talk(len(talks), await rig.conversation()))
        return talks[-1]

    old = [await begin() for _ in range(count)]
    await asyncio.to_thread(cluster.stop)
    gone = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for number, talk in enumerate(old):
            # Every tenth outlives it.
            lasts_s = seconds + 1.0 if number % 10 == 9 else chance.uniform(0.2, 0.9) * seconds
            tasks.create_task(talk.go_on(gone + lasts_s))
        for number in range(max(1, count // 4)):
            await asyncio.sleep(0.5 * seconds / count)
            tasks.create_task((await begin()).go_on(gone + chance.uniform(0.4, 0.9) * seconds))
            result.begun_away = number + 1
        await asyncio.sleep(gone + seconds - time.monotonic())
        await asyncio.to_thread(cluster.start)
    result.calls, result.turns = len(talks), sum(talk.turns for talk in talks)
    result.early = sum(talk.early for talk in talks)
    result.torn = sum(not talk.whole for talk in talks)
    return talks


async def _caught_up(rig: Rig, result: Result) -> None:
    keeping = rig.gateway.parts.keeping
    assert keeping is not None
    back = time.monotonic()
    await keeping.journal.flush(CAUGHT_UP_S)
    result.caught_up_s = time.monotonic() - back
    result.spilled, result.lost = keeping.journal.counts.spilled, keeping.journal.counts.lost


async def _compare(rig: Rig, talks: list[Talk], result: Result) -> None:
    keeping = rig.gateway.parts.keeping
    assert keeping is not None
    for talk in talks:
        await _compare_one(keeping.database, talk, result)


async def _compare_one(database: Database, talk: Talk, result: Result) -> None:
    async with database.read() as connection:
        call = await calls.by_sid(connection, CallSid(talk.conversation.call.sid))
        if call is None:
            result.missing += 1
            return
        turns = await conversations.turns_of(connection, call.id)
        events = [event.kind for event in await conversations.events_of(connection, call.id)]
    result.unended += (call.status, call.ending, call.ended_at is None) != (
        "completed",
        "caller_hung_up",
        False,
    )
    said = [f"Turn {turn}." for turn in range(talk.turns)]
    result.turns_missing += [turn.heard_text for turn in turns] != said or any(turn.cut for turn in turns)
    once = all(events.count(kind) == 1 for kind in ("answered", "agent_joined", "ended"))
    result.events_missing += not once or events[-1] != "ended"


@contextmanager
def database(name: str) -> Iterator[Cluster]:
    """A PostgreSQL with an empty database; what was committed survives its stops."""
    programs = clusters.binaries()
    if programs is None:
        sys.exit("PostgreSQL is not installed")
    with clusters.running(programs, durable=True) as cluster:
        cluster.execute(f"CREATE DATABASE {name}")
        yield cluster


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=60.0)
    given = parser.parse_args()
    with database("away") as cluster:
        result = uvloop.run(run(cluster, "away", given.calls, given.seconds))
    print(result)
    sys.exit(not result.good)


if __name__ == "__main__":
    main()
