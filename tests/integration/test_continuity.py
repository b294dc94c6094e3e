"""A call outlives its agent's sessions and its streams: whole calls over real sockets."""

import asyncio

import pytest

from gateway.emulators.twilio.people import DialOutcome, Outcome
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.session import Session
from gateway.ids import CallSid
from tests.integration.gateway_audio import heard, on_the_line, speak, words
from tests.integration.gateway_rig import (
    HUMAN,
    Conversation,
    Rig,
    anyio_backend,
    running_gateway,
    until,
    verbs,
)

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]


async def next_session(rig: Rig) -> Session:
    session = await rig.vatel.joined()
    await until(lambda: session.record.audio_messages)
    return session


async def spoken(talk: Conversation, turn: str, text: str, seconds: float) -> None:
    """The agent says something to its end, and is heard."""
    before = talk.line.heard_s
    speak(talk.session, turn, words(1, seconds))
    talk.session.text(turn, text, final=True)
    await talk.line.wait_heard(before + seconds - 0.02)


@pytest.mark.parametrize("how", ["reset", "1011", "1012"])
async def test_an_agent_lost_in_mid_sentence_is_followed_by_one_that_knows(how: str) -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        await spoken(talk, "one", "Your code is 4711.", 0.6)
        talk.session.transcript("My name is Ada.")
        speak(talk.session, "two", words(1, 1.2))
        talk.session.text(
            "two", "I have written that down and will tell everybody about it soon.", final=True
        )
        talk.session.say("three", words(1, 0.2))
        talk.session.text("three", "Now what else can I do for you today?", final=True)
        await talk.line.wait_heard(1.9)
        talk.session.abort() if how == "reset" else talk.session.close(int(how))
        again = await next_session(rig)
        speak(again, "one", words(1, 0.4))
        await talk.line.wait_heard(2.4)
        assert not talk.call.over
        await talk.call.hang_up()
        report = await rig.report(talk.call)
    asked = again.record.token_request
    assert asked.prompt is not None
    assert asked.first_message is not None
    assert all(known in asked.prompt for known in ("4711", "My name is Ada."))
    assert asked.first_message.startswith("Sorry about that. ")
    assert asked.first_message.endswith("do for you today?")
    assert [turn.turn_id for turn in report.turns] == ["one", "two", "three", "1:one"]
    assert report.turns[2].cut


async def test_an_agent_that_had_said_everything_is_replaced_without_a_word() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        await spoken(talk, "one", "What is your name?", 0.6)
        talk.session.abort()
        again = await next_session(rig)
        assert again.record.token_request.first_message == "What is your name?"
        speak(again, "greeting", words(1, 0.6))  # the first turn was heard already
        speak(again, "two", words(2, 0.4))
        await asyncio.sleep(1.0)
        await talk.call.hang_up()
        report = await rig.report(talk.call)
    assert [turn.turn_id for turn in report.turns] == ["one", "1:two"]
    assert on_the_line(words(2, 0.4)) in heard(talk.line)


async def test_three_losses_are_survived_and_the_fourth_is_not() -> None:
    async with running_gateway(settings={"fallback_number": HUMAN}) as rig:
        talk = await rig.conversation()
        session = talk.session
        for number in range(3):
            speak(session, f"turn {number}", words(1, 0.3))
            session.abort()
            session = await next_session(rig)
        session.abort()
        await talk.call.wait_over(15)
        assert await rig.ending(talk.call) == "agent_lost"
        assert rig.metric("agents_lost_total") == 3
    assert verbs(talk.call) == ["Connect", "Stream", "Dial", "Say", "Hangup"]  # it was said in the stream


async def test_the_caller_hears_something_at_once_and_words_within_a_second() -> None:
    slow = Behaviour(token_delay_s=0.9)
    async with running_gateway() as rig:
        talk = await rig.conversation()
        rig.vatel.behaviour = slow
        talk.session.say("one", words(1, 0.3), final=False)
        talk.session.text("one", "This is the first half of it, and that is the second.", final=True)
        await talk.line.wait_heard(0.25)
        talk.session.abort()
        await until(lambda: rig.metric("fillers_total", clip="one_moment") == 1, 3)
        again = await next_session(rig)
        speak(again, "back", words(1, 0.3))
        await until(lambda: rig.metric("agent_gap_seconds_count") == 1)
        await talk.call.hang_up()


async def test_a_silent_agent_is_spoken_for_and_then_replaced() -> None:
    quick = {"answer_filler_s": 0.4, "answer_lost_s": 1.5}
    async with running_gateway(limits=quick) as rig:
        talk = await rig.conversation()
        await spoken(talk, "one", "Yes?", 0.3)
        talk.session.speech_started()
        talk.session.speech_stopped()
        await until(lambda: rig.metric("fillers_total", clip="one_moment") == 1, 3)
        again = await next_session(rig)
        assert again.record.token_request.first_message == (
            "Sorry, I lost you for a moment. Could you say that again?"
        )
        await talk.call.hang_up()


async def test_a_result_whose_agent_is_gone_answers_the_next_one() -> None:
    async with running_gateway(settings={"gateway_tools": "tests.integration.gateway_tools"}) as rig:
        talk = await rig.conversation()
        talk.session.tool_call("wait", {"seconds": 0.5})
        await asyncio.sleep(0.1)
        talk.session.abort()
        again = await next_session(rig)
        asked = again.tool_call("wait", {"seconds": 0.5})
        await until(lambda: asked in again.record.tool_outputs, 3)
        await talk.call.hang_up()
        runs = rig.metric("tool_calls_total", tool="wait", outcome="ok")
    assert runs == 1


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.BUSY, "busy"), (Outcome.NO_ANSWER, "no-answer"), (Outcome.FAILED, "failed")],
)
async def test_a_transfer_nobody_takes_brings_the_caller_back_to_the_same_agent(
    outcome: Outcome, code: str
) -> None:
    dial = {HUMAN: DialOutcome(outcome, after_s=0.1)}
    async with running_gateway(dial=dial) as rig:
        talk = await rig.conversation()
        asked = talk.session.tool_call("transfer_call", {"to": HUMAN})
        await until(lambda: asked in talk.session.record.tool_outputs, 45)
        assert f'"error":"{code}"' in talk.session.record.tool_outputs[asked]
        before = talk.session.record.audio_messages
        await until(lambda: talk.session.record.audio_messages > before + 10)
        await talk.call.hang_up()
        assert await rig.ending(talk.call) == "caller_hung_up"
    assert verbs(talk.call)[:5] == ["Connect", "Stream", "Dial", "Connect", "Stream"]


@pytest.mark.parametrize(("presses", "ending"), [("1", "transferred"), ("2", "caller_hung_up")])
async def test_a_person_is_told_who_calls_and_may_decline(presses: str, ending: str) -> None:
    dial = {HUMAN: DialOutcome(after_s=0.1, talk_s=0.3, presses=presses)}
    async with running_gateway(dial=dial, settings={"transfer_whisper": "A caller. Press 1."}) as rig:
        talk = await rig.conversation()
        asked = talk.session.tool_call("transfer_call", {"to": HUMAN})
        if presses == "1":
            await talk.call.wait_over(10)
        else:
            await until(lambda: asked in talk.session.record.tool_outputs, 10)
            await until(lambda: not rig.gateway.registry._live[CallSid(talk.call.sid)].call.parked)
            await talk.call.hang_up()
        assert await rig.ending(talk.call) == ending


async def test_keys_are_played_and_the_conversation_goes_on() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 0.5))
        asked = talk.session.tool_call("send_digits", {"digits": "12w3#"})
        await until(lambda: talk.session.record.tool_outputs.get(asked) == '{"ok":true}', 10)
        before = talk.session.record.audio_messages
        await until(lambda: talk.session.record.audio_messages > before + 10)
        await talk.call.hang_up()
        report = await rig.report(talk.call)
    assert verbs(talk.call)[:5] == ["Connect", "Stream", "Play", "Connect", "Stream"]
    assert [turn.heard_ms > 450 for turn in report.turns] == [True]


@pytest.mark.parametrize("resume", ["off", "on"])
async def test_a_caller_hears_music_on_hold_and_the_conversation_goes_on(resume: str) -> None:
    async with running_gateway(settings={"resume": resume}) as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 0.5))
        asked = talk.session.tool_call("hold", {"seconds": 2})
        await until(lambda: talk.session.record.tool_outputs.get(asked) == '{"ok":true}', 10)
        before = talk.session.record.audio_messages
        await until(lambda: talk.session.record.audio_messages > before + 10)
        await talk.call.hang_up()
        report = await rig.report(talk.call)
        assert rig.metric("calls_parked_total", why="hold") == 1
    assert [verb for verb in verbs(talk.call) if verb in ("Connect", "Play")] == [
        "Connect",
        "Play",
        "Connect",
    ]
    assert [turn.heard_ms > 450 for turn in report.turns] == [True]


async def test_a_caller_who_hangs_up_on_hold_leaves_nothing_behind() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        talk.session.tool_call("hold", {"seconds": 60})
        await until(lambda: rig.metric("calls_parked_total", why="hold") == 1)
        await talk.call.hang_up()
        assert await rig.ending(talk.call) == "caller_hung_up"


SOON = {"start_noise_s": 0.7, "start_phrase_s": 0.7}


async def test_a_caller_is_held_with_a_phrase_while_vatel_asks_to_wait_for_two_seconds() -> None:
    async with running_gateway(limits=SOON) as rig:
        rig.vatel.behaviour = Behaviour(token_status=429, token_retry_after_s=2, token_times=1)
        talk = await rig.conversation()
        assert rig.metric("fillers_total", clip="one_moment") == 1
        await talk.call.hang_up()
        assert await rig.ending(talk.call) == "caller_hung_up"


async def test_a_caller_gets_a_person_when_vatel_asks_to_wait_for_longer() -> None:
    async with running_gateway(limits=SOON, settings={"fallback_number": HUMAN}) as rig:
        rig.vatel.behaviour = Behaviour(token_status=429, token_retry_after_s=30)
        call = await rig.call()
        await call.wait_over(10)
        assert await rig.ending(call) == "agent_unavailable"
    assert "Dial" in verbs(call)
