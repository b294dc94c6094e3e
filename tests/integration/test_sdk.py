"""The Python client at a whole gateway, at once and with ``await``."""

import asyncio
import io
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from gateway.emulators.twilio.people import Callee
from gateway.emulators.vatel.script import End, Listen, Say, Script, Tool
from gateway.sdk import AsyncGateway, Conflict, Forbidden, Gateway, Invalid, NotFound, Unauthorized
from tests.integration.gateway_rig import HUMAN, NUMBER, anyio_backend
from tests.integration.test_outbound import CALLEE, KEY, Desk, desk

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
T = TypeVar("T")
SHORT = Script(steps=(Say(text="We are open till five."), Tool(name="end_call"), End()))
LONG = Script(steps=(Say(text="Hello."), Listen(timeout_s=60.0), End()))
NO_CALL = "call_01kd0c7c2g0000000000000000"


async def at(rig: Desk, work: Callable[[Gateway], T], key: str = KEY) -> T:
    """Work with the client that waits, in a thread: the gateway runs in this one."""

    def whole() -> T:
        with Gateway(rig.rig.url, key) as gateway:
            return work(gateway)

    return await asyncio.to_thread(whole)


async def test_a_call_is_placed_and_read(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=0.2), script=SHORT) as rig:
        placed = await at(rig, lambda gateway: gateway.calls.place(CALLEE, metadata={"order": 17}))
        await rig.ended(placed.id)
        call = await at(rig, lambda gateway: gateway.calls.get(placed.id))
        turns = await at(rig, lambda gateway: gateway.calls.transcript(placed.id))
        events = await at(rig, lambda gateway: gateway.calls.events(placed.id))
    assert (placed.status, placed.to_number, placed.from_number) == ("queued", CALLEE, NUMBER)
    assert (call.to_number, call.ending, call.over, call.metadata) == (
        CALLEE,
        "agent_hung_up",
        True,
        {"order": 17},
    )
    assert call.created_at.utcoffset() is not None
    assert turns[-1].heard_text.startswith("We are open")
    assert {"answered", "ended"} <= {event.kind for event in events}


async def test_a_call_asked_for_twice_with_one_key_is_one_call(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=0.2), script=SHORT) as rig:
        first = await at(rig, lambda gateway: gateway.calls.place(CALLEE, idempotency_key="order-17"))
        again = await at(rig, lambda gateway: gateway.calls.place(CALLEE, idempotency_key="order-17"))
        with pytest.raises(Conflict) as caught:
            await at(rig, lambda gateway: gateway.calls.place(HUMAN, idempotency_key="order-17"))
        other = await at(rig, lambda gateway: gateway.calls.place(CALLEE))
        for name in (first.id, other.id):
            await rig.ended(name)
    assert first.id == again.id != other.id
    assert caught.value.idempotency_key == "order-17"


async def test_a_list_goes_over_all_pages(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee(after_s=0.1), script=SHORT) as rig:
        names = [await rig.place() for _ in range(3)]
        listed = await at(rig, lambda gateway: [call.id for call in gateway.calls.list(page=1)])
        none = await at(rig, lambda gateway: list(gateway.calls.list(status="busy")))
        for name in names:
            await at(rig, lambda gateway, name=name: _ended(gateway, name))  # type: ignore[misc]  # a default is no fixed type
    assert listed == names[::-1]
    assert none == []


def _ended(gateway: Gateway, name: str) -> None:
    try:
        gateway.calls.hangup(name)
    except Conflict:
        assert gateway.calls.get(name).id == name


async def test_a_call_is_transferred_with_await(tmp_path: Path) -> None:
    async with (
        desk(tmp_path, Callee(after_s=0.2), script=LONG) as rig,
        AsyncGateway(rig.rig.url, KEY) as gateway,
    ):
        placed = await gateway.calls.place(CALLEE)
        await (await (await rig.call()).stream()).wait_heard(0.3)
        await gateway.calls.transfer(placed.id, HUMAN)
        await rig.ended(placed.id)
        listed = [call async for call in gateway.calls.list(ending="transferred")]
        turns = await gateway.calls.transcript(placed.id)
    assert [call.id for call in listed] == [placed.id]
    assert turns[0].who == "agent"


async def test_a_recording_is_a_whole_file_or_none(tmp_path: Path) -> None:
    target, kept = tmp_path / "call.wav", io.BytesIO()
    async with (
        desk(tmp_path, Callee(after_s=0.2), script=SHORT) as rig,
        AsyncGateway(rig.rig.url, KEY) as gateway,
    ):
        await gateway.numbers.set_route(NUMBER, recording=True, recording_notice="It is recorded.")
        placed = await gateway.calls.place(CALLEE)
        await rig.ended(placed.id)
        fetched = await gateway.calls.recording(placed.id, target)
        again = await at(rig, lambda waiting: waiting.calls.recording(placed.id, kept))
        with pytest.raises(NotFound):
            await gateway.calls.recording(NO_CALL, tmp_path / "none.wav")
        exported = await gateway.calls.export(tmp_path / "calls.csv", form="csv")
    sound = await asyncio.to_thread(target.read_bytes)
    assert (fetched.media_type, fetched.size, again.size) == ("audio/wav", len(sound), len(sound))
    assert sound[:4] == b"RIFF"
    assert kept.getvalue() == sound
    assert exported.size > 0
    left = await asyncio.to_thread(lambda: sorted(path.name for path in tmp_path.glob("*.*")))
    assert "none.wav" not in left
    assert not any(name.endswith(".part") for name in left)


async def test_numbers_are_routed_and_connected_with_await(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee()) as rig, AsyncGateway(rig.rig.url, KEY) as gateway:
        imported = await gateway.numbers.import_(NUMBER, label="Clinic")
        labelled = await gateway.numbers.label(NUMBER, "Front desk")
        with pytest.raises(NotFound):
            await gateway.numbers.route(NUMBER)
        route = await gateway.numbers.set_route(NUMBER, first_message="Hello.", transfer_numbers=())
        read = await gateway.numbers.route(NUMBER)
        connected = await gateway.numbers.connect(NUMBER)
        listed = await gateway.numbers.list()
        await gateway.numbers.clear_route(NUMBER)
        back = await gateway.numbers.disconnect(NUMBER, force=True)
    assert imported.number == labelled.number == NUMBER
    assert route == read
    assert (route.first_message, route.transfer_numbers, route.tools) == ("Hello.", (), None)
    assert (connected.place, back.place) == ("here", "nowhere")
    assert [each.label for each in listed.numbers] == ["Front desk"]
    assert listed.missing == ()


async def test_keys_are_made_used_listed_and_taken_back(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee()) as rig, AsyncGateway(rig.rig.url, KEY) as gateway:
        made = await gateway.keys.create("Reports", ["calls:read"], expires_in_days=3)
        text = made.key.get_secret_value()
        asker = await at(rig, lambda other: other.whoami(), text)
        with pytest.raises(Forbidden) as denied:
            await at(rig, lambda other: other.calls.hangup(NO_CALL), text)
        await gateway.keys.revoke(made.id)
        with pytest.raises(Unauthorized):
            await at(rig, lambda other: other.whoami(), text)
        listed = [key async for key in gateway.keys.list()]
        dead = [each async for each in gateway.webhooks.dead()]
        with pytest.raises(NotFound):
            await gateway.webhooks.replay("msg_01kd0c7c2g0000000000000000")
        assert await gateway.webhooks.replay_since(datetime(2020, 1, 1, tzinfo=UTC)) == 0
    assert (asker.service, asker.key.scopes) == ("vatel-gateway", ("calls:read",))
    assert "calls:dial" in str(denied.value)
    assert text not in repr(made)
    assert [(key.id, key.revoked_at is not None) for key in listed] == [(made.id, True)]
    assert dead == []


async def test_each_field_that_is_wrong_is_named(tmp_path: Path) -> None:
    async with desk(tmp_path, Callee()) as rig, AsyncGateway(rig.rig.url, KEY) as gateway:
        with pytest.raises(Invalid) as caught:
            await gateway.calls.place(CALLEE, ring_timeout=1, message="")
        with pytest.raises(Invalid) as refused:
            await gateway.calls.place("+19005550199")
    assert {field.field for field in caught.value.fields} == {"ring_timeout", "message"}
    assert (caught.value.status, caught.value.kind) == (422, "invalid")
    assert refused.value.kind == "refused"
    assert refused.value.fields[0].code
