"""What is said to an answering machine: an agent's session of its own says the message, and it is kept."""

import asyncio
from dataclasses import replace
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway.bridge.events import AgentLost, Event
from gateway.calls.agent_line import AgentLine
from gateway.calls.plan import Words
from gateway.clients.vatel import Vatel
from gateway.wire.agent_session import ResponseAudio, SessionEnded

_LONGEST_S: Final = 15.0
"""How long the agent may take to speak the message; it speaks faster than the message sounds."""
_LARGEST_BYTES: Final = 48_000 * 120
"""Two minutes of PCM16 at 24 kHz."""


class Message:
    """One message, in the voice of the agent that would have spoken."""

    def __init__(self, vatel: Vatel, text: str, log: FilteringBoundLogger) -> None:
        self._text = text
        self._line = AgentLine(vatel, self._take, log)
        self._pcm = bytearray()
        self._done = asyncio.Event()
        self._whole = False

    async def speak(self, words: Words) -> bytes:
        """The message as PCM16 24 kHz; nothing if it could not be had whole. Never raises, and is bounded."""
        try:
            async with asyncio.timeout(_LONGEST_S):
                await self._line.join(replace(words, first_message=self._text))
                await self._done.wait()
        except TimeoutError:
            pass
        finally:
            await self._line.close()
        return bytes(self._pcm) if self._whole else b""

    def _take(self, event: Event) -> None:
        match event:
            case ResponseAudio(audio=audio, is_final=final) if not self._done.is_set():
                self._pcm += audio
                self._whole = final and bool(self._pcm)
                if final or len(self._pcm) > _LARGEST_BYTES:
                    self._done.set()
            case SessionEnded():
                self._whole = self._whole or bool(self._pcm)
                self._done.set()
            case AgentLost():
                self._done.set()
