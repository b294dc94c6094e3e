"""The I/O round one bridge: two lines, tools and a timer. It decides nothing.

Events come from several places, all in one thread: the stream's reader, the agent socket's callback, the
timer, finished tools, status callbacks. ``feed`` takes one, and carries out what the bridge commands before
the next is taken.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, assert_never

from starlette.websockets import WebSocket

from gateway import logs
from gateway.audio.clips import Clips
from gateway.bridge import commands, events
from gateway.bridge.commands import SendAudio
from gateway.bridge.history import Past
from gateway.bridge.machine import Bridge
from gateway.bridge.report import CallParked, CallReport, Ending
from gateway.bridge.tools import error_output
from gateway.calls.agent_side import AgentSide
from gateway.calls.callee import CalleeWatch
from gateway.calls.caller_line import CallerLine
from gateway.calls.carrier import Carrier, Scripts
from gateway.calls.fence import Fence
from gateway.calls.message import Message
from gateway.calls.metrics import Metrics
from gateway.calls.narrator import Narrator
from gateway.calls.plan import Plan, Words
from gateway.calls.recording import Recorder
from gateway.calls.scribe import Office, Scribe
from gateway.calls.tenure import OFFERED, Alone, Tenure
from gateway.calls.toolbox import Tool, ToolContext
from gateway.calls.uplink import Uplink
from gateway.clients.twilio import Twilio
from gateway.clients.vatel import Vatel
from gateway.clients.vatel.agent_book import AgentBook
from gateway.errors import ToolError
from gateway.ids import CallSid
from gateway.policy.machine import AnsweredBy, Mode
from gateway.wire import media_stream
from gateway.wire.media_stream import Media


@dataclass(frozen=True, slots=True)
class Means:
    """What every call works with."""

    vatel: Vatel
    twilio: Twilio
    tools: Mapping[str, Tool]
    metrics: Metrics
    uplink: Uplink
    recorder: Recorder | None = None
    office: Office = field(default_factory=Office)
    book: AgentBook | None = None
    clips: Clips = field(default_factory=Clips)
    language: str = "en"
    fence: Fence = field(default_factory=Fence)
    tenure: Tenure = field(default_factory=Alone)


class Call:
    """One call, from the webhook, or from the first ring of one that we place, to its end."""

    def __init__(self, plan: Plan, call_sid: CallSid, means: Means, scripts: Scripts) -> None:
        self.plan = plan
        self.call_sid = call_sid
        self._means = means
        self._log = logs.get(call_sid=call_sid, call_id=plan.call_id)
        self._narrator = Narrator(self._log, means.metrics)
        self._scribe = Scribe(plan, means.office)
        self._loop = asyncio.get_running_loop()
        self._bridge = Bridge(plan.limits, plan.book, means.clips, plan.past)
        self._watch: CalleeWatch | None = None
        if plan.callee.machines is not Mode.OFF:
            self._watch = CalleeWatch(plan.callee, self.feed, self._speak_message, self._scribe.answered_by)
        self._agent = AgentSide(
            means.vatel,
            plan.words,
            self.feed if self._watch is None else self._watch.hear,
            self._log,
            means.uplink,
            book=means.book,
            language=means.language,
        )
        self._joining: asyncio.Task[None] | None = None
        self._carrier = Carrier(means.twilio, call_sid, scripts, self._log)
        self._recording = means.recorder.open(plan.recording_name) if means.recorder and plan.record else None
        self._caller: CallerLine | None = None
        self._group: asyncio.TaskGroup | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: deque[events.Event | None] = deque()
        self._feeding = self._handed = False
        self._timer: asyncio.TimerHandle | None = None
        self._due: float | None = None  # when the timer fires: uvloop's own answer is rounded, or missing
        self._final: asyncio.Future[commands.Final] = self._loop.create_future()
        self.over = asyncio.Event()

    @property
    def report(self) -> CallReport:
        """What is known of the call."""
        return self._bridge.report

    @property
    def parked(self) -> bool:
        """Whether its stream is gone, and another one is awaited."""
        return self._bridge.parked

    @property
    def handed(self) -> bool:
        """Whether another process carries it on, or may."""
        return self._handed or self.report.ending is Ending.TAKEN_OVER

    async def run(self) -> None:
        """Carry the call from its admission to its end. Never raises: a failure ends this call alone."""
        try:
            async with asyncio.TaskGroup() as self._group:
                self._scribe.admitted(self.call_sid, time.monotonic())
                self.feed(events.Admitted())
                await self._depart(await self._final)
                for task in self._tasks:
                    task.cancel()
        except* Exception as group:  # noqa: BLE001 - the edge of a call
            self._fail(group)
        finally:
            await self._let_go()
            self.over.set()

    @property
    def answered(self) -> bool:
        """Whether the caller's stream is, or was, open."""
        return self._caller is not None

    def picked_up(self) -> None:
        """Twilio says that somebody answered: before the stream opens, if something is said first."""
        self._scribe.answered(time.monotonic())

    def attach(self, socket: WebSocket, start: media_stream.Start) -> None:
        """Give the call its stream, whose ``start`` has been read: the first one, or one after another."""
        if self._final.done():
            return
        before, now = self._caller, time.monotonic()
        if before is not None:  # a new ticket was given out because that one is gone, or as good as gone
            before.detach()
            self._spawn(before.close())
            self.feed(events.CallerLost("another stream came"))
        else:
            self._scribe.opened(now)
        self._caller = CallerLine(socket, start.stream_sid, self.feed, self._means.metrics)
        if self._recording is not None and before is None:  # whatever notice there is was heard before
            self._recording.begin(now)
            self._scribe.recording()
        self._spawn(self._caller.read())
        self._spawn(self._caller.write())
        self.feed(start)
        if self._watch is not None:
            self._watch.answered()

    def verdict(self, answered_by: AnsweredBy) -> None:
        """Twilio says who answered a call we placed."""
        if self._watch is not None:
            self._watch.verdict(answered_by)

    def feed(self, event: events.Event | None) -> None:
        """Take an event and carry out what follows from it."""
        if self._feeding:  # carrying out a command brought up another event
            self._pending.append(event)
            return
        now = time.monotonic()  # the loop's clock, not rounded to the loop's last turn
        fence = self._means.fence
        if fence.shut(now) and not isinstance(event, events.TakenOver):
            fence.hold(partial(self.feed, event))
            return
        self._feeding = True
        try:
            self._take(event, now)
            while self._pending:
                self._take(self._pending.popleft(), time.monotonic())
        except Exception as error:  # noqa: BLE001 - the edge of a call: ``run`` reports it
            self._fail(error)
        finally:
            self._feeding = False

    def _take(self, event: events.Event | None, now: float) -> None:
        if self._final.done():
            return
        if self._recording is not None and isinstance(event, Media):
            self._recording.caller(event.payload, now)
        for command in self._bridge.handle(event, now):
            if isinstance(command, SendAudio):  # fifty a second
                self._agent.send_audio(command.audio, now)
            else:
                self._carry_out(command, now)
        due = self._bridge.deadline
        if due != self._due and (due is None or self._due is None or due < self._due):
            self._set_timer(due)

    def _set_timer(self, due: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = due
        self._timer = None if due is None else self._loop.call_at(due, self._tick)

    def _tick(self) -> None:
        """Feed the time if the bridge asked for it; most deadlines have moved on before they come."""
        self._timer = self._due = None
        due = self._bridge.deadline
        if due is not None and due > time.monotonic():
            self._set_timer(due)
        else:
            self.feed(None)

    def _carry_out(self, command: commands.Seldom, at: float) -> None:
        match command:
            case commands.Play() | commands.PlaceMark() | commands.Clear():
                self._to_caller(command, at)
            case commands.AnswerTool(call_id=call_id, output=output):
                self._agent.answer(call_id, output)
            case commands.JoinAgent(past=past):
                self._join(past)
            case commands.RunTool():
                self._spawn(self._run_tool(command))
            case commands.Transfer():
                self._spawn(self._transfer(command))
            case commands.SendDigits():
                self._spawn(self._send_digits(command))
            case commands.Hold():
                self._spawn(self._hold(command))
            case commands.Retrieve():
                self._spawn(self._retrieve())
            case commands.Tell(note=note):
                if self._recording is not None and isinstance(note, CallParked):
                    self._recording.cleared(at)  # what Twilio still had to play is gone with the stream
                self._narrator.note(note)
                self._scribe.note(note, at, self._caller.delay_ms if self._caller is not None else None)
            case commands.HangUp() | commands.FallBack() | commands.Release():
                self._final.set_result(command)
            case _:
                assert_never(command)

    def _to_caller(self, command: commands.ToCaller, at: float) -> None:
        caller = self._caller
        if caller is None:
            return
        match command:
            case commands.Play(audio=audio):
                caller.play(audio, at)
                if self._recording is not None:
                    self._recording.sent(audio, at)
            case commands.PlaceMark(name=name):
                caller.mark(name, at)
                self._means.metrics.lead.observe(self._bridge.unheard_ms / 1000.0)
            case commands.Clear():
                caller.clear(at)
                if self._recording is not None:
                    self._recording.cleared(at)
            case _:
                assert_never(command)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        assert self._group is not None, "nothing is fed before ``run``"
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _join(self, past: Past | None) -> None:
        """Call the agent, in the place of one that did not come in time."""
        if self._joining is not None:
            self._joining.cancel()
        self._joining = self._spawn(self._agent.join(past, self._scribe.told))

    def _speak_message(self, done: Callable[[bytes], None]) -> None:
        async def speak(words: Words) -> None:
            done(await Message(self._means.vatel, self.plan.callee.message, self._log).speak(words))

        if self._agent.words is not None:
            self._spawn(speak(self._agent.words))

    async def _run_tool(self, command: commands.RunTool) -> None:
        call, began = command.call, time.monotonic()
        self._scribe.ran(call, began)
        try:
            async with asyncio.timeout(command.timeout_s):
                tool = self._means.tools[call.name]
                output, failed = await tool.run(call, ToolContext(self.call_sid, call.id)), False
        except ToolError as error:
            output, failed = error_output(error.code, str(error)), True
        except TimeoutError:
            output, failed = error_output("timeout", "the tool took too long"), True
        except Exception as error:  # noqa: BLE001 - the edge of a tool, which is the user's code
            self._log.error("tool failed", tool=call.name, error=type(error).__name__)
            output, failed = error_output("failed", f"the tool failed: {type(error).__name__}"), True
        self._scribe.ran(call, began, output, ended=time.monotonic(), failed=failed)
        self.feed(events.ToolFinished(call.id, output, failed))

    async def _transfer(self, command: commands.Transfer) -> None:
        self.feed(events.TransferFinished(await self._carrier.transfer(command.to)))

    async def _send_digits(self, command: commands.SendDigits) -> None:
        self.feed(events.DigitsTaken(await self._carrier.play(command.digits)))

    async def _hold(self, command: commands.Hold) -> None:
        self.feed(events.HoldTaken(await self._carrier.hold(command.seconds)))

    async def _retrieve(self) -> None:
        if not await self._carrier.retrieve():
            self.feed(events.CarrierEnded("completed"))

    async def _depart(self, final: commands.Final) -> None:
        """End the telephone call, if that is asked for, and the agent's session beside it."""
        async with asyncio.TaskGroup() as ending:
            ending.create_task(self._agent.close())
            ending.create_task(self._carrier.end(final, self._caller.done if self._caller else None))

    async def _let_go(self) -> None:
        self._set_timer(None)
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        now = time.monotonic()
        if self.report.ending in OFFERED:  # before the stream closes, for then Twilio asks how to go on
            failed = self.report.ending is Ending.GATEWAY_ERROR
            self._handed = await self._means.tenure.hand_over(self.plan.call_id, failed=failed)
        async with asyncio.TaskGroup() as ending:
            ending.create_task(self._agent.close())
            if self._caller is not None:
                ending.create_task(self._caller.close())
            kept = ending.create_task(self._recording.close(now)) if self._recording is not None else None
        self._narrator.over(self.report, self._agent.audio_refused)
        if not self.handed:
            self._scribe.over(self.report, self._caller.delay_ms if self._caller is not None else None, now)
        if kept is not None:  # behind the end: what is told of a recording says that the call is over
            self._scribe.recorded(kept.result(), time.monotonic())

    def _fail(self, error: Exception) -> None:
        """A bug of ours: the stream closes, and Twilio goes on with the verbs behind ``<Connect>``."""
        first = error.exceptions[0] if isinstance(error, BaseExceptionGroup) else error
        self._log.error("gateway error", exc_info=error)
        self.report.ending, self.report.detail = Ending.GATEWAY_ERROR, type(first).__name__
        self.report.falls_back, self.report.sorry_said = True, False
        if not self._final.done():
            self._final.set_result(commands.FallBack(Ending.GATEWAY_ERROR))
