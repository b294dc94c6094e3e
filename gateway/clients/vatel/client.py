"""Vatel as the gateway knows it: its areas, and in short form what every call needs."""

from collections.abc import Callable
from typing import TypeVar

import httpx
import msgspec
from msgspec import UNSET, UnsetType

from gateway.clients.vatel.agent import VersionId
from gateway.clients.vatel.agents import Agents
from gateway.clients.vatel.calls import Calls
from gateway.clients.vatel.catalogue import Catalogue
from gateway.clients.vatel.numbers import Numbers
from gateway.clients.vatel.rest import Rest, Retries
from gateway.clients.vatel.sessions import ChatId, SessionRequest, Sessions
from gateway.clients.vatel.tokens import Outcome, TokenDesk
from gateway.clients.vatel.trunks import Assignments, Trunks
from gateway.ids import AgentId

_T = TypeVar("_T")


class Vatel:
    """Asks Vatel. Every call has a deadline and raises a ``VendorError``.

    Args:
        http: The pool to ask over.
        base_url: Where Vatel is.
        api_key: The organization's.
        retries: How requests that change nothing are repeated.
        count: Told what became of each try to get a token for a caller who waits.

    Attributes:
        catalogue: The organization, models and voices.
        agents: Agents, their versions, and having one dial.
        calls: Records of calls, and recordings.
        numbers: Imported Twilio numbers.
        trunks: SIP trunks.
        assignments: The places of agents on trunks.
        sessions: What opens a session.
        tokens: The same for callers who wait: tried again where that may help.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        api_key: str,
        *,
        retries: Retries | None = None,
        count: Callable[[Outcome], object] = lambda _outcome: None,
    ) -> None:
        rest = Rest(http, base_url, api_key, retries or Retries())
        self.catalogue = Catalogue(rest)
        self.agents = Agents(rest)
        self.calls = Calls(rest)
        self.numbers = Numbers(rest)
        self.trunks = Trunks(rest)
        self.assignments = Assignments(rest)
        self.sessions = Sessions(rest)
        self.tokens = TokenDesk(self.sessions, count)

    async def session_token(
        self,
        agent_id: AgentId,
        *,
        version_id: VersionId | None = None,
        first_message: str | None = None,
        prompt: str | None = None,
        chat: bool | None = None,
        chat_id: ChatId | None = None,
        deadline_s: float = 2.0,
    ) -> str:
        """A token that opens one WebSocket session with the agent, soon.

        Args:
            agent_id: Whose session.
            version_id: A published version; else the active one.
            first_message: Said first, instead of the agent's own opening.
            prompt: Instead of the agent's own instructions.
            chat: Whether the token is good for the chat API too.
            chat_id: A chat to go on with.
            deadline_s: In seconds.

        Raises:
            VendorError: it could not be had.
        """
        request = _request(agent_id, version_id, first_message, prompt)
        if chat is not None or chat_id is not None:
            request = msgspec.structs.replace(request, chat=_set(chat), chat_id=_set(chat_id))
        return (await self.sessions.create(request, deadline_s=deadline_s)).token.get_secret_value()

    async def patient_token(
        self,
        agent_id: AgentId,
        *,
        version_id: VersionId | None = None,
        first_message: str | None = None,
        prompt: str | None = None,
        patience_s: float = 5.0,
    ) -> str:
        """The same for a caller who waits: tried up to three times, where that may help.

        Raises:
            VendorError: it could not be had; see ``TokenDesk``.
        """
        request = _request(agent_id, version_id, first_message, prompt)
        return await self.tokens.get(request, patience_s=patience_s)

    def session_url(self, token: str, agent_id: AgentId, version_id: VersionId | None = None) -> str:
        """The address of the session's WebSocket. It holds the token: never log it."""
        return self.sessions.url(token, agent_id, version_id)

    async def organization(self, *, deadline_s: float = 5.0) -> str:
        """The name of the organization the API key belongs to."""
        return (await self.catalogue.organization(deadline_s=deadline_s)).name

    async def agent(self, agent_id: AgentId, *, deadline_s: float = 5.0) -> str:
        """The name of an agent."""
        return (await self.agents.get(agent_id, deadline_s=deadline_s)).name


def _request(
    agent_id: AgentId, version_id: VersionId | None, first_message: str | None, prompt: str | None
) -> SessionRequest:
    return SessionRequest(
        agent_id=agent_id,
        version_id=_set(version_id),
        first_message=_set(first_message),
        prompt=_set(prompt),
    )


def _set(value: _T | None) -> _T | UnsetType:
    return UNSET if value is None else value
