"""What vendors know of a call only after it is completed in its record."""

import asyncio
from pathlib import Path

import pytest

from gateway.emulators.twilio.services import Conduct
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.services.afterwards import Afterwards, Pace
from tests.integration.gateway_rig import anyio_backend, running_gateway
from tests.integration.test_records import kept, record

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
QUICK = Pace(every_s=0.02, after_s=0.0, first_pause_s=0.02, longest_pause_s=0.05, between_s=0.0)


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
