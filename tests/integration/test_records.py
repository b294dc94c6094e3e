"""What is written down of calls: who said what, what was heard of it, how it ended, how long it took."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import soundfile
from sqlalchemy import select

from gateway.emulators.vatel.hearing import Listening
from gateway.emulators.vatel.script import Listen, Say, Script, Tool
from gateway.ids import E164, CallSid
from gateway.store import calls, conversations, numbers
from gateway.store.calls import Call
from gateway.store.models import metadata
from gateway.store.numbers import Number
from gateway.store.records import Direction, Happening, Speaker, Status, ToolRun, Turn
from tests.integration.gateway_audio import caller_words, speak, words
from tests.integration.gateway_rig import CALLER, NUMBER, Rig, anyio_backend, running_gateway, until, verbs

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
ADDING = Script(
    steps=(
        Say(text="Good morning."),
        Listen(hears="I want to add one and two."),
        Tool(name="add", arguments={"first": 1, "second": 2}),
        Say(text="It is {output}.", wait=False),
        Tool(name="end_call"),
    ),
    listening=Listening(silence_ms=300),
)

KEYING = Script(
    steps=(
        Say(text="Your code?"),
        Tool(name="collect_digits", arguments={"max_digits": 4}),
        Tool(name="echo", arguments={"code": "{collect_digits.digits}"}),
        Say(text="It is {collect_digits.digits}.", wait=False),
        Tool(name="end_call"),
    )
)


def kept(folder: Path, **more: Any) -> dict[str, Any]:
    """Settings that keep everything in a folder."""
    return {
        "database_url": f"sqlite:///{folder}/gateway.db",
        "spool_dir": folder / "spool",
        "recordings_dir": folder / "recordings",
    } | more


async def record(rig: Rig, call_sid: str) -> Call:
    """The record of a call that is over."""
    records = rig.gateway.parts.keeping
    assert records is not None
    await until(lambda: any(sid == call_sid for sid, _ in rig.gateway.registry.recent))
    assert await records.journal.flush(5)
    async with records.database.read() as connection:
        found = await calls.by_sid(connection, CallSid(call_sid))
    assert found is not None
    return found


async def conversation(
    rig: Rig, call: Call
) -> tuple[tuple[Turn, ...], tuple[ToolRun, ...], tuple[Happening, ...]]:
    """What was said in a call, the tools it used, and what happened."""
    records = rig.gateway.parts.keeping
    assert records is not None
    async with records.database.read() as connection:
        said = await conversations.turns_of(connection, call.id)
        tools = await conversations.tools_of(connection, call.id)
        return said, tools, await conversations.events_of(connection, call.id)


async def test_a_call_is_written_down_whole(tmp_path: Path) -> None:
    settings = kept(tmp_path, gateway_tools="tests.integration.gateway_tools")
    async with running_gateway(script=ADDING, settings=settings, keep=True) as rig:
        call = await rig.call()
        line = await call.stream()
        await line.wait_heard(0.85)
        await line.say(caller_words(3, 0.5))
        await call.wait_over(15)
        written = await record(rig, call.sid)
        said, tools, events = await conversation(rig, written)
    assert (written.direction, written.status, written.ending, written.ended_by) == (
        Direction.INBOUND, Status.COMPLETED, "agent_hung_up", "agent",
    )  # fmt: skip
    assert (written.from_number, written.to_number, written.number) == (CALLER, NUMBER, NUMBER)
    assert written.session_id
    assert written.first_audio_ms is not None
    assert written.duration_ms is not None
    assert written.agent_ms is not None
    times = [written.created_at, written.answered_at, written.first_audio_at, written.ended_at]
    assert all(times)
    assert times == sorted(time for time in times if time)
    assert [turn.who for turn in said] == [Speaker.AGENT, Speaker.CALLER, Speaker.AGENT]
    assert (said[0].heard_text, said[1].heard_text) == ("Good morning.", "I want to add one and two.")
    assert [(tool.name, tool.arguments, tool.output, tool.failed) for tool in tools] == [
        ("add", {"first": 1, "second": 2}, tools[0].output, False),
        ("end_call", {}, '{"ok":true}', False),
    ]
    kinds = [event.kind for event in events]
    assert kinds[0] in ("agent_joined", "answered")
    assert kinds[-1] == "ended"


async def everything(rig: Rig) -> str:
    """All that is in the database."""
    records = rig.gateway.parts.keeping
    assert records is not None
    async with records.database.read() as connection:
        rows = [
            f"{name} {row}"
            for name, table in metadata.tables.items()
            for row in (await connection.execute(select(table))).all()
        ]
    return "\n".join(rows)


async def test_keys_that_were_pressed_are_written_down_as_stars(tmp_path: Path) -> None:
    settings = kept(tmp_path, gateway_tools="tests.integration.gateway_tools", resume="on")
    async with running_gateway(script=KEYING, settings=settings, keep=True) as rig:
        call = await rig.call()
        line = await call.stream()
        await until(lambda: any("tool_call" in session.kinds() for session in rig.vatel.sessions))
        line.press("4711")
        await call.wait_over(15)
        assert any("4711" in output for output in rig.vatel.sessions[-1].tool_outputs.values())
        written = await record(rig, call.sid)
        said, tools, events = await conversation(rig, written)
        stored = await everything(rig)
    assert [(tool.name, tool.arguments.get("code")) for tool in tools] == [
        ("collect_digits", None), ("echo", "****"), ("end_call", None)
    ]  # fmt: skip
    assert [turn.heard_text for turn in said] == ["Your code?", "It is ****."]
    assert "4711" not in f"{written} {said} {tools} {events}"
    assert "\ncall_leases " in stored
    assert "4711" not in stored
    assert written.digits_masked


async def test_what_was_cut_is_written_down_as_cut(tmp_path: Path) -> None:
    async with running_gateway(settings=kept(tmp_path), keep=True) as rig:
        talk = await rig.conversation()
        talk.session.text("one", "one two three four five six seven eight nine ten.", final=True)
        speak(talk.session, "one", words(1, 4.0))
        await talk.line.wait_heard(2.0)
        talk.session.interrupt()
        await until(lambda: talk.line.cut)
        await talk.call.hang_up()
        written = await record(rig, talk.call.sid)
        records = rig.gateway.parts.keeping
        assert records is not None
        async with records.database.read() as connection:
            (turn,) = await conversations.turns_of(connection, written.id)
    assert turn.cut
    assert turn.cut_text.endswith("nine ten.")
    assert written.ending == "caller_hung_up"


async def test_a_number_has_its_own_agent_words_and_recording(tmp_path: Path) -> None:
    async with running_gateway(settings=kept(tmp_path), keep=True) as rig:
        records = rig.gateway.parts.keeping
        assert records is not None
        route = Number(
            number=E164(NUMBER),
            first_message="Hello {{name|there}}, you called {{our_number}}.",
            prompt="Speak with {{caller_number}}.",
            recording=True,
            recording_notice="This call is recorded.",
        )
        async with records.database.write() as connection:
            await numbers.put(connection, route, datetime.now(UTC))
        await records.routes.refresh()
        talk = await rig.conversation()
        speak(talk.session, "one", words(1, 1.0))
        await talk.line.wait_heard(1.0)
        await talk.call.hang_up()
        written = await record(rig, talk.call.sid)
        await until(lambda: not records.recorder.live)
        assert await records.journal.flush(5)
        written = await record(rig, talk.call.sid)
        (asked,) = rig.vatel.token_requests
    assert asked.first_message == f"Hello there, you called {NUMBER}."
    assert f'<value>"{CALLER}"</value>' in str(asked.prompt)
    assert written.recording_state == "kept"
    sound, rate = soundfile.read(tmp_path / "recordings" / str(written.recording_path))
    assert (rate, sound.shape[1]) == (8000, 2)
    assert len(sound) / rate >= 1.0
    assert abs(sound[:, 1]).max() > 0.05
    assert verbs(talk.call)[:2] == ["Say", "Connect"]


async def test_a_call_that_is_not_taken_is_written_down_once(tmp_path: Path) -> None:
    async with running_gateway(settings=kept(tmp_path, max_calls=1, queue_max=0), keep=True) as rig:
        talk = await rig.conversation()
        refused = await rig.call()
        await refused.wait_over(20)
        keeping = rig.gateway.parts.keeping
        assert keeping is not None
        assert await keeping.journal.flush(5)
        async with keeping.database.read() as connection:
            written = await calls.by_sid(connection, CallSid(refused.sid))
        await talk.call.hang_up()
    assert written is not None
    assert (written.status, written.ending, written.ended_by) == (Status.FAILED, "full", "limit")
    assert (written.from_number, written.to_number) == (CALLER, NUMBER)
