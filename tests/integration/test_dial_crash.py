"""Processes killed around the request for a call: nobody is called twice, and nobody is forgotten."""

from pathlib import Path

import pytest

from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.faults import call_placed_without_an_answer
from gateway.emulators.twilio.people import Callee, Outcome
from gateway.emulators.vatel.emulator import VatelEmulator
from tests.integration.dial_child import POINTS, Errand
from tests.integration.dial_killing import FINE, KILLED, forking, kill_everywhere, number, told
from tests.integration.dial_rig import FROM, Peers

pytestmark = pytest.mark.anyio


async def test_whenever_a_process_is_killed_every_call_is_placed_once(tmp_path: Path) -> None:
    toll = await kill_everywhere(tmp_path, times=3)
    assert toll.clean, toll
    assert toll.runs == dict.fromkeys(POINTS, 3)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sent", "resolving"),
        ("sent", "found"),
        ("sending", "resolving"),
        ("posted", "taken"),
        ("received", "found"),
    ],
)
async def test_a_process_that_dies_while_it_finds_out_leaves_it_to_the_next(
    tmp_path: Path, first: str, second: str
) -> None:
    to = number(0)
    async with TwilioEmulator(numbers={FROM: ""}, speed=10.0) as twilio, VatelEmulator() as vatel:
        twilio.callees[to] = Callee(Outcome.BUSY, 0.1)
        peers = Peers(f"sqlite:///{tmp_path}/gateway.db", twilio.url, vatel.url)
        async with forking() as parent:
            if first == "sent":
                twilio.refuse_rest(call_placed_without_an_answer(delay_s=0.4))
            for point in (first, second):
                assert await told(parent, Errand(peers, str(tmp_path / "journal"), to, point)) == [KILLED]
            said = await told(parent, Errand(peers, str(tmp_path / "journal"), to))
    assert said[-1] == FINE
    assert len(twilio.ledger.entries()) == 1
