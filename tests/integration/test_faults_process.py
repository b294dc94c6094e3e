"""Deploys and crashes, with the gateway in a process of its own."""

import signal

import pytest

from tests.integration.gateway_audio import speak, words
from tests.integration.gateway_drain import drain, hand_over
from tests.integration.gateway_process import gateway_process
from tests.integration.gateway_rig import anyio_backend, verbs

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
FALLBACK = ["Say", "Dial", "Say", "Hangup"]


async def test_sigterm_cuts_no_call_takes_no_new_one_and_ends_the_process_behind_the_last() -> None:
    drained = await drain(8)
    assert (drained.whole, drained.cut, drained.ready, drained.exit_code) == (8, 0, 503, 0)
    assert drained.refused_verbs == FALLBACK
    assert drained.refused_after_s < 1
    assert drained.exit_after_s < 2


async def test_a_second_sigterm_hands_the_calls_over() -> None:
    over = await hand_over(8)
    assert over.verbs == [["Connect", "Stream", *FALLBACK]] * 8
    assert (over.exit_code, over.exit_after_s < 3) == (0, True)


async def test_a_killed_gateway_leaves_its_callers_with_the_verbs_behind_the_stream() -> None:
    async with gateway_process() as site:
        talk = await site.conversation()
        speak(talk.session, "one", words(1, 5.0))
        await talk.line.wait_heard(0.5)
        site.signal(signal.SIGKILL)
        killed_at = site.twilio.now
        await talk.call.wait_over(10)
        said = next(event for event in site.twilio.events if event.kind == "<Say>")
    assert verbs(talk.call) == ["Connect", "Stream", *FALLBACK]
    assert said.at_s - killed_at < 0.5
