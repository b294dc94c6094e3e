"""The Vatel emulator over real sockets: sessions with a script."""

from typing import Any

import pytest

from gateway.emulators import voice
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.script import Branch, End, Goto, Listen, Pause, Say, Script, Tool
from tests.integration.vatel_client import (
    QUICK,
    SPEECH,
    answer,
    audio_of,
    client,
    kinds,
    received,
    rest_of,
    speak,
    until,
)

pytestmark = pytest.mark.anyio
pytest_plugins = ["gateway.emulators.vatel.fixtures"]


async def test_a_turn_is_sent_whole_and_faster_than_it_plays() -> None:
    script = Script(steps=(Say(clip="agent-hours", wait=False), End()))
    async with (
        VatelEmulator(script=script, behaviour=Behaviour(audio_factor=0)) as vatel,
        client(vatel) as socket,
    ):
        messages = await rest_of(socket)
    clip = voice.clip("agent-hours")
    audio = [message for message in messages if message["type"] == "response_audio"]
    assert kinds(messages) == [
        "session_started",
        "response_text",
        "response_audio",
        "response_text",
        "session_ended",
    ]
    assert audio_of(messages, "turn-1") == clip.pcm
    assert [message["data"]["is_final"] for message in audio] == [False] * (len(audio) - 1) + [True]
    assert messages[-2]["data"] == {"turn_id": "turn-1", "text": clip.text, "is_final": True}
    assert socket.close_code == 1000
    turn = vatel.sessions[0].turns[0]
    assert (turn.text, turn.samples, turn.cut) == (clip.text, len(clip.samples), False)


async def test_the_token_s_first_message_is_what_the_agent_opens_with() -> None:
    script = Script(steps=(Say(clip="agent-greeting", wait=False),))
    async with VatelEmulator(script=script) as vatel, client(vatel, first_message="Back again.") as socket:
        messages = await rest_of(socket)
    assert messages[-2]["data"]["text"] == "Back again."
    assert audio_of(messages, "turn-1") == voice.speak("Back again.").pcm


async def test_a_caller_who_speaks_is_heard_and_transcribed() -> None:
    script = Script(steps=(Listen(hears="two little words"), End()), listening=QUICK)
    async with VatelEmulator(script=script) as vatel, client(vatel) as socket:
        await received(socket)
        await speak(socket, SPEECH)
        interim = await until(socket, "input_audio_transcript")
        await speak(socket, bytes(24_000))
        messages = await rest_of(socket)
    assert kinds(interim) == ["speech_started", "input_audio_transcript"]
    assert interim[-1]["data"] == {"transcript": "two little", "is_final": False}
    assert kinds(messages) == ["speech_stopped", "input_audio_transcript", "session_ended"]
    assert messages[1]["data"] == {"transcript": "two little words", "is_final": True}
    assert vatel.sessions[0].heard == SPEECH + bytes(24_000)


async def barge_in(script: Script, behaviour: Behaviour) -> tuple[VatelEmulator, list[dict[str, Any]]]:
    """A caller who speaks while the agent does, and then is silent."""
    async with VatelEmulator(script=script, behaviour=behaviour) as vatel, client(vatel) as socket:
        before = await until(socket, "response_audio")
        await speak(socket, SPEECH + bytes(24_000))
        return vatel, before + await rest_of(socket)


LONG = Script(
    steps=(Say(clip="agent-hours"), Listen(hears="Stop."), Say(text="Yes", wait=False), End()),
    listening=QUICK,
)


@pytest.mark.parametrize("factor", [0, 1])
async def test_a_caller_who_speaks_cuts_the_agent_off_while_it_generates_and_after(factor: float) -> None:
    vatel, messages = await barge_in(LONG, Behaviour(audio_factor=factor))
    at = next(n for n, message in enumerate(messages) if message["type"] == "interruption")
    assert messages[at - 1]["type"] == "speech_started"
    assert not any(it["data"].get("turn_id") == "turn-1" for it in messages[at:])
    assert [(turn.turn_id, turn.cut) for turn in vatel.sessions[0].turns] == [
        ("turn-1", True),
        ("turn-2", False),
    ]
    whole = len(voice.clip("agent-hours").samples)
    assert (vatel.sessions[0].turns[0].samples == whole) == (factor == 0)


async def test_late_audio_of_the_cut_turn_follows_if_the_behaviour_says_so() -> None:
    _, messages = await barge_in(LONG, Behaviour(late_chunks_after_interruption=3))
    at = next(n for n, message in enumerate(messages) if message["type"] == "interruption")
    assert [it["data"].get("turn_id") for it in messages[at + 1 : at + 5]] == ["turn-1"] * 3 + [None]


async def test_words_that_cannot_be_interrupted_are_not() -> None:
    steps = (Say(text="Hello", interruptible=False), Say(text="Bye", wait=False))
    vatel, messages = await barge_in(Script(steps=steps, listening=QUICK), Behaviour())
    assert "interruption" not in kinds(messages)
    assert "speech_started" in vatel.sessions[0].kinds()


async def test_a_caller_who_is_silent_is_asked_again_and_then_left() -> None:
    listen = Listen(timeout_s=0.05, reprompt="Eh?", attempts=2, otherwise="bye")
    steps = (listen, Say(text="never"), Say(text="Bye", label="bye", wait=False))
    async with VatelEmulator(script=Script(steps=steps)) as vatel, client(vatel) as socket:
        await rest_of(socket)
    assert [turn.text for turn in vatel.sessions[0].turns] == ["Eh?", "Bye"]
    assert "nothing_heard" in vatel.sessions[0].kinds()


async def test_a_tool_is_answered_branched_on_and_filled_in() -> None:
    steps = (
        Tool(name="digits", arguments={"max_digits": 4}, branches=(Branch(contains="12", goto="look"),)),
        Say(text="never"),
        Tool(name="look", arguments={"code": "{digits}", "n": 1}, label="look"),
        Say(text="It is {output}, {unknown}", wait=False),
    )
    async with VatelEmulator(script=Script(steps=steps)) as vatel, client(vatel) as socket:
        digits = (await until(socket, "tool_call"))[-1]
        await answer(socket, digits, "1234")
        look = (await until(socket, "tool_call"))[-1]
        await answer(socket, look, "ready")
        await rest_of(socket)
    assert digits["data"]["toolName"] == "digits"
    assert [(it["name"], it["value"]) for it in look["data"]["arguments"]] == [("code", "1234"), ("n", 1)]
    record = vatel.sessions[0]
    assert list(record.tool_outputs.values()) == ["1234", "ready"]
    assert record.turns[0].text == "It is ready, {unknown}"
    assert record.errors == []


async def test_a_tool_that_is_never_answered_does_not_hold_the_agent() -> None:
    steps = (Tool(name="look", timeout_s=0.05, otherwise="end"), Say(text="never"))
    async with VatelEmulator(script=Script(steps=steps)) as vatel, client(vatel) as socket:
        assert kinds(await rest_of(socket)) == ["session_started", "tool_call", "session_ended"]
    assert "tool_timeout" in vatel.sessions[0].kinds()


async def test_a_script_that_goes_round_ends_at_its_limit() -> None:
    steps = (Pause(seconds=0.01, label="again"), Goto(to="again"))
    async with VatelEmulator(script=Script(steps=steps, limit_s=0.1)) as vatel, client(vatel) as socket:
        assert kinds(await rest_of(socket)) == ["session_started", "session_ended"]
    assert vatel.sessions[0].ended


async def test_the_demonstration_goes_from_greeting_to_goodbye(vatel: VatelEmulator) -> None:
    async def speak_over(turn: int, clip: str) -> None:
        await vatel.wait_for(
            lambda: len(vatel.sessions[0].turns) == turn and vatel.sessions[0].turns[-1].samples
        )
        await speak(socket, voice.clip(clip).pcm + bytes(48_000))

    async with client(vatel) as socket:
        await until(socket, "response_audio")
        await speak_over(1, "caller-hours")
        await speak_over(2, "caller-saturday")
        await speak_over(3, "caller-hello")
        digits = (await until(socket, "tool_call"))[-1]
        await answer(socket, digits, '{"digits":"1234","ended_by":"max_digits"}')
        lookup = (await until(socket, "tool_call"))[-1]
        await answer(socket, lookup, "on its way")
        await speak_over(5, "caller-hello")
        await speak_over(6, "caller-goodbye")
        await answer(socket, (await until(socket, "tool_call"))[-1], "ok")
        await rest_of(socket)
    record = vatel.sessions[0]
    assert (digits["data"]["toolName"], lookup["data"]["arguments"][0]["value"]) == ("collect_digits", "1234")
    assert [turn.cut for turn in record.turns] == [True] * 6 + [False]
    assert record.turns[-1].text == "Thank you for calling. Goodbye."
    assert (record.errors, record.end_reason) == ([], "closed with 1000")
