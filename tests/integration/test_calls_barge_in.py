"""Barge-in over real sockets: nothing of the cut turn is heard afterwards, and the next turn is whole."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import pytest

from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.script import Manual
from tests.integration.gateway_audio import caller_words, heard, on_the_line, speak, words
from tests.integration.gateway_rig import Conversation, anyio_backend, running_gateway, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
FIRST, NEXT = words(1, 6.0), words(2, 0.7)


@dataclass(frozen=True)
class State:
    """When the caller cuts in: what is said before, how much is heard first, and what comes late."""

    name: str
    before: Callable[[Conversation], Awaitable[None]]
    said: bytes
    late: bytes = b""
    times: int = 1


async def generating(talk: Conversation) -> None:
    speak(talk.session, "one", FIRST[: 48_000 * 2], final=False)
    await talk.line.wait_heard(0.5)


async def long_over(talk: Conversation) -> None:
    speak(talk.session, "one", FIRST)
    await talk.line.wait_heard(0.5)


async def all_at_twilio(talk: Conversation) -> None:
    speak(talk.session, "one", FIRST[: 48 * 900])
    await talk.line.wait_heard(0.3)


async def greeting(talk: Conversation) -> None:
    speak(talk.session, "one", FIRST)
    await talk.line.wait_heard(0.04)


async def nothing_playing(talk: Conversation) -> None:
    speak(talk.session, "one", FIRST[: 48 * 300])
    await talk.line.wait_heard(0.3)
    await until(lambda: talk.line.now > talk.line.heard_spans[-1].end_s + 0.2)


STATES = [
    State("while it is generated", generating, FIRST, late=FIRST[48_000 * 2 : 48_000 * 3]),
    State("generated long ago", long_over, FIRST),
    State("all of it at Twilio", all_at_twilio, FIRST[: 48 * 900]),
    State("the greeting's first moment", greeting, FIRST),
    State("nothing playing", nothing_playing, FIRST[: 48 * 300]),
    State("twice in a row", long_over, FIRST, times=2),
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
async def test_nothing_of_a_cut_turn_is_heard_and_the_next_is_whole(state: State) -> None:
    async with running_gateway(behaviour=Behaviour(late_chunks_after_interruption=3)) as rig:
        talk = await rig.conversation()
        await state.before(talk)
        at = talk.line.now
        for _ in range(state.times):
            talk.session.interrupt()
        if state.late:
            speak(talk.session, "one", state.late)
        speak(talk.session, "two", NEXT)
        await until(lambda: len(rig.told(talk.call).turns) == 2)
        await talk.call.hang_up()
        report = await rig.report(talk.call)
    whole, next_turn = on_the_line(state.said), on_the_line(NEXT)
    first = heard(talk.line).removesuffix(next_turn)
    assert first == whole[: len(first)]
    assert len(first) / 8000 < at - (talk.line.first_audio_at or 0.0) + 0.1
    assert [turn.turn_id for turn in report.turns] == ["one", "two"]
    assert abs(report.turns[0].heard_ms - len(first) / 8) < 60
    assert (report.turns[1].cut, report.turns[1].heard_ms) == (False, len(next_turn) / 8)


async def test_a_goodbye_the_caller_breaks_in_on_is_taken_back() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", FIRST)
        ending = talk.session.tool_call("end_call", {})
        await talk.line.wait_heard(0.4)
        talk.session.interrupt()
        speak(talk.session, "two", NEXT)
        await until(lambda: heard(talk.line).endswith(on_the_line(NEXT)))
        assert not talk.line.over
        await talk.call.hang_up()
    assert "caller_interrupted" in talk.session.record.tool_outputs[ending]


async def test_a_caller_who_speaks_up_silences_the_agent() -> None:
    async with running_gateway(script=Manual(hears=True)) as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", FIRST)
        await talk.line.wait_heard(0.5)
        spoke_at = talk.line.now
        talk.line.queue(caller_words(1, 0.4))
        await until(lambda: talk.line.core.clears)
        await talk.call.hang_up()
        assert rig.metric("barge_in_to_clear_seconds_count") == 1
    # 80 ms of voice are what the emulated agent takes for speech.
    assert talk.line.core.clears[0] - spoke_at < 0.3
    assert talk.line.heard_spans[-1].end_s < talk.line.core.clears[0] + 0.001
