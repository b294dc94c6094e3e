"""Calls at the command line: placed, followed, listed, shown, ended; and agents, asked of Vatel."""

import asyncio
import json
import os
import signal
from pathlib import Path

import pytest

from gateway.emulators.twilio.people import Callee, Outcome
from gateway.emulators.vatel.script import End, Listen, Say, Script, Tool
from tests.integration.gateway_rig import HUMAN, anyio_backend, until
from tests.integration.test_cli_numbers import Operator, operator, outcome, start
from tests.integration.test_outbound import CALLEE

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
SHORT = Script(steps=(Say(text="We are open till five."), Say(text="Goodbye."), Tool(name="end_call"), End()))
LONG = Script(steps=(Say(text="Hello."), Listen(timeout_s=60.0), End()))


def name_in(out: str) -> str:
    """The call's name, from the last line."""
    return out.split()[-1]


async def placed(at: Operator) -> str:
    """A call that goes on."""
    name = await at.desk.place()
    await (await (await at.desk.call()).stream()).wait_heard(0.3)
    return name


async def test_a_call_is_placed_followed_to_its_end_listed_and_shown(tmp_path: Path) -> None:
    async with operator(tmp_path, script=SHORT) as at:
        called = await at.run("call", CALLEE, "--first-message", "Hello {{name}}.", "--var", "name=Ada")
        name = name_in(called.out)
        listed = await at.run("calls", "list", "--since", "1h", "--to", CALLEE)
        nothing = await at.run("calls", "list", "--until", "2020-01-01")
        shown = await at.run("calls", "show", name.removeprefix("call_"), "--events")
        whole = await at.run("calls", "show", name, "--json")
    assert (called.code, called.err) == (0, "")
    course = [line.split()[1:3] for line in called.out.splitlines() if line.startswith(" ")]
    assert course[0] == ["placed", name]
    assert [words[0] for words in course if words[0] in ("ringing", "answered", "ended")] == [
        "ringing",
        "answered",
        "ended",
    ]
    assert "agent    Hello Ada" in called.out
    assert "tool     end_call() → " in called.out
    assert "ended    agent hung up (by the agent), after 0:0" in called.out
    assert "→ +1 415 555 0177 agent hung up" in listed.out
    assert name in listed.out
    assert listed.widest <= 80
    assert nothing.out == "There are no such calls.\n"
    assert "+1 415 555 0100 → +1 415 555 0177, outbound" in shown.out
    assert "agent joined" in shown.out
    assert shown.widest <= 80
    assert whole.json["call"]["to"] == CALLEE
    assert whole.json["call"]["created_at"].endswith("Z")
    assert [turn["who"] for turn in whole.json["turns"]][:1] == ["agent"]
    assert "\x1b" not in called.out + listed.out + shown.out


async def test_a_followed_call_is_one_json_object_a_line(tmp_path: Path) -> None:
    async with operator(tmp_path, script=SHORT) as at:
        called = await at.run("call", CALLEE, "--json")
    told = [json.loads(line) for line in called.out.splitlines()]
    assert [each["what"] for each in told if each["what"] not in ("said", "event", "tool")] == [
        "placed",
        "ringing",
        "answered",
        "ended",
    ]
    assert told[-1]["call"]["ending"] == "agent_hung_up"


async def test_a_call_nobody_takes_ends_with_exit_code_1(tmp_path: Path) -> None:
    async with operator(tmp_path, Callee(Outcome.BUSY, 0.3)) as at:
        called = await at.run("call", CALLEE)
    assert called.code == 1
    assert "ended    busy" in called.out


async def test_a_call_that_is_refused_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    async with operator(tmp_path) as at:
        called = await at.run("call", "+19005550199")
    assert (called.code, called.out) == (2, "")
    assert called.err.startswith("vatel-gateway: ")


async def test_ctrl_c_with_nobody_to_ask_ends_the_call(tmp_path: Path) -> None:
    async with operator(tmp_path, script=LONG) as at:
        process = await start("call", CALLEE, folder=tmp_path, environment=at.settings)
        await until(lambda: at.desk.rig.twilio.calls, 20)
        await (await at.desk.call()).stream()
        assert process.stdout is not None
        async with asyncio.timeout(20):
            heard = await process.stdout.readuntil(b"answered")
        process.send_signal(signal.SIGINT)
        called = await outcome(process)
    assert called.code == 0
    assert "ended    hung up (by the api)" in (heard.decode() + called.out)
    assert "Traceback" not in called.err


async def test_ctrl_c_at_a_terminal_asks_and_may_leave_the_call_running(tmp_path: Path) -> None:
    terminal, theirs = os.openpty()
    try:
        async with operator(tmp_path, script=LONG) as at:
            process = await start("call", CALLEE, folder=tmp_path, stdin=theirs, environment=at.settings)
            await until(lambda: at.desk.rig.twilio.calls, 20)
            call = await at.desk.call()
            assert process.stdout is not None
            assert process.stderr is not None
            async with asyncio.timeout(20):
                await process.stdout.readuntil(b"answered")
                process.send_signal(signal.SIGINT)
                await process.stderr.readuntil(b"Hang up?")
            os.write(terminal, b"n\n")
            called = await outcome(process)
            live = not call.over
            await call.hang_up()
    finally:
        os.close(terminal)
        os.close(theirs)
    assert (called.code, live) == (1, True)
    assert "The call goes on; vatel-gateway calls hangup call_" in called.err


async def test_a_call_is_ended_from_elsewhere_and_not_twice(tmp_path: Path) -> None:
    async with operator(tmp_path, script=LONG) as at:
        name = await placed(at)
        first = await at.run("calls", "hangup", name)
        await at.desk.ended(name)
        second = await at.run("calls", "hangup", name)
        other = await at.run("calls", "hangup", "call_01kd0c7c2g0000000000000000")
    assert (first.code, first.out) == (0, f"{name} is ended.\n")
    assert (second.code, second.err.splitlines()[0]) == (1, "vatel-gateway: the call is over.")
    assert (other.code, other.err.splitlines()[0]) == (1, "vatel-gateway: There is no such call.")


async def test_what_was_done_is_told_as_json_where_wanted(tmp_path: Path) -> None:
    async with operator(tmp_path, script=LONG) as at:
        name = await placed(at)
        moved = await at.run("calls", "transfer", name, HUMAN, "--json")
        await at.desk.ended(name)
    assert moved.json == {"id": name, "to": HUMAN}


async def test_a_call_is_connected_to_a_person(tmp_path: Path) -> None:
    async with operator(tmp_path, script=LONG) as at:
        name = await placed(at)
        moved = await at.run("calls", "transfer", name, HUMAN)
        shown = await at.desk.ended(name)
    assert (moved.code, moved.out) == (0, f"{name} is being connected to +1 415 555 0199.\n")
    assert shown["ending"] == "transferred"


async def test_calls_are_exported_whole_to_a_file_or_to_standard_output(tmp_path: Path) -> None:
    async with operator(tmp_path, script=SHORT) as at:
        name = name_in((await at.run("call", CALLEE)).out)
        printed = await at.run("calls", "export", "--ending", "agent_hung_up")
        kept = await at.run("calls", "export", "--format", "json", "-o", "calls.json")
        denied = await at.run("calls", "recording", name)
    assert printed.out.splitlines()[1].startswith(f"{name},outbound")
    assert kept.out.startswith("calls.json: ")
    assert [call["id"] for call in json.loads((tmp_path / "calls.json").read_text())] == [name]
    assert denied.code == 1
    assert "There is no recording" in denied.err


async def test_agents_are_listed_and_shown_with_the_settings_key(tmp_path: Path) -> None:
    async with operator(tmp_path) as at:
        vatel, agent = at.desk.rig.vatel, at.desk.rig.gateway.parts.settings.vatel_agent_id
        account = {"VATEL_API_KEY": vatel.api_key, "VATEL_BASE_URL": vatel.url, "VATEL_AGENT_ID": agent}
        listed = await at.run("agents", "list", **account)
        shown = await at.run("agents", "show", **account)
        plain = await at.run("agents", "list", "--json", **account)
        keyless = await at.run("agents", "list")
        unknown = await at.run("agents", "list", **account | {"VATEL_API_KEY": "wrong"})
    assert f"Demo agent *    {agent}  active" in listed.out
    assert listed.widest <= 80
    assert "says first  Hello" in shown.out
    assert plain.json[0]["id"] == agent
    assert (keyless.code, keyless.err.splitlines()[0]) == (2, "vatel-gateway: VATEL_API_KEY: is missing.")
    assert unknown.code == 1
