"""Calls, what happened in them, and the list of them."""

from contextlib import suppress
from dataclasses import fields
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from gateway.bridge.report import Ending
from gateway.store import calls, conversations, cursors
from gateway.store.calls import Call, Filter
from gateway.store.cursors import Cursor
from gateway.store.database import Database
from gateway.store.errors import CursorRefused
from gateway.store.identifiers import CallId, made_at, new_call
from gateway.store.models import calls as table
from gateway.store.records import CallChange, Direction, Speaker, Status, Turn, ended
from tests.integration.store import samples
from tests.integration.store.samples import NOW, after

pytestmark = pytest.mark.anyio


async def put(database: Database, *changes: CallChange) -> Call:
    async with database.write() as connection:
        for change in changes:
            await calls.put(connection, change)
        found = await calls.get(connection, changes[-1].call_id)
    assert found is not None
    return found


def test_a_call_has_a_field_for_each_column() -> None:
    columns = {column.name for column in table.columns}
    assert {field.name for field in fields(Call)} == columns
    assert {*CallChange.__struct_fields__, "id"} - {"call_id"} == columns


async def test_changes_add_to_what_is_known(database: Database) -> None:
    first = samples.call()
    found = await put(
        database, first, CallChange(call_id=first.call_id, answered_at=after(3), status=Status.IN_PROGRESS)
    )
    assert (found.from_number, found.status, found.answered_at) == (samples.CALLER, "in_progress", after(3))
    assert found.metadata == {"order": 17}


async def test_a_status_never_goes_back(database: Database) -> None:
    one = new_call()
    late = [Status.COMPLETED, Status.RINGING, Status.FAILED, Status.QUEUED]
    found = await put(database, *(CallChange(call_id=one, status=status) for status in late))
    assert found.status is Status.COMPLETED


async def test_the_first_ending_stands(database: Database) -> None:
    one = new_call()
    found = await put(
        database, ended(one, Ending.AGENT_ENDED, after(9)), ended(one, Ending.CALLER_HUNG_UP, after(10))
    )
    assert (found.ending, found.ended_by, found.ended_at) == ("agent_ended", "agent", after(9))


async def test_the_first_word_on_who_answered_stands(database: Database) -> None:
    one = new_call()
    await put(database, CallChange(call_id=one, answered_by="machine_end_beep"))
    assert (
        await put(database, CallChange(call_id=one, answered_by="machine"))
    ).answered_by == "machine_end_beep"


async def test_the_first_word_on_each_step_stands_and_none_is_before_those_ahead_of_it(
    database: Database,
) -> None:
    first = samples.call()
    steps = [  # Twilio tells whole seconds: what came at 0.1, 0.3 and 0.7 s is said to be 0.1 s before
        CallChange(call_id=first.call_id, ringing_at=after(-0.1)),
        CallChange(call_id=first.call_id, answered_at=after(0.3)),
        CallChange(call_id=first.call_id, answered_at=after(-0.1)),
        CallChange(call_id=first.call_id, ended_at=after(-0.1), duration_ms=412.5),
        CallChange(call_id=first.call_id, ended_at=after(0.9), duration_ms=0.0),
    ]
    found = await put(database, first, *steps)
    assert (found.ringing_at, found.answered_at, found.ended_at) == (NOW, after(0.3), after(0.3))
    assert found.duration_ms == 412.5


async def test_a_call_whose_beginning_is_lost_has_the_time_of_its_name(database: Database) -> None:
    one = new_call()
    found = await put(database, CallChange(call_id=one, status=Status.COMPLETED))
    assert (found.created_at, found.direction) == (made_at(one), Direction.UNKNOWN)
    assert (await put(database, samples.call(one))).created_at == NOW


async def test_calls_are_found_by_the_vendors_names(database: Database) -> None:
    change = samples.call()
    await put(database, change)
    async with database.read() as connection:
        assert change.call_sid is not None
        found = await calls.by_sid(connection, change.call_sid)
    assert found is not None
    assert found.id == change.call_id


async def test_hostile_text_is_kept_without_what_databases_refuse(database: Database) -> None:
    change = samples.call()
    words = Turn(
        call_id=change.call_id, turn_id="t", sequence=1, who=Speaker.CALLER, at=NOW, heard_text="a\0b\ud800c"
    )
    async with database.write() as connection:
        await calls.put(connection, change)
        await conversations.put_turns(connection, [words])
        found = await conversations.turns_of(connection, change.call_id)
    assert found[0].heard_text == "ab?c"


async def test_what_happened_is_kept_in_order_and_once(database: Database) -> None:
    one = samples.call().call_id
    async with database.write() as connection:
        await calls.put(connection, samples.call(one))
        for sequence in (2, 1, 2):
            await conversations.put_events(connection, [samples.event(one, sequence)])
            await conversations.put_turns(connection, [samples.turn(one, sequence, f"words {sequence}")])
        await conversations.put_turns(connection, [samples.turn(one, 2, "better words")])
        await conversations.put_tools(connection, [samples.tool(one)])
        await conversations.put_tools(connection, [samples.tool(one)])
        turns = await conversations.turns_of(connection, one)
        assert [turn.heard_text for turn in turns] == ["words 1", "better words"]
        assert await conversations.events_of(connection, one) == (
            samples.event(one, 1),
            samples.event(one, 2),
        )
        assert await conversations.events_of(connection, one, after=1) == (samples.event(one, 2),)
        assert await conversations.tools_of(connection, one) == (samples.tool(one),)


async def all_pages(database: Database, which: Filter, limit: int) -> list[CallId]:
    found: list[CallId] = []
    cursor = None
    while True:
        async with database.read() as connection:
            page = await calls.page(connection, which, limit=limit, cursor=cursor)
        found += [call.id for call in page.calls]
        if page.next is None:
            return found
        cursor = page.next


async def test_pages_hold_every_call_once_newest_first_even_of_one_moment(database: Database) -> None:
    made = [samples.call(at=after(number // 3)) for number in range(10)]
    await put(database, *made)
    expected = [call.call_id for call in sorted(made, key=lambda call: (call.created_at, call.call_id))][::-1]
    assert await all_pages(database, Filter(), 3) == expected


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (Filter(), [4, 3, 2, 1, 0]),
        (Filter(direction=Direction.INBOUND), [4, 3, 2, 1, 0]),
        (Filter(direction=Direction.OUTBOUND), []),
        (Filter(number=samples.OURS, ending="agent_ended"), [3]),
        (Filter(status=Status.COMPLETED), [3]),
        (Filter(agent_id=samples.AGENT, since=after(1), until=after(3)), [2, 1]),
        (Filter(from_number=samples.CALLER, since=after(4)), [4]),
        (Filter(to_number=samples.CALLER), []),
    ],
)
async def test_filters_narrow_the_list(database: Database, which: Filter, expected: list[int]) -> None:
    made = [samples.call(at=after(number)) for number in range(5)]
    await put(database, *made, ended(made[3].call_id, Ending.AGENT_ENDED, after(9)))
    found = await all_pages(database, which, 2)
    assert [next(i for i, each in enumerate(made) if each.call_id == one) for one in found] == expected


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "é", "MTIz", "a" * 500, "LS4t", "MS4", "9" * 100])
async def test_a_cursor_of_somebody_elses_is_refused(database: Database, cursor: str) -> None:
    async with database.read() as connection:
        with pytest.raises(CursorRefused):
            await calls.page(connection, Filter(), cursor=cursor)


@given(at=some.timedeltas(timedelta(days=-9000), timedelta(days=9000)))
def test_a_cursor_comes_back_as_it_was(at: timedelta) -> None:
    cursor = Cursor(NOW + at, new_call())
    assert cursors.decode(cursor.encode()) == cursor


@given(text=some.text())
@settings(suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_taken_for_a_cursor_is_one(text: str) -> None:
    with suppress(CursorRefused):
        assert cursors.decode(text).encode() == text
