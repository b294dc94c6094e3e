"""The load: Twilio's callers and Vatel's agents for any number of calls, in one process, on picows.

What is sent is rendered beforehand. Delay is read off the audio itself, so any chunking in between will do:
the n-th 20 ms of a caller have arrived when the agent has got (n + 1) * 20 ms of sound, and the same the
other way. Calls are opened one after the other, which tells whose agent is whose.
"""

import asyncio
import base64
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

FRAME_MS = 20
CHUNK_MS = 100
SLACK_MS = 10
"""A filter holds a little sound back: a frame has arrived when this much of it is missing at most."""

_PAYLOAD = base64.b64encode(bytes(range(160)))
_CHUNK = base64.b64encode(bytes(2 * 24 * CHUNK_MS))
RESPONSE_AUDIO = (
    b'{"type":"response_audio","data":{"turn_id":"turn-1","audio":"%b","is_final":false}}' % _CHUNK
)
SESSION_STARTED = b'{"type":"session_started","data":{"id":"session-1"}}'


@dataclass(frozen=True)
class Door:
    """Where a caller's media go, and what its ``start`` carries."""

    url: str
    call_sid: str
    parameters: dict[str, str] = field(default_factory=dict)


class Doors(Protocol):
    """Finds the door of the n-th call."""

    def __call__(self, number: int) -> Awaitable[Door]:
        """Ask for it."""


@dataclass
class Direction:
    """One way of one call: when each unit of sound was sent, and how late it arrived."""

    unit_ms: int
    sent_at: list[float] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)
    heard_ms: float = 0.0

    def arrived(self, sound_ms: float) -> None:
        """Count sound that came out; note the delay of each unit it completes."""
        now = time.perf_counter()
        self.heard_ms += sound_ms
        complete = int((self.heard_ms + SLACK_MS) / self.unit_ms)
        for unit in range(len(self.delays), min(complete, len(self.sent_at))):
            self.delays.append(now - self.sent_at[unit])

    @property
    def lost(self) -> int:
        """How many units never came out."""
        return len(self.sent_at) - len(self.delays)


def sound_bytes(message: bytes, key: bytes) -> int:
    """Return how many bytes of sound a message carries under a JSON key; 0 if it carries none."""
    at = message.find(key)
    if at < 0:
        return 0
    begin = message.index(b'"', at + len(key)) + 1
    end = message.index(b'"', begin)
    return (end - begin) // 4 * 3 - message.count(b"=", begin, end)


class AgentLeg(WSListener):
    """An agent: speaks in messages of 100 ms, hears what the caller says."""

    def __init__(self, joined: Callable[["AgentLeg"], None]) -> None:
        self._joined = joined
        self._wire: WSTransport | None = None
        self.up = Direction(FRAME_MS)
        self.down = Direction(CHUNK_MS)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._wire = transport
        transport.send(WSMsgType.TEXT, SESSION_STARTED)
        self._joined(self)

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._wire = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            sound = sound_bytes(frame.get_payload_as_bytes(), b'"audio":')
            if sound:
                self.up.arrived(sound / 48)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def speak(self) -> None:
        """Send the next chunk."""
        if self._wire is not None:
            self.down.sent_at.append(time.perf_counter())
            self._wire.send(WSMsgType.TEXT, RESPONSE_AUDIO)


class CallerLeg(WSListener):
    """Twilio's side of a call: sends 20 ms at a time, returns marks when what precedes them is played."""

    def __init__(self, number: int, door: Door) -> None:
        self._loop = asyncio.get_running_loop()
        self._door = door
        self._stream_sid = f"MZ{number:032x}"
        self._wire: WSTransport | None = None
        self._next = 0
        self._played_at = 0.0
        self.agent: AgentLeg | None = None

    def on_ws_connected(self, transport: WSTransport) -> None:
        self._wire = transport
        transport.send(WSMsgType.TEXT, b'{"event":"connected","protocol":"Call","version":"1.0.0"}')
        transport.send(WSMsgType.TEXT, self._start())

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self._wire = None

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.TEXT:
            message = frame.get_payload_as_bytes()
            sound = sound_bytes(message, b'"payload":')
            if sound and self.agent is not None:
                self._played_at = max(self._loop.time(), self._played_at) + sound / 8000
                self.agent.down.arrived(sound / 8)
            elif b'"mark"' in message:
                self._loop.call_at(self._played_at, self._return, message)
        elif frame.msg_type == WSMsgType.CLOSE:
            transport.disconnect()

    def speak(self) -> None:
        """Send the next frame."""
        if self._wire is not None and self.agent is not None:
            self._next += 1
            self.agent.up.sent_at.append(time.perf_counter())
            self._wire.send(WSMsgType.TEXT, self._head + b'%d","payload":"' % (self._next * 20) + self._tail)

    def hang_up(self) -> None:
        """Send the stop and close."""
        if self._wire is not None:
            self._wire.send(WSMsgType.TEXT, b'{"event":"stop","streamSid":"%b"}' % self._stream_sid.encode())
            self._wire.send_close()
            self._wire.disconnect()

    def _start(self) -> bytes:
        sid = self._stream_sid.encode()
        parameters = ",".join(f'"{name}":"{value}"' for name, value in self._door.parameters.items())
        self._head = (
            b'{"event":"media","sequenceNumber":"3","streamSid":"%b",'
            b'"media":{"track":"inbound","chunk":"2","timestamp":"' % sid
        )
        self._tail = _PAYLOAD + b'"}}'
        return (
            b'{"event":"start","sequenceNumber":"1","streamSid":"%b","start":{"streamSid":"%b",'
            b'"accountSid":"AC%032x","callSid":"%b","tracks":["inbound"],"customParameters":{%b},'
            b'"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}'
        ) % (sid, sid, 1, self._door.call_sid.encode(), parameters.encode())

    def _return(self, message: bytes) -> None:
        if self._wire is not None:
            self._wire.send(WSMsgType.TEXT, message)


class Load:
    """So many calls, opened, measured and ended. Agents come in by ``agent_factory``."""

    def __init__(self, doors: Doors) -> None:
        self._doors = doors
        self._agents: asyncio.Queue[AgentLeg] = asyncio.Queue()
        self.callers: list[CallerLeg] = []

    def agent_factory(self) -> AgentLeg:
        """Make an agent for a session that is being opened."""
        return AgentLeg(self._agents.put_nowait)

    @property
    def agents(self) -> list[AgentLeg]:
        """The agents of all calls."""
        return [caller.agent for caller in self.callers if caller.agent is not None]

    async def open(self, calls: int, timeout_s: float = 5.0) -> None:
        """Open calls one after the other, each with its agent."""
        for number in range(calls):
            async with asyncio.timeout(timeout_s):
                door = await self._doors(number)
                caller = CallerLeg(number, door)
                await ws_connect(lambda caller=caller: caller, door.url)
                caller.agent = await self._agents.get()
                self.callers.append(caller)

    async def talk(self, seconds: float) -> None:
        """Let all speak; afterwards wait until what is under way has arrived."""
        talking = asyncio.gather(
            _pace([caller.speak for caller in self.callers], FRAME_MS / 1000, seconds),
            _pace([agent.speak for agent in self.agents], CHUNK_MS / 1000, seconds),
        )
        await talking
        await asyncio.sleep(0.5)

    def forget(self) -> None:
        """Begin to measure anew: what was sent until now has arrived or is lost."""
        for agent in self.agents:
            agent.up = Direction(FRAME_MS)
            agent.down = Direction(CHUNK_MS)

    def close(self) -> None:
        """End all calls."""
        for caller in self.callers:
            caller.hang_up()


async def _pace(turns: list[Callable[[], None]], period_s: float, seconds: float) -> None:
    """Call each of ``turns`` once a period, evenly spread over it."""
    begin = time.perf_counter()
    done, total = 0, int(len(turns) * seconds / period_s)
    while done < total:
        due = min(total, int((time.perf_counter() - begin) * len(turns) / period_s) + 1)
        for turn in range(done, due):
            turns[turn % len(turns)]()
        done = max(done, due)
        await asyncio.sleep(0.001)
