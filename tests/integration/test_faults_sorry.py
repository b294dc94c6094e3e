"""No agent can be had, and the stream is there: the gateway's own voice says so, and nobody says it again."""

from typing import Any

import pytest

from gateway.audio.clips import ClipName
from gateway.calls.clip_files import load
from gateway.emulators.twilio.api import RestFault
from gateway.emulators.twilio.records import EndedBy
from gateway.emulators.vatel.behaviour import Behaviour
from tests.integration.gateway_audio import heard
from tests.integration.gateway_rig import anyio_backend, running_gateway, verbs

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
HUMAN = {"fallback_number": "+14155550199"}
NOBODY: dict[str, Any] = {"fallback_number": ""}
GONE = Behaviour(token_status=404)
SHORT = {"apology": "Sorry."}
"""Twilio's own apology behind a person who does not answer."""


def clip(name: ClipName, language: str = "en") -> bytes:
    return load(language).get(name)


@pytest.mark.parametrize("language", ["en", "de"])
async def test_a_caller_without_an_agent_hears_our_own_voice_and_gets_a_person(
    language: str,
) -> None:
    settings = HUMAN | SHORT | {"clips_language": language}
    async with running_gateway(behaviour=GONE, settings=settings) as rig:
        call = await rig.call()
        await call.wait_over(10)
        assert await rig.ending(call) == "agent_unavailable"
        assert rig.metric("fillers_total", clip="sorry_transfer") == 1
    assert clip(ClipName.SORRY_TRANSFER, language) in heard(call.lines[0])
    assert verbs(call) == ["Connect", "Stream", "Dial", "Say", "Hangup"]


async def test_a_caller_nobody_can_help_hears_an_honest_goodbye_to_its_end() -> None:
    async with running_gateway(behaviour=GONE, settings=NOBODY) as rig:
        call = await rig.call()
        await call.wait_over(10)
        assert await rig.ending(call) == "agent_unavailable"
    assert clip(ClipName.SORRY_GOODBYE) in heard(call.lines[0])
    assert (verbs(call), call.ended_by) == (["Connect", "Stream"], EndedBy.REST)


@pytest.mark.parametrize(
    "fault", [RestFault(status=500, method="POST"), RestFault(delay_s=7, method="POST")], ids=["500", "slow"]
)
@pytest.mark.parametrize("number", [HUMAN, NOBODY], ids=["person", "nobody"])
async def test_what_twilio_is_not_told_in_time_it_does_by_itself(
    fault: RestFault, number: dict[str, Any]
) -> None:
    async with running_gateway(behaviour=GONE, settings=number) as rig:
        rig.twilio.refuse_rest(fault)
        call = await rig.call()
        await call.wait_over(30)
        rig.twilio.refuse_rest(None)
        rig.trouble.clear()
    assert verbs(call)[2] == "Say"


async def test_words_the_operator_has_changed_are_left_to_twilio() -> None:
    settings = HUMAN | SHORT | {"fallback_sentence": "Wait."}
    async with running_gateway(behaviour=GONE, settings=settings) as rig:
        call = await rig.call()
        await call.wait_over(10)
    assert verbs(call) == ["Connect", "Stream", "Say", "Dial", "Say", "Hangup"]
    assert call.verbs[2].text == "Wait."
