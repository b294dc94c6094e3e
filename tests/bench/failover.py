"""Two gateways on one database: one is killed, stopped, and both are restarted in turn, under calls.

``python -m tests.bench.failover [kill|stop|restart ...] [--calls N] [--rounds N]``
"""

import argparse
import asyncio
import itertools
import os
import re
import secrets
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.line import Line
from gateway.emulators.twilio.records import EndedBy
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.script import Goto, Pause, Say, Script
from gateway.emulators.vatel.session import Session
from gateway.store import leases
from gateway.store.database import Database
from gateway.store.models import call_leases
from tests.integration.gateway_audio import on_the_line, words
from tests.integration.gateway_cluster import Cluster, Node, cluster, say
from tests.integration.gateway_rig import Conversation, until
from tests.integration.store import cluster as postgresql

TOKEN_S, FIRST_AUDIO_S = 0.3, 0.8
"""How long Vatel takes over a token, and an agent over its first word."""
PATIENT = {"MAX_LATENESS_MS": "0"}
"""All processes share this machine: that frames are late here is no reason to let callers wait."""
LATEST_S = 4.0
TALK_S = 8.0
CALL_S = 15.0
PER_S = 2.0
TALKING = Script(
    name="talking",
    steps=(
        Say(text="Hello, I am the agent of this call and I go on talking.", label="on"),
        Pause(seconds=0.3),
        Goto(to="on"),
    ),
)


@dataclass
class Talk:
    """One call: what is known of it alone, and what is watched of it."""

    code: str
    conversation: Conversation
    session: Session | None = None  # the one that took the call up
    said_at: float = 0.0
    streams: int = 0


@dataclass
class Toll:
    """What came of it."""

    lines: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        self.lines.append(text)
        print(text, flush=True)

    def hold(self, good: bool, text: str) -> None:
        self.tell(f"  {'ok ' if good else 'BAD'} {text}")
        if not good:
            self.wrong.append(text)


@asynccontextmanager
async def database() -> AsyncIterator[str]:
    """PostgreSQL if it is installed, else SQLite."""
    programs = postgresql.binaries()
    if programs is None:
        with tempfile.TemporaryDirectory() as folder:
            yield f"sqlite:///{Path(folder)}/gateway.db"
        return
    server = postgresql.running(programs)
    running = await asyncio.to_thread(server.__enter__)
    try:
        running.execute("CREATE DATABASE gateway")
        yield running.url("gateway")
    finally:
        await asyncio.to_thread(server.__exit__, None, None, None)


async def begin(at: Cluster, node: Node) -> Talk:
    """A call on a node, in which both have said something that nobody else knows."""
    talk = Talk(secrets.token_hex(4), await at.conversation(node))
    # In this order: an agent that owes its caller an answer is replaced after a while.
    talk.conversation.session.transcript(f"My name is {talk.code[::-1]}.")
    say(talk.conversation.session, "one", f"Your code is {talk.code}.", words(1, 0.5))
    return talk


async def take_up(at: Cluster, talks: list[Talk], before: set[str]) -> None:
    """Play the agents that come: each speaks as soon as it can, and is told from others by what it knows."""
    waiting = {talk.code: talk for talk in talks}
    seen = set(before)
    async with asyncio.TaskGroup() as group:
        while waiting:
            for session in list(at.vatel.live):
                if session.id in seen:
                    continue
                seen.add(session.id)
                prompt = session.record.token_request.prompt or ""
                for code in [code for code in waiting if f"Your code is {code}." in prompt]:
                    talk = waiting.pop(code)
                    talk.session = session
                    group.create_task(_speak(at, talk))
            await asyncio.sleep(0.02)


async def _speak(at: Cluster, talk: Talk) -> None:
    await asyncio.sleep(FIRST_AUDIO_S)
    assert talk.session is not None
    talk.said_at = at.twilio.now
    say(talk.session, "again", "Where were we?", words(7, 1.0))


def first_heard(line: Line, pcm: bytes) -> float | None:
    """When the caller heard these words on a line, on the emulator's clock."""
    fragment = on_the_line(pcm)[400:1200]
    found = line.heard.find(fragment)
    return None if found < 0 or line.opened_at is None else line.opened_at + found / 8000


def first_sound(line: Line) -> float | None:
    """When the caller heard anything on a line."""
    spans = line.heard_spans
    return line.opened_at + spans[0].start_s if spans and line.opened_at is not None else None


def ranked(values: list[float]) -> str:
    """The usual figures of times in seconds."""
    ordered = sorted(values)
    if not ordered:
        return "none"
    places = {"p50": 0.5, "p95": 0.95, "max": 1.0}
    return ", ".join(
        f"{name} {ordered[min(len(ordered) - 1, int(at * len(ordered)))]:.2f} s"
        for name, at in places.items()
    )


async def owners(url: str) -> Counter[str]:
    """Whose the live calls are."""
    store = Database.at(url)
    try:
        async with store.read() as connection:
            query = select(call_leases.c.owner).where(call_leases.c.state == leases.State.LIVE)
            return Counter((await connection.execute(query)).scalars())
    finally:
        await store.close()


async def kill(calls: int, toll: Toll) -> None:
    """kill -9 of one of two nodes."""
    async with database() as url, cluster(database_url=url, settings=PATIENT) as at:
        at.vatel.behaviour = Behaviour(token_delay_s=TOKEN_S)
        toll.tell(f"kill -9 of one of two nodes with {calls} calls each, {url.partition(':')[0]}")
        doomed = [await begin(at, at.nodes[0]) for _ in range(calls)]
        others = [await begin(at, at.nodes[1]) for _ in range(calls)]
        await asyncio.sleep(2.0)
        for talk in (*doomed, *others):
            say(talk.conversation.session, "two", "And so I go on.", words(2, TALK_S))
        await asyncio.sleep(1.0)
        before = {session.id for session in at.vatel.live}
        sessions = len(at.vatel.sessions)
        at.nodes[0].signal(signal.SIGKILL)
        killed_at = at.twilio.now
        try:
            async with asyncio.timeout(LATEST_S + 8):
                await take_up(at, doomed, before)
        except TimeoutError:
            toll.tell("  not all calls were taken up")
        await asyncio.sleep(2.0)
        taken = [talk for talk in doomed if talk.session is not None]
        sounds, speech = [], []
        for talk in taken:
            line = talk.conversation.call.lines[-1]
            sounds += [at_s - killed_at for at_s in [first_sound(line)] if at_s is not None]
            speech += [at_s - killed_at for at_s in [first_heard(line, words(7, 1.0))] if at_s is not None]
        knowing = sum(
            f"My name is {talk.code[::-1]}." in (talk.session.record.token_request.prompt or "")
            for talk in taken
            if talk.session
        )
        toll.tell(f"  from the kill to the first sound: {ranked(sounds)}")
        toll.tell(f"  from the kill to the next agent's words: {ranked(speech)}")
        toll.hold(
            len(speech) == calls and max(speech) <= LATEST_S,
            f"{len(speech)} of {calls} heard the next agent, all within {LATEST_S:.0f} s",
        )
        toll.hold(knowing == calls, f"{knowing} of {calls} agents knew what both had said")
        await asyncio.sleep(max(0.0, TALK_S - 3.0))
        untouched = sum(len(t.conversation.call.lines) == 1 and not t.conversation.line.over for t in others)
        whole = sum(on_the_line(words(2, TALK_S))[400:-400] in t.conversation.line.heard for t in others)
        toll.hold(
            untouched == calls, f"{untouched} of {calls} others kept their stream; {whole} heard all whole"
        )
        new = len(at.vatel.sessions) - sessions
        held = await owners(url)
        toll.hold(new == calls, f"{new} new sessions for {calls} calls")
        toll.hold(sorted(held.values()) == [2 * calls], f"live leases by owner: {sorted(held.values())}")
        await _end(at)


async def stop(calls: int, toll: Toll) -> None:
    """A node that stands still for longer than its leases last, and wakes up."""
    async with database() as url, cluster(database_url=url, settings=PATIENT) as at:
        at.vatel.behaviour = Behaviour(token_delay_s=TOKEN_S)
        toll.tell(f"SIGSTOP of one of two nodes with {calls} calls, for about 12 s, then SIGCONT")
        talks = [await begin(at, at.nodes[0]) for _ in range(calls)]
        await asyncio.sleep(8.0)
        for talk in talks:
            say(talk.conversation.session, "two", "And so I go on.", words(2, 4 * TALK_S))
        await asyncio.sleep(1.0)
        before = {session.id for session in at.vatel.live}
        at.nodes[0].signal(signal.SIGSTOP)
        stopped_at = at.twilio.now
        async with asyncio.timeout(25):
            await take_up(at, talks, before)
        await asyncio.sleep(2.0)
        speech = []
        for talk in talks:
            heard_at = first_heard(talk.conversation.call.lines[-1], words(7, 1.0))
            speech += [] if heard_at is None else [heard_at - stopped_at]
        toll.tell(f"  from the stop to the next agent's words: {ranked(speech)}")
        toll.hold(len(speech) == calls, f"{len(speech)} of {calls} went on elsewhere")
        asked = len(at.twilio.requests)
        audio = [talk.conversation.session.record.audio_messages for talk in talks]
        heard = [len(talk.conversation.line.heard) for talk in talks]
        at.nodes[0].signal(signal.SIGCONT)
        await until(lambda: "process was stopped" in at.nodes[0].output, 10)
        await asyncio.sleep(3.0)
        rest = len(at.twilio.requests) - asked
        sent = sum(t.conversation.session.record.audio_messages for t in talks) - sum(audio)
        played = sum(len(t.conversation.line.heard) for t in talks) - sum(heard)
        toll.hold(
            (rest, sent, played) == (0, 0, 0),
            f"awake again it sent {rest} REST requests, {sent} messages to agents, {played} bytes to callers",
        )
        alive = sum(not talk.conversation.call.lines[-1].over for talk in talks)
        held = await owners(url)
        toll.hold(alive == calls, f"{alive} of {calls} calls go on")
        toll.hold(sorted(held.values()) == [calls], f"live leases by owner: {sorted(held.values())}")
        await _end(at)


async def restart(calls: int, rounds: int, toll: Toll) -> None:
    """Restart both nodes in turn while calls come and go."""
    drain = {"DRAIN_TIMEOUT": "3", **PATIENT}
    async with database() as url, cluster(database_url=url, script=TALKING, settings=drain) as at:
        at.vatel.behaviour = Behaviour(token_delay_s=TOKEN_S, first_audio_delay_s=FIRST_AUDIO_S)
        toll.tell(
            f"{rounds} rolling restarts of two nodes under {calls} calls and {PER_S:g} new ones a second"
        )
        made: list[Call] = []
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(_traffic(at, made, over, calls / PER_S))
            await asyncio.sleep(calls / PER_S)
            for number in range(rounds):
                for node in at.nodes:
                    node.signal(signal.SIGTERM)
                    code = await node.exit_code(30)
                    await node.start()
                    if code:
                        toll.hold(False, f"round {number}: exit code {code}")
                    await asyncio.sleep(1.0)
            over.set()
        await asyncio.gather(*(call.wait_over(60) for call in made))
        _judge(made, toll)
        for node in at.nodes:
            reasons = re.findall(r'"reason": "(\w+)", "event": "call refused"', node.output)
            toll.tell(f"  refused by a node: {dict(Counter(reasons))}")


async def _traffic(at: Cluster, made: list[Call], over: asyncio.Event, lasts_s: float) -> None:
    async with asyncio.TaskGroup() as group:
        while not over.is_set():
            call = await at.call()
            made.append(call)
            group.create_task(_hang_up(call, lasts_s))
            await asyncio.sleep(1 / PER_S)


async def _hang_up(call: Call, after_s: float) -> None:
    await asyncio.sleep(after_s)
    if not call.over:
        await call.hang_up()


def _judge(made: list[Call], toll: Toll) -> None:
    cut = [call for call in made if call.ended_by is not EndedBy.CALLER]
    helped = [call for call in made if {"Say", "Dial"} & {record.verb for record in call.verbs}]
    moved = [call for call in made if len(call.lines) > 1]
    gaps = [max(_gaps(call), default=0.0) for call in made]
    toll.hold(not cut, f"{len(cut)} of {len(made)} calls cut: {Counter(str(c.ended_by) for c in cut)}")
    toll.hold(not helped, f"{len(helped)} refused or passed to the fallback")
    toll.tell(f"  {len(moved)} went from one node to the other; longest silence of a call: {ranked(gaps)}")
    ways = Counter(" ".join(record.verb for record in call.verbs) for call in (*cut, *helped))
    for way, count in ways.most_common(6):
        toll.tell(f"    {count} x {way}")
    streams = Counter(len(call.lines) for call in made)
    toll.tell(f"  streams a call: {dict(sorted(streams.items()))}")


def _gaps(call: Call) -> list[float]:
    """The silences between what was heard, over all streams of a call, in seconds."""
    spans = [
        (line.opened_at + span.start_s, line.opened_at + span.end_s)
        for line in call.lines
        if line.opened_at is not None
        for span in line.heard_spans
    ]
    return [later[0] - earlier[1] for earlier, later in itertools.pairwise(spans)]


async def _end(at: Cluster) -> None:
    for call in at.twilio.calls:
        if not call.over:
            await call.hang_up()


async def main(arguments: argparse.Namespace) -> bool:
    """Run what is asked for; whether all went well."""
    toll = Toll()
    print(f"{len(os.sched_getaffinity(0))} processors", flush=True)
    if "kill" in arguments.what:
        await kill(arguments.calls, toll)
    if "stop" in arguments.what:
        await stop(min(arguments.calls, 25), toll)
    if "restart" in arguments.what:
        await restart(arguments.busy, arguments.rounds, toll)
    return not toll.wrong


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["kill", "stop", "restart"])
    parser.add_argument("--calls", type=int, default=25)
    parser.add_argument("--busy", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=5)
    sys.exit(0 if asyncio.run(main(parser.parse_args())) else 1)
