"""Tools that fail in every way: the agent is told once, in a form it can read, and the call goes on."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway_rig import Conversation, Rig, anyio_backend, running_gateway, until
from tests.loopback import SILENCE, Answer, Loopback, free_url, response

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
SECRET = "whsec_c2VjcmV0LW9mLXRoZS10ZXN0cw=="
FINE = response(200, '{"order": "on its way"}')
MIB = 1024 * 1024


def config(folder: Path, url: str, timeout_s: float = 0.5) -> Mapping[str, Any]:
    file = folder / "gateway.toml"
    file.write_text(f'[tools.look_up]\nurl = "{url}"\nsecret = "{SECRET}"\ntimeout_s = {timeout_s}\n')
    return {"gateway_config": file, "private_hosts": "127.0.0.1"}


@asynccontextmanager
async def talking(settings: Mapping[str, Any]) -> AsyncIterator[tuple[Rig, Conversation]]:
    """A call that is up before and after what is done in here."""
    async with running_gateway(speed=5, settings=settings) as rig:
        talk = await rig.conversation()
        yield rig, talk
        assert rig.vatel.live
        await talk.call.hang_up()
        assert await rig.ending(talk.call) == "caller_hung_up"


async def answered(talk: Conversation, call_id: str) -> Any:
    outputs = talk.session.record.tool_outputs
    await until(lambda: call_id in outputs)
    return json.loads(outputs[call_id])


async def ask(talk: Conversation, name: str = "look_up", arguments: Mapping[str, Any] | None = None) -> Any:
    return await answered(talk, talk.session.tool_call(name, arguments or {}))


async def endless(writer: asyncio.StreamWriter) -> None:
    writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {50 * MIB}\r\n\r\n".encode())
    for _ in range(50):
        writer.write(b" " * MIB)
        await writer.drain()


async def dripping(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    while not writer.is_closing():
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.05)


async def hanging_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


BOMB = gzip.compress(b'"' + b" " * (30 * MIB) + b'"')
BAD: dict[str, tuple[Answer, str]] = {
    "no answer": (SILENCE, "timeout"),
    "hangs up": (hanging_up, "unreachable"),
    "400": (response(400, "{}"), "http_error"),
    "500": (response(500, "no"), "http_error"),
    "redirect": (response(307, "{}", Location="http://127.0.0.1:1/"), "http_error"),
    "50 MiB": (endless, "unreachable"),
    "gzip bomb": (response(200, BOMB, Content_Encoding="gzip"), "unreachable"),
    "256 KiB and one": (response(200, '"' + "x" * (256 * 1024 - 1) + '"'), "unreachable"),
    "html": (response(200, "<html>", Content_Type="text/html"), "not_json"),
    "empty": (response(204), "not_json"),
    "not utf-8": (response(200, b'"\xff"'), "not_json"),
    "too deep": (response(200, "[" * 100_000), "not_json"),
    "64 KiB and one": (response(200, '"' + "x" * (64 * 1024 - 1) + '"'), "too_large"),
}


@pytest.mark.parametrize(("answer", "code"), BAD.values(), ids=BAD.keys())
async def test_a_tool_that_answers_badly_is_an_error_for_the_agent(
    tmp_path: Path, answer: Answer, code: str
) -> None:
    async with (
        Loopback(answer, FINE) as server,
        talking(config(tmp_path, server.url, 0.5 if code == "timeout" else 5.0)) as (rig, talk),
    ):
        assert (await ask(talk))["error"] == code
        assert rig.metric("tool_calls_total", tool="look_up", outcome=code) == 1
        assert await ask(talk) == {"order": "on its way"}
        assert len(server.requests) == 2
        keys = [request.headers["idempotency-key"] for request in server.requests]
        assert len(set(keys)) == 2


async def test_an_answer_that_drips_is_given_up_at_the_tools_deadline(tmp_path: Path) -> None:
    async with Loopback(dripping) as server, talking(config(tmp_path, server.url)) as (_, talk):
        assert (await ask(talk))["error"] in ("timeout", "unreachable")


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_tool_that_is_not_there_is_an_error_for_the_agent(tmp_path: Path, scheme: str) -> None:
    url = (await free_url()).replace("http", scheme, 1)
    async with talking(config(tmp_path, url)) as (rig, talk):
        assert (await ask(talk))["error"] == "unreachable"
        assert rig.metric("tool_calls_total", tool="look_up", outcome="unreachable") == 1


async def test_what_a_tool_says_is_judged_by_what_it_is_and_not_by_its_name(tmp_path: Path) -> None:
    answer = response(200, '{"fine": true}', Content_Type="text/html")
    async with Loopback(answer) as server, talking(config(tmp_path, server.url)) as (_, talk):
        assert await ask(talk) == {"fine": True}


async def test_a_result_that_comes_too_late_is_dropped(tmp_path: Path) -> None:
    async def late(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.8)
        writer.write(FINE)

    async with Loopback(late) as server, talking(config(tmp_path, server.url)) as (_, talk):
        call_id = talk.session.tool_call("look_up", {})
        assert (await answered(talk, call_id))["error"] == "timeout"
        await asyncio.sleep(0.6)
        assert (await answered(talk, call_id))["error"] == "timeout"
        assert talk.session.record.errors == []


def raw(data: str) -> str:
    return f'{{"type": "tool_call", "data": {{{data}}}}}'


async def test_a_tool_call_that_comes_twice_is_carried_out_once(tmp_path: Path) -> None:
    async with Loopback(FINE) as server, talking(config(tmp_path, server.url)) as (rig, talk):
        for _ in range(3):
            talk.session.tool_call("look_up", {}, "same")
        await answered(talk, "same")
        await ask(talk)
        assert len(server.requests) == 2
    assert rig.metric("dropped_total", what="repeated_tool_calls") == 2


async def test_a_tool_call_without_an_id_is_dropped_and_counted(tmp_path: Path) -> None:
    async with Loopback(FINE) as server, talking(config(tmp_path, server.url)) as (rig, talk):
        talk.session.send_raw(raw('"toolName": "look_up", "arguments": []'))
        await ask(talk)
        assert len(server.requests) == 1
    assert rig.metric("dropped_total", what="malformed_agent_messages") == 1


@pytest.mark.parametrize("arguments", ['"{"', "5", "[" * 100_000 + "]" * 100_000])
async def test_arguments_that_make_no_sense_are_answered_with_an_error(
    tmp_path: Path, arguments: str
) -> None:
    async with Loopback(FINE) as server, talking(config(tmp_path, server.url)) as (rig, talk):
        talk.session._open_calls.add("odd")
        talk.session.send_raw(raw(f'"toolCallId": "odd", "toolName": "look_up", "arguments": {arguments}'))
        assert (await answered(talk, "odd"))["error"] == "invalid_arguments"
        assert server.requests == []
    assert rig.metric("dropped_total", what="malformed_agent_messages") == 0


async def test_of_sixty_tool_calls_five_run_fifty_wait_and_five_are_refused(tmp_path: Path) -> None:
    running = most = 0

    async def slow(writer: asyncio.StreamWriter) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.02)
        running -= 1
        writer.write(FINE)

    async with Loopback(slow) as server, talking(config(tmp_path, server.url, 20.0)) as (rig, talk):
        asked = [talk.session.tool_call("look_up", {}) for _ in range(60)]
        outputs = [await answered(talk, call_id) for call_id in asked]
        assert [output.get("error") for output in outputs] == [None] * 55 + ["too_many"] * 5
        assert (most, len(server.requests)) == (5, 55)
        assert rig.metric("tool_calls_total", tool="look_up", outcome="too_many") == 5


@pytest.mark.parametrize("to", ["+4989999999", "911", "sip:a@b", {"a": 1}, ["+14155550199"]])
async def test_a_transfer_to_a_number_that_is_not_on_the_list_is_refused(to: object) -> None:
    async with talking({"transfer_numbers": "+14155550199,+14155550198"}) as (rig, talk):
        assert (await ask(talk, "transfer_call", {"to": to}))["error"] == "not_allowed"
        assert rig.metric("tool_calls_total", tool="transfer_call", outcome="not_allowed") == 1
