"""A process that dials and is killed at a given point; and its parent, which forks one for each line.

Everything is imported once, in the parent. What is forked opens its own files, sockets and database, and dies
as any process does that is killed with signal 9: whatever it had in memory is gone.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import msgspec

from gateway.clients.http import pool
from gateway.services import dial_store
from gateway.services.dialling import Idempotency
from gateway.store.identifiers import CallId, KeyId
from gateway.store.intents import State
from tests.integration.dial_rig import Peers, Rig, dialling, draft

POINTS = (
    "checked",  # nothing is written yet
    "intended",  # the intent is committed, nothing else
    "taken",  # it is its turn
    "invited",  # its stream is expected
    "posted",  # that the request leaves is committed
    "sending",  # the request is made, and no byte of it has left
    "sent",  # Twilio has it and places the call; it has not answered
    "received",  # the head of the answer is here
    "answered",  # the answer is read
    "settled",  # that the call is there is committed
)
_SENT_S = 0.1
_PATIENCE_S = 20.0
KEY = KeyId("key_of_the_test")


@dataclass(frozen=True)
class Errand:
    """What a process is to do: ask for a call, and die at a point, or see everything through."""

    peers: Peers
    folder: str
    to: str
    crash: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a call, as the process that saw it through has it."""

    to: str
    state: str
    call_sid: str | None
    replayed: bool


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def run(errand: Errand) -> Outcome:
    """Ask for a call under a name, as a customer does again who had no answer, and see what becomes of it."""

    def at(name: str) -> None:
        if name == errand.crash:
            die()

    http = pool()
    http.event_hooks = {"request": [_request(errand.crash)], "response": [_response(errand.crash)]}
    async with dialling(errand.peers, Path(errand.folder), checkpoint=at, http=http) as rig:
        idempotency = Idempotency(f"call-{errand.to}", errand.to)
        accepted = await rig.dialler.place(draft(errand.to), KEY, idempotency)
        async with asyncio.timeout(_PATIENCE_S):
            return await _settled(rig, errand, accepted.plan.call_id, accepted.replayed)


async def _settled(rig: Rig, errand: Errand, call_id: CallId, replayed: bool) -> Outcome:
    while True:
        async with rig.database.read() as connection:
            intent = await dial_store.of_call(connection, call_id)
        assert intent is not None
        if intent.state not in (State.INTENDED, State.POSTED):
            return Outcome(errand.to, intent.state.value, intent.call_sid, replayed)
        await asyncio.sleep(0.02)


def _request(crash: str) -> Callable[[httpx.Request], Awaitable[None]]:
    async def hook(request: httpx.Request) -> None:
        if request.method == "POST" and crash == "sending":
            die()
        if request.method == "POST" and crash == "sent":
            asyncio.get_running_loop().call_later(_SENT_S, die)

    return hook


def _response(crash: str) -> Callable[[httpx.Response], Awaitable[None]]:
    async def hook(response: httpx.Response) -> None:
        if response.request.method == "POST" and crash == "received":
            die()

    return hook


def main() -> None:
    """For each line fork a process that runs that errand; say how it ended."""
    for line in sys.stdin:
        errand = msgspec.json.decode(line, type=Errand)
        child = os.fork()
        if child == 0:
            status = 1
            try:
                outcome = asyncio.run(run(errand))
                sys.stdout.write(msgspec.json.encode(asdict(outcome)).decode() + "\n")
                sys.stdout.flush()
                status = 0
            finally:
                os._exit(status)
        _, ended = os.waitpid(child, 0)
        sys.stdout.write(f"ended {os.waitstatus_to_exitcode(ended)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
