"""The two ends of one call of a load, on picows: Twilio's caller and Vatel's agent, as cheap as can be."""

import time
from binascii import a2b_base64
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from picows import WSFrame, WSListener, WSMsgType, WSTransport

from gateway.emulators.load.check import Check, Piece
from gateway.emulators.load.sound import CHUNKS, FRAME_MS, FRAMES, AgentSound, CallerSound

_TEXT: Final = WSMsgType.TEXT
_STARTED: Final = b'{"type":"session_started","data":{"id":"session-of-the-load"}}'
BYTES_PER_S: Final = 8000


@dataclass(frozen=True, slots=True)
class Pattern:
    """How an agent speaks: in turns, whose first chunks come at once and the others at the pace of speech.

    A speech synthesizer is half a second ahead, which is what covers the way to the caller.
    """

    chunks: int = 200
    """Of 20 ms, in a turn."""
    period: int = 250
    """From a turn's beginning to the next one's, in chunks."""
    ahead: int = 25
    """Chunks sent at a turn's beginning."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where a caller's media go, and what its ``start`` carries."""

    url: str
    call_sid: str
    parameters: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)


def sound_in(message: bytes, key: bytes) -> bytes:
    """Return the sound a message carries under a JSON key; nothing if it carries none."""
    at = message.find(key)
    if at < 0:
        return b""
    begin = message.index(b'"', at + len(key)) + 1
    return a2b_base64(message[begin : message.index(b'"', begin)])


class AgentLeg(WSListener):
    """An agent: speaks in turns, hears what the caller says."""

    def __init__(self, joined: Callable[["AgentLeg"], None]) -> None:
        self._joined = joined
        self._wire: WSTransport | None = None
        self._step = 0
        self._turn = 0
        self._heard_until = 0.0  # by the caller, if the way took no time
        self._up: Check | None = None  # nobody's, if a gateway that is late calls for another agent

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Take the accepted upgrade."""
        self._wire = transport
        transport.send(_TEXT, _STARTED)
        self._joined(self)

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Take the end of the connection."""
        self._wire = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take what the gateway sends."""
        if frame.msg_type == _TEXT:
            sound = sound_in(frame.get_payload_as_bytes(), b'"audio":')
            if sound and self._up is not None:
                self._up.take(sound, time.perf_counter())
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def begin(self, number: int, sound: AgentSound, pattern: Pattern, up: Check, down: Check) -> None:
        """Take part in a call; the turns of different calls begin at different times."""
        self._sound, self._pattern, self._up, self._down = sound, pattern, up, down
        self._step = -(number * 7 % pattern.period) if pattern.period > pattern.chunks else 0

    def speak(self) -> None:
        """Do what is due in these 20 milliseconds."""
        pattern, step = self._pattern, self._step
        self._step = step + 1 if step + 1 < pattern.period else 0
        if step == 0:
            self._turn += 1
            self._write()
            for chunk in range(pattern.ahead):
                self._say(chunk)
        elif 0 < step <= pattern.chunks - pattern.ahead:
            self._say(step + pattern.ahead - 1)

    def _write(self) -> None:
        text = b"This is turn number %d of this call, and its words come before its sound." % self._turn
        self._send(b"response_text", b'"text":"%b"' % text, final=True)

    def _say(self, chunk: int) -> None:
        at = (self._turn * 3 + chunk) % CHUNKS  # turns begin at different places
        heard = self._sound.heard[at] if chunk else self._sound.first[at]
        final = chunk == self._pattern.chunks - 1
        if final:
            heard += self._sound.tails[at]
        self._heard_until = max(self._heard_until, time.perf_counter()) + len(heard) / BYTES_PER_S
        self._down.expect(Piece(heard, self._heard_until, opens=chunk == 0))
        self._send(b"response_audio", b'"audio":"%b"' % self._sound.sent[at], final=final)

    def _send(self, kind: bytes, content: bytes, *, final: bool) -> None:
        if self._wire is not None:
            message = b'{"type":"%b","data":{"turn_id":"turn-%d",%b,"is_final":%b}}'
            self._wire.send(_TEXT, message % (kind, self._turn, content, b"true" if final else b"false"))


class CallerLeg(WSListener):
    """Twilio's side of a call: sends 20 ms at a time, returns marks when what precedes them is played."""

    def __init__(self, number: int, door: Door, sound: CallerSound, up: Check, down: Check) -> None:
        self._stream_sid = b"MZ%032x" % number
        self._door = door
        self._sound = sound
        self._wire: WSTransport | None = None
        self._frame = 0
        self._played_at = 0.0
        self._marks: deque[tuple[float, bytes]] = deque()
        self.up = up
        self.down = down
        self.under_runs = 0
        self.marks_asked = 0
        self.marks_returned = 0
        self.over = False
        self._head = (
            b'{"event":"media","streamSid":"%b","sequenceNumber":"%%d",'
            b'"media":{"track":"inbound","chunk":"%%d","timestamp":"%%d","payload":"%%b"}}'
        ) % self._stream_sid

    def on_ws_connected(self, transport: WSTransport) -> None:
        """Say what Twilio says first."""
        self._wire = transport
        transport.send(_TEXT, b'{"event":"connected","protocol":"Call","version":"1.0.0"}')
        transport.send(_TEXT, self._start())

    def on_ws_disconnected(self, _transport: WSTransport) -> None:
        """Take the end of the connection."""
        self._wire, self.over = None, True

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        """Take what the gateway sends."""
        if frame.msg_type == _TEXT:
            message = frame.get_payload_as_bytes()
            sound = sound_in(message, b'"payload":')
            if sound:
                self._play(sound)
            elif b'"mark"' in message:
                self.marks_asked += 1
                self._marks.append((self._played_at, message))
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def speak(self) -> None:
        """Send the next frame, and the marks that are due."""
        wire = self._wire
        if wire is None:
            return
        at, now = self._frame, time.perf_counter()
        self._frame = at + 1
        heard = self._sound.heard[at % FRAMES] if at else self._sound.first
        self.up.expect(Piece(heard, now))
        wire.send(_TEXT, self._head % (at + 2, at + 1, at * FRAME_MS, self._sound.sent[at % FRAMES]))
        self.return_marks(now)

    def return_marks(self, now: float) -> None:
        """Return the marks whose sound has been played."""
        while self._marks and self._marks[0][0] <= now and self._wire is not None:
            self.marks_returned += 1
            self._wire.send(_TEXT, self._marks.popleft()[1])

    def hang_up(self) -> None:
        """Send the stop and close."""
        if self._wire is not None:
            self._wire.send(_TEXT, b'{"event":"stop","streamSid":"%b"}' % self._stream_sid)
            self._wire.send_close()
            self._wire.disconnect()

    def _play(self, sound: bytes) -> None:
        now = time.perf_counter()
        if now > self._played_at:
            self.under_runs += not self.down.opening
            self._played_at = now
        self._played_at += len(sound) / BYTES_PER_S
        self.down.take(sound, self._played_at)

    def _start(self) -> bytes:
        parameters = ",".join(f'"{name}":"{value}"' for name, value in self._door.parameters.items())
        return (
            b'{"event":"start","sequenceNumber":"1","streamSid":"%b","start":{"streamSid":"%b",'
            b'"accountSid":"AC%032x","callSid":"%b","tracks":["inbound"],"customParameters":{%b},'
            b'"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}'
        ) % (self._stream_sid, self._stream_sid, 1, self._door.call_sid.encode(), parameters.encode())
