"""Calls that are asked for, placed, and followed to their end, between emulated carriers."""

import asyncio
from dataclasses import replace
from pathlib import Path

import anyio
import httpx
import pytest

from gateway.emulators.twilio import faults
from gateway.emulators.twilio.people import Callee, Outcome
from gateway.emulators.twilio.records import CallStatus, EndedBy
from gateway.emulators.twilio.services import Conduct
from gateway.errors import DialRefused
from gateway.ids import E164
from gateway.policy.machine import Mode
from gateway.policy.quota import Quotas
from gateway.services.dial_request import DialDraft
from gateway.services.dial_terms import CallNotLive, CallUnknown, LimitReached
from gateway.services.dialling import Idempotency
from gateway.store import conversations
from gateway.store.errors import KeyReused
from gateway.store.identifiers import CallId, KeyId, new_call
from gateway.store.records import CallChange, Status
from tests.integration.dial_rig import FROM, HASTE, PLENTY, TO, dialling, draft
from tests.integration.dial_world import World, until, world

pytestmark = pytest.mark.anyio
KEY = KeyId("key_of_the_test")
SLOW = replace(HASTE, rate_per_s=0.05)
"""The first call leaves at once, and the next one not while the test lasts."""


async def over(at: World, status: Status) -> None:
    """Wait until the only call is over, and check how."""
    await until(lambda: "call.ended" in {kind for kind, _, _ in at.rig.told})
    [call_id] = {call_id for _, call_id, _ in at.rig.told}
    assert (await at.rig.call(call_id)).status is status


async def named(at: World, call_id: CallId) -> None:
    """Wait until the carrier's name of a call is written down: it may ring before that."""
    with anyio.fail_after(5):
        while (await at.rig.call(call_id)).call_sid is None:  # noqa: ASYNC110 - what is waited for is a row
            await anyio.sleep(0.01)


async def test_a_call_is_placed_answered_and_over(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.twilio.callees[TO] = Callee(after_s=0.5, hang_up_after_s=2.0)
        accepted = await at.dialler.place(
            replace(draft(), machine_detection=Mode.HANG_UP, max_duration=600), KEY
        )
        call_id = accepted.plan.call_id
        await over(at, Status.COMPLETED)
        call = await at.rig.call(call_id)
        [entry] = at.twilio.ledger.entries()
        async with at.rig.database.read() as connection:
            events = await conversations.events_of(connection, call_id)
    [asked] = [request.params for request in at.twilio.requests if request.method == "POST"]
    assert f'value="ticket-{call_id}"' in asked["Twiml"][0]
    assert asked["StatusCallback"] == (f"{at.peers.public}/twilio/status?call={call_id}",)
    assert asked["AsyncAmdStatusCallback"] == (f"{at.peers.public}/twilio/amd?call={call_id}",)
    assert (asked["TimeLimit"], asked["Timeout"]) == (("600",), ("30",))
    assert (call.call_sid, call.to_number, call.from_number) == (entry.sid, TO, FROM)
    assert call.ringing_at is not None
    assert call.answered_at is not None
    assert call.ended_at is not None
    assert call.ending is None, "the bridge knows better why a call that was answered ended"
    assert at.rig.kinds(call_id) == ["call.started", "call.answered", "call.ended"]
    assert [event.data["status"] for event in events] == ["dialing", "ringing", "in_progress", "completed"]
    assert at.rig.board.names == {call_id: entry.sid}


@pytest.mark.parametrize(
    ("callee", "status", "ending", "by"),
    [
        (Callee(Outcome.BUSY, 0.1), Status.BUSY, "busy", "callee"),
        (Callee(Outcome.NO_ANSWER, 0.1), Status.NO_ANSWER, "no_answer", "callee"),
        (Callee(Outcome.FAILED, 0.1, sip_code=503), Status.FAILED, "failed", "carrier"),
        (Callee(Outcome.FAILED, 0.1, sip_code=404), Status.FAILED, "invalid", "carrier"),
        (Callee(Outcome.BUSY, 0.1, sip_code=603), Status.BUSY, "declined", "callee"),
    ],
)
async def test_a_call_nobody_answers_says_why(
    tmp_path: Path, callee: Callee, status: Status, ending: str, by: str
) -> None:
    async with world(tmp_path) as at:
        at.twilio.callees[TO] = callee
        accepted = await at.dialler.place(replace(draft(), ring_timeout=5), KEY)
        await over(at, status)
        call = await at.rig.call(accepted.plan.call_id)
    assert (call.ending, call.ended_by) == (ending, by)
    assert accepted.plan.call_id in at.rig.board.gone


async def test_the_same_request_twice_is_one_call_even_at_once_and_after_its_end(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.twilio.callees[TO] = Callee(Outcome.BUSY, 0.1)
        once = Idempotency("order-1", "body-1")
        first, *rest = await asyncio.gather(*(at.dialler.place(draft(), KEY, once) for _ in range(5)))
        await over(at, Status.BUSY)
        late = await at.dialler.place(draft(), KEY, once)
        with pytest.raises(KeyReused):
            await at.dialler.place(draft(), KEY, Idempotency("order-1", "body-2"))
        other = await at.dialler.place(draft(), KeyId("key_of_others"), once)
    assert all(each.plan == first.plan for each in (*rest, late))
    assert [each.replayed for each in (first, *rest, late)].count(False) == 1
    assert other.plan.call_id != first.plan.call_id


async def test_an_idempotency_key_is_good_for_its_time_only(tmp_path: Path) -> None:
    async with world(tmp_path, times=replace(HASTE, key_life_s=0.05)) as at:
        first = await at.dialler.place(draft(), KEY, Idempotency("order-1", "body-1"))
        await asyncio.sleep(0.1)
        second = await at.dialler.place(draft(), KEY, Idempotency("order-1", "body-2"))
        assert first.plan.call_id != second.plan.call_id
        await until(lambda: len(at.posts()) == 2)


@pytest.mark.parametrize("fault", [faults.call_placed_without_an_answer(), faults.call_placed_and_denied()])
async def test_a_call_whose_answer_was_lost_is_found_and_not_placed_again(
    tmp_path: Path, fault: faults.RestFault
) -> None:
    async with world(tmp_path, deadline_s=0.3) as at:
        at.door.shut = True  # no callback tells
        at.twilio.callees[TO] = Callee(after_s=600)
        at.twilio.refuse_rest(fault)
        accepted = await at.dialler.place(draft(), KEY)
        await until(lambda: at.rig.board.names)
        await asyncio.sleep(1.5)  # longer than it takes to prove an absence
        assert (await at.rig.call(accepted.plan.call_id)).call_sid == at.twilio.calls[0].sid
    assert len(at.posts()) == 1
    assert len(at.twilio.ledger.entries()) == 1


async def test_a_callback_proves_a_call_before_anybody_looks(tmp_path: Path) -> None:
    async with world(tmp_path, deadline_s=0.3, times=replace(HASTE, look_every_s=60.0)) as at:
        at.twilio.callees[TO] = Callee(after_s=600)
        at.twilio.refuse_rest(faults.call_placed_without_an_answer())
        accepted = await at.dialler.place(draft(), KEY)
        await until(lambda: at.rig.board.names)
        assert at.rig.board.names == {accepted.plan.call_id: at.twilio.calls[0].sid}
    assert [request.method for request in at.twilio.requests if "Calls" in request.path].count("GET") == 0


async def test_a_call_that_was_certainly_not_placed_is_placed_later_and_once(tmp_path: Path) -> None:
    async with world(tmp_path, deadline_s=0.3) as at:
        at.twilio.callees[TO] = Callee(Outcome.BUSY, 0.1)
        at.twilio.refuse_rest(faults.no_call_and_no_answer())
        await at.dialler.place(draft(), KEY)
        await over(at, Status.BUSY)
        looks = [request.method for request in at.twilio.requests].count("GET")
    assert len(at.twilio.ledger.entries()) == 1
    assert looks >= HASTE.looks


async def test_a_call_that_is_too_old_to_make_sense_is_reported_failed(tmp_path: Path) -> None:
    async with world(tmp_path, deadline_s=0.3, times=replace(HASTE, too_old_s=2.0)) as at:
        at.twilio.refuse_rest(faults.no_call_and_no_answer(times=None))
        accepted = await at.dialler.place(draft(), KEY)
        await over(at, Status.FAILED)
        call = await at.rig.call(accepted.plan.call_id)
    assert (call.ending, call.ended_by) == ("not_placed", "carrier")
    assert at.twilio.ledger.entries() == []


async def test_a_call_of_somebody_else_between_other_numbers_is_not_taken_for_ours(tmp_path: Path) -> None:
    async with world(tmp_path, deadline_s=0.3) as at:
        at.twilio.callees[TO] = Callee(after_s=600)
        one = await at.dialler.place(draft(), KEY)
        await until(lambda: at.rig.board.names)
        at.twilio.refuse_rest(faults.no_call_and_no_answer())
        two = await at.dialler.place(draft(), KEY)  # between the same numbers, while the first one rings
        await until(lambda: len({of for kind, of, _ in at.rig.told if kind == "call.started"}) == 2)
        sids = [(await at.rig.call(each.plan.call_id)).call_sid for each in (one, two)]
    assert sids == [entry.sid for entry in at.twilio.ledger.entries()]


@pytest.mark.parametrize(
    ("code", "ending"), [(21211, "invalid"), (21217, "invalid"), (21210, "refused"), (21215, "refused")]
)
async def test_a_refusal_is_final(tmp_path: Path, code: int, ending: str) -> None:
    async with world(tmp_path) as at:
        at.twilio.refuse_rest(faults.call_refused(code))
        accepted = await at.dialler.place(draft(), KEY)
        await over(at, Status.FAILED)
        assert (await at.rig.call(accepted.plan.call_id)).ending == ending
        await asyncio.sleep(0.3)
        [event] = [each for each in await at.rig.events(accepted.plan.call_id) if each.kind == "not_placed"]
    assert len(at.posts()) == 1
    assert (event.data["ending"], str(code) in str(event.data["error"])) == (ending, True)
    assert event.data["remedy"]


async def test_a_throttled_call_is_placed_after_a_pause(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.twilio.callees[TO] = Callee(Outcome.BUSY, 0.1)
        at.twilio.refuse_rest(faults.call_throttled(times=2))
        await at.dialler.place(draft(), KEY)
        await over(at, Status.BUSY)
    assert (len(at.posts()), len(at.twilio.ledger.entries())) == (3, 1)


async def test_calls_leave_below_twilios_pace_so_that_none_waits_there(tmp_path: Path) -> None:
    conduct = Conduct(calls_per_second=0.5)  # emulated: five in a real second
    async with world(tmp_path, times=replace(HASTE, rate_per_s=2.5), conduct=conduct) as at:
        for last in range(10, 16):
            at.twilio.callees[f"+141555501{last}"] = Callee(Outcome.BUSY, 0.1)
            await at.dialler.place(draft(f"+141555501{last}"), KEY)
        await until(lambda: len(at.twilio.ledger.entries()) == 6)
        assert max(entry.queued_s for entry in at.twilio.ledger.entries()) == 0.0


async def test_a_call_given_up_while_it_waits_is_never_placed(tmp_path: Path) -> None:
    async with world(tmp_path, times=SLOW) as at:
        at.twilio.callees[TO] = Callee(after_s=600)
        await at.dialler.place(draft(), KEY)
        waits = await at.dialler.place(draft("+14155550198"), KEY)
        await until(at.posts)
        await at.dialler.hang_up(waits.plan.call_id)
        call = await at.rig.call(waits.plan.call_id)
        with pytest.raises(CallNotLive):
            await at.dialler.hang_up(waits.plan.call_id)
    assert (call.status, call.ending, call.ended_by) == (Status.CANCELED, "canceled", "api")
    assert at.posts() == [TO]


async def test_a_call_given_up_while_nobody_knows_of_it_is_ended_when_it_is_found(tmp_path: Path) -> None:
    async with world(tmp_path, deadline_s=0.5, times=replace(HASTE, look_every_s=0.3)) as at:
        at.door.shut = True
        at.twilio.callees[TO] = Callee(after_s=600)
        at.twilio.refuse_rest(faults.call_placed_without_an_answer())
        accepted = await at.dialler.place(draft(), KEY)
        await until(lambda: at.twilio.calls)
        await at.dialler.hang_up(accepted.plan.call_id)
        await at.twilio.calls[0].wait_over()
        call = await at.rig.call(accepted.plan.call_id)
    assert at.twilio.calls[0].ended_by is EndedBy.REST
    assert (call.ending, call.ended_by) == ("canceled", "api")


async def test_a_call_given_up_before_it_is_dialled_again_is_not(tmp_path: Path) -> None:
    async with world(tmp_path, deadline_s=0.3) as at:
        at.twilio.refuse_rest(faults.no_call_and_no_answer(times=None))
        accepted = await at.dialler.place(draft(), KEY)
        await asyncio.sleep(0.2)
        await at.dialler.hang_up(accepted.plan.call_id)
        await over(at, Status.CANCELED)
        await asyncio.sleep(0.3)
    assert at.twilio.ledger.entries() == []


async def test_a_ringing_call_stops_and_a_bridged_one_is_ended_by_whoever_carries_it(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as at:
        at.twilio.callees[TO] = Callee(after_s=600)
        accepted = await at.dialler.place(draft(), KEY)
        await until(lambda: at.twilio.calls and at.twilio.calls[0].status is CallStatus.RINGING)
        call_id = accepted.plan.call_id
        await named(at, call_id)
        at.rig.board.bridged.add(call_id)
        await at.dialler.hang_up(call_id)
        assert at.rig.board.ended == [call_id]
        at.rig.board.bridged.clear()
        await at.dialler.hang_up(call_id)
        await over(at, Status.CANCELED)
        with pytest.raises(CallUnknown):
            await at.dialler.hang_up(new_call())


async def test_only_an_answered_call_is_transferred_and_only_to_safe_numbers(tmp_path: Path) -> None:
    async with world(tmp_path) as at:
        at.twilio.callees[TO] = Callee(after_s=600)
        accepted = await at.dialler.place(draft(), KEY)
        call_id, person = accepted.plan.call_id, E164("+14155550142")
        await until(at.posts)
        with pytest.raises(CallNotLive, match="answered"):
            await at.dialler.transfer(call_id, person)
        at.rig.journal.put(CallChange(call_id=call_id, status=Status.IN_PROGRESS))
        await at.rig.journal.flush(5.0)
        for hostile in (TO, "+19005550123", "911", "+8835100", FROM):
            with pytest.raises(DialRefused):
                await at.dialler.transfer(call_id, hostile)
        with pytest.raises(CallNotLive, match="bridged"):
            await at.dialler.transfer(call_id, person)
        at.rig.board.bridged.add(call_id)
        await at.dialler.transfer(call_id, "+1 415 555 0142")
        with pytest.raises(CallUnknown):
            await at.dialler.transfer(new_call(), person)
    assert at.rig.board.transferred == [(call_id, person)]


async def test_limits_hold_for_a_key_and_survive_a_new_start(tmp_path: Path) -> None:
    few = replace(PLENTY, concurrent=2)
    async with world(tmp_path, quotas=few, times=SLOW) as at:
        for _ in range(2):
            await at.dialler.place(draft(), KEY)
        with pytest.raises(LimitReached, match="concurrent"):
            await at.dialler.place(draft(), KEY)
        waiting = await at.dialler.place(draft(), KeyId("key_of_others"))
        assert waiting.plan.to == TO
    async with world(tmp_path, quotas=few, times=SLOW) as at:
        with pytest.raises(LimitReached, match="concurrent"):
            await at.dialler.place(draft(), KEY)


async def test_a_call_that_is_over_makes_room_for_another(tmp_path: Path) -> None:
    async with world(tmp_path, quotas=Quotas(concurrent=1)) as at:
        at.twilio.callees[TO] = Callee(Outcome.BUSY, 0.1)
        await at.dialler.place(draft(), KEY)
        await over(at, Status.BUSY)
        assert (await at.dialler.place(DialDraft(to=TO), KEY)).replayed is False


async def test_two_processes_on_one_database_place_each_call_once(tmp_path: Path) -> None:
    async with (
        world(tmp_path) as at,
        dialling(at.peers, tmp_path / "other", times=HASTE, deadline_s=0.3) as other,
    ):
        at.twilio.refuse_rest(faults.call_placed_and_denied(times=5))
        numbers = [f"+14155550{last}" for last in range(110, 130)]
        for to in numbers:
            at.twilio.callees[to] = Callee(Outcome.BUSY, 0.1)
            once = Idempotency(to, to)
            await asyncio.gather(
                at.dialler.place(draft(to), KEY, once), other.dialler.place(draft(to), KEY, once)
            )
        await until(lambda: len(at.twilio.ledger.entries()) >= len(numbers))
        await asyncio.sleep(1.5)  # whatever was not known has been found out
    assert sorted(entry.to for entry in at.twilio.ledger.entries()) == numbers


async def test_calls_a_dead_process_left_waiting_are_placed_by_the_next(tmp_path: Path) -> None:
    async with world(tmp_path, times=SLOW) as at:
        accepted = [await at.dialler.place(draft(f"+1415555011{last}"), KEY) for last in range(3)]
        await until(at.posts)
    async with world(tmp_path) as at:
        await until(lambda: len(at.posts()) == 2)
        await asyncio.sleep(0.5)
    assert at.posts() == [each.plan.to for each in accepted[1:]]


async def test_a_callback_of_a_call_that_was_given_up_ends_it(tmp_path: Path) -> None:
    async with world(tmp_path, deadline_s=0.3, times=replace(HASTE, too_old_s=0.1)) as at:
        at.twilio.callees[TO] = Callee(after_s=600)
        at.twilio.refuse_rest(faults.no_call_and_no_answer())
        accepted = await at.dialler.place(draft(), KEY)
        await over(at, Status.FAILED)
        await late_call(at, accepted.plan.call_id)
        await at.twilio.calls[0].wait_over()
    assert at.twilio.calls[0].ended_by is EndedBy.REST


async def late_call(at: World, call_id: CallId) -> None:
    """Twilio carries a request out that was given up long since."""
    login = (at.twilio.account.sid, at.twilio.account.auth_token)
    form = {"To": TO, "From": FROM, "Twiml": "<Response/>", "StatusCallbackEvent": "ringing"}
    form["StatusCallback"] = f"{at.peers.public}/twilio/status?call={call_id}"
    async with httpx.AsyncClient(trust_env=False) as client:
        url = f"{at.twilio.url}/2010-04-01/Accounts/{login[0]}/Calls.json"
        assert (await client.post(url, data=form, auth=login)).status_code == 201


async def test_calls_between_the_same_numbers_are_never_unknown_at_once(tmp_path: Path) -> None:
    times = replace(HASTE, rate_per_s=2.0, settle_s=1.5, look_every_s=0.05)
    async with world(tmp_path, deadline_s=0.3, times=times) as at:
        at.door.shut = True
        at.twilio.callees[TO] = Callee(after_s=600)
        lost, found = faults.no_call_and_no_answer(), faults.call_placed_without_an_answer()
        at.twilio.refuse_rest(lost)
        both = [await at.dialler.place(draft(), KEY) for _ in range(2)]
        await until(lambda: lost.times == 0)
        at.twilio.refuse_rest(found)
        await until(lambda: len({of for kind, of, _ in at.rig.told if kind == "call.started"}) == 2)
        named = {(await at.rig.call(each.plan.call_id)).call_sid: each.plan.call_id for each in both}
    asked = {entry.sid: entry.status_url.rpartition("=")[2] for entry in at.twilio.ledger.entries()}
    assert named == asked


async def test_a_call_twilio_places_long_after_nobody_waits_is_not_placed_again(tmp_path: Path) -> None:
    late = faults.RestFault(delay_s=0.5, times=1, method="POST", path=faults.CALLS)
    patient = replace(HASTE, settle_s=1.5, look_every_s=0.05)
    async with world(tmp_path, deadline_s=0.1, times=patient) as at:
        at.door.shut = True
        at.twilio.callees[TO] = Callee(after_s=600)
        at.twilio.refuse_rest(late)
        await at.dialler.place(draft(), KEY)
        await until(lambda: at.rig.board.names)
        await asyncio.sleep(0.3)
        found = list(at.rig.board.names.values())
    assert found == [entry.sid for entry in at.twilio.ledger.entries()]
