"""Peers that break the rules: what they send is dropped and counted, and only their own call suffers."""

import asyncio
import json
import socket as sockets

import pytest

from gateway.audio.transcode import AgentToCaller
from gateway.emulators.vatel.behaviour import Behaviour
from tests.integration.gateway_audio import caller_words, heard, hears_out, on_the_line, speak, words
from tests.integration.gateway_hand import Hand, closed, media, new_call_sid, opening, stop
from tests.integration.gateway_healthy import healthy_calls
from tests.integration.gateway_rig import anyio_backend, running_gateway, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
SHORT = {"fallback_sentence": "Wait.", "apology": "Sorry."}
FALLBACK = ["Connect", "Stream", "Say", "Dial", "Say", "Hangup"]

BAD_FROM_CALLER: list[str | bytes] = [
    "",
    "{",
    "null",
    "[" * 50_000,
    '{"event":"media"}',
    '{"event":"media","media":{"payload":"!!!!"}}',
    '{"event":"media","media":{"payload":"\\ud800"}}',
    json.dumps({"event": "media", "media": {"payload": "AAAA" * 4_000}}),
    '{"event":"dtmf","dtmf":{"digit":"X"}}',
    '{"event":"mark","mark":{"name":7}}',
    b"binary",
]
BAD_FROM_AGENT: list[str | bytes] = [
    "",
    "{",
    "[" * 50_000,
    '{"type":"response_audio","data":{"turn_id":"x","audio":7}}',
    '{"type":"response_audio","data":{"turn_id":"x","audio":"!!"}}',
    '{"type":"tool_call","data":{"toolName":"end_call"}}',
    '{"type":"tool_call","data":{"toolCallId":"x","arguments":7}}',
    b"\xff\xfe",
]


async def test_bad_messages_of_the_caller_are_dropped_and_counted_and_the_call_goes_on() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            agent = await rig.agent_of(sid)
            for number, bad in enumerate(BAD_FROM_CALLER):
                await socket.send(bad)
                await socket.send(media(sid, number + 1, caller_words(number, 0.02)))
            for text in [*opening(sid, "x"), '{"event":"later"}', '{"event":"mark","mark":{"name":"g9.9"}}']:
                await socket.send(text)
            size = 960 * len(BAD_FROM_CALLER)
            await until(lambda: len(agent.record.heard) == size)
            speak(agent, "one", words(1, 0.2))
            await socket.recv()
            await socket.send(stop(sid))
            await closed(socket)
        await until(lambda: rig.gateway.registry.idle)
        assert rig.metric("dropped_total", what="malformed_caller_messages") == len(BAD_FROM_CALLER)
        assert rig.metric("dropped_total", what="unknown_caller_messages") == 1
        assert rig.metric("dropped_total", what="second_start") == 1


async def test_bad_messages_of_the_agent_are_dropped_and_counted_and_the_call_goes_on() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        for bad in BAD_FROM_AGENT:
            talk.session.send_raw(bad)
        talk.session.send_raw('{"type":"later","data":{}}')
        speak(talk.session, "one", words(1, 0.5))
        await hears_out(talk.line, on_the_line(words(1, 0.5)))
        await talk.call.hang_up()
        counts = (await rig.report(talk.call)).counts
    # One of them is a tool call whose arguments make no sense, and is answered.
    assert counts["malformed_agent_messages"] == len(BAD_FROM_AGENT) - 1
    assert counts["unknown_agent_messages"] == 1
    assert heard(talk.line) == on_the_line(words(1, 0.5))


@pytest.mark.parametrize("leg", ["caller", "agent"])
async def test_a_burst_of_nonsense_ends_its_own_call_through_the_fallback_and_no_other(leg: str) -> None:
    async with running_gateway(settings=SHORT) as rig, Hand.at(rig) as hand, healthy_calls(rig, 2):
        if leg == "agent":
            talk = await rig.conversation()
            for _ in range(21):
                talk.session.send_raw("{")
            again = await rig.vatel.joined()
            await until(lambda: again.record.audio_messages)
            assert rig.metric("agents_lost_total") == 1
            await talk.call.hang_up()
            return
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            await rig.agent_of(sid)
            for _ in range(21):
                await socket.send("{")
            assert await closed(socket) == 1000
        assert rig.metric("calls_ended_total", ending="stream_garbled", by="carrier") == 1


async def test_a_message_above_the_limit_ends_its_own_call() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand, healthy_calls(rig, 1):
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            await rig.agent_of(sid)
            await socket.send("x" * 70_000)
            assert await closed(socket) == 1009
        # Twilio, asked what became of it, does not know such a call.
        await until(lambda: rig.metric("calls_ended_total", ending="caller_hung_up", by="caller") == 1)
        assert rig.metric("calls_parked_total", why="stream_lost") == 1


async def test_a_telephone_that_reads_nothing_ends_its_own_call_and_no_other() -> None:
    lead = {"playout_lead_ms": 900_000, "waiting_audio_s": 900.0}
    speech = words(1, 10.0)
    async with running_gateway(limits=lead) as rig, Hand.at(rig) as hand, healthy_calls(rig, 2):
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        narrow = sockets.create_connection(("127.0.0.1", int(hand.url.rpartition(":")[2])))
        narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        async with hand.stream(sid, ticket, sock=narrow, max_queue=1):
            agent = await rig.agent_of(sid)
            for turn in range(80):  # what the kernel holds of it must overflow
                speak(agent, f"turn {turn}", speech, chunk_ms=1000)
                await asyncio.sleep(0.05)
                if agent.record.ended:
                    break
            await until(lambda: rig.metric("calls_parked_total", why="stream_lost") == 1, 10)


async def test_odd_chunks_are_put_together_to_the_sample() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        speech, at = words(1, 0.6), 0
        for size in [1, 2, 3, 959, 0, 4801, 1, *[1_111] * 100]:
            talk.session.say("one", speech[at : at + size])
            at += size
        talk.session.say("one", speech[at:], final=True)
        await until(lambda: heard(talk.line) == on_the_line(speech))
        await talk.call.hang_up()


async def test_a_server_that_never_says_final_is_heard_all_the_same() -> None:
    async with running_gateway(behaviour=Behaviour(omit_is_final=True)) as rig:
        talk = await rig.conversation()
        for number in (1, 2):
            speak(talk.session, f"turn {number}", words(number, 0.5))
            await asyncio.sleep(0.8)
        last = AgentToCaller().feed(words(2, 0.5))
        await until(lambda: heard(talk.line).startswith(on_the_line(words(1, 0.5)) + last))
        await talk.call.hang_up()


async def test_snake_case_tool_calls_and_a_flood_of_unknown_messages_change_nothing() -> None:
    behaviour = Behaviour(snake_case_tool_calls=True, flood=3_000)
    async with running_gateway(behaviour=behaviour) as rig:
        talk = await rig.conversation()
        asked = talk.session.tool_call("collect_digits", {"max_digits": 1})
        talk.line.press("7")
        await until(lambda: asked in talk.session.record.tool_outputs)
        await talk.call.hang_up()
        assert (await rig.report(talk.call)).counts["unknown_agent_messages"] == 3_000


async def test_what_follows_the_stop_of_a_stream_reaches_nobody() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            agent = await rig.agent_of(sid)
            await socket.send(stop(sid))
            for number in range(50):
                await socket.send(media(sid, number + 1))
            await closed(socket)
        assert len(agent.record.heard) == 0
