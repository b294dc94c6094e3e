"""Over the limit callers wait, are told where in line they are, hear music, and are called in."""

import asyncio
import io
from typing import Any

import httpx
import pytest

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.line_audio import read_wav
from tests.integration.gateway_hand import Hand, call_form, new_call_sid
from tests.integration.gateway_rig import Rig, anyio_backend, running_gateway, until, verbs

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
ONE: dict[str, Any] = {"max_calls": 1, "fallback_sentence": "Wait.", "apology": "Sorry."}
FALLBACK = ["Say", "Dial", "Say", "Hangup"]


def said(call: Call) -> list[str]:
    """What a caller who waits was told."""
    return [record.text for record in call.verbs if record.verb == "Say"]


async def in_line(rig: Rig, count: int) -> None:
    """Wait until so many wait."""
    await until(lambda: rig.metric("callers_waiting") == count)


async def test_a_caller_for_whom_there_is_no_place_waits_and_is_called_in() -> None:
    async with running_gateway(settings=ONE) as rig:
        first = await rig.conversation()
        second = await rig.call()
        await until(lambda: "Play" in verbs(second))
        assert (said(second), rig.metric("callers_waiting")) == (["All lines are busy. You are number 1."], 1)
        await first.call.hang_up()
        line = await second.stream(10)
        await rig.agent_of(second.sid)
        assert not line.over
        assert [form.params["QueueResult"] for form in second.requests if form.purpose == "action"] == [
            "leave"
        ]
        assert rig.metric("queue_left_total", outcome="admitted") == 1
        await second.hang_up()
        assert [entry.code for entry in second.debug] == []


async def test_callers_move_up_in_the_order_in_which_they_came_and_hear_so() -> None:
    async with running_gateway(settings=ONE, speed=4.0) as rig:
        first = await rig.conversation()
        waiting = []
        for number in (1, 2, 3):
            waiting.append(await rig.call())
            await in_line(rig, number)
        await until(lambda: all(said(call) for call in waiting))
        await first.call.hang_up()
        for number, call in enumerate(waiting, start=1):
            await call.stream(20)
            assert all(not later.lines for later in waiting[number:])
            # A place that is left before it is told is not heard.
            await until(lambda: len(said(waiting[2])) == min(number + 1, 3))  # noqa: B023 - awaited at once
            await call.hang_up()
        assert [text[-2] for text in said(waiting[2])] == ["3", "2", "1"]
        assert said(waiting[0]) == ["All lines are busy. You are number 1."]


async def test_who_hangs_up_while_waiting_frees_the_place_and_is_written_down() -> None:
    async with running_gateway(settings=ONE) as rig:
        first = await rig.conversation()
        second, third = await rig.call(), await rig.call()
        await in_line(rig, 2)
        await second.hang_up()
        await in_line(rig, 1)
        await until(lambda: rig.metric("calls_refused_total", reason="gave_up") == 1)
        await first.call.hang_up()
        await third.stream(10)
        await third.hang_up()


async def test_who_waits_too_long_is_helped_by_the_fallback() -> None:
    async with running_gateway(settings=ONE | {"queue_wait_s": 1.0}) as rig:
        first = await rig.conversation()
        second = await rig.call()
        await second.wait_over(20)
        assert verbs(second)[-4:] == FALLBACK
        assert rig.metric("queue_left_total", outcome="too_long") == 1
        await first.call.hang_up()


@pytest.mark.parametrize("size", [0, 1])
async def test_where_nobody_more_may_wait_the_fallback_helps_at_once(size: int) -> None:
    async with running_gateway(settings=ONE | {"queue_max": size}) as rig:
        first = await rig.conversation()
        waiting = [await rig.call() for _ in range(size)]
        await in_line(rig, size)
        more = await rig.call()
        await more.wait_over(10)
        assert verbs(more) == FALLBACK
        for call in [*waiting, first.call]:
            await call.hang_up()


async def test_a_draining_gateway_lets_nobody_wait() -> None:
    async with running_gateway(settings=ONE) as rig:
        first = await rig.conversation()
        second = await rig.call()
        await until(lambda: "Play" in verbs(second))
        rig.gateway.registry.begin()
        await second.wait_over(20)
        assert verbs(second)[-5:] == ["Leave", *FALLBACK]
        await first.call.hang_up()


async def test_frames_that_come_late_have_new_callers_wait_and_are_told_of() -> None:
    async with running_gateway(settings={"max_lateness_ms": 40}) as rig, httpx.AsyncClient() as http:
        first = await rig.conversation()
        loop = asyncio.get_running_loop()
        for number in range(60):
            rig.gateway.registry.admission.lateness.note(0.2, loop.time() - 1.2 + number * 0.02)
        state = await http.get(f"{rig.url}/readyz")
        assert (state.status_code, state.json()["reason"], state.json()["places"]) == (503, "late", 0)
        second = await rig.call()
        await second.stream(20)  # once they come in time again
        assert rig.metric("calls_queued_total", reason="late") == 1
        for call in (first.call, second):
            await call.hang_up()


async def test_a_caller_of_a_process_that_was_restarted_waits_on() -> None:
    async with running_gateway(settings=ONE) as rig, Hand.at(rig) as hand:
        first = await rig.conversation()
        form = call_form(new_call_sid(), CallStatus="in-progress", QueueTime="30", QueuePosition="1")
        assert "<Say>" in (await hand.post("/twilio/wait", form)).text
        assert "<Play>" in (await hand.post("/twilio/wait", form)).text
        await first.call.hang_up()
        await until(lambda: rig.gateway.registry.places)
        assert "<Leave />" in (await hand.post("/twilio/wait", form)).text
        assert "<Enqueue" not in (await hand.post("/twilio/queued", form | {"QueueResult": "leave"})).text
        await hand.post("/twilio/status", form | {"CallStatus": "completed"})


async def test_the_waiting_rooms_doors_are_twilios_alone_but_for_the_music() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        for door in ("/twilio/wait", "/twilio/queued"):
            answer = await hand.post(door, call_form(new_call_sid()), signature="forged")
            assert (answer.status_code, answer.text) == (403, "refused\n")
        answer = await hand.http.get(f"{hand.url}/twilio/music")
        assert "max-age=2592000" in answer.headers["cache-control"]
        assert len(read_wav(io.BytesIO(answer.content))) == 25_600
