"""Several gateways on one database: one that is killed, stopped or told to stop cuts nobody off."""

import asyncio
import signal

import pytest

from gateway.ids import CallSid
from gateway.store import calls, conversations
from gateway.store.database import Database
from gateway.store.records import Status
from tests.integration.gateway_audio import words
from tests.integration.gateway_cluster import Cluster, cluster, next_stream, say
from tests.integration.gateway_rig import Conversation, anyio_backend, until, verbs

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]


async def talk(at: Cluster) -> Conversation:
    """A call on the first gateway in which something has been said, and written down."""
    talk = await at.conversation(at.nodes[0])
    talk.session.transcript("My name is Ada.")
    say(talk.session, "one", "Your code is 4711.", words(1, 0.6))
    await talk.line.wait_heard(0.6)
    await asyncio.sleep(1.5)
    return talk


async def recorded(at: Cluster, talk: Conversation) -> tuple[calls.Call, list[str]]:
    """What is written of a call that is over, whoever wrote it."""
    store = Database.at(at.nodes[1].environment["DATABASE_URL"])
    try:
        for _ in range(100):
            await asyncio.sleep(0.1)
            async with store.read() as connection:
                call = await calls.by_sid(connection, CallSid(talk.call.sid))
                if call is not None and call.ended_at is not None:
                    turns = await conversations.turns_of(connection, call.id)
                    return call, [turn.heard_text for turn in turns]
    finally:
        await store.close()
    raise AssertionError("the call was not written down")


async def test_a_call_outlives_its_process_and_the_next_agent_knows_what_was_said() -> None:
    async with cluster(settings={"GATEWAY_TOOLS": "gateway.cli.demo_tools"}) as at:
        first = await talk(at)
        asked = first.session.tool_call("lookup_order", {"order": "4711"})
        await until(lambda: asked in first.session.record.tool_outputs)
        await asyncio.sleep(1.5)  # records are written a little later
        at.nodes[0].signal(signal.SIGKILL)
        killed_at = at.twilio.now
        session = await at.vatel.joined(10)
        line = await next_stream(first.call, first.line)
        say(session, "two", "Where were we?", words(2, 0.5))
        await line.wait_heard(0.3)
        assert at.twilio.now - killed_at < 4
        prompt = session.record.token_request.prompt or ""
        assert "Your code is 4711." in prompt
        assert "My name is Ada." in prompt
        assert "lookup_order" in prompt
        assert "on its way" in prompt
        await first.call.hang_up()
        call, said = await recorded(at, first)
    assert verbs(first.call) == ["Connect", "Stream", "Redirect", "Connect", "Stream"]
    assert (call.status, call.ending) == (Status.COMPLETED, "caller_hung_up")
    assert call.duration_ms is not None
    assert call.duration_ms > 2000
    assert said[:2] == ["My name is Ada.", "Your code is 4711."]
    assert "Where were we?".startswith(said[2])


async def test_the_next_agent_knows_how_much_of_a_sentence_was_heard_when_the_process_died() -> None:
    async with cluster() as at:
        first = await talk(at)
        sentence = "Your parcel is at the station and can be fetched there from tomorrow at nine."
        say(first.session, "two", sentence, words(3, 5.0))
        await first.line.wait_heard(3.4)  # 0.6 s of them before; records are written half a second later
        at.nodes[0].signal(signal.SIGKILL)
        session = await at.vatel.joined(10)
        token = session.record.token_request
        assert "Your parcel is" in (token.prompt or "")
        assert sentence not in (token.prompt or "")
        assert (token.first_message or "").startswith("Sorry about that. ")
        assert (token.first_message or "").endswith("tomorrow at nine.")
        await next_stream(first.call, first.line)
        await first.call.hang_up()
        _, said = await recorded(at, first)
    assert said[:2] == ["My name is Ada.", "Your code is 4711."]
    assert [sentence.startswith(text) for text in said[2:]] == [True]


async def test_a_call_of_a_process_that_stands_still_goes_on_elsewhere_and_it_wakes_up_in_silence() -> None:
    async with cluster() as at:
        first = await talk(at)
        await asyncio.sleep(8.0)  # nobody takes calls before all have had the time to renew
        say(first.session, "two", "I will say more than you will hear.", words(3, 5.0))
        await first.line.wait_heard(1.0)
        at.nodes[0].signal(signal.SIGSTOP)
        session = await at.vatel.joined(20)
        line = await next_stream(first.call, first.line)
        say(session, "two", "Where were we?", words(2, 1.0))
        await line.wait_heard(0.5)
        asked = len(at.twilio.requests)
        spoken = first.session.record.audio_messages
        at.nodes[0].signal(signal.SIGCONT)
        await until(lambda: "process was stopped" in at.nodes[0].output, 10)
        await asyncio.sleep(1.0)
        say(session, "three", "Still here.", words(2, 1.0))
        await line.wait_heard(1.5)
        assert len(at.twilio.requests) == asked  # neither ended nor taken anywhere by the one that woke up
        assert first.session.record.audio_messages == spoken
        assert not line.over
        assert '"ending": "taken_over"' in at.nodes[0].output
        await first.call.hang_up()
    assert verbs(first.call) == ["Connect", "Stream", "Connect", "Stream"]


async def test_at_the_second_signal_calls_go_on_elsewhere() -> None:
    async with cluster() as at:
        first = await talk(at)
        say(first.session, "two", "I will say more than you will hear.", words(3, 5.0))
        await first.line.wait_heard(1.0)
        at.nodes[0].signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        assert not first.line.over
        new = await at.conversation()  # whoever is asked, nobody is refused
        assert "Connect" in verbs(new.call)
        at.nodes[0].signal(signal.SIGTERM)
        session = await at.vatel.joined(10)
        line = await next_stream(first.call, first.line)
        say(session, "two", "Where were we?", words(2, 0.5))
        await line.wait_heard(0.3)
        assert await at.nodes[0].exit_code(10) == 0
        prompt = session.record.token_request.prompt or ""
        assert "Your code is 4711." in prompt
        assert not new.line.over
        for call in (first.call, new.call):
            await call.hang_up()
    assert verbs(first.call)[-2:] == ["Connect", "Stream"]
    assert "Say" not in verbs(first.call)
