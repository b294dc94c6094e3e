"""A whole gateway between the two emulators, in one process, over real sockets; nothing may be left of it."""

import asyncio
import contextlib
import io
import json
import logging
import os
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
import structlog

from gateway import logs
from gateway import settings as settings_module
from gateway.bridge.limits import Limits
from gateway.bridge.report import CallReport
from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator
from gateway.emulators.twilio.line import Line
from gateway.emulators.twilio.people import Callee
from gateway.emulators.twilio.services import Conduct, DialOutcome, PhoneNumber
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID, DEFAULT_API_KEY
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.script import Manual, Script
from gateway.emulators.vatel.session import Session
from gateway.ids import CallSid
from gateway.web import app, server
from gateway.web.app import Gateway

NUMBER = "+14155550100"
CALLER = "+14155550123"
HUMAN = "+14155550199"
PERSON = DialOutcome(after_s=0.1, talk_s=0.2)
LEAK_PATIENCE_S = 5.0


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """As in production: on uvloop."""
    return "asyncio", {"use_uvloop": True}


class GuestServer(server.DrainingServer):
    """The gateway's server as a guest of a test's loop, whose signals stay the test's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass
class Conversation:
    """A call that is connected: the telephone's end and the agent's."""

    call: Call
    line: Line
    session: Session


@dataclass
class Rig:
    """What a test holds of a running gateway."""

    twilio: TwilioEmulator
    vatel: VatelEmulator
    gateway: Gateway
    server: GuestServer
    serving: "asyncio.Task[None]"
    url: str
    output: io.StringIO = field(default_factory=io.StringIO)
    trouble: list[str] = field(default_factory=list)

    async def call(self, params: Mapping[str, str] | None = None) -> Call:
        """Have somebody call the gateway's number."""
        return await self.twilio.call_in(to=NUMBER, from_=CALLER, params=params)

    async def conversation(self) -> Conversation:
        """A call whose stream is open and whose agent has been told of; one at a time."""
        call = await self.call()
        session = await self.vatel.joined()
        line = await call.stream()
        # Its first audio tells that the gateway has put the two together.
        await until(lambda: session.record.audio_messages)
        return Conversation(call, line, session)

    def told(self, call: Call) -> CallReport:
        """What is known of a call that is live."""
        return self.gateway.registry._live[CallSid(call.sid)].call.report

    async def agent_of(self, call_sid: str) -> Session:
        """The agent's session of a live call, however many there are.

        Raises:
            LookupError: the call ended without one.
        """
        live = self.gateway.registry._live

        def session_id() -> str | None:
            admitted = live.get(CallSid(call_sid))
            return admitted.call.report.session_id if admitted else None

        await until(lambda: session_id() or call_sid not in live, 10)
        for session in self.vatel.live:
            if session.id == session_id():
                return session
        raise LookupError(f"call {call_sid} has no agent")

    async def report(self, call: Call) -> CallReport:
        """What the gateway knows of a call that is over."""
        await until(lambda: any(sid == call.sid for sid, _ in self.gateway.registry.recent))
        return next(report for sid, report in self.gateway.registry.recent if sid == call.sid)

    async def ending(self, call: Call) -> str:
        """Why a call ended."""
        ending = (await self.report(call)).ending
        return ending.value if ending else ""

    def metric(self, name: str, **labels: str) -> float:
        """The value of a sample, without the common prefix; 0 if there is none."""
        return self.gateway.metrics.registry.get_sample_value(f"vatel_gateway_{name}", labels) or 0.0

    def refused(self, door: str, reason: str) -> float:
        """How often a door stayed shut for a reason."""
        return self.metric("doors_refused_total", door=door, reason=reason)

    @property
    def log(self) -> list[dict[str, Any]]:
        """The lines logged so far."""
        return [json.loads(line) for line in self.output.getvalue().splitlines()]


async def until(condition: Callable[[], object], seconds: float = 5.0) -> None:
    """Wait until a condition holds; fail if it does not in time."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.01)


def verbs(call: Call) -> list[str]:
    """The verbs of a call so far, in order."""
    return [record.verb for record in call.verbs]


def listener() -> socket.socket:
    """A bound socket on a free port, whose accepted ones do not wait to send."""
    made = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", 0))
    made.setblocking(False)
    return made


@asynccontextmanager
async def running_gateway(
    *,
    settings: Mapping[str, Any] | None = None,
    limits: Mapping[str, Any] | None = None,
    behaviour: Behaviour | Sequence[Behaviour] = Behaviour(),  # noqa: B008 - frozen
    script: Script | Manual | Sequence[Script | Manual] = Manual(),  # noqa: B008 - frozen
    speed: float = 1.0,
    conduct: Conduct | None = None,
    dial: Mapping[str, DialOutcome] | None = None,
    callees: Mapping[str, Callee] | None = None,
    keep: bool = False,
) -> AsyncIterator[Rig]:
    """A gateway that answers NUMBER, and both its peers; asserts at the end that nothing leaked.

    Args:
        keep: Whether calls are written down, into a folder of the test's.
        settings: Settings other than those that join the three.
        limits: Bounds of a call, where they are not the defaults.
        behaviour: How Vatel misbehaves.
        script: What the agent does; by default what the test has it do.
        speed: How much faster the telephone's time passes.
        conduct: How Twilio behaves.
        dial: What becomes of a dialled number; HUMAN answers soon and talks shortly.
    """
    before = _Residue()
    socket_ = listener()
    url = f"http://127.0.0.1:{socket_.getsockname()[1]}"
    phone = PhoneNumber(voice_url=f"{url}/twilio/voice", status_callback=f"{url}/twilio/status")
    async with AsyncExitStack() as stack:
        vatel = await stack.enter_async_context(VatelEmulator(script=script, behaviour=behaviour))
        twilio = await stack.enter_async_context(
            TwilioEmulator(
                numbers={NUMBER: phone},
                speed=speed,
                conduct=conduct,
                dial=dial or {HUMAN: PERSON},
                callees=callees,
            )
        )
        chosen = settings_for(url, vatel.url, twilio.url, settings or {})
        output, trouble = stack.enter_context(_watched())
        # The emulated telephone is in this process: what comes late here was not late on any network.
        usual = Limits(
            playout_lead_ms=chosen.playout_lead_ms, late_media_ms=0, start_noise_s=4.0, start_phrase_s=4.0
        )
        bounds = replace(usual, **(limits or {}))
        gateway = app.build(chosen, bounds, keep=keep)
        config = server.config(gateway.app, "127.0.0.1", 0, strangers=gateway.strangers, loop="asyncio")
        guest = GuestServer(config, gateway.registry, drain_timeout_s=chosen.drain_timeout)
        serving = asyncio.create_task(guest.serve(sockets=[socket_]))
        stack.push_async_callback(_stop, guest, serving)
        await until(lambda: guest.started or serving.done())
        rig = Rig(twilio, vatel, gateway, guest, serving, url, output, trouble)
        yield rig
        await _assert_quiet(rig)
    await before.assert_nothing_more()
    assert rig.trouble == [], rig.trouble


def settings_for(
    url: str, vatel_url: str, twilio_url: str, more: Mapping[str, Any]
) -> settings_module.Settings:
    """The settings that join a gateway at ``url`` to the two emulators."""
    chosen: dict[str, Any] = {
        "public_url": url,
        "vatel_api_key": DEFAULT_API_KEY,
        "vatel_base_url": vatel_url,
        "vatel_agent_id": DEFAULT_AGENT_ID,
        "twilio_account_sid": ACCOUNT_SID,
        "twilio_auth_token": AUTH_TOKEN,
        "twilio_base_url": twilio_url,
        "fallback_number": HUMAN,
        "max_lateness_ms": 0,  # a test shares its cores with others
    }
    return settings_module.load(_env_file=None, **(chosen | dict(more)))


async def _stop(guest: GuestServer, serving: "asyncio.Task[None]") -> None:
    guest.handle_exit(15, None)
    guest.handle_exit(15, None)
    async with asyncio.timeout(15):
        await serving


async def _assert_quiet(rig: Rig) -> None:
    """No call is live, no ticket out, no session open."""
    registry, vatel = rig.gateway.registry, rig.vatel
    try:
        await until(lambda: registry.idle and not registry._tickets and not vatel.live, LEAK_PATIENCE_S)
    except TimeoutError:
        left = list(registry._live), len(registry._tickets), len(vatel.live)
        raise AssertionError(f"left over (calls, tickets, sessions): {left}") from None


class _Residue:
    """The tasks and sockets there were before."""

    def __init__(self) -> None:
        self._tasks = asyncio.all_tasks()
        self._sockets = _sockets()

    async def assert_nothing_more(self) -> None:
        try:
            await until(lambda: not self._more_tasks() and _sockets() <= self._sockets, LEAK_PATIENCE_S)
        except TimeoutError:
            more = _sockets() - self._sockets
            raise AssertionError(f"left over: {self._more_tasks()}, {more} sockets") from None

    def _more_tasks(self) -> set["asyncio.Task[Any]"]:
        return asyncio.all_tasks() - self._tasks - {asyncio.current_task()}


def _sockets() -> int:
    count = 0
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            count += os.readlink(f"/proc/self/fd/{name}").startswith("socket:")
    return count


class _Complaints(logging.Handler):
    """Keeps the tracebacks that go through the standard library's log."""

    def __init__(self, trouble: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._trouble = trouble

    def emit(self, record: logging.LogRecord) -> None:
        text = self.format(record)
        # The emulators' servers share this log: what fails in them is not the gateway's.
        if (record.exc_info or record.name == "asyncio") and "/gateway/emulators/" not in text:
            self._trouble.append(text)


@contextlib.contextmanager
def _watched() -> Iterator[tuple[io.StringIO, list[str]]]:
    """Log as in production, into memory; tracebacks and what the loop complains of are trouble."""
    output, trouble = io.StringIO(), list[str]()
    root, handlers = logging.getLogger(), logging.getLogger().handlers[:]
    loop = asyncio.get_running_loop()
    logs.configure("info", "json")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(output))
    root.handlers = [*handlers, _Complaints(trouble)]
    loop.set_exception_handler(lambda _, context: trouble.append(str(context)))
    try:
        yield output, trouble
    finally:
        loop.set_exception_handler(None)
        root.handlers = handlers
        structlog.reset_defaults()
        trouble += [line for line in output.getvalue().splitlines() if '"exception"' in line]
