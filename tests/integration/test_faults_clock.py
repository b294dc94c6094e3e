"""The clock on the wall jumps during a call: nobody hears it, and nothing is taken for late."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from tests.integration.gateway_audio import heard, on_the_line, speak, words
from tests.integration.gateway_rig import anyio_backend, running_gateway
from tests.integration.test_records import kept, record

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
LONG_S = 6.0
"""Longer than a lease lasts."""


class Wall:
    """A clock on the wall that somebody sets: for everything of the gateway in this process."""

    def __init__(self) -> None:
        self.by = timedelta()

    @contextmanager
    def hung(self, monkeypatch: pytest.MonkeyPatch) -> Iterator["Wall"]:
        wall = self

        class Set(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
                return datetime.now(tz) + wall.by

        seconds, nanoseconds = time.time, time.time_ns
        with monkeypatch.context() as patch:
            patch.setattr(time, "time", lambda: seconds() + self.by.total_seconds())
            patch.setattr(time, "time_ns", lambda: nanoseconds() + round(self.by.total_seconds() * 1e9))
            for name, module in list(sys.modules.items()):
                ours = name.startswith("gateway.") and "emulators" not in name
                if ours and getattr(module, "datetime", None) is datetime:
                    patch.setattr(module, "datetime", Set)
            yield self


@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_clock_that_jumps_changes_nothing_for_a_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hours: int
) -> None:
    settings = kept(tmp_path, gateway_tools="tests.integration.gateway_tools")
    with Wall().hung(monkeypatch) as wall:
        async with running_gateway(settings=settings, keep=True) as rig:
            talk = await rig.conversation()
            speak(talk.session, "one", words(1, LONG_S + 2))
            await talk.line.wait_heard(0.5)
            wall.by = timedelta(hours=hours)
            began = time.monotonic()
            await talk.line.wait_heard(LONG_S, 20)
            assert time.monotonic() - began > LONG_S - 1
            asked = talk.session.tool_call("add", {"first": 1, "second": 2})
            assert await talk.session.until(lambda: asked in talk.session.record.tool_outputs, 3.0)
            second = await rig.call()  # one that begins now is taken as ever: ticket, token, stream
            await second.stream()
            await second.hang_up()
            assert await rig.ending(second) == "caller_hung_up"
            await talk.call.hang_up()
            written = await record(rig, talk.call.sid)
            later = await record(rig, second.sid)
    assert on_the_line(words(1, LONG_S + 2)).startswith(heard(talk.line))
    assert len(heard(talk.line)) > (LONG_S - 0.2) * 8000
    assert written.ending == "caller_hung_up"
    assert written.duration_ms is not None
    assert LONG_S * 1000 < written.duration_ms < 20_000
    assert later.ending == "caller_hung_up"
