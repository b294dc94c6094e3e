"""Whole calls through the gateway: what either side hears, and how a call comes to its end."""

from typing import Any

import pytest

from gateway.emulators.twilio.records import EndedBy
from gateway.emulators.twilio.services import DialOutcome, Outcome
from gateway.emulators.vatel.hearing import Listening
from gateway.emulators.vatel.script import Listen, Say, Script, Tool
from tests.integration.gateway_audio import (
    caller_words,
    heard,
    hears_out,
    on_the_line,
    speak,
    to_the_agent,
    words,
)
from tests.integration.gateway_rig import HUMAN, anyio_backend, running_gateway, until, verbs

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]


@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True}), "asyncio"])
async def test_both_sides_hear_each_other_sample_for_sample(anyio_backend: Any) -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 1.5))
        talk.session.text("one", "Good morning.", final=True)
        await talk.line.say(caller_words(1, 1.0))
        await hears_out(talk.line, on_the_line(words(1, 1.5)))
        await until(lambda: len(talk.session.record.heard) > 48_000)
        await talk.call.hang_up()
        report = await rig.report(talk.call)
    agent_heard = bytes(talk.session.record.heard)
    assert agent_heard == to_the_agent(talk.line, len(agent_heard))
    assert heard(talk.line) == on_the_line(words(1, 1.5))
    assert (report.turns[0].heard_text, report.turns[0].cut) == ("Good morning.", False)
    assert (report.ending, talk.session.record.errors) == ("caller_hung_up", [])


async def test_a_scripted_conversation_runs_to_its_goodbye() -> None:
    script = Script(
        steps=(
            Say(text="Good morning."),
            Listen(hears="I want to add one and two."),
            Tool(name="add", arguments={"first": 1, "second": 2}),
            Say(text="It is {output}.", wait=False),
            Tool(name="end_call"),
        ),
        listening=Listening(silence_ms=300),
    )
    async with running_gateway(
        script=script, settings={"gateway_tools": "tests.integration.gateway_tools"}
    ) as rig:
        call = await rig.call()
        line = await call.stream()
        await line.wait_heard(0.85)
        await line.say(caller_words(3, 0.5))
        await call.wait_over(15)
        report = await rig.report(call)
    assert report.turns[0].heard_text == "Good morning."
    assert report.turns[1].heard_text == f'It is {{"sum":3,"call":"{call.sid}"}}.'
    assert (report.ending, call.ended_by, line.warnings) == ("agent_hung_up", EndedBy.REST, [])
    assert not any(turn.cut for turn in report.turns)


async def test_the_ledger_knows_what_was_cut() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        talk.session.text("one", "one two three four five six seven eight nine ten.", final=True)
        speak(talk.session, "one", words(1, 4.0))
        await talk.line.wait_heard(2.0)
        talk.session.interrupt()
        await until(lambda: talk.line.cut)
        await talk.call.hang_up()
        turn = (await rig.report(talk.call)).turns[0]
    assert turn.cut
    assert abs(turn.heard_ms - talk.line.heard_s * 1000) < 60
    assert turn.heard_text in ("one two three four five", "one two three four")
    assert f"{turn.heard_text} {turn.cut_text}".endswith("nine ten.")


async def test_a_transfer_is_said_made_and_recorded() -> None:
    dial = {HUMAN: DialOutcome(Outcome.ANSWER, after_s=0.1, talk_s=0.2)}
    async with running_gateway(dial=dial) as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 0.8))
        talk.session.tool_call("transfer_call", {"to": HUMAN})
        await talk.call.wait_over(10)
        assert await rig.ending(talk.call) == "transferred"
        assert rig.metric("transfer_legs_total", status="completed") == 1
    assert heard(talk.line) == on_the_line(words(1, 0.8))
    assert verbs(talk.call) == ["Connect", "Stream", "Dial", "Hangup"]


async def test_a_refused_transfer_leaves_the_call_up_and_tells_the_agent() -> None:
    async with running_gateway(speed=5) as rig:
        talk = await rig.conversation()
        asked = talk.session.tool_call("transfer_call", {"to": "+19005550000"})
        await until(lambda: asked in talk.session.record.tool_outputs)
        assert "not_allowed" in talk.session.record.tool_outputs[asked]
        speak(talk.session, "one", words(1, 0.5))
        await talk.line.wait_heard(0.5)
        await talk.call.hang_up()


async def test_digits_pressed_before_and_after_the_question_reach_the_agent() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        talk.line.press("42")
        await until(lambda: any(event.kind == "key" for event in rig.twilio.events))
        asked = talk.session.tool_call("collect_digits", {"max_digits": 6, "finish_on": "#"})
        talk.line.press("w13#")
        await until(lambda: asked in talk.session.record.tool_outputs)
        await talk.call.hang_up()
    assert talk.session.record.tool_outputs[asked] == '{"digits":"4213","ended_by":"finish_key"}'


async def test_the_session_of_a_caller_who_gives_up_while_it_rings_is_ended() -> None:
    async with running_gateway(limits={"stream_timeout_s": 0.3}) as rig:
        call = await rig.call()
        call.give_up()
        await call.wait_over()
        await until(lambda: rig.gateway.registry.idle)
