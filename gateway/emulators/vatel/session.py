"""One session of the emulated service: hears the client, and says what a script or a test has it say."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from starlette.websockets import WebSocket, WebSocketDisconnect

from gateway.emulators.vatel import messages
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.hearing import Mouth, SpeechDetector, SpeechEvent, SpeechStarted
from gateway.emulators.vatel.pulse import Pulse
from gateway.emulators.vatel.records import SessionRecord
from gateway.emulators.vatel.script import Manual, Script

OUTBOX_LIMIT: Final = 10_000
ERRORS_LIMIT: Final = 1_000
SEND_TIMEOUT_S: Final = 10.0

Tell = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class _Close:
    code: int


@dataclass(frozen=True, slots=True)
class _Abort:
    pass


class Session:
    """A session that is open. Its methods put messages into one outbox: sent in order, never waited for.

    Args:
        websocket: The accepted connection.
        record: What will be remembered of the session.
        behaviour: How it misbehaves.
        plan: The script, which says what counts as speech and how long the session lasts.
        tell: Told of each event: kind and detail.

    """

    def __init__(
        self,
        websocket: WebSocket,
        record: SessionRecord,
        behaviour: Behaviour,
        plan: Script | Manual,
        tell: Tell,
    ) -> None:
        self.id = record.id
        self.record = record
        self.behaviour = behaviour
        self.interruptible = True
        self.utterances = 0  # what the caller said and nobody has taken up
        self.ending = False
        self._websocket = websocket
        self._tell = tell
        self._limit_s = plan.limit_s
        self._hears = isinstance(plan, Script) or plan.hears
        self._ears = SpeechDetector(plan.listening)
        self._mouth = Mouth()
        self._playing: dict[str, float] = {}  # when each turn would have been played
        self._tail = ("", b"")  # the last audio sent, to be late with
        self._open_calls: set[str] = set()
        self._dialect = messages.Dialect(behaviour)
        self._outbox: asyncio.Queue[str | bytes | _Close | _Abort] = asyncio.Queue(OUTBOX_LIMIT)
        self._pulse = Pulse()
        self._over = asyncio.Event()

    # What the agent does.

    def say(self, turn_id: str, pcm: bytes, *, final: bool = False) -> None:
        """Send one message of agent speech, PCM16 at 24 kHz; it plays behind what is playing."""
        now = _now()
        turn = self.record.turn(turn_id)
        if not turn.sent_bytes:
            self.note("turn_started", turn_id=turn_id)
        turn.sent_bytes += len(pcm)
        self._mouth.say(len(pcm) / 2, now)
        self._playing[turn_id] = now + self._mouth.remaining_s(now)
        self._tail = (turn_id, pcm)
        self._send(self._dialect.response_audio(turn_id, pcm, final=final))
        if final:
            self.note("turn_sent", turn_id=turn_id, samples=turn.samples)

    def text(self, turn_id: str, text: str, *, final: bool = False) -> None:
        """Send what a turn says in words."""
        self.record.turn(turn_id).text = text
        self._send(self._dialect.response_text(turn_id, text, final=final))
        if final:
            self.note("response_text", turn_id=turn_id, text=text)

    def transcript(self, text: str, *, turn_id: str | None = None, final: bool = True) -> None:
        """Send what the caller said in words."""
        self._send(self._dialect.transcript(text, turn_id, final=final))
        if final:
            self.note("transcript", text=text)

    def speech_started(self, *, emulated: bool = False) -> None:
        """Tell that the caller speaks."""
        self._send(messages.speech_started(emulated=emulated))
        self.note("speech_started")

    def speech_stopped(self) -> None:
        """Tell that the caller is silent again."""
        self._send(messages.speech_stopped())
        self.note("speech_stopped")

    def interrupt(self) -> None:
        """Tell that the caller cut the agent off, and stop playing; late audio follows if so behaved."""
        now = _now()
        for turn_id, until in self._playing.items():
            if until > now:
                self.record.turn(turn_id).cut = True
        self._playing.clear()
        cut_ms = round(self._mouth.stop(now) * 1000)
        self._send(messages.interruption())
        self.note("interruption", cut_ms=cut_ms)
        turn_id, pcm = self._tail
        for _ in range(self.behaviour.late_chunks_after_interruption):
            self._send(self._dialect.response_audio(turn_id, pcm, final=False))

    def tool_call(self, name: str, arguments: Mapping[str, Any], tool_call_id: str = "") -> str:
        """Have a tool run; return the call's id, under which the output will be in the record."""
        tool_call_id = tool_call_id or str(uuid.uuid4())
        self._open_calls.add(tool_call_id)
        self._send(self._dialect.tool_call(tool_call_id, name, arguments))
        self.note("tool_call", tool_call_id=tool_call_id, name=name, arguments=dict(arguments))
        return tool_call_id

    def end(self, *, close: bool = True) -> None:
        """Send ``session_ended``, and close the connection behind it."""
        self.ending = True
        self._send(self._dialect.session_ended())
        self.note("session_ended")
        if close:
            self.close(self.behaviour.close_code)

    def close(self, code: int = 1000) -> None:
        """Close the connection, after what was sent before."""
        self.ending = True
        self._send(_Close(code))

    def abort(self) -> None:
        """Lose the connection without a close, after what was sent before."""
        self.ending = True
        self._send(_Abort())

    def send_raw(self, message: str | bytes) -> None:
        """Send this very text, or these bytes as a binary message."""
        self._send(message)

    # What the agent waits for.

    @property
    def caller_speaking(self) -> bool:
        """Whether the caller is heard at this moment."""
        return self._ears.speaking

    @property
    def remaining_s(self) -> float:
        """How much of what was sent would still have to be played, in seconds."""
        return self._mouth.remaining_s(_now())

    async def until(self, condition: Callable[[], object], timeout_s: float) -> bool:
        """Wait until the condition holds, or for so many seconds; return whether it holds."""
        return await self._pulse.until(condition, timeout_s)

    async def run(self, act: Callable[[], Awaitable[None]]) -> None:
        """Begin, act, and go on until either side ends the session."""
        behaviour = self.behaviour
        jobs: list[Coroutine[Any, Any, None]] = [self._read(), self._write(), self._live(act)]
        jobs.append(_after(self._limit_s, self.end))
        jobs += [_after(at_s, partial(self.send_raw, text)) for at_s, text in behaviour.garbage]
        if behaviour.drop_connection_after_s is not None:
            jobs.append(_after(behaviour.drop_connection_after_s, lambda: self._finish("dropped")))
        if behaviour.close_after_s is not None:
            jobs.append(_after(behaviour.close_after_s, lambda: self.close(behaviour.close_code)))
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(job) for job in jobs]
            await self._over.wait()
            for task in running:
                task.cancel()

    def note(self, kind: str, **detail: Any) -> None:
        """Remember and tell that something happened."""
        self.record.note((_now(), kind, detail))
        self._tell(kind, {"session_id": self.id, **detail})
        self._pulse.beat()

    async def _live(self, act: Callable[[], Awaitable[None]]) -> None:
        if self.behaviour.never_start:
            return
        await asyncio.sleep(self.behaviour.start_delay_s)
        self._send(self._dialect.session_started(self.id))
        self.note("session_started")
        for number in range(self.behaviour.flood):
            await self._outbox.put(messages.unknown(number))
        await act()

    # The connection.

    def _send(self, message: str | bytes | _Close | _Abort) -> None:
        if self._over.is_set():
            return
        try:
            self._outbox.put_nowait(message)
        except asyncio.QueueFull:
            self._finish("the client does not read")

    def _finish(self, reason: str) -> None:
        if not self._over.is_set():
            self.ending = True
            self.record.end_reason = reason
            self._over.set()
            self._pulse.beat()

    async def _write(self) -> None:
        try:
            while not self._over.is_set():  # behind a close message nothing can be sent
                message = await self._outbox.get()
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    await self._write_one(message)
        except TimeoutError:
            self._finish("the client does not read")
        except WebSocketDisconnect:
            self._finish("lost by the client")

    async def _write_one(self, message: str | bytes | _Close | _Abort) -> None:
        match message:
            case str():
                await self._websocket.send_text(message)
            case bytes():
                await self._websocket.send_bytes(message)
            case _Close(code):
                await self._websocket.close(code)
                self._finish(f"closed with {code}")
            case _Abort():
                self._finish("aborted")

    async def _read(self) -> None:
        while True:
            # Without a deadline of its own: a caller may be silent, and the session has a limit.
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                code = message.get("code", 1005)
                # uvicorn puts this code here itself when it shuts down.
                self._finish("the emulator stopped" if code == 1012 else f"disconnected with {code}")
                return
            text = message.get("text")
            if text is None:
                self._object("binary message")
            else:
                self._take(text)

    def _take(self, text: str) -> None:
        try:
            message = messages.read(text)
        except messages.BadMessage as exc:
            self._object(str(exc))
            return
        match message:
            case messages.InputAudio(audio):
                self._listen(audio)
            case messages.ToolCallOutput(tool_call_id, output):
                self._answered(tool_call_id, output)

    def _listen(self, audio: bytes) -> None:
        if len(audio) % 2:
            self._object("input_audio of an odd number of bytes")
        self.record.hear(audio)
        if self._hears:
            for event in self._ears.feed(audio):
                self._heard(event)
        self._tell("", {})
        self._pulse.beat()

    def _heard(self, event: SpeechEvent) -> None:
        if isinstance(event, SpeechStarted):
            self.speech_started()
            if self.interruptible and self.remaining_s:
                self.interrupt()
        else:
            self.utterances += 1
            self.speech_stopped()

    def _answered(self, tool_call_id: str, output: str) -> None:
        if tool_call_id not in self._open_calls:
            self._object(f"output for a tool call that is not open: {tool_call_id[:80]!r}")
            return
        self._open_calls.remove(tool_call_id)
        self.record.tool_outputs[tool_call_id] = output
        self.note("tool_call_output", tool_call_id=tool_call_id, output=output)

    def _object(self, trouble: str) -> None:
        if len(self.record.errors) < ERRORS_LIMIT:
            self.record.errors.append(trouble)
        self.note("protocol_error", trouble=trouble)


def _now() -> float:
    return asyncio.get_running_loop().time()


async def _after(seconds: float, act: Callable[[], None]) -> None:
    await asyncio.sleep(seconds)
    act()
