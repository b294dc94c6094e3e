"""One connection through the proxy: two sockets, and what becomes of the bytes between them."""

import asyncio
import socket
import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from gateway.emulators.chaos.faults import Fault, Kind, Portion, Shaper, Way

HEAD_BYTES: Final = 4_096
MOST_WAITING: Final = 1 << 20
"""Bytes of one direction that may wait; then its source is not read until half of them have passed."""
LAST_BYTES_S: Final = 0.002
"""What was written last leaves before the reset, which would overtake it."""
_NO_LINGER: Final = struct.pack("ii", 1, 0)
_OTHER: Final = {Way.UP: Way.DOWN, Way.DOWN: Way.UP}


class Side(asyncio.Protocol):
    """One socket of a connection: the client's, whose bytes go up, or the peer's, whose bytes go down."""

    def __init__(self, connection: "Connection", way: Way = Way.UP) -> None:
        self._connection = connection
        self._way = way

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The socket is connected."""
        self._connection.made(self._way, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._connection.take(self._way, data)

    def eof_received(self) -> bool:
        """No more bytes will come; the socket stays open for the other direction."""
        self._connection.eof(self._way)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """The socket is closed."""
        self._connection.lost(self._way, reset=exc is not None)

    def pause_writing(self) -> None:
        """The socket takes no more for now: do not read what would be written to it."""
        self._connection.hold(_OTHER[self._way], stuck=True)

    def resume_writing(self) -> None:
        """The socket takes more."""
        self._connection.hold(_OTHER[self._way], stuck=False)


class _Lane:
    """One direction: what waits, and whether its source has ended."""

    def __init__(self, way: Way) -> None:
        self.shaper = Shaper(way)
        self.waiting: deque[Portion] = deque()
        self.size = 0
        self.passed = 0
        self.source: Any = None  # uvloop's transports are none of asyncio's classes
        self.full = False  # too much waits
        self.stuck = False  # the sink takes no more
        self.held = False  # so the source is not read
        self.ended = False  # the source will send nothing more
        self.shut = False  # the sink has been told so
        self.timer: asyncio.TimerHandle | None = None

    def add(self, portions: list[Portion]) -> None:
        """Have bytes wait."""
        self.waiting.extend(portions)
        self.size += sum(len(portion.data) for portion in portions)

    def due(self, now: float) -> bytes:
        """Take what is due by now."""
        taken = []
        while self.waiting and self.waiting[0].due <= now:
            taken.append(self.waiting.popleft().data)
        data = b"".join(taken)
        self.size -= len(data)
        self.passed += len(data)
        return data

    def pace(self) -> None:
        """Read the source, or do not."""
        self.full = self.size > (MOST_WAITING // 2 if self.full else MOST_WAITING)
        held = self.full or self.stuck
        if held != self.held and self.source is not None and not self.source.is_closing():
            self.held = held
            (self.source.pause_reading if held else self.source.resume_reading)()

    def drop(self) -> None:
        """Forget what waits."""
        self.waiting.clear()
        self.size = 0
        if self.timer is not None:
            self.timer.cancel()
            self.timer = None


class Connection:
    """A connection. Its sides give it what they read; it writes to the other side what the faults leave.

    Attributes:
        head: The client's first bytes.
        opened_at: When the client connected, in the loop's seconds.
        left_at: When each side of its own accord ended what it sends, or was lost.
        over: Whether both sockets are closed.

    """

    def __init__(
        self,
        begin: Callable[["Connection"], None],
        over: Callable[["Connection"], None],
        headed: Callable[["Connection"], None],
    ) -> None:
        self._begin, self._over, self._headed = begin, over, headed
        self._lanes = {Way.UP: _Lane(Way.UP), Way.DOWN: _Lane(Way.DOWN)}
        self._loop = asyncio.get_running_loop()
        self.head = b""
        self.opened_at = self._loop.time()
        self.left_at: dict[Way, float] = {}
        self.over = False

    @property
    def passed(self) -> dict[Way, int]:
        """How many bytes have passed in each direction."""
        return {way: lane.passed for way, lane in self._lanes.items()}

    # What can be done to it.

    def ail(self, fault: Fault) -> None:
        """Have a fault befall it now."""
        if fault.kind is Kind.RESET or (fault.kind is Kind.CUT and not fault.after_bytes):
            self.reset()
            return
        for way, lane in self._lanes.items():
            if fault.way.covers(way):
                lane.shaper.fault = fault
                lane.ended = lane.ended or fault.kind is Kind.HALF_CLOSE
                self._flush(way)

    def heal(self) -> None:
        """End its faults. A connection of which bytes are missing is of no use any more, and is reset."""
        lossy = any(lane.shaper.swallowed for lane in self._lanes.values())
        for lane in self._lanes.values():
            lane.shaper.fault = None
        if lossy:
            self.reset()

    def reset(self) -> None:
        """Have both sides learn that the connection was reset."""
        if self.over:
            return
        self.over = True
        for lane in self._lanes.values():
            lane.drop()
            _abort(lane.source)
        self._over(self)

    # What its sides tell.

    def made(self, way: Way, transport: Any) -> None:
        """A side is connected."""
        if self.over:
            _abort(transport)
            return
        self._lanes[way].source = transport
        if way is Way.UP:
            self._begin(self)
            return
        for each in (Way.UP, Way.DOWN):
            self._flush(each)

    def take(self, way: Way, data: bytes) -> None:
        """A side has sent bytes."""
        lane = self._lanes[way]
        if way is Way.UP and not self.head:
            self.head = data[:HEAD_BYTES]
            self._headed(self)
        if self.over or lane.ended:
            return
        sink = self._lanes[_OTHER[way]].source
        if sink is not None and lane.shaper.passing and not lane.waiting:
            lane.passed += len(data)
            sink.write(data)
            return
        lane.add(lane.shaper.feed(data, self._loop.time()))
        self._flush(way)

    def eof(self, way: Way) -> None:
        """A side sends no more."""
        lane = self._lanes[way]
        self.left_at.setdefault(way, self._loop.time())
        lane.ended = True
        self._flush(way)

    def lost(self, way: Way, *, reset: bool) -> None:
        """A side's socket is closed: the other is closed too, behind what it is still to get."""
        lane, other = self._lanes[way], self._lanes[_OTHER[way]]
        lane.source, lane.ended = None, True
        if self.over:
            return
        self.left_at.setdefault(way, self._loop.time())
        if other.source is None or (reset and not lane.shaper.swallows):
            self.reset()
        else:
            self._flush(way)

    def hold(self, way: Way, *, stuck: bool) -> None:
        """The sink of a direction takes no more, or takes more again."""
        self._lanes[way].stuck = stuck
        self._lanes[way].pace()

    def _flush(self, way: Way) -> None:
        """Pass on what is due, and come again when more is."""
        lane = self._lanes[way]
        sink = self._lanes[_OTHER[way]].source
        if self.over or sink is None:  # the peer is not there yet, or no more
            lane.pace()
            return
        if data := lane.due(self._loop.time()):
            sink.write(data)
        lane.pace()
        if lane.waiting:
            if lane.timer is None:
                lane.timer = self._loop.call_at(lane.waiting[0].due, self._ring, way)
        elif lane.shaper.cut:
            self._loop.call_later(LAST_BYTES_S, self.reset)
        elif lane.ended and not lane.shaper.swallows:
            _shut(lane, sink)
            if all(each.shut for each in self._lanes.values()):
                for each in self._lanes.values():
                    if each.source is not None:
                        each.source.close()

    def _ring(self, way: Way) -> None:
        self._lanes[way].timer = None
        self._flush(way)


def _shut(lane: _Lane, sink: Any) -> None:
    """Tell the sink that no more will come."""
    if lane.source is None:
        sink.close()
    elif not lane.shut and sink.can_write_eof() and not sink.is_closing():
        sink.write_eof()
    lane.shut = True


def _abort(transport: Any) -> None:
    """Close a socket at once, with a reset."""
    if transport is None or transport.is_closing():
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
