"""When a call was answered, where something is said before its stream; and what is told behind its end."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.emulators.twilio.people import Callee
from gateway.emulators.vatel.script import Listen, Say, Script
from gateway.store.models import webhook_outbox
from tests.integration.gateway_rig import NUMBER, anyio_backend, until, verbs
from tests.integration.test_outbound import Desk, desk

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
NOTICE = {"recording": True, "recording_notice": "This call is recorded."}
NOTICE_S = 1.6
GREETING = Script(steps=(Say(text="Hello, this is the clinic."), Listen(timeout_s=30)))
HEARD = {"webhook_url": "http://127.0.0.1:9/events", "private_hosts": "127.0.0.1"}
HEARD |= {"webhook_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}


def since(record: dict[str, Any], step: str, before: str) -> float:
    """How many seconds a step of a call came after another."""
    times = [datetime.fromisoformat(record[name]) for name in (step, before)]
    return (times[0] - times[1]) / timedelta(seconds=1)


async def told(at: Desk, call_id: str, kind: str) -> dict[str, Any]:
    """What an event said of a call."""
    records = at.rig.gateway.parts.keeping
    assert records is not None
    table = webhook_outbox.c
    query = select(table.payload).where(table.call_id == call_id, table.event_type == kind)
    assert await records.journal.flush(5)
    async with records.database.read() as connection:
        return dict((await connection.execute(query)).scalar_one()["data"])


async def test_a_notice_is_no_part_of_the_ringing_and_no_delay_of_the_agents(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=0.5, hang_up_after_s=4.0), settings=HEARD) as at:
        assert (await at.http.put(f"/v1/numbers/{NUMBER}/route", json=NOTICE)).is_success
        name = await at.place()
        shown = await at.ended(name)
        answered = await told(at, name, "call.answered")
    assert shown["ring_ms"] / 1000 == pytest.approx(since(shown, "answered_at", "ringing_at"), abs=0.01)
    assert shown["ring_ms"] / 1000 < 0.5 + NOTICE_S
    assert answered["ring_ms"] == round(shown["ring_ms"])
    assert since(shown, "first_audio_at", "answered_at") > NOTICE_S * 0.9
    assert shown["first_audio_ms"] < 1000
    assert shown["duration_ms"] / 1000 > NOTICE_S


async def test_who_hangs_up_in_the_notice_has_answered(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=0.2, hang_up_after_s=0.5), settings=HEARD) as at:
        assert (await at.http.put(f"/v1/numbers/{NUMBER}/route", json=NOTICE)).is_success
        shown = await at.ended(await at.place())
        (entry,) = at.rig.twilio.ledger.entries()
    assert (shown["status"], shown["ending"], shown["ended_by"]) == ("completed", "caller_hung_up", "caller")
    assert entry.status.value == "completed"
    assert shown["answered_at"]
    assert shown["first_audio_at"] is None


async def test_a_caller_is_answered_with_the_webhook(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(), settings=HEARD) as at:
        assert (await at.http.put(f"/v1/numbers/{NUMBER}/route", json=NOTICE)).is_success
        hasty, patient = await at.rig.call(), await at.rig.call()
        await until(lambda: verbs(hasty))
        await hasty.hang_up()
        await (await patient.stream()).wait_heard(0.3)
        await patient.hang_up()
        listed = (await at.http.get("/v1/calls")).json()["calls"]
        records = [await at.settled(call["id"]) for call in listed]
    assert {record["call_sid"] for record in records} == {hasty.sid, patient.sid}
    for record in records:
        assert (record["status"], record["ending"]) == ("completed", "caller_hung_up")
        assert record["answered_at"] == record["ringing_at"] == record["created_at"]
    heard = next(record for record in records if record["call_sid"] == patient.sid)
    assert since(heard, "first_audio_at", "answered_at") > NOTICE_S * 0.9
    assert heard["first_audio_ms"] < 1000


async def test_who_is_told_of_a_recording_is_told_that_the_call_is_over(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=0.2, hang_up_after_s=3.0), settings=HEARD) as at:
        assert (await at.http.put(f"/v1/numbers/{NUMBER}/route", json=NOTICE)).is_success
        name = await at.place()
        await at.ended(name)
        over, ready = await told(at, name, "call.ended"), await told(at, name, "call.recording_ready")
    assert (over["status"], ready["status"]) == ("completed", "completed")
    assert over["started_at"]
