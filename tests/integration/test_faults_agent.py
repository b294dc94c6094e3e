"""The agent is late, gone or not to be had: what the caller then hears, and how soon."""

import asyncio

import pytest

from gateway.emulators.twilio.api import RestFault
from gateway.emulators.twilio.records import EndedBy
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.script import Manual, Pause, Say, Script
from tests.integration.gateway_audio import heard, hears_out, on_the_line, speak, words
from tests.integration.gateway_hand import Hand, closed, first_media_s, new_call_sid, stop
from tests.integration.gateway_rig import Rig, anyio_backend, running_gateway, until, verbs

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
SHORT = {"fallback_sentence": "Wait.", "apology": "Sorry."}
FALLBACK = ["Connect", "Stream", "Say", "Dial", "Say", "Hangup"]


def seconds(rig: Rig, first: str, then: str) -> float:
    """How long from one line of the timeline to another."""
    times = {event.kind: event.at_s for event in reversed(rig.twilio.events)}
    return times[then] - times[first]


async def test_a_long_goodbye_is_heard_to_the_last_sample_and_the_line_is_down_soon_after() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 7.0))
        talk.session.end()
        await talk.call.wait_over(15)
        over_at = next(event.at_s for event in rig.twilio.events if event.kind == "completed")
        assert await rig.ending(talk.call) == "agent_ended"
    silent_at = (talk.line.opened_at or 0.0) + talk.line.heard_spans[-1].end_s
    print(f"line down {over_at - silent_at:.3f} s after the goodbye")  # noqa: T201 - a figure
    assert heard(talk.line) == on_the_line(words(1, 7.0))
    assert (talk.call.ended_by, over_at - silent_at < 1.0) == (EndedBy.REST, True)


async def test_a_caller_who_hangs_up_leaves_no_session_behind() -> None:
    async with running_gateway() as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 7.0))
        await talk.line.wait_heard(0.3)
        talk.call.give_up()
        await until(lambda: not rig.vatel.live, 1.0)


async def test_the_agent_is_called_while_the_telephone_rings() -> None:
    script = Script(steps=(Say(text="Good morning."), Pause(seconds=5)))
    late = Behaviour(token_delay_s=0.4, connect_delay_s=0.3)
    async with running_gateway(behaviour=late, script=script) as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        await asyncio.sleep(0.6)
        async with hand.stream(sid, ticket) as socket:
            took_s = await first_media_s(socket)
            await socket.send(stop(sid))
            await closed(socket)
    print(f"first agent audio {took_s * 1000:.0f} ms after the stream opened")  # noqa: T201 - a figure
    assert took_s < 0.4


UNAVAILABLE = {
    "401": Behaviour(token_status=401),
    "403": Behaviour(token_status=403),
    "404": Behaviour(token_status=404),
    "503": Behaviour(token_status=503),
    "html": Behaviour(token_body="<html>"),
    "no token": Behaviour(token_body="{}"),
    "slow token": Behaviour(token_delay_s=6),
    "handshake refused": Behaviour(refuse_connection=503),
    "handshake slow": Behaviour(connect_delay_s=6),
    "never starts": Behaviour(never_start=True),
}


@pytest.mark.parametrize("behaviour", UNAVAILABLE.values(), ids=UNAVAILABLE.keys())
async def test_without_an_agent_the_caller_soon_hears_why_and_gets_a_person(behaviour: Behaviour) -> None:
    async with running_gateway(behaviour=behaviour, settings=SHORT) as rig:
        call = await rig.call()
        await call.wait_over(15)
        waited_s = seconds(rig, "stream open", "<Say>")
        assert await rig.ending(call) == "agent_unavailable"
    # A phrase of the gateway's own is heard meanwhile: tests/unit/test_bridge_continuity.py.
    assert (verbs(call), waited_s < 6.0) == (FALLBACK, True)


async def test_an_agent_nobody_listens_for_is_not_waited_for() -> None:
    async with running_gateway(settings=SHORT | {"vatel_base_url": "http://127.0.0.1:9"}) as rig:
        call = await rig.call()
        await call.wait_over(12)
        assert (verbs(call), seconds(rig, "stream open", "<Say>") < 6.0) == (FALLBACK, True)


async def test_without_a_number_the_caller_hears_an_apology() -> None:
    settings = SHORT | {"fallback_number": ""}
    async with running_gateway(behaviour=Behaviour(token_status=404), settings=settings) as rig:
        call = await rig.call()
        await call.wait_over(5)
    assert verbs(call) == ["Connect", "Stream", "Say", "Hangup"]
    assert call.verbs[2].text == "Sorry."


@pytest.mark.parametrize(
    "behaviour",
    [Behaviour(token_status=503, token_times=1), Behaviour(refuse_connection=401, refuse_times=1)],
)
async def test_one_failure_that_passes_is_not_noticed(behaviour: Behaviour) -> None:
    async with running_gateway(behaviour=behaviour) as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 0.3))
        await hears_out(talk.line, on_the_line(words(1, 0.3)))
        await talk.call.hang_up()
    assert heard(talk.line) == on_the_line(words(1, 0.3))


@pytest.mark.parametrize(
    "behaviour",
    [
        Behaviour(drop_connection_after_s=0.7),
        Behaviour(close_after_s=0.7, close_code=1000),
        Behaviour(close_after_s=0.7, close_code=1011),
    ],
    ids=["dropped", "closed with 1000", "closed with 1011"],
)
async def test_an_agent_lost_in_mid_word_is_followed_by_a_person(behaviour: Behaviour) -> None:
    async with running_gateway(behaviour=behaviour, settings=SHORT) as rig:
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 5.0), final=False)
        await until(lambda: talk.session.record.ended)
        lost_at = rig.twilio.now
        await talk.call.wait_over(10)
        said_at = next(event.at_s for event in rig.twilio.events if event.kind == "<Say>")
        assert await rig.ending(talk.call) == "agent_lost"
    assert (verbs(talk.call), said_at - lost_at < 3.0) == (FALLBACK, True)


async def test_a_session_ended_in_mid_word_is_played_out() -> None:
    behaviour = Behaviour(end_mid_word=1, no_data_on_end=True)
    script = Script(steps=(Say(text="We are open from nine to five on every day."),))
    async with running_gateway(behaviour=behaviour, script=script) as rig:
        call = await rig.call()
        await call.wait_over(10)
        report = await rig.report(call)
        sent = rig.vatel.sessions[0].turns[0].samples / 3
    assert (report.ending, call.ended_by) == ("agent_ended", EndedBy.REST)
    assert abs(len(heard(call.lines[0])) - sent) <= 16


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (RestFault(status=500, times=2, method="POST"), ["Connect", "Stream"]),
        (RestFault(status=500, method="POST"), FALLBACK),
        (RestFault(status=401, code=20003, method="POST"), FALLBACK),
        (RestFault(status=400, code=21220, perform=True, method="POST"), ["Connect", "Stream"]),
        (RestFault(delay_s=7, method="POST"), FALLBACK),
    ],
    ids=["passing failure", "always 500", "wrong key", "over already", "no answer"],
)
async def test_a_hang_up_twilio_does_not_take_never_leaves_the_line_open(
    fault: RestFault, expected: list[str]
) -> None:
    async with running_gateway(settings=SHORT, script=Manual()) as rig:
        talk = await rig.conversation()
        rig.twilio.refuse_rest(fault)
        speak(talk.session, "one", words(1, 0.3))
        talk.session.end()
        await talk.call.wait_over(12)
        rig.twilio.refuse_rest(None)
        assert await rig.ending(talk.call) == "agent_ended"
        rig.trouble.clear()
    assert (verbs(talk.call), heard(talk.line)) == (expected, on_the_line(words(1, 0.3)))
