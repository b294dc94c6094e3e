"""Caller audio that comes late, twice, not at all, or from elsewhere: what the agent then hears of it."""

import asyncio

import pytest

from tests.integration.gateway_audio import caller_words
from tests.integration.gateway_hand import Hand, closed, media, new_call_sid, opening, stop
from tests.integration.gateway_healthy import healthy_calls
from tests.integration.gateway_rig import anyio_backend, running_gateway, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
FRAME_PCM = 960


async def test_another_stream_on_the_same_socket_is_turned_out_and_its_call_alone() -> None:
    async with (
        running_gateway(limits={"reattach_s": 0.0}) as rig,
        Hand.at(rig) as hand,
        healthy_calls(rig, 1),
    ):
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            await rig.agent_of(sid)
            for text in opening(new_call_sid(), ticket):
                await socket.send(text)
            assert await closed(socket) == 1008
        await until(lambda: rig.metric("calls_ended_total", ending="stream_lost", by="carrier") == 1)


async def test_a_gap_of_three_frames_is_silence_to_the_agent_and_repeated_frames_are_nothing() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            agent = await rig.agent_of(sid)
            for number in (1, 2, 3, 7, 7, 8, 3, 9):
                await socket.send(media(sid, number, caller_words(number, 0.02)))
            await until(lambda: len(agent.record.heard) == 9 * FRAME_PCM)
            await socket.send(stop(sid))
            await closed(socket)
        await until(lambda: rig.gateway.registry.idle)
        dropped = {
            what: rig.metric("dropped_total", what=what)
            for what in ("duplicate_media", "media_gaps", "media_missing_ms")
        }
    assert dropped == {"duplicate_media": 2, "media_gaps": 1, "media_missing_ms": 60}


async def test_two_seconds_at_once_after_a_stall_leave_the_agent_half_a_second_behind_at_most() -> None:
    async with (
        running_gateway(limits={"late_media_ms": 400, "media_suspect_s": 5.0}) as rig,
        Hand.at(rig) as hand,
    ):
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            agent = await rig.agent_of(sid)
            for number in range(1, 11):
                await socket.send(media(sid, number))
                await asyncio.sleep(0.02)
            await until(lambda: len(agent.record.heard) == 10 * FRAME_PCM)
            await asyncio.sleep(2.0)
            for number in range(11, 111):
                await socket.send(media(sid, number))
            await socket.send(stop(sid))
            await closed(socket)
        heard = len(agent.record.heard)
        assert 10 * FRAME_PCM < heard <= 30 * FRAME_PCM
        assert 1_000 <= rig.metric("dropped_total", what="caller_audio_dropped_ms") <= 1_600
