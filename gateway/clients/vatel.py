"""Vatel's REST API."""

from typing import Annotated, Final, TypeVar
from urllib.parse import quote, urlencode

import httpx
import msgspec

from gateway.clients.http import Answer, ask
from gateway.errors import VendorError, VendorRejected, VendorUnusable
from gateway.ids import AgentId

_REMEDIES: Final = {
    401: "Check VATEL_API_KEY: Vatel does not know it.",
    403: "The agent belongs to another organization than VATEL_API_KEY.",
    404: "Check VATEL_AGENT_ID: Vatel has no such agent.",
    429: "Vatel asks to slow down; check the limits of the organization.",
}


_T = TypeVar("_T")


class _Token(msgspec.Struct):
    token: Annotated[str, msgspec.Meta(min_length=1)]


class _Named(msgspec.Struct):
    name: str = ""


class _Refusal(msgspec.Struct):
    error: str = ""


class Vatel:
    """Asks Vatel. Every call has a deadline and raises a ``VendorError``."""

    def __init__(self, http: httpx.AsyncClient, base_url: str, api_key: str) -> None:
        self._http = http
        self._base = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}"}

    async def session_token(self, agent_id: AgentId, *, deadline_s: float = 2.0) -> str:
        """A token that opens one session with the agent, soon.

        Raises:
            VendorError: it could not be had.
        """
        body = {"agent_id": agent_id}
        answer = await self._ask("POST", "/v1/session-token", deadline_s, json=body)
        return _read(answer, _Token).token

    def session_url(self, token: str, agent_id: AgentId) -> str:
        """The address of the session's WebSocket. It holds the token: never log it."""
        query = urlencode({"token": token, "agentId": agent_id})
        return f"ws{self._base.removeprefix('http')}/v1/connection?{query}"

    async def organization(self, *, deadline_s: float = 5.0) -> str:
        """The name of the organization the API key belongs to."""
        return _read(await self._ask("GET", "/v1/organization", deadline_s), _Named).name

    async def agent(self, agent_id: AgentId, *, deadline_s: float = 5.0) -> str:
        """The name of an agent."""
        return _read(
            await self._ask("GET", f"/v1/agents/{quote(agent_id, safe='')}", deadline_s), _Named
        ).name

    async def _ask(self, method: str, path: str, deadline_s: float, json: object = None) -> Answer:
        url = f"{self._base}{path}"
        answer = await ask(
            self._http, method, url, vendor="Vatel", deadline_s=deadline_s, headers=self._headers, json=json
        )
        if not 200 <= answer.status < 300:
            raise _refusal(answer)
        return answer


def _refusal(answer: Answer) -> VendorError:
    try:
        reason = msgspec.json.decode(answer.body, type=_Refusal).error[:200]
    except (msgspec.MsgspecError, RecursionError, UnicodeError):  # 400 and 401 may have no body at all
        reason = ""
    kind = VendorRejected if 400 <= answer.status < 500 and answer.status != 429 else VendorUnusable
    return kind(
        f"Vatel answered {answer.status}" + (f": {reason}" if reason else ""),
        remedy=_REMEDIES.get(answer.status),
        status=answer.status,
        retry_after_s=answer.retry_after_s,
    )


def _read(answer: Answer, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except (msgspec.MsgspecError, RecursionError, UnicodeError):
        raise VendorUnusable("Vatel's answer is not what its documentation says") from None
