"""What vendors know of a call only after it is completed in its record."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import numpy
import pytest
import soundfile

from gateway.emulators.twilio.services import Conduct
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.ids import CallSid
from gateway.services.afterwards import Afterwards, Pace
from gateway.store import calls
from gateway.store.identifiers import new_call
from gateway.store.records import CallChange, Direction, Status
from tests.integration.gateway_rig import CALLER, NUMBER, anyio_backend, running_gateway, until
from tests.integration.test_records import kept, record

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
QUICK = Pace(
    every_s=0.02, after_s=0.0, first_pause_s=0.02, longest_pause_s=0.05, between_s=0.0, lost_after_s=0.0
)


async def test_price_and_summary_are_added_once_the_vendors_have_them(tmp_path: Path) -> None:
    conduct = Conduct(price_after_s=0.2)
    async with running_gateway(settings=kept(tmp_path), keep=True, conduct=conduct) as rig:
        talk = await rig.conversation()
        await talk.call.hang_up()
        parts, records = rig.gateway.parts, rig.gateway.parts.keeping
        assert records is not None
        before = await record(rig, talk.call.sid)
        after = Afterwards(records.database, records.journal, parts.twilio.calls, parts.vatel.calls, QUICK)
        async with after.running(), asyncio.timeout(10):
            while True:
                written = await record(rig, talk.call.sid)
                if written.carrier_cost is not None and written.vatel_cost is not None:
                    break
                await asyncio.sleep(0.05)
    assert (before.carrier_cost, before.summary) == (None, None)
    assert (written.carrier_currency, written.ending) == ("USD", "caller_hung_up")
    assert written.summary
    assert written.vatel_cost


async def test_a_vendor_that_fails_is_asked_again(tmp_path: Path) -> None:
    busy = Behaviour(api_status=503, api_times=3, api_only="GET /v1/calls/")
    async with running_gateway(settings=kept(tmp_path), keep=True, behaviour=busy) as rig:
        talk = await rig.conversation()
        await talk.call.hang_up()
        parts, records = rig.gateway.parts, rig.gateway.parts.keeping
        assert records is not None
        await record(rig, talk.call.sid)
        after = Afterwards(records.database, records.journal, parts.twilio.calls, parts.vatel.calls, QUICK)
        async with after.running(), asyncio.timeout(15):
            while True:
                if (await record(rig, talk.call.sid)).summary:
                    break
                await asyncio.sleep(0.05)


async def test_a_call_whose_process_was_killed_gets_its_end_from_the_carrier(tmp_path: Path) -> None:
    async with running_gateway(settings=kept(tmp_path), keep=True) as rig:
        talk = await rig.conversation()
        parts, records = rig.gateway.parts, rig.gateway.parts.keeping
        assert records is not None
        # A process before this one wrote of two calls: one that lives on, and one the carrier knows is over.
        over = await rig.twilio.call_in(to=NUMBER, from_=CALLER, voice_url="http://127.0.0.1:9/nobody")
        await over.wait_over(10)
        left = CallChange(
            call_id=new_call(),
            direction=Direction.INBOUND,
            status=Status.IN_PROGRESS,
            call_sid=CallSid(over.sid),
            created_at=datetime.now(UTC),
        )
        records.journal.put(left)
        assert await records.journal.flush(5)
        told: list[tuple[str, str]] = []
        after = Afterwards(
            records.database,
            records.journal,
            parts.twilio.calls,
            parts.vatel.calls,
            QUICK,
            lambda kind, call_id, _: told.append((kind, call_id)),
        )
        async with after.running():
            await until(lambda: told)
        assert await records.journal.flush(5)
        async with records.database.read() as connection:
            found = await calls.get(connection, left.call_id)
            living = await calls.by_sid(connection, CallSid(talk.call.sid))
        await talk.call.hang_up()
    assert found is not None
    assert living is not None
    assert (found.status, found.ending, found.ended_by) == (Status.COMPLETED, "gateway_error", "gateway")
    assert found.ended_at
    assert (living.status, living.ended_at) == (Status.IN_PROGRESS, None)
    assert set(told) == {("call.ended", left.call_id)}


async def test_a_recording_that_a_killed_process_left_is_in_the_record_of_its_call(tmp_path: Path) -> None:
    name = new_call()
    (tmp_path / "recordings").mkdir()
    with (tmp_path / "recordings" / f"{name}.wav.part").open("wb") as part:
        soundfile.write(part, numpy.zeros((8000, 2), "int16"), 8000, format="WAV", subtype="ULAW")
    async with running_gateway(settings=kept(tmp_path), keep=True) as rig:
        records = rig.gateway.parts.keeping
        assert records is not None
        await until(lambda: rig.metric("recordings_total", state="partial", reason="process_ended"))
        assert await records.journal.flush(5)
        async with records.database.read() as connection:
            found = await calls.get(connection, name)
    assert found is not None
    assert (found.recording_state, found.recording_path) == ("partial", f"{name}.wav")
