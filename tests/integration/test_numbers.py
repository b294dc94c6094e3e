"""Numbers are listed from three sides, imported and labelled; secrets pass through and stay nowhere."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from gateway.clients.http import pool
from gateway.clients.vatel import Vatel
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN
from gateway.emulators.twilio.faults import RestFault
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.errors import GatewayError, VendorConflict, VendorError, VendorTimeout, VendorUpstream
from gateway.ids import E164
from gateway.services.number_errors import NumberMalformed, NumberRefused, NumberUnknown
from gateway.services.number_list import Listed, Side
from gateway.services.number_routing import Place
from gateway.services.number_rules import RouteDraft
from gateway.store.errors import StoreUnavailable
from tests.integration.numbers_rig import (
    AGENT,
    FOREIGN_ACCOUNT,
    FOREIGN_TOKEN,
    OURS,
    SECOND,
    TRUNK,
    VOICE,
    Rig,
    running,
)
from tests.loopback import SILENCE, Loopback, response

pytestmark = pytest.mark.anyio
ELSEWHERE = E164("+14155550177")
WRONG = SecretStr("mistaken-for-a-token")


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    async with running(tmp_path) as made:
        yield made


async def listed(rig: Rig) -> dict[E164, Listed]:
    listing = await rig.numbers.list()
    assert listing.missing == []
    return {each.number: each for each in listing.numbers}


def vatel_fails(rig: Rig, only: str = "", status: int = 503) -> None:
    rig.vatel.behaviour = Behaviour(api_status=status, api_only=only)


async def test_a_number_is_one_whoever_knows_it(rig: Rig) -> None:
    await rig.numbers.bring(OURS, label="Sales")
    await rig.numbers.bring(ELSEWHERE, account_sid=FOREIGN_ACCOUNT, auth_token=SecretStr(FOREIGN_TOKEN))
    await rig.numbers.put_route(SECOND, RouteDraft(agent_id=AGENT))
    rig.phone.voice_url = VOICE
    found = await listed(rig)
    assert list(found) == sorted([OURS, SECOND, ELSEWHERE])
    ours, second, elsewhere = found[OURS], found[SECOND], found[ELSEWHERE]
    assert (ours.place, ours.label, ours.route) == (Place.HERE, "Sales", None)
    assert ours.phone is not None
    assert ours.imported is not None
    assert ours.imported.account_sid == ACCOUNT_SID
    assert second.route is not None
    assert (second.place, second.imported, second.route.agent_id) == (Place.ELSEWHERE, None, AGENT)
    assert second.phone is not None
    assert second.phone.routing.destination == TRUNK
    assert (elsewhere.phone, elsewhere.own, elsewhere.place) == (None, None, None)
    assert elsewhere.label == "Twilio number"


async def test_without_vatel_the_rest_is_there(rig: Rig) -> None:
    await rig.numbers.bring(OURS)
    vatel_fails(rig)
    listing = await rig.numbers.list()
    assert [each.side for each in listing.missing] == [Side.VATEL]
    assert "503" in str(listing.missing[0].error)
    assert [(each.number, each.imported) for each in listing.numbers] == [(OURS, None), (SECOND, None)]


async def test_without_twilio_the_rest_is_there(rig: Rig) -> None:
    await rig.numbers.bring(OURS)
    rig.twilio.refuse_rest(RestFault(503))
    listing = await rig.numbers.list()
    assert [each.side for each in listing.missing] == [Side.TWILIO]
    assert [(each.number, each.phone, each.place) for each in listing.numbers] == [(OURS, None, None)]


async def test_without_both_vendors_our_own_part_is_there(rig: Rig) -> None:
    await rig.numbers.put_route(OURS, RouteDraft(max_duration_s=60))
    vatel_fails(rig)
    rig.twilio.refuse_rest(RestFault(503))
    listing = await rig.numbers.list()
    assert {each.side for each in listing.missing} == {Side.TWILIO, Side.VATEL}
    assert [each.route for each in listing.numbers] == [await rig.numbers.route(OURS)]


async def test_without_our_own_part_there_is_no_list(rig: Rig) -> None:
    with rig.broken_database(), pytest.raises(StoreUnavailable):
        await rig.numbers.list()


# Importing.


async def test_a_number_of_ours_needs_no_token(rig: Rig) -> None:
    imported = await rig.numbers.bring("+1 (415) 555-0100", label=" Sales ")
    assert (imported.phone_number, imported.label, imported.account_sid) == (OURS, "Sales", ACCOUNT_SID)
    assert (await listed(rig))[OURS].label == "Sales"


async def test_a_number_of_another_account_needs_its_token(rig: Rig) -> None:
    with pytest.raises(NumberRefused) as refused:
        await rig.numbers.bring(ELSEWHERE, account_sid=FOREIGN_ACCOUNT)
    assert refused.value.field == "auth_token"
    assert rig.vatel.account.numbers == {}


async def test_a_number_is_imported_once(rig: Rig) -> None:
    await rig.numbers.bring(OURS)
    with pytest.raises(VendorConflict):
        await rig.numbers.bring(OURS)


@pytest.mark.parametrize("came", [True, False])
async def test_an_import_without_an_answer_is_looked_up(rig: Rig, came: bool) -> None:
    found = f'[{{"id": "1", "phone_number": "{OURS}"}}]' if came else "[]"
    async with Loopback(SILENCE, response(200, found)) as server, pool() as http:
        service = rig.service(vatel=Vatel(http, server.url, "k"))
        if came:
            assert (await service.bring(OURS)).id == "1"
        else:
            with pytest.raises(VendorTimeout):
                await service.bring(OURS)
        assert [request.method for request in server.requests] == ["POST", "GET"]


@pytest.mark.parametrize("number", ["", "0100", "+1415555", "+" + "1" * 500, "+14155550100;ext=1", "nobody"])
async def test_what_is_no_number_is_refused(rig: Rig, number: str) -> None:
    for attempt in (rig.numbers.bring(number), rig.numbers.label(number, "x"), rig.numbers.connect(number)):
        with pytest.raises(NumberMalformed):
            await attempt


async def test_a_token_stays_nowhere(rig: Rig) -> None:
    said: list[object] = [await rig.numbers.bring(OURS, by="key_1")]
    secret = SecretStr(FOREIGN_TOKEN)
    said.append(await rig.numbers.bring(ELSEWHERE, account_sid=FOREIGN_ACCOUNT, auth_token=secret))
    errors: list[GatewayError] = []
    with pytest.raises(VendorUpstream) as refused:
        await rig.numbers.bring(SECOND, account_sid=FOREIGN_ACCOUNT, auth_token=WRONG)
    errors.append(refused.value)
    rig.vatel.behaviour = Behaviour(
        api_status=400, api_body=f'{{"error": "bad {FOREIGN_TOKEN} {AUTH_TOKEN}"}}', api_only="POST"
    )
    for token in (secret, None):
        sid = FOREIGN_ACCOUNT if token else None
        with pytest.raises(VendorError) as refused_too:
            await rig.numbers.bring(SECOND, account_sid=sid, auth_token=token)
        errors.append(refused_too.value)
    logged = rig.output.getvalue()
    assert '"number imported"' in logged
    assert "key_1" in logged
    # An error hides the token of its own request; the other one was never sent with it.
    shown = [repr(said), logged, rig.kept().decode("latin-1"), repr(rig.numbers.__dict__)]
    shown += [
        str(errors[0]),
        str(errors[1]).replace(AUTH_TOKEN, "-"),
        str(errors[2]).replace(FOREIGN_TOKEN, "-"),
    ]
    for text in shown:
        assert FOREIGN_TOKEN not in text
        assert AUTH_TOKEN not in text
        assert WRONG.get_secret_value() not in text
    assert OURS not in logged


# Labels.


async def test_a_label_is_kept_here_and_at_vatel(rig: Rig) -> None:
    await rig.numbers.bring(OURS)
    assert await rig.numbers.label(OURS, " Support ") == "Support"
    found = (await listed(rig))[OURS]
    assert found.label == "Support"
    assert found.imported is not None
    assert found.imported.label == "Support"


async def test_a_label_of_a_number_that_is_not_imported_is_kept_here(rig: Rig) -> None:
    await rig.numbers.label(SECOND, "Night")
    found = (await listed(rig))[SECOND]
    assert (found.label, found.route) == ("Night", None)


async def test_an_unknown_number_gets_no_label(rig: Rig) -> None:
    with pytest.raises(NumberUnknown):
        await rig.numbers.label(ELSEWHERE, "Nobody's")
    assert ELSEWHERE not in await listed(rig)


@pytest.mark.parametrize("label", ["x" * 101, "two\nlines", "\x00"])
async def test_a_label_is_one_short_line(rig: Rig, label: str) -> None:
    with pytest.raises(NumberRefused) as refused:
        await rig.numbers.label(OURS, label)
    assert refused.value.field == "label"


async def test_a_label_vatel_does_not_take_is_not_kept_here_either(rig: Rig) -> None:
    await rig.numbers.bring(OURS, label="Sales")
    vatel_fails(rig, "PATCH")
    with pytest.raises(VendorError):
        await rig.numbers.label(OURS, "Support")
    assert (await listed(rig))[OURS].label == "Sales"
    rig.vatel.behaviour = Behaviour()
    assert await rig.numbers.label(OURS, "Support") == "Support"
