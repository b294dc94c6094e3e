"""Frames to messages, close codes, and what a handshake must bring."""

import asyncio
import struct
from typing import Any

import pytest
from picows import WSMsgType, WSProtocolError
from picows.picows import _make_test_ws_frame

from gateway.clients.frames import SIP_BYTES, TEXT, Ears, Sips, Told, read_close
from gateway.web.upgrade import Upgrade, refusal

BINARY, CONTINUATION = WSMsgType.BINARY, WSMsgType.CONTINUATION


def hear(*frames: tuple[WSMsgType, bytes, bool], limit: int = 1000) -> list[tuple[WSMsgType, bytes]]:
    """Give frames (kind, payload, last) to Ears; return what it told."""
    told: list[tuple[WSMsgType, bytes]] = []
    note: Any = lambda *said: told.append(said)  # noqa: E731
    ears = Ears(Told(connected=note, message=note, control=note, disconnected=note), limit)
    for kind, payload, last in frames:
        ears.on_ws_frame(None, _make_test_ws_frame(kind, payload, last, False))  # type: ignore[arg-type]
    return told


def test_whole_messages_pass_with_their_kind() -> None:
    assert hear((TEXT, b"a", True), (BINARY, b"", True)) == [(TEXT, b"a"), (BINARY, b"")]


def test_fragments_are_joined_around_control_frames() -> None:
    frames = [(BINARY, b"a", False), (WSMsgType.PING, b"p", True), (CONTINUATION, b"b", False)]
    told = hear(*frames, (CONTINUATION, b"", True), (TEXT, b"c", True))
    assert told == [(WSMsgType.PING, b"p"), (BINARY, b"ab"), (TEXT, b"c")]


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([(CONTINUATION, b"a", True)], 1002),
        ([(TEXT, b"a", False), (TEXT, b"b", True)], 1002),
        ([(TEXT, b"a", False), (CONTINUATION, bytes(999), True)], 1009),
        ([(TEXT, b"", False)] + [(CONTINUATION, b"", False)] * 40, 1009),
    ],
)
def test_fragments_out_of_order_or_above_the_limit(
    frames: list[tuple[WSMsgType, bytes, bool]], code: int
) -> None:
    with pytest.raises(WSProtocolError) as caught:
        hear(*frames)
    assert caught.value.code == code


def test_a_reserved_bit_is_a_violation() -> None:
    with pytest.raises(WSProtocolError):
        Ears(Told(print, print, print, print), 9).on_ws_frame(
            None,  # type: ignore[arg-type]
            _make_test_ws_frame(TEXT, b"a", True, True),
        )


@pytest.mark.parametrize(
    ("payload", "read"),
    [
        (b"", (1005, "")),
        (b"\x03\xe8", (1000, "")),
        (b"\x0f\xa1bye", (4001, "bye")),
        (b"\x0b\xb8\xff", (3000, "\N{REPLACEMENT CHARACTER}")),
    ],
)
def test_a_close_frame_is_read(payload: bytes, read: tuple[int, str]) -> None:
    assert read_close(payload) == read


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 5000, 65535])
def test_a_close_code_that_may_not_be_sent_is_a_violation(code: int) -> None:
    with pytest.raises(WSProtocolError) as caught:
        read_close(struct.pack("!H", code))
    assert caught.value.code == 1002


HANDSHAKE = (
    b"GET /media?a=%2F HTTP/1.1\r\nHost: x\r\nupgrade: WebSocket\r\nCONNECTION: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
    b"Sec-WebSocket-Protocol: a, b\r\n\r\n"
)


def test_a_handshake_is_read() -> None:
    upgrade = Upgrade.parse(HANDSHAKE)
    assert upgrade.address() == {"path": "/media", "raw_path": b"/media", "query_string": b"a=%2F"}
    assert upgrade.subprotocols() == ["a", "b"]
    assert Upgrade.parse(upgrade.canonical()).key == upgrade.key


@pytest.mark.parametrize(
    ("part", "instead"),
    [
        (b"GET", b"PUT"),
        (b"keep-alive, Upgrade", b"keep-alive"),
        (b"WebSocket\r\nC", b"h2c\r\nC"),
        (b"13", b"12"),
        (b"AAAA", b"AA"),
        (b"Host: x", b"Content-Length: 5"),
        (b"Host: x", b"Transfer-Encoding: chunked"),
        (HANDSHAKE, b"hello"),
        (HANDSHAKE, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ],
)
def test_what_is_no_handshake_is_not_read(part: bytes, instead: bytes) -> None:
    with pytest.raises(ValueError, match=r"^not |^no |has no body"):
        Upgrade.parse(HANDSHAKE.replace(part, instead, 1))


def test_a_refusal_keeps_the_headers_it_is_given() -> None:
    assert refusal(499, [(b"Content-Type", b"text/csv")], b"a,b") == (
        b"HTTP/1.1 499 \r\ncontent-type: text/csv\r\nconnection: close\r\ncontent-length: 3\r\n\r\na,b"
    )
    assert refusal(403, [], b"") == (
        b"HTTP/1.1 403 Forbidden\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    )


class Protocol(asyncio.BufferedProtocol):
    """Keeps what a transport tells it."""

    def __init__(self, room: int) -> None:
        self.room = bytearray(room)
        self.told: list[object] = []

    def get_buffer(self, _sizehint: int) -> memoryview:
        return memoryview(self.room)

    def buffer_updated(self, nbytes: int) -> None:
        self.told.append(nbytes)

    def eof_received(self) -> bool:
        self.told.append("eof")
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self.told.append(exc)

    def pause_writing(self) -> None:
        self.told.append("pause")

    def resume_writing(self) -> None:
        self.told.append("resume")


@pytest.mark.parametrize(("room", "read"), [(100, 100), (SIP_BYTES, SIP_BYTES), (64_000, SIP_BYTES)])
def test_a_transport_reads_no_more_than_a_sip_at_once(room: int, read: int) -> None:
    protocol = Protocol(room)
    buffer = Sips(protocol).get_buffer(-1)
    buffer[:3] = b"abc"
    assert (len(buffer), bytes(protocol.room[:3])) == (read, b"abc")


def test_all_else_that_a_transport_tells_is_told_as_it_is() -> None:
    protocol, lost = Protocol(1), OSError()
    sips = Sips(protocol)
    sips.buffer_updated(7)
    sips.pause_writing()
    sips.resume_writing()
    assert sips.eof_received() is False
    sips.connection_lost(lost)
    assert protocol.told == [7, "pause", "resume", "eof", lost]
