"""The doors under attack, in small: ``python -m tests.bench doors`` is the same in large."""

import random

import pytest

from tests.integration import doors_attack as attack
from tests.integration.doors_forgeries import _FORGERIES
from tests.integration.gateway_hand import Hand, new_call_sid, stop
from tests.integration.gateway_rig import anyio_backend, running_gateway, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]


async def test_of_forged_webhooks_none_passes_and_of_genuine_ones_all_do() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        answers = await attack.webhooks(hand, random.Random(1), 150)
        assert {status for (kind, status) in answers if kind != "genuine"} == {403}
        assert {status for (kind, status) in answers if kind == "genuine"} == {200}
        assert len({kind for kind, _ in answers}) == len(_FORGERIES) + 1
        assert (rig.vatel.token_requests, rig.metric("calls_admitted_total")) == ([], 0)


async def test_a_webhook_sent_again_opens_nothing_more() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        seen = await attack.replays(hand, 10)
        assert dict(seen) == {"same document": 10, "over, and no stream": 10}
        assert rig.metric("calls_admitted_total") == 10


async def test_of_forged_upgrades_none_passes() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        assert dict(await attack.upgrades(hand, random.Random(1), 40)) == {403: 40}
        assert rig.vatel.token_requests == []


async def test_a_ticket_that_many_show_at_once_lets_one_in() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        assert [await attack.race(hand) for _ in range(5)] == [1] * 5
        await until(lambda: rig.gateway.registry.idle)


@pytest.mark.parametrize("name", attack.ILLEGAL)
async def test_an_illegal_frame_closes_its_socket_and_packing_is_never_on(name: str) -> None:
    sent, code = attack.ILLEGAL[name]
    async with running_gateway() as rig:
        assert await attack.illegal(rig.url, sent) == (code, False)


async def test_slow_connections_are_held_to_their_bounds_beside_calls() -> None:
    async with (
        running_gateway() as rig,
        Hand.at(rig) as hand,
        attack.slow_ones(rig.url, 90, every_s=0.03) as open_still,
    ):
        assert open_still() < 90  # thirty of them are from one address
        assert rig.refused("connection", "slow") > 0
        assert max(await attack.steadily(hand, 1.0)) < 1000
        sid = new_call_sid()
        async with hand.stream(sid, await hand.voice(sid)) as socket:
            await rig.vatel.joined()
            await socket.send(stop(sid))
            await until(lambda: rig.gateway.registry.idle)
        await until(lambda: open_still() == 0, 13)
