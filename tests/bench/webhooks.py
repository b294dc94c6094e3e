"""Webhooks to endpoints that fail, from a process that is killed: ``python -m tests.bench.webhooks``.

Events of calls are written to the outbox, four a call. A process of its own delivers them to a receiver of
this one, which fails three in ten, in four ways; one of them is to take the event and lose the answer. The
process is killed twice (SIGKILL) in the middle of it and started again. Then they are counted: none may be
lost, the same event must always have the same name and content, each signature must be good to a verifier
written from the specification and to the reference library, and those of a call must come in order.
"""

import argparse
import asyncio
import base64
import hashlib
import hmac
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from gateway.clients.egress import Egress
from gateway.clients.egress_rules import EgressRules
from gateway.clients.signed_post import new_secret
from gateway.services.deliveries import Deliveries
from gateway.services.delivery_rules import DeliveryLimits, Schedule
from gateway.store import outbox
from gateway.store.database import Database
from gateway.store.identifiers import new_call, new_message
from gateway.store.outbox import Delivery
from gateway.store.records import Outgoing
from tests.integration.store import cluster as clusters
from tests.loopback import Loopback, response

ROOT = Path(__file__).parents[2]
SECRET_VARIABLE = "TEST_WEBHOOK_SECRET"
A_CALL = 4
ENDPOINTS = 8
FAILURES = 0.3
LIMITS = DeliveryLimits(
    lease_s=1.5,
    deadline_s=1.0,
    last_look_s=0.1,
    per_host=32,
    at_once=64,
    schedule=Schedule(first_s=0.05, longest_s=1.0),
)
"""The real ones but for the pauses, so that hours pass in seconds."""


@dataclass
class Receiver:
    """An endpoint that fails some requests, and looks closely at all of them."""

    secret: SecretStr
    chance: random.Random
    server: Loopback = field(init=False)
    requests: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    bad_signatures: int = 0
    taken: Counter[str] = field(default_factory=Counter)
    bodies: dict[str, set[bytes]] = field(default_factory=lambda: defaultdict(set))
    names: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))
    calls: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        self.server = Loopback(self.answer)

    async def answer(self, writer: asyncio.StreamWriter) -> None:
        """Take an event or fail; the request is the last one that was read."""
        request = self.server.requests.pop()
        self.requests += 1
        name = request.headers["webhook-id"]
        if not self.genuine(request.headers, request.body):
            self.bad_signatures += 1
        event = json.loads(request.body)
        self.bodies[name].add(request.body)
        self.names[event["data"]["number"]].add(name)
        failure = None
        if self.chance.random() < FAILURES:
            failure = self.chance.choice(["500", "429", "no answer", "answer lost"])
            self.failures[failure] += 1
        if failure in (None, "answer lost"):
            if not self.taken[name]:
                self.calls[event["data"]["call_id"]].append(event["data"]["number"])
            self.taken[name] += 1
        if failure in ("no answer", "answer lost"):
            writer.close()
        else:
            writer.write(response(int(failure or 204)))

    def genuine(self, headers: dict[str, str], body: bytes) -> bool:
        """Whether the signature is good to both verifiers, and not more than five minutes old."""
        key = base64.b64decode(self.secret.get_secret_value().removeprefix("whsec_"))
        signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
        expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        fresh = abs(time.time() - int(headers["webhook-timestamp"])) < 300
        library = Webhook(self.secret.get_secret_value())
        try:
            library.verify(body, headers)
        except WebhookVerificationError:
            return False
        return fresh and f"v1,{expected}" in headers["webhook-signature"].split(" ")


@dataclass(frozen=True)
class Result:
    """What came of it."""

    messages: int
    requests: int
    failures: dict[str, int]
    kills: int
    lost: int
    left: dict[Delivery, int]
    repeated: int
    renamed: int
    changed: int
    bad_signatures: int
    out_of_order: int
    seconds: float

    @property
    def good(self) -> bool:
        """Whether all was as it is promised."""
        faults = (self.lost, self.renamed, self.changed, self.bad_signatures, self.out_of_order)
        return not any(faults) and self.kills == 2 and self.left[Delivery.DELIVERED] == self.messages

    def __str__(self) -> str:
        failed = ", ".join(f"{count} {name}" for name, count in sorted(self.failures.items()))
        return (
            f"{self.messages} webhooks, {self.requests} requests, {self.kills} kills, {self.seconds:.0f} s\n"
            f"  failed: {sum(self.failures.values())} ({failed})\n"
            f"  lost: {self.lost}; in the outbox: {', '.join(f'{n} {s}' for s, n in self.left.items())}\n"
            f"  taken more than once, under the same name: {self.repeated}\n"
            f"  under another name: {self.renamed}; with another content: {self.changed}\n"
            f"  bad signatures: {self.bad_signatures}; calls out of order: {self.out_of_order}"
        )


async def run(url: str, messages: int, seed: int = 1) -> Result:
    """Deliver so many webhooks through two kills."""
    receiver = Receiver(new_secret(), random.Random(seed))
    began = time.monotonic()
    async with receiver.server as server, Database.open(url) as database:
        await write(database, server.url, messages)
        kills = 0
        for share in (0.3, 0.6):
            async with child(url, receiver.secret) as process:
                await taken(receiver, process, round(share * messages))
            kills += process.returncode == -signal.SIGKILL
        async with child(url, receiver.secret) as process:
            await taken(receiver, process, messages)
            left = await settled(database)
    return Result(
        messages=messages,
        requests=receiver.requests,
        failures=dict(receiver.failures),
        kills=kills,
        lost=messages - len(receiver.taken),
        left=left,
        repeated=sum(1 for count in receiver.taken.values() if count > 1),
        renamed=sum(1 for names in receiver.names.values() if len(names) > 1),
        changed=sum(1 for bodies in receiver.bodies.values() if len(bodies) > 1),
        bad_signatures=receiver.bad_signatures,
        out_of_order=sum(1 for numbers in receiver.calls.values() if numbers != sorted(numbers)),
        seconds=time.monotonic() - began,
    )


async def write(database: Database, url: str, messages: int) -> None:
    """Write the events of calls, those of many calls mixed."""
    now = datetime.now(UTC)
    calls = [new_call() for _ in range(-(-messages // A_CALL))]
    async with database.write(deadline_s=60) as connection:
        for number in range(messages):
            call_id = calls[number % len(calls)]
            name = new_message()
            data = {"call_id": call_id, "number": number, "text": "Zoë"}
            message = Outgoing(
                id=name,
                endpoint=f"{url}/hooks/{number % len(calls) % ENDPOINTS}",
                event_type="call.ended",
                payload={"type": "call.ended", "id": name, "data": data},
                at=now,
                call_id=call_id,
                dedupe_key=f"{call_id}/{number}",
            )
            await outbox.add(connection, message)


@asynccontextmanager
async def child(url: str, secret: SecretStr) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process that delivers until it is killed, here at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __spec__.name if __spec__ else "tests.bench.webhooks", "--deliver", url,
        cwd=ROOT, env=os.environ | {SECRET_VARIABLE: secret.get_secret_value()},
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def taken(receiver: Receiver, process: asyncio.subprocess.Process, count: int) -> None:
    """Wait until so many events have arrived."""
    async with asyncio.timeout(30 + count / 20):
        while len(receiver.taken) < count:
            if process.returncode is not None:
                raise RuntimeError("the process that delivers has ended by itself")
            await asyncio.sleep(0.005)


async def settled(database: Database) -> dict[Delivery, int]:
    """Wait until nothing is left to do; what is in the outbox."""
    async with asyncio.timeout(60):
        while True:
            async with database.read() as connection:
                counts = await outbox.counts(connection)
            if not counts[Delivery.PENDING]:
                return counts
            await asyncio.sleep(0.05)


async def deliver(url: str) -> None:
    """Deliver until killed: the other process."""
    secret = SecretStr(os.environ[SECRET_VARIABLE])
    async with (
        Database.open(url) as database,
        Egress(EgressRules(loopback=True), lanes=LIMITS.lanes) as egress,
        Deliveries(database, egress, lambda _: (secret,), LIMITS).running(),
    ):
        await asyncio.Event().wait()


def main() -> None:
    """Measure and print, on SQLite, and on PostgreSQL where it is installed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--deliver", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.deliver:
        asyncio.run(deliver(options.deliver))
        return
    programs = clusters.binaries()
    results = []
    with tempfile.TemporaryDirectory() as folder:
        running = clusters.running(programs, durable=True) if programs else nullcontext()
        with running as cluster:
            urls = {"SQLite": f"sqlite:///{folder}/gateway.db"}
            if cluster is not None:
                cluster.execute("CREATE DATABASE webhooks")
                urls["PostgreSQL"] = cluster.url("webhooks")
            for name, url in urls.items():
                result = asyncio.run(run(url, options.messages, options.seed))
                results.append(result)
                print(f"{name}: {result}", flush=True)
    sys.exit(not all(result.good for result in results))


if __name__ == "__main__":
    main()
