"""What the carriers' callbacks did not tell is looked up: lost ends, costs, and calls Vatel places."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.emulators.twilio.people import Callee
from gateway.emulators.twilio.services import Conduct
from gateway.emulators.vatel.records import DialOutcome
from gateway.services.dial_request import DialDraft
from gateway.services.dial_terms import CallNotLive
from gateway.store.calls import Call
from gateway.store.identifiers import CallId, KeyId
from gateway.store.records import Status, Via
from tests.integration.dial_rig import HASTE, TO, draft
from tests.integration.dial_world import World, until, world

pytestmark = pytest.mark.anyio
KEY = KeyId("key_of_the_test")
RECONCILING = replace(HASTE, overdue_s=0.0, reconcile_every_s=0.1)
THROUGH_VATEL = DialDraft(
    to=TO,
    via=Via.VATEL,
    first_message="Hello {{name}}.",
    prompt="You call {{name}}.",
    variables={"name": "Ada", "tries": 2},
)
TALK = DialOutcome(ring_s=0.2, talk_s=0.3, summary="They agreed.", variables={"agreed": True}, cost=0.12)


async def known(at: World, call_id: CallId, status: Status) -> Call:
    """Wait until a call is over and its cost known."""
    while True:
        call = await at.rig.call(call_id)
        if call.status is status and (call.carrier_cost is not None or call.vatel_cost is not None):
            return call


async def test_a_call_whose_last_callback_was_lost_is_looked_up_and_its_price_later(tmp_path: Path) -> None:
    overdue = replace(RECONCILING, overdue_s=-4000.0)  # as if the longest it may last were over
    async with world(tmp_path, times=overdue, conduct=Conduct(price_after_s=1.0)) as at:
        at.door.shut = True
        at.twilio.callees[TO] = Callee(after_s=0.5, hang_up_after_s=1.0)
        accepted = await at.dialler.place(draft(), KEY)
        call = await known(at, accepted.plan.call_id, Status.COMPLETED)
        [entry] = at.twilio.ledger.entries()
    assert (call.call_sid, call.carrier_cost, call.carrier_currency) == (entry.sid, 0.014, "USD")
    assert call.ended_at is not None
    assert [kind for kind, _, _ in at.rig.told] == ["call.started", "call.ended"]


async def test_a_call_that_may_last_on_is_not_looked_up(tmp_path: Path) -> None:
    async with world(tmp_path, times=RECONCILING) as at:
        at.door.shut = True
        at.twilio.callees[TO] = Callee(after_s=600)
        await at.dialler.place(draft(), KEY)
        await until(lambda: at.rig.board.names)
        await asyncio.sleep(0.5)
        assert [request.method for request in at.twilio.requests] == ["POST"]


async def test_a_call_through_vatel_is_followed_in_vatels_records(tmp_path: Path) -> None:
    async with world(tmp_path, times=RECONCILING) as at:
        at.vatel.outcome = TALK
        accepted = await at.dialler.place(THROUGH_VATEL, KEY)
        call = await known(at, accepted.plan.call_id, Status.COMPLETED)
        assert at.rig.kinds(call.id) == ["call.started", "call.ended"]
    [dial] = at.vatel.dials
    assert dial.destination == TO
    assert dial.first_message == "Hello Ada."
    assert dial.prompt.endswith('You call <value>"Ada"</value>.')
    assert dict(dial.variables) == {"name": "Ada", "tries": "2"}
    assert call.session_id == at.vatel.phone_calls[0].id
    assert (call.summary, call.extracted, call.vatel_cost) == ("They agreed.", {"agreed": True}, 0.12)
    assert (call.ending, call.ended_by) == ("ended_by_user", "callee")
    assert at.posts() == []


async def test_two_calls_through_vatel_to_one_number_are_told_apart(tmp_path: Path) -> None:
    async with world(tmp_path, times=RECONCILING) as at:
        at.vatel.outcome = TALK
        one = await at.dialler.place(THROUGH_VATEL, KEY)
        first = await known(at, one.plan.call_id, Status.COMPLETED)
        two = await at.dialler.place(THROUGH_VATEL, KEY)
        second = await known(at, two.plan.call_id, Status.COMPLETED)
    assert [first.session_id, second.session_id] == [call.id for call in at.vatel.phone_calls]


async def test_a_call_through_vatel_can_not_be_ended_from_here(tmp_path: Path) -> None:
    async with world(tmp_path, times=RECONCILING) as at:
        at.vatel.outcome = replace(TALK, talk_s=None)
        accepted = await at.dialler.place(THROUGH_VATEL, KEY)
        await until(lambda: "call.started" in at.rig.kinds(accepted.plan.call_id))
        with pytest.raises(CallNotLive, match="vatel"):
            await at.dialler.hang_up(accepted.plan.call_id)
