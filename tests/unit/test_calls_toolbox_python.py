"""Tools that are functions: found by their mark, called with their arguments, and never in the way."""

import asyncio
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from gateway.calls.toolbox import HttpEndpoint, PythonFunction, Tool, ToolContext, load, tool
from gateway.clients.egress import Egress
from gateway.clients.egress_rules import EgressRules
from gateway.errors import SettingsError, ToolError
from gateway.ids import CallSid, ToolCallId
from gateway.settings import HttpTool
from gateway.wire.agent_session import ToolCall

CONTEXT = ToolContext(CallSid("CA1"), "c1")
HTTP = Egress(EgressRules())
ENDPOINT = HttpTool(url="https://t.example", secret=SecretStr("whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWdhdGV3YXk="))
REQUEST: ContextVar[str] = ContextVar("REQUEST", default="none")


async def run(function: Callable[..., Any], timeout_s: float = 2.0, **arguments: Any) -> str:
    with ThreadPoolExecutor(thread_name_prefix="tool") as threads:
        call = ToolCall(ToolCallId("c1"), "it", arguments)
        return await PythonFunction(function, timeout_s, threads).run(call, CONTEXT)


async def failure(function: Callable[..., Any], timeout_s: float = 2.0, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ToolError) as caught:
        await run(function, timeout_s, **arguments)
    return caught.value.code, str(caught.value)


def hours(day: str, guests: int = 1) -> dict[str, object]:
    return {"day": day, "guests": guests}


@pytest.mark.anyio
async def test_arguments_are_parameters_and_the_result_is_json() -> None:
    assert await run(hours, day="monday", guests=2) == '{"day":"monday","guests":2}'
    assert await run(hours, day="monday") == '{"day":"monday","guests":1}'


@pytest.mark.anyio
async def test_a_plain_function_runs_in_a_thread_of_its_own_with_its_context() -> None:
    REQUEST.set("r1")
    assert await run(lambda: [threading.current_thread().name[:4], REQUEST.get()]) == '["tool","r1"]'


@pytest.mark.anyio
async def test_a_coroutine_runs_in_the_loop_even_behind_a_decorator() -> None:
    async def asynchronous(day: str) -> str:
        return f"{day} in {threading.current_thread().name}"

    @wraps(asynchronous)
    def decorated(*args: Any, **kwargs: Any) -> Any:
        return asynchronous(*args, **kwargs)

    expected = f'"monday in {threading.current_thread().name}"'
    assert await run(asynchronous, day="monday") == expected
    assert await run(decorated, day="monday") == expected


@pytest.mark.anyio
async def test_a_tool_may_ask_for_the_call_it_runs_for() -> None:
    def who(context: ToolContext) -> list[str]:
        return [context.call_id, context.tool_call_id]

    assert await run(who) == '["CA1","c1"]'
    assert await run(who, context="made up by the agent") == '["CA1","c1"]'


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "missing a required argument: 'day'"),
        ({"day": "monday", "hour": 9}, "got an unexpected keyword argument 'hour'"),
        ({"day": "monday", "context": 1}, "got an unexpected keyword argument 'context'"),
    ],
)
async def test_wrong_arguments_are_told_to_the_agent(arguments: dict[str, Any], text: str) -> None:
    assert await failure(hours, **arguments) == ("invalid_arguments", text)


@pytest.mark.anyio
async def test_a_coroutine_has_its_time() -> None:
    async def slow() -> None:
        await asyncio.Event().wait()

    assert await failure(slow, timeout_s=0.02) == ("timeout", "the tool took too long")


@pytest.mark.anyio
async def test_a_plain_function_has_its_time() -> None:
    release = threading.Event()
    threads = ThreadPoolExecutor(1)
    with pytest.raises(ToolError, match="too long"):
        await PythonFunction(release.wait, 0.02, threads).run(ToolCall(ToolCallId("c1"), "it"), CONTEXT)
    release.set()
    threads.shutdown()


@pytest.mark.anyio
@pytest.mark.parametrize("error", [ValueError("no"), TimeoutError("its own"), TypeError("inside")])
async def test_what_a_function_raises_is_its_own(error: Exception) -> None:
    def failing() -> None:
        raise error

    with pytest.raises(type(error), match=str(error)):
        await run(failing)


@pytest.mark.anyio
@pytest.mark.parametrize("result", [object(), {1: object()}, "\ud800", {(1, 2): 3}, lambda: 1])
async def test_a_result_that_is_not_json_is_a_failure(result: object) -> None:
    assert await failure(lambda: result) == ("not_json", "the tool's result is not JSON")


@pytest.mark.anyio
async def test_a_result_without_end_is_a_failure() -> None:
    endless: list[object] = []
    endless.append(endless)
    assert await failure(lambda: endless) == ("not_json", "the tool's result is not JSON")


# Loading


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Makes the working directory one with a module ``my_tools``, which nothing has imported yet."""
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delitem(sys.modules, "my_tools", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.chdir(tmp_path)

    def _write(source: str) -> None:
        (tmp_path / "my_tools.py").write_text(source, encoding="utf-8")

    return _write


IMPORT = "from gateway.calls.toolbox import tool\n"


def loaded() -> dict[str, Tool]:
    sys.modules.pop("my_tools", None)
    return load("my_tools", {}, HTTP)


def load_error() -> str:
    with pytest.raises(SettingsError) as caught:
        loaded()
    text = str(caught.value)
    assert "\n" not in text
    return text


def test_marked_functions_are_tools_by_name(write: Callable[[str], None]) -> None:
    write(
        IMPORT
        + "@tool\ndef weather(city): ...\n"
        + "@tool(name='opening-hours', timeout_s=30)\nasync def hours(): ...\n"
        + "def unmarked(): ...\n"
        + "again = weather\n"
    )
    tools = loaded()
    assert {name: found.timeout_s for name, found in tools.items()} == {"weather": 10.0, "opening-hours": 30}


def test_marking_a_function_leaves_it_callable() -> None:
    assert tool(hours)(day="monday") == tool(name="x")(hours)("monday") == {"day": "monday", "guests": 1}


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        ("import nowhere_at_all\n", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
        ("def broken(:\n", "SyntaxError: invalid syntax"),
        ("raise RuntimeError('two\\nlines')\n", "RuntimeError: two lines"),
        (IMPORT + "@tool(name='no spaces please')\ndef x(): ...\n", "ValueError: a tool can't be named"),
        (IMPORT + "@tool(timeout_s=0)\ndef x(): ...\n", "ValueError: timeout_s must be more than 0"),
        (IMPORT + "@tool(timeout_s=61)\ndef x(): ...\n", "ValueError: timeout_s must be more than 0"),
    ],
)
def test_a_module_that_fails_is_one_line(write: Callable[[str], None], source: str, problem: str) -> None:
    write(source)
    assert load_error().startswith(f"GATEWAY_TOOLS: my_tools can't be imported: {problem}")


def test_a_module_that_is_not_there_is_one_line(write: Callable[[str], None]) -> None:
    expected = "GATEWAY_TOOLS: my_tools can't be imported: ModuleNotFoundError: No module named 'my_tools'"
    assert load_error() == expected


def test_a_module_without_tools_is_one_line(write: Callable[[str], None]) -> None:
    write("def unmarked(): ...\n")
    assert load_error() == "GATEWAY_TOOLS: my_tools has no function marked with @tool"


def test_two_tools_of_one_name_are_refused(write: Callable[[str], None]) -> None:
    write(IMPORT + "@tool(name='x')\ndef a(): ...\n@tool(name='x')\ndef b(): ...\n")
    assert load_error() == "GATEWAY_TOOLS: my_tools has two tools named x"


def test_a_name_is_taken_once(write: Callable[[str], None]) -> None:
    write(IMPORT + "@tool\ndef weather(): ...\n")
    assert list(loaded()) == ["weather"]
    with pytest.raises(SettingsError, match="weather is both in GATEWAY_TOOLS and in GATEWAY_CONFIG"):
        load("my_tools", {"weather": ENDPOINT}, HTTP)


def test_endpoints_are_tools_by_name() -> None:
    tools = load(None, {"weather": ENDPOINT}, HTTP)
    assert isinstance(tools["weather"], HttpEndpoint)
    assert tools["weather"].timeout_s == 10.0
    assert load(None, {}, HTTP) == {}
