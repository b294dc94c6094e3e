"""The user's tools: HTTP endpoints and Python functions, run beside the call."""

import asyncio
import contextvars
import functools
import importlib
import inspect
import re
import sys
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar, overload

import msgspec
from standardwebhooks import Webhook

from gateway.clients.egress import Egress, Lanes
from gateway.errors import EgressRefused, EndpointError, EndpointTimeout, SettingsError, ToolError
from gateway.ids import CallSid
from gateway.settings import HttpTool
from gateway.wire.agent_session import ToolCall

LARGEST_ANSWER: Final = 256 * 1024
LANES: Final = Lanes(all=256, running=128, waiting=512)
"""Tools of all calls ask the same few hosts: more at a time than for events, of which none waits for one."""
_THREADS: Final = 32
_OWN_HOST: Final = "Give an https address of a public host, or name a host of your own in PRIVATE_HOSTS."
_LONGEST_S: Final = 60.0
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")


@dataclass(frozen=True, slots=True)
class ToolContext:
    """What a tool may know of the call it runs for."""

    call_id: CallSid
    tool_call_id: str


class Tool(Protocol):
    """Something an agent can call."""

    @property
    def timeout_s(self) -> float:
        """How long the agent waits for it."""

    async def run(self, call: ToolCall, context: ToolContext) -> str:
        """Run it; return JSON text.

        Raises:
            ToolError: it failed.
        """


class HttpEndpoint:
    """A tool behind HTTP: a signed POST of the call, the tool call and its arguments."""

    def __init__(self, name: str, config: HttpTool, egress: Egress) -> None:
        self._name = name
        self._url = config.url
        self._egress = egress
        self.timeout_s = config.timeout_s
        self._webhook = Webhook(config.secret.get_secret_value())

    async def run(self, call: ToolCall, context: ToolContext) -> str:
        """POST the call; the same tool call always carries the same key, so a repetition is harmless."""
        body = self._body(call, context)
        key = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{context.call_id}/{call.id}"))
        try:
            answer = await self._egress.ask(
                "POST",
                self._url,
                headers=self._headers(key, body),
                content=body,
                deadline_s=self.timeout_s,
                largest_body=LARGEST_ANSWER,
            )
        except EndpointTimeout:
            raise ToolError("the tool took too long", code="timeout") from None
        except (EgressRefused, EndpointError) as error:
            raise ToolError(str(error), code="unreachable") from None
        if not 200 <= answer.status < 300:
            raise ToolError(f"the tool answered with status {answer.status}", code="http_error")
        if not answer.whole:
            raise ToolError("the tool's answer is too long, packed, or broke off", code="unreachable")
        return _json_text(answer.body)

    def _body(self, call: ToolCall, context: ToolContext) -> bytes:
        message = {
            "type": "tool.call",
            "call_id": context.call_id,
            "tool_call_id": call.id,
            "tool": self._name,
            "arguments": call.arguments,
        }
        try:
            return msgspec.json.encode(message)
        except RecursionError:
            raise ToolError("the arguments are nested too deep", code="invalid_arguments") from None

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        return {
            "Content-Type": "application/json",
            "Idempotency-Key": key,
            "webhook-id": key,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._webhook.sign(key, now, body.decode()),
        }


def _json_text(body: bytes) -> str:
    try:
        msgspec.json.decode(body)
        return body.decode("utf-8")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise ToolError("the tool's answer is not JSON", code="not_json") from None


class PythonFunction:
    """A tool that is a function of the user's: its parameters are the tool's arguments."""

    def __init__(self, function: Callable[..., Any], timeout_s: float, threads: Executor) -> None:
        self._function = function
        self._threads = threads
        self._signature = inspect.signature(function)
        self.timeout_s = timeout_s

    async def run(self, call: ToolCall, context: ToolContext) -> str:
        """Call the function; a plain one runs in a thread, so that it holds up nothing."""
        arguments: dict[str, Any] = dict(call.arguments)
        if "context" in self._signature.parameters:
            arguments["context"] = context
        try:
            self._signature.bind(**arguments)
        except TypeError as error:
            raise ToolError(str(error), code="invalid_arguments") from None
        clock = asyncio.timeout(self.timeout_s)
        try:
            async with clock:
                result = await self._result(arguments)
        except TimeoutError:
            if not clock.expired():  # the function's own
                raise
            raise ToolError("the tool took too long", code="timeout") from None
        try:
            return msgspec.json.encode(result).decode()
        except (TypeError, ValueError, ArithmeticError, RecursionError):
            raise ToolError("the tool's result is not JSON", code="not_json") from None

    async def _result(self, arguments: dict[str, Any]) -> object:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(**arguments)
        work = functools.partial(contextvars.copy_context().run, self._function, **arguments)
        result = await asyncio.get_running_loop().run_in_executor(self._threads, work)
        return await result if inspect.isawaitable(result) else result  # a decorator may hide a coroutine


_TAG: Final = "__vatel_tool__"
_F = TypeVar("_F", bound=Callable[..., Any])


@overload
def tool(function: _F) -> _F: ...


@overload
def tool(*, name: str | None = None, timeout_s: float = 10.0) -> Callable[[_F], _F]: ...


def tool(
    function: Callable[..., Any] | None = None, *, name: str | None = None, timeout_s: float = 10.0
) -> Callable[..., Any]:
    """Make a function a tool of the agent's.

    Its parameters are the tool's arguments; one called ``context`` gets a ``ToolContext``. It returns
    anything JSON can hold.

    Args:
        function: The function, when used without parentheses.
        name: The tool's name; the function's by default.
        timeout_s: How long the agent waits for it, up to a minute.
    """
    if name is not None and not _NAME.fullmatch(name):
        raise ValueError(f"a tool can't be named {name!r}: letters, digits, _ and -, beginning with a letter")
    if not 0 < timeout_s <= _LONGEST_S:
        raise ValueError(f"timeout_s must be more than 0 and at most {_LONGEST_S:g}")

    def mark(decorated: Callable[..., Any]) -> Callable[..., Any]:
        setattr(decorated, _TAG, (name or decorated.__name__, timeout_s))
        return decorated

    return mark if function is None else mark(function)


def _functions(module: str) -> dict[str, Tool]:
    """The functions of a module that ``tool`` marked; it is looked for where the gateway was started, too."""
    here = str(Path.cwd())
    if here not in sys.path:  # as ``python -m gateway`` has it, and the installed script has not
        sys.path.insert(0, here)
    try:
        members = vars(importlib.import_module(module)).values()
    except Exception as error:  # the user's own code, run at start: whatever it raises is the setting's fault
        problem = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise SettingsError(f"GATEWAY_TOOLS: {module} can't be imported: {problem}") from error
    # Threads of their own: slow tools would hold up the event loop's, which look up host names.
    threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="tool")
    found: dict[str, Tool] = {}
    marked = {
        id(member): member for member in members if inspect.isfunction(member) and hasattr(member, _TAG)
    }
    for function in marked.values():
        name, timeout_s = getattr(function, _TAG)
        if name in found:
            raise SettingsError(f"GATEWAY_TOOLS: {module} has two tools named {name}")
        found[name] = PythonFunction(function, timeout_s, threads)
    if not found:
        raise SettingsError(f"GATEWAY_TOOLS: {module} has no function marked with @tool")
    return found


def load(module: str | None, endpoints: Mapping[str, HttpTool], egress: Egress) -> dict[str, Tool]:
    """The tools of a module and of the TOML file, by name.

    Raises:
        SettingsError: the module can't be imported, a name is taken twice, or an address may not be asked.
    """
    tools = _functions(module) if module else {}
    for name, config in endpoints.items():
        if name in tools:
            raise SettingsError(f"the tool {name} is both in GATEWAY_TOOLS and in GATEWAY_CONFIG")
        try:
            egress.check(config.url)
        except EgressRefused as error:
            raise SettingsError(f"GATEWAY_CONFIG: tools.{name}.url: {error}", remedy=_OWN_HOST) from None
        tools[name] = HttpEndpoint(name, config, egress)
    return tools
