"""The agent's tool calls: each is answered exactly once, with a result, an error or a timeout."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

import msgspec

from gateway.bridge.commands import AnswerTool, Command, RunTool, Tell
from gateway.bridge.deadlines import earliest
from gateway.bridge.errands import Errands, same
from gateway.bridge.history import ToolTrace
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.report import ToolAnswered
from gateway.errors import ToolError
from gateway.ids import ToolCallId
from gateway.wire.agent_session import JSON, ToolCall

_ANSWERED_KEPT: Final = 256
_CODES: Final = frozenset({"timeout", "unreachable", "http_error", "not_json", "invalid_arguments"})


class _Failure(msgspec.Struct):
    error: str = ""


@dataclass(slots=True)
class _Running:
    call: ToolCall
    since: float
    deadline: float | None  # none while a built-in tool keeps its own time
    answers: ToolCallId | None  # who waits for it; nobody if the agent that asked is gone


class ToolDesk:
    """Keeps the account of tool calls: running, queued, answered."""

    def __init__(self, limits: Limits, book: ToolBook, done: Iterable[ToolTrace] = ()) -> None:
        self._limits = limits
        self._book = book
        self._running: dict[ToolCallId, _Running] = {}
        self._queued: deque[tuple[ToolCall, float]] = deque()
        self._answered: deque[ToolCallId] = deque(maxlen=_ANSWERED_KEPT)
        self._errands = Errands(done)
        self.repeated = 0
        self.late = 0

    @property
    def deadline(self) -> float | None:
        """When the next tool runs out of time."""
        return earliest(*(run.deadline for run in self._running.values())) if self._running else None

    @property
    def busy(self) -> bool:
        """Whether the agent waits for a tool of the user's."""
        running = self._running  # mostly empty, and asked with every message
        return bool(running) and any(run.deadline is not None and run.answers for run in running.values())

    def traces(self) -> tuple[ToolTrace, ...]:
        """What was done in this call, the oldest first."""
        return self._errands.traces()

    def orphan(self) -> None:
        """The agent is gone: what runs for it runs on, what had not begun is not begun."""
        self._queued.clear()
        self._answered.clear()
        for call_id, run in list(self._running.items()):
            run.answers = None
            if run.deadline is None:
                del self._running[call_id]

    def known(self, call_id: ToolCallId) -> bool:
        """Whether this very call was made before; a repetition is counted and must be ignored."""
        queued = any(call.id == call_id for call, _ in self._queued)
        adopted = any(run.answers == call_id for run in self._running.values())
        running = self._running.get(call_id)
        asked = running is not None and running.answers is not None  # a later session may use a name again
        if asked or call_id in self._answered or queued or adopted:
            self.repeated += 1
            return True
        return False

    def hold(self, call: ToolCall, now: float) -> None:
        """Enter a built-in tool's call, which is answered when the bridge says so."""
        self._running[call.id] = _Running(call, now, None, call.id)

    def start(self, call: ToolCall, now: float) -> list[Command]:
        """Run a tool, or queue it, or refuse it."""
        if call.name not in self._book.timeouts_s:
            self.hold(call, now)
            return self.refuse(call.id, ToolError(f"there is no tool {call.name}", code="unknown_tool"), now)
        if not call.readable:
            self.hold(call, now)
            return self.refuse(call.id, unreadable(), now)
        if (commands := self._adopt(call, now)) is not None:
            return commands
        if sum(run.deadline is not None for run in self._running.values()) < self._limits.tools_at_once:
            return [self._run(call, now)]
        if len(self._queued) < self._limits.tools_queued:
            self._queued.append((call, now))
            return []
        self.hold(call, now)
        return self.refuse(call.id, ToolError("too many tools are running", code="too_many"), now)

    def succeed(self, call_id: ToolCallId, now: float) -> list[Command]:
        """Answer a call that has no more to tell than that it worked."""
        return self.finish(call_id, json_output({"ok": True}), now)

    def finish(self, call_id: ToolCallId, output: str, now: float, *, outcome: str = "ok") -> list[Command]:
        """Answer a call, unless it has been answered; then start the next one that waits."""
        running = self._running.pop(call_id, None)
        if running is None:
            self.late += 1
            return []
        if len(output.encode(errors="replace")) > self._limits.tool_output_bytes:
            output, outcome = error_output("too_large", "the tool's answer is too large"), "too_large"
        asker = running.answers
        note = ToolAnswered(running.call.name, outcome, (now - running.since) * 1000.0)
        if running.deadline is None:  # a built-in one, which another agent should know of, too
            self._errands.begin(running.call)
            note = replace(note, call=running.call, output=output)
        self._errands.end(call_id, output, now, answered=asker is not None)
        commands: list[Command] = [Tell(note)]
        if asker is not None:
            self._answered.append(asker)
            commands.insert(0, AnswerTool(asker, output))
        if self._queued and running.deadline is not None:
            call, _ = self._queued.popleft()
            commands.append(self._run(call, now))
        return commands

    def refuse(self, call_id: ToolCallId, error: ToolError, now: float) -> list[Command]:
        """Answer a call with an error."""
        return self.finish(call_id, error_output(error.code, str(error)), now, outcome=error.code)

    def tick(self, now: float) -> list[Command]:
        """Answer the calls whose time is up."""
        due = [key for key, run in self._running.items() if run.deadline is not None and run.deadline <= now]
        commands: list[Command] = []
        for call_id in due:
            commands += self.refuse(call_id, ToolError("the tool took too long", code="timeout"), now)
        return commands

    def close(self, now: float) -> list[Command]:
        """The call is over: answer whatever is open, so that no call goes without."""
        waiting, self._queued = self._queued, deque()
        for call, since in waiting:
            self.hold(call, since)
        commands: list[Command] = []
        for call_id in list(self._running):
            commands += self.refuse(call_id, ToolError("the call is over", code="call_over"), now)
        return commands

    def counts(self) -> dict[str, int]:
        """What was counted, by name."""
        return {"repeated_tool_calls": self.repeated, "late_tool_results": self.late}

    def _run(self, call: ToolCall, now: float) -> RunTool:
        timeout_s = self._book.timeouts_s[call.name]
        self._running[call.id] = _Running(call, now, now + timeout_s, call.id)
        self._errands.begin(call)
        return RunTool(call, timeout_s)

    def _adopt(self, call: ToolCall, now: float) -> list[Command] | None:
        """Answer with what the agent before this one asked for and never heard; None if it did not."""
        result = self._errands.result(call, now)
        if result is not None:
            self._answered.append(call.id)
            return [AnswerTool(call.id, result), Tell(ToolAnswered(call.name, "kept", 0.0))]
        for run in self._running.values():
            if run.answers is None and same(run.call, call):
                run.answers = call.id
                return []
        if call.id in self._running:  # whose result could not be told from this one's
            return [
                AnswerTool(call.id, error_output("busy", "the tool is running: ask again")),
                Tell(ToolAnswered(call.name, "busy", 0.0)),
            ]
        return None


def unreadable() -> ToolError:
    """What an agent is told whose arguments make no sense."""
    return ToolError("the arguments can't be read", code="invalid_arguments")


def error_code(output: str) -> str:
    """What an answer says went wrong, by one of the few names a counter may have."""
    try:
        code = msgspec.json.decode(output, type=_Failure).error
    except (msgspec.MsgspecError, UnicodeError):
        code = ""
    return code if code in _CODES else "failed"


def error_output(code: str, message: str) -> str:
    """The form in which an agent is told that a tool did not work."""
    return json_output({"error": code, "message": message})


def json_output(value: JSON) -> str:
    """JSON text for the agent."""
    return msgspec.json.encode(value).decode()
