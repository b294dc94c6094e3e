"""What those who run the gateway see: its health, its figures, and a log without anything private in it."""

import json
import re

import pytest

from gateway.emulators.vatel.account import DEFAULT_API_KEY
from gateway.emulators.vatel.behaviour import Behaviour
from tests.integration.gateway_audio import speak, words
from tests.integration.gateway_hand import Hand, new_call_sid
from tests.integration.gateway_rig import CALLER, HUMAN, NUMBER, anyio_backend, running_gateway, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
SAMPLE = re.compile(r"(\w+)(\{[^}]*\})? [-+0-9.eE]+(Inf|NaN)?")


async def test_the_gateway_tells_whether_it_lives_and_takes_calls() -> None:
    settings = {"max_calls": 1}
    async with (
        running_gateway(settings=settings, limits={"stream_timeout_s": 0.3}) as rig,
        Hand.at(rig) as hand,
    ):
        alive, ready = await hand.http.get(f"{rig.url}/healthz"), await hand.http.get(f"{rig.url}/readyz")
        assert (alive.status_code, ready.status_code) == (200, 200)
        assert (ready.json()["ready"], ready.json()["places"], ready.json()["waiting"]) == (True, 1, 0)
        assert 0 < ready.json()["descriptors_used"] < 0.85
        await hand.voice(new_call_sid())
        full = await hand.http.get(f"{rig.url}/readyz")
        assert (full.status_code, full.json()["reason"], full.json()["places"]) == (503, "full", 0)
        await until(lambda: rig.gateway.registry.idle)
        rig.gateway.registry.begin()
        draining = await hand.http.get(f"{rig.url}/readyz")
        assert (draining.json()["reason"], draining.headers["retry-after"]) == ("draining", "5")
        assert (await hand.http.get(f"{rig.url}/healthz")).status_code == 200


async def test_the_figures_of_a_call_are_published_and_name_nobody() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 0.5))
        await talk.line.wait_heard(0.5)
        await talk.call.hang_up()
        await rig.report(talk.call)
        text = (await hand.http.get(f"{rig.url}/metrics")).text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) for line in lines)
    assert 'vatel_gateway_calls_ended_total{by="caller",ending="caller_hung_up"} 1.0' in lines
    assert "vatel_gateway_answer_to_first_audio_seconds_count 1.0" in lines
    assert "vatel_gateway_calls_live 0.0" in lines
    for private in [CALLER, NUMBER, HUMAN, talk.call.sid, "MZ", talk.session.id]:
        assert private not in text


async def test_a_call_is_told_in_lines_of_its_own_and_nothing_private_is_in_them() -> None:
    settings = {
        "gateway_tools": "tests.integration.gateway_tools",
        "fallback_sentence": "Wait.",
        "apology": "Sorry.",
    }
    async with running_gateway(settings=settings) as rig:
        talk = await rig.conversation()
        talk.session.text("one", "canary-of-the-agent", final=True)
        talk.session.transcript("canary-of-the-caller")
        speak(talk.session, "one", words(1, 0.4))
        asked = talk.session.tool_call("collect_digits", {"max_digits": 7})
        talk.line.press("7391846")
        await until(lambda: asked in talk.session.record.tool_outputs)
        talk.session.tool_call("add", {"first": 90210, "second": 1, "third": "canary-of-a-tool"})
        talk.session.tool_call("transfer_call", {"to": "+19005550123"})
        talk.session.send_raw('{"type":"canary-of-a-type"}')
        talk.session.abort()
        await rig.vatel.joined()
        await until(lambda: rig.metric("agent_gap_seconds_count") == 1)
        await talk.call.hang_up()
        await rig.report(talk.call)
        document = talk.call.requests[0].body
    text = rig.output.getvalue()
    secrets = [CALLER, NUMBER, HUMAN, "+19005550123", "5550123", "7391846", "90210", "canary"]
    secrets += [
        re.findall(r'name="ticket" value="([^"]+)"', document)[0],
        "emulated-auth-token",
        DEFAULT_API_KEY,
    ]
    assert [secret for secret in secrets if secret in text] == []
    events = [line["event"] for line in rig.log if line.get("call_sid") == talk.call.sid]
    assert events[0] == "call admitted"
    told = {"agent joined", "first audio", "tool answered", "agent lost", "agent missed", "agent back"}
    assert told | {"call over"} <= set(events)
    assert all("call_sid" in line for line in rig.log if line["event"] != "draining")


async def test_a_token_that_opens_nothing_is_not_logged_either() -> None:
    behaviour = Behaviour(token_body='{"token":"canary-of-a-token"}')
    async with running_gateway(behaviour=behaviour, speed=5) as rig:
        call = await rig.call()
        await call.wait_over(10)
        assert len(rig.vatel.token_requests) == 2
    assert "agent can't be had" in rig.output.getvalue()
    assert "canary" not in rig.output.getvalue()


async def test_a_refused_agent_is_told_with_its_remedy() -> None:
    async with running_gateway(behaviour=Behaviour(token_status=401), speed=5) as rig:
        call = await rig.call()
        await call.wait_over(10)
        told = next(line for line in rig.log if line["event"] == "agent can't be had")
    assert (told["level"], told["call_sid"]) == ("warning", call.sid)
    assert "VATEL_API_KEY" in json.dumps(told)
