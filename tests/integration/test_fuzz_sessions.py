"""A thousand sessions of nonsense from either side, and five healthy calls beside them that never notice."""

import asyncio
import os
import random
from collections.abc import Awaitable, Callable

import pytest
from websockets.exceptions import ConnectionClosed

from gateway.emulators.vatel.script import Manual
from tests.integration import gateway_fuzz as fuzz
from tests.integration.gateway_hand import Hand, closed, media, new_call_sid, opening, stop
from tests.integration.gateway_healthy import healthy_calls
from tests.integration.gateway_rig import Rig, anyio_backend, running_gateway

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
SESSIONS, AT_ONCE = 1000, 50
SEED = int(os.environ.get("GATEWAY_FUZZ_SEED", "1"))


async def in_batches(session: Callable[[random.Random], Awaitable[None]]) -> None:
    print(f"GATEWAY_FUZZ_SEED={SEED}")  # noqa: T201 - pytest shows it when the test fails
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await session(random.Random(f"{SEED}:{number}"))

    async with asyncio.TaskGroup() as group:
        for number in range(SESSIONS):
            group.create_task(one(number))


async def caller_session(hand: Hand, chance: random.Random) -> None:
    """A call whose stream talks nonsense: before ``start``, behind it, and without it."""
    sid = new_call_sid()
    ticket = await hand.voice(sid)
    async with hand.socket() as socket:
        messages = [fuzz.message(chance, fuzz.CALLER) for _ in range(chance.randint(1, 30))]
        if chance.random() < 0.9:
            at = chance.randint(0, min(5, len(messages)))
            messages[at:at] = opening(sid, ticket)
        try:
            for message in messages:
                await socket.send(message)
            await socket.send(stop(sid))
            if chance.random() < 0.5:
                await closed(socket, 1.0)
        except (ConnectionClosed, TimeoutError):
            pass
    await hand.post("/twilio/status", {**_FORM, "CallSid": sid, "CallStatus": "completed"})


_FORM = {"AccountSid": "AC" + "0" * 31 + "1"}


async def agent_session(rig: Rig, hand: Hand, chance: random.Random) -> None:
    """A call whose agent talks nonsense."""
    sid = new_call_sid()
    ticket = await hand.voice(sid)
    async with hand.stream(sid, ticket) as socket:
        try:
            agent = await rig.agent_of(sid)
        except LookupError:  # on a machine this busy an agent may be too late: enough others are not
            return
        for _ in range(chance.randint(1, 30)):
            agent.send_raw(fuzz.message(chance, fuzz.AGENT))
            if chance.random() < 0.2:
                await asyncio.sleep(0)
        if chance.random() < 0.3:
            (agent.abort if chance.random() < 0.5 else agent.close)()
        try:
            await socket.send(media(sid, 1))
            await asyncio.sleep(0.05)
            await socket.send(stop(sid))
            await closed(socket, 2.0)
        except (ConnectionClosed, TimeoutError):
            pass
    await hand.post("/twilio/status", {**_FORM, "CallSid": sid, "CallStatus": "completed"})


@pytest.mark.timeout(180)
async def test_a_thousand_callers_of_nonsense_harm_nobody() -> None:
    async with running_gateway(script=Manual()) as rig, Hand.at(rig) as hand, healthy_calls(rig, 5):
        await in_batches(lambda chance: caller_session(hand, chance))
        assert rig.metric("calls_admitted_total") == SESSIONS + 5
        assert rig.metric("dropped_total", what="malformed_caller_messages") > SESSIONS


@pytest.mark.timeout(180)
async def test_a_thousand_agents_of_nonsense_harm_nobody() -> None:
    async with running_gateway(script=Manual()) as rig, Hand.at(rig) as hand, healthy_calls(rig, 5):
        await in_batches(lambda chance: agent_session(rig, hand, chance))
        assert rig.metric("dropped_total", what="malformed_agent_messages") > SESSIONS
