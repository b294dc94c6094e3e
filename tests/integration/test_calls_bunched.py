"""Caller audio that is read at once, since the process was behind, is carried on in fewer, longer pieces."""

import json

import pytest
from websockets.asyncio.client import ClientConnection

from gateway.audio.transcode import CallerToAgent
from tests.integration.gateway_audio import caller_words
from tests.integration.gateway_hand import Hand, media, new_call_sid, stop, stream_sid
from tests.integration.gateway_rig import anyio_backend, running_gateway, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
FRAMES = 24


def send_at_once(socket: ClientConnection, texts: list[str]) -> None:
    """Write messages so that the gateway, which shares this loop, finds all of them when it reads next."""
    for text in texts:
        socket.protocol.send_text(text.encode())
    socket.transport.write(b"".join(socket.protocol.data_to_send()))


def pressed(call_sid: str) -> str:
    """A key, in the middle of the audio."""
    dtmf = {"track": "inbound_track", "digit": "7"}
    return json.dumps({"event": "dtmf", "streamSid": stream_sid(call_sid), "dtmf": dtmf})


async def test_audio_that_is_read_at_once_is_whole_and_takes_fewer_messages() -> None:
    said = [caller_words(number, 0.02) for number in range(FRAMES)]
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            agent = await rig.agent_of(sid)
            await socket.send(media(sid, 1, said[0]))
            await until(lambda: agent.record.audio_messages)
            before = agent.record.audio_messages
            texts = [media(sid, number + 1, said[number]) for number in range(1, FRAMES)]
            again = texts[5:8]
            send_at_once(socket, [*texts[:10], pressed(sid), *texts[10:], *again])
            await until(lambda: len(agent.record.heard) >= 960 * FRAMES)
            await socket.send(stop(sid))
        await until(lambda: rig.gateway.registry.idle)
        assert bytes(agent.record.heard) == CallerToAgent().feed(b"".join(said))
        assert agent.record.audio_messages - before < FRAMES / 2
        assert rig.metric("dropped_total", what="duplicate_media") > 0


async def test_frames_that_come_one_by_one_are_carried_on_one_by_one() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            agent = await rig.agent_of(sid)
            for number in range(1, 6):
                await socket.send(media(sid, number))
                await until(lambda number=number: len(agent.record.heard) == 960 * number)  # type: ignore[misc]
            assert agent.record.audio_messages == 5
            await socket.send(stop(sid))
        await until(lambda: rig.gateway.registry.idle)
