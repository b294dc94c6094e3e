"""The toxic proxy on real sockets: what each side sees of each fault."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from gateway.emulators.chaos.faults import Fault, Kind, Way
from gateway.emulators.chaos.proxy import ToxicProxy
from tests.integration.gateway_rig import anyio_backend

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
PATIENCE_S = 5.0
BLACK_HOLE = Fault(kind=Kind.BLACK_HOLE)


@dataclass
class Client:
    """A connection through the proxy to a peer that says everything back."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def echo(self, data: bytes) -> bytes:
        self.writer.write(data)
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(len(data))

    async def rest(self) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.read()

    async def closed(self) -> None:
        self.writer.close()


@dataclass
class Bench:
    """A proxy before a peer that says everything back, and counts its ends."""

    proxy: ToxicProxy
    eofs: int = 0
    ends: asyncio.Event = field(default_factory=asyncio.Event)
    clients: list[Client] = field(default_factory=list)

    async def client(self) -> Client:
        made = Client(*await asyncio.open_connection("127.0.0.1", self.proxy.port))
        self.clients.append(made)
        return made

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not condition():  # noqa: ASYNC110 - what is waited for has no event
                await asyncio.sleep(0.005)


@asynccontextmanager
async def bench() -> AsyncIterator[Bench]:
    async def say_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        running.add(task := asyncio.current_task())
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
            made.eofs += 1
        except ConnectionError:
            pass
        finally:
            made.ends.set()
            writer.transport.abort()
            running.discard(task)

    running = set[object]()
    server = await asyncio.start_server(say_back, "127.0.0.1", 0)
    async with ToxicProxy(server.sockets[0].getsockname()[1]) as proxy:
        made = Bench(proxy)
        try:
            yield made
        finally:
            server.close()
            for client in made.clients:
                client.writer.transport.abort()
            await made.proxy.heal()
            await made.until(lambda: not made.proxy.connections and not running)


async def test_without_a_fault_everything_passes_both_ways_and_the_end_too() -> None:
    async with bench() as made:
        client = await made.client()
        data = bytes(range(256)) * 8192
        assert await client.echo(data) == data
        client.writer.write_eof()
        assert await client.rest() == b""
        await made.until(lambda: not made.proxy.connections)
        assert (made.eofs, len(made.proxy.gone)) == (1, 1)
        assert made.proxy.gone[0].passed == {Way.UP: len(data), Way.DOWN: len(data)}


async def test_down_refuses_and_resets_and_up_takes_connections_at_the_same_port() -> None:
    async with bench() as made:
        client = await made.client()
        await client.echo(b"before")
        made.proxy.down()
        with pytest.raises(ConnectionError):
            await client.rest()
        with pytest.raises(ConnectionError):
            await made.client()
        await made.proxy.up()
        assert await (await made.client()).echo(b"after") == b"after"


async def test_a_refusal_leaves_those_who_are_connected_alone() -> None:
    async with bench() as made:
        client = await made.client()
        await client.echo(b"before")
        made.proxy.ail(Fault(kind=Kind.REFUSE))
        with pytest.raises(ConnectionError):
            await made.client()
        assert await client.echo(b"still") == b"still"
        await made.proxy.heal()
        assert await (await made.client()).echo(b"again") == b"again"


async def test_a_refusal_for_some_is_for_those_alone() -> None:
    async with bench() as made:
        made.proxy.ail(Fault(kind=Kind.REFUSE), only="GET /socket")
        assert await (await made.client()).echo(b"POST /token") == b"POST /token"
        client = await made.client()
        client.writer.write(b"GET /socket HTTP/1.1")
        with pytest.raises(ConnectionError):
            await client.rest()
        assert made.proxy.refused == 1


async def test_a_black_hole_in_mid_connection_keeps_both_ends_in_the_dark() -> None:
    async with bench() as made:
        client = await made.client()
        await client.echo(b"before")
        (connection,) = made.proxy.find("before")
        connection.ail(BLACK_HOLE)
        client.writer.write(b"lost")
        await client.closed()
        await made.until(lambda: connection.left_at)
        assert (made.eofs, made.ends.is_set(), connection.over) == (0, False, False)
        assert set(connection.left_at) == {Way.UP}
        await made.proxy.heal()
        await made.until(lambda: made.ends.is_set() and connection.over)


async def test_a_black_hole_takes_new_connections_and_answers_nothing() -> None:
    async with bench() as made:
        made.proxy.ail(BLACK_HOLE)
        client = await made.client()
        client.writer.write(b"anybody?")
        await made.until(lambda: made.proxy.find("anybody?"))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.reader.read(1)


async def test_a_reset_is_seen_by_both_sides() -> None:
    async with bench() as made:
        client = await made.client()
        await client.echo(b"before")
        made.proxy.connections[0].reset()
        with pytest.raises(ConnectionResetError):
            await client.rest()
        await made.until(made.ends.is_set)
        assert (made.eofs, made.proxy.connections) == (0, [])


async def test_half_a_close_ends_one_direction() -> None:
    async with bench() as made:
        client = await made.client()
        await client.echo(b"before")
        made.proxy.ail(Fault(kind=Kind.HALF_CLOSE, way=Way.DOWN))
        assert await client.rest() == b""
        client.writer.write(b"still read")
        passed = made.proxy.connections[0].passed[Way.UP]
        await made.until(lambda: made.proxy.connections[0].passed[Way.UP] == passed + 10)


async def test_a_cut_comes_after_so_many_bytes() -> None:
    async with bench() as made:
        client = await made.client()
        await client.echo(b"before")
        made.proxy.ail(Fault(kind=Kind.CUT, way=Way.DOWN, after_bytes=4))
        client.writer.write(b"0123456789")
        async with asyncio.timeout(PATIENCE_S):
            assert await client.reader.readexactly(4) == b"0123"
        with pytest.raises(ConnectionResetError):
            await client.rest()


async def test_garbage_comes_in_place_of_what_was_sent() -> None:
    async with bench() as made:
        client = await made.client()
        await client.echo(b"before")
        made.proxy.ail(Fault(kind=Kind.GARBAGE, way=Way.DOWN))
        assert await client.echo(b"x" * 64) != b"x" * 64


async def test_a_slow_link_holds_up_who_sends_more_than_it_keeps() -> None:
    async with bench() as made:
        client = await made.client()
        await client.echo(b"before")
        made.proxy.ail(Fault(kind=Kind.BANDWIDTH, way=Way.UP, bytes_per_s=1000))
        client.writer.write(bytes(32 << 20))
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await client.writer.drain()
        client.writer.transport.abort()


async def test_a_delayed_answer_comes_whole_and_late() -> None:
    async with bench() as made:
        client = await made.client()
        await client.echo(b"before")
        made.proxy.ail(Fault(kind=Kind.DELAY, way=Way.DOWN, delay_s=0.1, jitter_s=0.05))
        began = asyncio.get_running_loop().time()
        assert await client.echo(b"y" * 5000) == b"y" * 5000
        assert asyncio.get_running_loop().time() - began >= 0.1


async def test_a_peer_that_is_away_is_a_reset() -> None:
    async with ToxicProxy(lambda: None) as proxy:
        client = Client(*await asyncio.open_connection("127.0.0.1", proxy.port))
        with pytest.raises(ConnectionError):
            await client.rest()
        assert proxy.refused == 1
        client.writer.transport.abort()
