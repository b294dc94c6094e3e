"""How soon the agent is heard: ``python -m tests.bench.start [--calls N]``.

The token takes 0.4 s, the session's handshake 0.3 s, and the stream opens 0.6 s after the webhook. One
after the other that would be 0.7 s of silence after the opening; begun together, 0.1 s.
"""

import argparse
import asyncio
import json
import statistics
import time

import uvloop
from websockets.asyncio.client import ClientConnection

from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.script import Say, Script
from tests.integration.gateway_hand import Hand, new_call_sid
from tests.integration.gateway_rig import running_gateway

TOKEN_S, CONNECT_S, STREAM_S = 0.4, 0.3, 0.6
AT_ONCE = 5


async def one_call(hand: Hand) -> float:
    """Seconds from the stream's ``start`` to the first agent audio on the wire."""
    call_sid = new_call_sid()
    webhook_at = time.monotonic()
    ticket = await hand.voice(call_sid)
    await asyncio.sleep(webhook_at + STREAM_S - time.monotonic())
    async with hand.stream(call_sid, ticket) as socket:
        opened_at = time.monotonic()
        await _media(socket)
        return time.monotonic() - opened_at


async def _media(socket: ClientConnection) -> None:
    async with asyncio.timeout(5.0):
        while json.loads(await socket.recv())["event"] != "media":
            pass


async def measure(calls: int) -> list[float]:
    """The delays of so many calls, a few at once."""
    behaviour = Behaviour(token_delay_s=TOKEN_S, connect_delay_s=CONNECT_S)
    greeting = Script(steps=(Say(clip="agent-greeting"),))
    delays: list[float] = []
    async with running_gateway(behaviour=behaviour, script=greeting) as rig, Hand.at(rig) as hand:
        for _ in range(0, calls, AT_ONCE):
            delays += await asyncio.gather(*(one_call(hand) for _ in range(min(AT_ONCE, calls))))
    return delays


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=30)
    delays = sorted(uvloop.run(measure(parser.parse_args().calls)))
    figures = {"p50": statistics.median(delays), "max": delays[-1]}
    shown = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in figures.items())
    print(f"stream opening to first agent audio, {len(delays)} calls: {shown} (one after the other: 700 ms)")


if __name__ == "__main__":
    main()
