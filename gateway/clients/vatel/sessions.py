"""Session tokens: what opens one session with an agent, over a WebSocket or over WebRTC."""

from dataclasses import dataclass
from typing import Annotated, Literal, NewType
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import SecretStr

from gateway.clients.vatel.agent import VersionId
from gateway.clients.vatel.rest import Question, Rest
from gateway.ids import AgentId

ChatId = NewType("ChatId", str)
"""Vatel's name of a chat that a session goes on with: a UUID."""

_REMEDIES = {
    403: "The agent belongs to another organization than VATEL_API_KEY.",
    404: "Check VATEL_AGENT_ID: Vatel has no such agent.",
}
_WEBRTC_REMEDIES = _REMEDIES | {503: "This Vatel has no WebRTC: use the WebSocket transport."}
_LARGEST_ANSWER = 64 * 1024


class SessionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What a session is to be; what is left unset is as the agent has it.

    Vatel refuses any other field, so there are no variables here: they are written into ``prompt`` and
    ``first_message`` before.

    Attributes:
        agent_id: Whose session.
        version_id: A published version of the agent; unset, the active one.
        chat_id: A chat to go on with.
        transport: ``websocket``, which is also the default, or ``webrtc``.
        first_message: Said first, instead of the agent's own opening.
        prompt: Instead of the agent's own instructions.
        chat: Whether the token is good for the chat API too.
    """

    agent_id: AgentId
    version_id: VersionId | UnsetType = UNSET
    chat_id: ChatId | UnsetType = UNSET
    transport: Literal["websocket", "webrtc"] | UnsetType = UNSET
    first_message: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    chat: bool | UnsetType = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What opens a session, once and soon.

    Attributes:
        token: For the WebSocket, and for the chat API if that was asked for.
        webrtc_token: For the media room, with WebRTC.
        room: The media room, with WebRTC.
        identity: Who we are in the room, with WebRTC.
        url: The media server's address, with WebRTC.
    """

    token: SecretStr
    webrtc_token: SecretStr
    room: str = ""
    identity: str = ""
    url: str = ""


class _Answer(msgspec.Struct):
    token: Annotated[str, msgspec.Meta(min_length=1)]
    room: str = ""
    identity: str = ""
    url: str = ""
    webrtc_token: str = ""


class Sessions:
    """Asks for sessions. Every call raises a ``VendorError`` when it fails."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def create(
        self, request: SessionRequest, *, deadline_s: float = 2.0, connect_s: float = 1.0
    ) -> Session:
        """What opens one session.

        Raises:
            VendorForbidden: the agent is another organization's.
            VendorNotFound: there is no such agent.
            VendorUnavailable: WebRTC was asked for and Vatel has none.
            VendorError: it failed otherwise. A token that nobody uses costs nothing: ask again.
        """
        question = Question(
            method="POST",
            path="/v1/session-token",
            deadline_s=deadline_s,
            connect_s=connect_s,
            body=request,
            remedies=_WEBRTC_REMEDIES if request.transport == "webrtc" else _REMEDIES,
            largest_answer=_LARGEST_ANSWER,
        )
        answer = await self._rest.ask(question, _Answer)
        return Session(
            token=SecretStr(answer.token),
            # Older servers put the media room's token where the other one is today.
            webrtc_token=SecretStr(answer.webrtc_token or answer.token),
            room=answer.room,
            identity=answer.identity,
            url=answer.url,
        )

    def url(self, token: str, agent_id: AgentId, version_id: VersionId | None = None) -> str:
        """The address of a session's WebSocket. It holds the token: never log it."""
        query = {"token": token, "agentId": agent_id}
        if version_id is not None:
            query["versionId"] = version_id
        return f"ws{self._rest.base_url.removeprefix('http')}/v1/connection?{urlencode(query)}"
