"""The session's socket against real peers on loopback: willing, refusing, silent, broken and slow."""

import asyncio
import socket
import time

import pytest
from websockets.asyncio.server import ServerConnection

from gateway.clients.agent_socket import AgentSocket
from gateway.clients.agent_socket_terms import LostSocket, SocketLimits
from tests.integration.agent_peers import QUICK, Owner, accept, echo, idle, raw, vatel

pytestmark = pytest.mark.anyio


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: they hand over connections in ways of their own."""
    return "asyncio", {"use_uvloop": request.param}


async def test_messages_go_both_ways_in_order_and_as_text() -> None:
    owner = Owner()
    async with vatel(echo) as port:
        agent = await owner.open(port)
        assert [agent.send(message) for message in (b"one", "zwölf".encode(), b"")] == [True] * 3
        await owner.until(lambda: len(owner.messages) == 3)
        assert owner.messages == [b"one", "zwölf".encode(), b""]
        await agent.close()
    assert (owner.lost, agent.closed, agent.send(b"late")) == ([], True, False)


async def test_fragments_become_one_message() -> None:
    async def speak(peer: ServerConnection) -> None:
        await peer.send(["a", "", "bc", "d"])
        await peer.wait_closed()

    owner = Owner()
    async with vatel(speak) as port:
        agent = await owner.open(port)
        await owner.until(lambda: owner.messages)
        assert owner.messages == [b"abcd"]
        await agent.close()


async def test_a_message_sent_along_with_the_upgrade_waits_until_connect_has_returned() -> None:
    async def eager(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(b"\x81\x05hello\x81\x05again")
        await reader.read()

    owner = Owner()
    async with raw(eager) as port:
        agent = await owner.open(port)
        assert owner.messages == []
        await owner.until(lambda: len(owner.messages) == 2)
        assert owner.messages == [b"hello", b"again"]
        await agent.close()


async def test_a_burst_and_a_message_larger_than_any_buffer_come_whole_and_in_order() -> None:
    said = [bytes([65 + number % 26]) * 1400 for number in range(200)] + [b"x" * 1_000_000, b"end"]

    async def burst(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        heads = {3: b"\x81\x03", 1400: b"\x81\x7e\x05\x78"}
        large = b"\x81\x7f" + (1_000_000).to_bytes(8)
        writer.write(b"".join(heads.get(len(message), large) + message for message in said))
        await reader.read()

    owner = Owner()
    async with raw(burst) as port:
        agent = await owner.open(port)
        await owner.until(lambda: len(owner.messages) == len(said))
        assert owner.messages == said
        await agent.close()


async def test_a_ping_is_answered_with_its_payload() -> None:
    answered = asyncio.Event()

    async def ask(peer: ServerConnection) -> None:
        await (await peer.ping(b"are you there"))
        answered.set()
        await peer.wait_closed()

    owner = Owner()
    async with vatel(ask) as port:
        agent = await owner.open(port)
        async with asyncio.timeout(2):
            await answered.wait()
        await agent.close()


async def test_a_peer_that_answers_pings_is_kept() -> None:
    owner = Owner()
    async with vatel(idle) as port:
        agent = await owner.open(port)
        await asyncio.sleep(0.7)
        assert (owner.lost, owner.late, agent.closed) == ([], 0, False)
        await agent.close()


async def test_a_goodbye_of_the_peer_is_told_once_with_code_and_reason() -> None:
    async def leave(peer: ServerConnection) -> None:
        await peer.close(4010, "out of credit")

    owner = Owner()
    async with vatel(leave) as port:
        agent = await owner.open(port)
        await owner.until(lambda: owner.lost)
        await agent.close()
        await asyncio.sleep(0.05)
    assert owner.lost == [LostSocket(4010, "out of credit", clean=True)]


async def test_an_aborted_connection_is_told_once() -> None:
    async def drop(peer: ServerConnection) -> None:
        peer.transport.abort()

    owner = Owner()
    async with vatel(drop) as port:
        agent = await owner.open(port)
        await owner.until(lambda: owner.lost)
        assert owner.lost == [LostSocket(None, "connection lost", clean=False)]
        assert agent.send(b"late", droppable=False) is False
        await agent.close()


async def test_a_black_hole_is_noticed_by_its_silence() -> None:
    async def vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await asyncio.sleep(5)

    owner = Owner()
    async with raw(vanish) as port:
        began = time.monotonic()
        await owner.open(port)
        await owner.until(lambda: owner.lost)
    assert owner.lost == [LostSocket(None, "no answer to a ping in 0.2 s", clean=False)]
    assert owner.late == 1
    assert 0.25 < time.monotonic() - began < 1.0


async def test_a_stall_of_our_own_is_not_taken_for_one_of_the_peer() -> None:
    owner = Owner()
    async with vatel(idle) as port:
        agent = await owner.open(port)
        await asyncio.sleep(0.11)  # a ping is under way
        time.sleep(0.8)  # noqa: ASYNC251 - the point of the test
        await asyncio.sleep(0.3)
        assert (owner.lost, owner.late, agent.closed) == ([], 0, False)
        await agent.close()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        pytest.param(b"\xc1\x02hi", 1002, id="reserved bits"),
        pytest.param(b"\x83\x00", 1002, id="unknown opcode"),
        pytest.param(b"\x81\x82abcdhi", 1002, id="masked by a server"),
        pytest.param(b"\x80\x02hi", 1002, id="continuation of nothing"),
        pytest.param(b"\x01\x02hi\x81\x02ho", 1002, id="message within a message"),
        pytest.param(b"\x88\x02\x03\xed", 1002, id="close code 1005 on the wire"),
        pytest.param(b"\x81\x7f" + (5 << 20).to_bytes(8), 1009, id="too big by its header"),
        pytest.param(b"\x01\x00" + (b"\x00\x7e\xff\xff" + bytes(65535)) * 65, 1009, id="too big as a sum"),
    ],
)
async def test_garbage_ends_the_connection_with_its_code(frame: bytes, code: int) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        writer.write(frame)
        await reader.read()

    owner = Owner()
    async with raw(babble) as port:
        agent = await owner.open(port, SocketLimits())
        await owner.until(lambda: owner.lost)
        assert ([lost.code for lost in owner.lost], owner.lost[0].clean, agent.closed) == (
            [code],
            False,
            True,
        )
    assert owner.messages == []


async def test_the_largest_message_allowed_gets_in() -> None:
    async def speak(peer: ServerConnection) -> None:
        await peer.send("x" * (4 << 20))
        await peer.wait_closed()

    owner = Owner()
    async with vatel(speak) as port:
        agent = await owner.open(port, SocketLimits())
        await owner.until(lambda: owner.messages)
        assert [len(message) for message in owner.messages] == [4 << 20]
        await agent.close()


async def test_a_bug_in_on_message_loses_the_socket_and_names_itself() -> None:
    owner = Owner()

    def buggy(_: bytes) -> None:
        raise KeyError("turn")

    async with vatel(echo) as port:
        agent = await AgentSocket.connect(
            f"ws://localhost:{port}/", on_message=buggy, on_lost=owner.on_lost, limits=QUICK
        )
        agent.send(b"x")
        await owner.until(lambda: owner.lost)
    (lost,) = owner.lost
    assert (lost.code, lost.reason, lost.clean) == (1011, "KeyError while taking a message", False)
    assert isinstance(lost.error, KeyError)


async def test_a_slow_reader_gets_no_more_audio_and_at_last_no_connection() -> None:
    async def never_read(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        pipe: socket.socket = writer.get_extra_info("socket")
        pipe.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await accept(reader, writer)
        await asyncio.sleep(5)

    owner = Owner()
    limits = SocketLimits(ping_interval_s=60, ping_timeout_s=60, hard_backlog_bytes=256 * 1024)
    async with raw(never_read) as port:
        agent = await owner.open(port, limits)
        sent = 0
        while agent.send(bytes(1000)):
            sent += 1000
            assert sent < 4 << 20
            await asyncio.sleep(0)
        assert limits.max_backlog_bytes < agent.backlog_bytes < 2 * limits.max_backlog_bytes
        assert agent.send(b"an answer of a tool", droppable=False) is True
        while agent.send(bytes(1000), droppable=False):
            pass
        assert owner.lost == []  # told from the loop, not from within send
        await owner.until(lambda: owner.lost)
    assert owner.lost == [LostSocket(None, "Vatel reads too slowly", clean=False)]


async def test_close_is_bounded_when_the_peer_does_not_answer() -> None:
    async def vanish(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await accept(reader, writer)
        await asyncio.sleep(5)

    owner = Owner()
    async with raw(vanish) as port:
        agent = await owner.open(port)
        began = time.monotonic()
        await asyncio.gather(agent.close(), agent.close(4000))
        assert 0.2 < time.monotonic() - began < 0.8
    assert owner.lost == []
