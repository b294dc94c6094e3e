"""Numbers are pointed at the gateway and back; whatever fails half-way can be asked again."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.twilio.values import Routing
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN
from gateway.emulators.twilio.faults import RestFault
from gateway.emulators.twilio.services import PhoneNumber
from gateway.errors import VendorError
from gateway.ids import E164, AccountSid
from gateway.services.number_connect import Connected
from gateway.services.number_errors import (
    ConnectedElsewhere,
    NumberBusy,
    NumberRefused,
    NumberUnknown,
    RoutingNotTaken,
)
from gateway.services.number_routing import Door, Memory, Place, same
from gateway.services.number_rules import RouteDraft
from gateway.store.errors import StoreUnavailable
from tests.integration.numbers_rig import AGENT, OURS, PUBLIC_URL, SECOND, TRUNK, VOICE, Rig, running
from tests.loopback import Loopback, response

pytestmark = pytest.mark.anyio
BEFORE = Routing("https://old.example.com/voice", "GET", "https://old.example.com/fallback")
HERE = Routing(
    voice_url=VOICE,
    voice_fallback_url=f"{PUBLIC_URL}/twilio/fallback",
    status_callback=f"{PUBLIC_URL}/twilio/status",
)
ELSEWHERE = "https://elsewhere.example.com/voice"
APPLICATION = "AP" + "2" * 32
STEPS = [
    RestFault(500, times=1, path="IncomingPhoneNumbers.json"),
    RestFault(500, times=1, method="POST"),
    RestFault(500, times=1, method="POST", perform=True),
]
STEP = pytest.mark.parametrize("number", range(3), ids=["find", "change", "changed, unanswered"])


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as made:
        yield made


def at_twilio(rig: Rig, number: E164 = OURS) -> Routing:
    phone = rig.twilio.numbers[number]
    return Routing(**{name: getattr(phone, name) for name in Routing.__dataclass_fields__})


def changes(rig: Rig) -> int:
    return sum(request.method == "POST" for request in rig.twilio.requests)


async def test_a_connected_number_calls_here_and_goes_back(rig: Rig) -> None:
    assert await rig.numbers.connect(OURS) == Connected(OURS, Place.HERE, HERE, BEFORE)
    assert at_twilio(rig) == HERE
    assert await rig.numbers.disconnect(OURS) == Connected(OURS, Place.ELSEWHERE, BEFORE, None)
    assert at_twilio(rig) == BEFORE


@pytest.mark.parametrize(
    "phone",
    [PhoneNumber("https://old.example.com", trunk_sid=TRUNK), PhoneNumber(voice_application_sid=APPLICATION)],
)
async def test_trunks_and_applications_step_aside_and_come_back(rig: Rig, phone: PhoneNumber) -> None:
    rig.twilio.numbers[SECOND] = copy(phone)
    before = at_twilio(rig, SECOND)
    await rig.numbers.connect(SECOND)
    assert at_twilio(rig, SECOND) == HERE
    await rig.numbers.disconnect(SECOND)
    assert at_twilio(rig, SECOND) == before


async def test_connecting_twice_is_the_same_as_once(rig: Rig) -> None:
    first = await rig.numbers.connect(OURS)
    assert await rig.service().connect(OURS) == first
    assert changes(rig) == 1
    await rig.numbers.disconnect(OURS)
    assert at_twilio(rig) == BEFORE


async def test_disconnecting_twice_is_the_same_as_once(rig: Rig) -> None:
    await rig.numbers.connect(OURS)
    first = await rig.numbers.disconnect(OURS)
    assert await rig.numbers.disconnect(OURS) == first
    assert changes(rig) == 2


async def test_a_number_of_somebody_else_is_not_connected(rig: Rig) -> None:
    with pytest.raises(NumberUnknown):
        await rig.numbers.connect("+14155550177")
    assert [each.number for each in (await rig.numbers.list()).numbers] == [OURS, SECOND]


# Failures between the steps.


@STEP
async def test_a_half_done_connect_is_finished_by_the_next(rig: Rig, number: int) -> None:
    rig.twilio.refuse_rest(copy(STEPS[number]))
    with pytest.raises(VendorError):
        await rig.numbers.connect(OURS)
    assert await rig.service().connect(OURS) == Connected(OURS, Place.HERE, HERE, BEFORE)
    assert at_twilio(rig) == HERE
    await rig.numbers.disconnect(OURS)
    assert at_twilio(rig) == BEFORE


@STEP
async def test_a_half_done_connect_is_undone_by_a_disconnect(rig: Rig, number: int) -> None:
    rig.twilio.refuse_rest(copy(STEPS[number]))
    with pytest.raises(VendorError):
        await rig.numbers.connect(OURS)
    await rig.service().disconnect(OURS)
    assert at_twilio(rig) == BEFORE
    rig.phone.voice_url = VOICE
    with pytest.raises(ConnectedElsewhere):  # nothing is remembered any more
        await rig.numbers.disconnect(OURS)


@STEP
async def test_a_half_done_disconnect_is_finished_by_the_next(rig: Rig, number: int) -> None:
    await rig.numbers.connect(OURS)
    rig.twilio.refuse_rest(copy(STEPS[number]))
    with pytest.raises(VendorError):
        await rig.numbers.disconnect(OURS)
    assert (await rig.service().disconnect(OURS)).routing == BEFORE
    assert at_twilio(rig) == BEFORE


async def test_an_answer_that_cannot_be_read_back_is_no_success(rig: Rig) -> None:
    sid = rig.phone.sid
    rig.twilio.refuse_rest(RestFault(503, times=1, method="GET", path=f"{sid}.json"))
    with pytest.raises(VendorError):
        await rig.numbers.connect(OURS)
    assert at_twilio(rig) == HERE
    assert (await rig.service().connect(OURS)).before == BEFORE


@asynccontextmanager
async def twilio_answering(*answers: dict[str, object]) -> AsyncIterator[tuple[Loopback, Twilio]]:
    """Twilio as it answers these with our number, the first time in a list."""
    numbers = [{"sid": f"PN{'1' * 32}", "phone_number": OURS, **answer} for answer in answers]
    bodies = [{"incoming_phone_numbers": numbers[:1], "next_page_uri": None}, *numbers[1:]]
    async with Loopback(*(response(200, json.dumps(body)) for body in bodies)) as server, pool() as http:
        account = AccountSid(ACCOUNT_SID)
        yield server, Twilio(http, server.url, account, (account, AUTH_TOKEN))


async def test_a_configuration_twilio_does_not_take_is_no_success(rig: Rig) -> None:
    ours: dict[str, object] = {"voice_url": VOICE, "voice_fallback_url": HERE.voice_fallback_url}
    async with twilio_answering({}, ours, ours) as (_, twilio):
        with pytest.raises(RoutingNotTaken):
            await rig.service(twilio=twilio).connect(OURS)


async def test_a_number_that_takes_no_calls_is_not_connected(rig: Rig) -> None:
    async with twilio_answering({"capabilities": {"voice": False}}) as (server, twilio):
        with pytest.raises(NumberRefused):
            await rig.service(twilio=twilio).connect(OURS)
        assert len(server.requests) == 1


async def test_nothing_is_changed_that_cannot_be_remembered(rig: Rig) -> None:
    with rig.busy_database(), pytest.raises(StoreUnavailable):
        await rig.numbers.connect(OURS)
    assert (at_twilio(rig), changes(rig)) == (BEFORE, 0)


async def test_a_disconnect_that_cannot_be_noted_is_finished_by_the_next(rig: Rig) -> None:
    await rig.numbers.connect(OURS)
    with rig.busy_database(), pytest.raises(StoreUnavailable):
        await rig.numbers.disconnect(OURS)
    assert at_twilio(rig) == BEFORE
    await rig.numbers.disconnect(OURS)
    rig.phone.voice_url = ELSEWHERE
    assert (await rig.numbers.disconnect(OURS)).place is Place.ELSEWHERE


async def test_two_changes_of_a_number_do_not_run_at_once(rig: Rig) -> None:
    rig.twilio.refuse_rest(RestFault(delay_s=0.2, times=1))
    one, two = await asyncio.gather(
        rig.numbers.connect(OURS), rig.numbers.disconnect(OURS), return_exceptions=True
    )
    assert isinstance(two, NumberBusy)
    assert isinstance(one, Connected)
    assert (await rig.numbers.disconnect(OURS)).routing == BEFORE


# Others change the number too.


async def test_a_number_sent_elsewhere_since_is_left_alone_without_force(rig: Rig) -> None:
    await rig.numbers.connect(OURS)
    rig.phone.trunk_sid = TRUNK
    with pytest.raises(ConnectedElsewhere) as refused:
        await rig.numbers.disconnect(OURS)
    assert refused.value.there == TRUNK
    assert at_twilio(rig) == replace(HERE, trunk_sid=TRUNK)
    await rig.numbers.disconnect(OURS, force=True)
    assert at_twilio(rig) == BEFORE


async def test_a_number_taken_back_from_elsewhere_goes_there_again(rig: Rig) -> None:
    await rig.numbers.connect(OURS)
    rig.phone.voice_url, rig.phone.voice_fallback_url = ELSEWHERE, ""
    taken = await rig.numbers.connect(OURS)
    assert taken.before == Routing(ELSEWHERE)
    await rig.numbers.disconnect(OURS)
    assert same(at_twilio(rig), Routing(ELSEWHERE))


async def test_what_others_changed_besides_the_voice_url_is_set_right_again(rig: Rig) -> None:
    await rig.numbers.connect(OURS)
    rig.phone.status_callback = ELSEWHERE
    assert (await rig.numbers.connect(OURS)).before == BEFORE
    assert at_twilio(rig) == HERE


async def test_another_public_url_does_not_make_us_strangers(rig: Rig) -> None:
    await rig.numbers.connect(OURS)
    moved = rig.service("https://moved.example.com")
    assert (await moved.connect(OURS)).before == BEFORE
    assert at_twilio(rig).voice_url == "https://moved.example.com/twilio/voice"
    await rig.service("https://again.example.com").disconnect(OURS)
    assert at_twilio(rig) == BEFORE


async def test_a_number_pointed_here_by_hand_is_let_go_with_force_alone(rig: Rig) -> None:
    rig.phone.voice_url = VOICE
    by_hand = at_twilio(rig)
    with pytest.raises(ConnectedElsewhere):
        await rig.numbers.disconnect(OURS)
    assert at_twilio(rig) == by_hand
    await rig.numbers.disconnect(OURS, force=True)
    assert at_twilio(rig) == replace(by_hand, voice_url="")


async def test_a_number_pointed_here_by_hand_and_connected_keeps_the_rest(rig: Rig) -> None:
    rig.phone.voice_url = VOICE
    await rig.numbers.connect(OURS)
    assert at_twilio(rig) == HERE
    disconnected = await rig.numbers.disconnect(OURS)
    assert disconnected.place is Place.NOWHERE
    assert at_twilio(rig).voice_fallback_url == BEFORE.voice_fallback_url


async def test_routes_and_labels_do_not_touch_what_is_remembered(rig: Rig) -> None:
    await rig.numbers.connect(OURS)
    await rig.numbers.put_route(OURS, RouteDraft(agent_id=AGENT))
    await rig.numbers.label(OURS, "Sales")
    await rig.numbers.clear_route(OURS)
    await rig.numbers.disconnect(OURS)
    assert at_twilio(rig) == BEFORE


async def test_logs_have_no_whole_numbers(rig: Rig) -> None:
    await rig.numbers.connect(OURS)
    await rig.numbers.disconnect(OURS)
    logged = rig.output.getvalue()
    assert '"number connected"' in logged
    assert '"number disconnected"' in logged
    assert OURS not in logged


# What is compared and remembered.


def test_a_memory_comes_back_as_it_was() -> None:
    memory = Memory(replace(BEFORE, trunk_sid=TRUNK), VOICE)
    assert Memory.read(memory.document()) == memory
    assert Memory.read(None) == Memory(Routing(), "")
    assert Memory.read({"voice_url": 7, "x": [1], "voice_method": "GET"}).before == Routing(
        voice_method="GET"
    )


def test_what_does_the_same_is_the_same() -> None:
    assert same(Routing(voice_url="a", status_callback_method="GET"), Routing(voice_url="a"))
    assert same(Routing(trunk_sid="TK", voice_application_sid="AP"), Routing(trunk_sid="TK"))
    assert not same(Routing(voice_url="a", voice_method="GET"), Routing(voice_url="a"))
    assert not same(Routing(voice_application_sid="AP"), Routing())


def test_a_slash_at_the_end_of_our_address_makes_no_difference() -> None:
    assert Door(f"{PUBLIC_URL}/").routing == HERE
    assert Door(PUBLIC_URL).place(replace(HERE, trunk_sid=TRUNK)) is Place.ELSEWHERE
    assert Door(PUBLIC_URL).place(Routing()) is Place.NOWHERE


def test_a_fallback_that_is_kept_elsewhere_is_ours_too() -> None:
    static = "https://handler.example.com/bin"
    door = Door(PUBLIC_URL, static)
    assert door.routing == replace(HERE, voice_fallback_url=static)
    theirs = replace(door.routing, voice_url=ELSEWHERE)
    assert door.without(theirs) == replace(theirs, voice_fallback_url="", status_callback="")
