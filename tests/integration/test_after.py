"""What Twilio is told when a stream has ended: to go on, to hang up, or to fall back, and never nothing."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from gateway.bridge.machine import Bridge
from gateway.emulators.twilio.faults import RestFault
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.ids import CallSid
from gateway.wire.agent_session import SpeechStarted
from tests.integration.gateway_audio import speak, words
from tests.integration.gateway_rig import anyio_backend, running_gateway, until, verbs

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]


def kept(folder: Path) -> dict[str, Any]:
    """Settings of a gateway whose calls may go on elsewhere, with all it keeps in one folder."""
    return {
        "resume": "on",
        "database_url": f"sqlite:///{folder}/gateway.db",
        "spool_dir": folder / "spool",
        "recordings_dir": folder / "recordings",
    }


async def test_a_goodbye_that_could_not_be_told_to_twilio_is_one_all_the_same(tmp_path: Path) -> None:
    async with running_gateway(settings=kept(tmp_path), keep=True) as rig:
        talk = await rig.conversation()
        rig.twilio.refuse_rest(RestFault(status=500))
        talk.session.end()
        await talk.call.wait_over(20)
        rig.twilio.refuse_rest(None)
    assert verbs(talk.call) == ["Connect", "Stream", "Redirect", "Hangup"]


async def test_a_caller_for_whom_no_agent_can_be_had_gets_a_person(tmp_path: Path) -> None:
    behaviour = Behaviour(token_status=401)
    settings = kept(tmp_path) | {"fallback_sentence": "Wait."}  # words for which there is no clip
    async with running_gateway(settings=settings, keep=True, behaviour=behaviour) as rig:
        call = await rig.call()
        await call.wait_over(20)
    assert verbs(call)[:5] == ["Connect", "Stream", "Redirect", "Say", "Dial"]


async def test_a_caller_who_was_told_of_the_person_is_not_told_again(tmp_path: Path) -> None:
    behaviour = Behaviour(token_status=401)
    async with running_gateway(settings=kept(tmp_path), keep=True, behaviour=behaviour) as rig:
        rig.twilio.refuse_rest(RestFault(status=500, method="POST"))
        call = await rig.call()
        await call.wait_over(20)
        rig.twilio.refuse_rest(None)
    assert verbs(call)[:4] == ["Connect", "Stream", "Redirect", "Dial"]


async def test_a_database_that_does_not_answer_keeps_nobody_waiting(tmp_path: Path) -> None:
    async with running_gateway(settings=kept(tmp_path), keep=True) as rig:
        talk = await rig.conversation()
        await until(lambda: rig.gateway.parts.keeper and rig.gateway.parts.keeper.confirmed)
        path = tmp_path / "gateway.db"
        opened = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        with closing(opened) as other:
            await asyncio.to_thread(other.execute, "BEGIN EXCLUSIVE")
            speak(talk.session, "one", words(1, 0.5))
            await talk.line.wait_heard(0.4)  # live calls have no need of it
            record = talk.call.requests[0]
            asked = {**record.params, "CallSid": "CA" + "f" * 32}
            url = f"{rig.url}/twilio/after?h=1&c={rig.gateway.registry.call_id(CallSid(talk.call.sid))}"
            began = asyncio.get_running_loop().time()
            answer = await rig.twilio._parts.services.webhooks.send(url, asked)
            took_s = asyncio.get_running_loop().time() - began
            other.execute("ROLLBACK")
        assert b"<Dial" in answer.body
        assert took_s < 5  # the database answers when this test lets it, and not before
        await talk.call.hang_up()


async def test_a_bug_in_a_call_costs_it_its_agent_and_not_its_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    handle = Bridge.handle

    def broken(self: Bridge, event: Any, now: float) -> Any:
        if isinstance(event, SpeechStarted):
            raise RuntimeError("a bug")  # noqa: TRY004 - of no kind in particular
        return handle(self, event, now)

    async with running_gateway(settings=kept(tmp_path), keep=True) as rig:
        talk = await rig.conversation()
        await until(lambda: rig.gateway.parts.keeper and rig.gateway.parts.keeper.confirmed)
        with monkeypatch.context() as patched:
            patched.setattr(Bridge, "handle", broken)
            talk.session.speech_started()
            session = await rig.vatel.joined(10)
        await until(lambda: len(talk.call.lines) == 2 and session.record.audio_messages)
        speak(session, "one", words(1, 0.5))
        await talk.call.lines[-1].wait_heard(0.4)
        await talk.call.hang_up()
        assert '"exception"' in rig.output.getvalue()  # which is trouble in any other test
        rig.output.truncate(0)
    assert verbs(talk.call) == ["Connect", "Stream", "Redirect", "Connect", "Stream"]
