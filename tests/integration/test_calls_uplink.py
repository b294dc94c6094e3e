"""The way up: what a turn of the loop brought is converted together, each session's audio in its order."""

import asyncio

import pytest

from gateway.audio.transcode import CallerToAgent
from gateway.calls.metrics import Metrics
from gateway.calls.uplink import Uplink
from gateway.cli.demo_figures import Kept

pytestmark = pytest.mark.anyio

AT = 7.0


class Session:
    """A session that notes what it is sent."""

    def __init__(self, *, broken: bool = False) -> None:
        self.filter = CallerToAgent()
        self.heard = b""
        self.failed: list[Exception] = []
        self._broken = broken

    def send_audio(self, pcm: bytes) -> None:
        """Note it, or raise."""
        if self._broken:
            raise RuntimeError
        self.heard += pcm

    def fail(self, error: Exception) -> None:
        """Note it."""
        self.failed.append(error)


def said(number: int, frame: int) -> bytes:
    """A frame like no other."""
    return bytes((number * 31 + frame * 7 + at) % 256 for at in range(160))


def expected(number: int, frames: int) -> bytes:
    return CallerToAgent().feed(b"".join(said(number, frame) for frame in range(frames)))


@pytest.fixture
def timed() -> list[float]:
    """What the uplink says of how long messages took."""
    return []


@pytest.fixture
def uplink(timed: list[float]) -> Uplink:
    """A way up that is busy: a frame came just now."""
    metrics, kept = Metrics(), Kept("up")
    made = Uplink(metrics)
    metrics.up, kept.values = kept, timed  # as the demonstration does, whose gateway is built by then
    made.put(Session(), said(0, 0), AT)
    return made


@pytest.mark.parametrize("calls", [1, 2, 10, 11, 12, 40])
async def test_all_of_a_turn_is_sent_when_it_is_over(uplink: Uplink, calls: int) -> None:
    sessions = [Session() for _ in range(calls)]
    for frame in range(3):
        for number, session in enumerate(sessions):
            uplink.put(session, said(number, frame), AT)
        await asyncio.sleep(0)
        assert [len(session.heard) for session in sessions] == [(frame + 1) * 960] * calls
    assert [session.heard for session in sessions] == [expected(number, 3) for number in range(calls)]


async def test_a_frame_that_comes_alone_goes_at_once(uplink: Uplink) -> None:
    session = Session()
    uplink.put(session, said(0, 0), AT + 0.02)
    assert session.heard == expected(0, 1)
    uplink.put(session, said(0, 1), AT + 0.02)
    assert session.heard == expected(0, 1)
    uplink.put(session, said(0, 2), AT + 0.04)
    assert session.heard == expected(0, 3)


async def test_nothing_is_sent_before(uplink: Uplink) -> None:
    session = Session()
    uplink.put(session, said(0, 0), AT)
    assert not session.heard


async def test_a_session_that_is_put_for_twice_hears_all_in_order(uplink: Uplink) -> None:
    one, other = Session(), Session()
    uplink.put(one, said(0, 0), AT)
    uplink.put(other, said(1, 0), AT)
    uplink.put(one, said(0, 1), AT)
    await asyncio.sleep(0)
    assert (one.heard, other.heard) == (expected(0, 2), expected(1, 1))


async def test_what_waits_can_be_sent_ahead_of_something_else(uplink: Uplink) -> None:
    session = Session()
    uplink.put(session, said(0, 0), AT)
    uplink.flush()
    assert session.heard == expected(0, 1)
    await asyncio.sleep(0)
    assert session.heard == expected(0, 1)


async def test_one_that_raises_harms_no_other(uplink: Uplink) -> None:
    sessions = [Session(), Session(broken=True), Session()]
    for number, session in enumerate(sessions):
        uplink.put(session, said(number, 0), AT)
    await asyncio.sleep(0)
    assert [len(session.failed) for session in sessions] == [0, 1, 0]
    assert [session.heard for session in sessions] == [expected(0, 1), b"", expected(2, 1)]


async def test_every_sixteenth_message_is_timed(uplink: Uplink, timed: list[float]) -> None:
    for frame in range(1, 33):
        uplink.put(Session(), said(0, frame), AT)
        await asyncio.sleep(0)
    assert len(timed) == 3
    assert min(timed) > 0
