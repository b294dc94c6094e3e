"""Connections that take their time: bounded by address and in all, and never at the cost of a call."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.web import server as gateway_server
from tests.integration.gateway_hand import Hand, new_call_sid, stop
from tests.integration.gateway_rig import anyio_backend, running_gateway, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
STRANGER = "127.0.0.66"


@asynccontextmanager
async def connections(
    url: str, count: int, *, since: str = STRANGER
) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Connections that say nothing, from an address of their own."""
    port = int(url.rpartition(":")[2])
    made = [await asyncio.open_connection("127.0.0.1", port, local_addr=(since, 0)) for _ in range(count)]
    try:
        yield [reader for reader, _ in made]
    finally:
        for _, writer in made:
            writer.transport.abort()


@asynccontextmanager
async def from_many(url: str, addresses: list[str]) -> AsyncIterator[list[asyncio.StreamReader]]:
    """Ten connections from each of many addresses."""
    port = int(url.rpartition(":")[2])
    made = [
        await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))
        for address in addresses
        for _ in range(10)
    ]
    try:
        yield [reader for reader, _ in made]
    finally:
        for _, writer in made:
            writer.transport.abort()


def open_still(readers: list[asyncio.StreamReader]) -> int:
    return sum(not reader.at_eof() and reader.exception() is None for reader in readers)


async def test_of_an_address_that_says_nothing_only_so_many_connections_stay() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand, connections(rig.url, 40) as first:
        await asyncio.sleep(0.7)
        assert open_still(first) == 40  # they might all have just come
        async with connections(rig.url, 1) as second:
            await until(lambda: open_still(first) == 19)
            assert open_still(second) == 1
        assert rig.refused("connection", "slow") == 21
        sid = new_call_sid()
        async with hand.stream(sid, await hand.voice(sid)) as socket:  # a call comes in all the same
            await rig.vatel.joined()
            await socket.send(stop(sid))
            await until(lambda: rig.gateway.registry.idle)


async def test_from_many_addresses_only_so_many_stay_and_calls_come_in() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        async with from_many(rig.url, [f"127.0.1.{number}" for number in range(1, 22)]) as readers:
            await asyncio.sleep(0.7)
            sid = new_call_sid()
            async with hand.stream(sid, await hand.voice(sid)) as socket:
                await rig.vatel.joined()
                await until(lambda: open_still(readers) <= 200)
                await socket.send(stop(sid))
                await until(lambda: rig.gateway.registry.idle)
        assert rig.refused("connection", "slow") >= 10


async def test_a_head_that_drips_is_cut_though_bytes_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_server, "HEAD_TIMEOUT_S", 0.5)
    async with running_gateway() as rig:
        port = int(rig.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.monotonic()
        writer.write(b"POST /twilio/voice HTTP/1.1\r\n")
        while not reader.at_eof() and time.monotonic() - began < 5:
            writer.write(b"X-A: b\r\n")
            await asyncio.sleep(0.05)
        assert time.monotonic() - began < 2
        writer.transport.abort()


@pytest.mark.parametrize("field", [b"X-A: " + b"b" * 9_000, b"\r\n".join([b"X-A: b"] * 2000)])
async def test_a_head_too_large_is_refused_even_if_it_comes_at_once(field: bytes) -> None:
    async with running_gateway() as rig:
        port = int(rig.url.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n" + field + b"\r\n\r\n")
        async with asyncio.timeout(2):
            assert (await reader.read()).startswith(b"HTTP/1.1 400 ")
        writer.transport.abort()


async def test_whoever_is_known_is_no_longer_counted() -> None:
    async with running_gateway(limits={"stream_timeout_s": 0.4}) as rig, Hand.at(rig) as hand:
        await hand.http.get(f"{hand.url}/healthz")
        assert len(rig.gateway.strangers) == 1  # its connection is kept open
        await hand.voice(new_call_sid())
        assert len(rig.gateway.strangers) == 0
        async with hand.socket():
            assert len(rig.gateway.strangers) == 1  # signed, and no ticket yet
        await until(lambda: len(rig.gateway.strangers) == 0)
