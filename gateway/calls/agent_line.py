"""The agent's end of a call: gets a token, opens the session, carries messages."""

import asyncio
from collections.abc import Callable
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway.audio.transcode import CallerToAgent
from gateway.bridge.events import AgentDoubted, AgentLost, Event, Leg, Malformed, ignore
from gateway.calls.plan import Words
from gateway.clients.agent_socket import AgentSocket
from gateway.clients.agent_socket_terms import LostSocket
from gateway.clients.vatel import Vatel
from gateway.errors import VendorError, VendorRejected, VendorTimeout, WireError
from gateway.ids import ToolCallId
from gateway.wire import agent_session

_RETRY_AFTER_S: Final = 0.15


class AgentLine:
    """One call's connection to Vatel. What comes of it is given to ``take`` as events."""

    def __init__(self, vatel: Vatel, take: Callable[[Event], None], log: FilteringBoundLogger) -> None:
        self._vatel = vatel
        self._take = take
        self._log = log
        self._socket: AgentSocket | None = None
        self.filter = CallerToAgent()
        self.audio_refused = 0

    async def join(self, words: Words) -> None:
        """Open the session; a failure is an event like any other."""
        try:
            self._socket = await self._open(words)
        except VendorError as error:
            self._log.warning("agent can't be had", error=str(error), remedy=error.remedy, fault=error.fault)
            self._take(AgentLost(str(error), final=not error.retryable))

    def send_audio(self, pcm: bytes) -> None:
        """Send caller audio; what the agent is too slow to take is dropped and counted."""
        if self._socket is None or not self._socket.send(agent_session.input_audio(pcm)):
            self.audio_refused += 1

    def answer(self, call_id: ToolCallId, output: str) -> None:
        """Answer a tool call."""
        if self._socket is not None:
            self._socket.send(agent_session.tool_call_output(call_id, output), droppable=False)

    def detach(self) -> None:
        """Hear nothing more of this session: the call has another one."""
        self._take = ignore

    async def close(self) -> None:
        """End the session, of which nothing is heard then: bounded, and never raises."""
        if self._socket is not None:
            await self._socket.close()
            self._socket = None
        self.detach()

    async def _open(self, words: Words) -> AgentSocket:
        """Open a session; with a new token, once, if the first one soon turned out to be no good."""
        token = await self._token(words)
        try:
            return await self._connect(words, token)
        except VendorTimeout:
            raise
        except VendorError as error:
            if isinstance(error, VendorRejected):  # a token opens one connection, soon
                self._vatel.tokens.refused_in_use()
        await asyncio.sleep(_RETRY_AFTER_S)
        return await self._connect(words, await self._token(words))

    async def _token(self, words: Words) -> str:
        return await self._vatel.patient_token(
            words.agent_id,
            version_id=words.version_id,
            first_message=words.first_message,
            prompt=words.prompt,
        )

    async def _connect(self, words: Words, token: str) -> AgentSocket:
        url = self._vatel.session_url(token, words.agent_id, words.version_id)
        return await AgentSocket.connect(url, on_message=self._read, on_lost=self._lost, on_late=self._late)

    def _read(self, message: bytes) -> None:
        try:
            event: Event = agent_session.parse(message)
        except WireError:
            event = Malformed(Leg.AGENT)
        self._take(event)

    def fail(self, error: Exception) -> None:
        """Take that sending audio raised: a bug of ours, which costs this session."""
        self._lost(LostSocket(None, f"{type(error).__name__} while sending", clean=False, error=error))

    def _late(self) -> None:
        self._take(AgentDoubted())

    def _lost(self, lost: LostSocket) -> None:
        if lost.error is not None:  # raised while taking a message, or sending one: a bug of ours
            self._log.error("gateway error", exc_info=lost.error)
        self._log.warning("agent lost", code=lost.code, reason=lost.reason, clean=lost.clean)
        self._take(AgentLost(lost.reason))
