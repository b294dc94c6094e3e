"""Agents at Vatel: reading, making and changing them, their versions, and having one dial."""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from gateway.clients.vatel.agent import Agent, AgentChange, AgentDraft, Version, VersionDetail, VersionId
from gateway.clients.vatel.rest import Question, Rest, segment
from gateway.clients.vatel.trunks import TrunkId
from gateway.errors import VendorRejected
from gateway.ids import AgentId

_PATH = "/v1/agents"
_REMEDIES = {404: "Check VATEL_AGENT_ID, or the ids of agent and version: Vatel has no such thing."}
_PUBLISH_REMEDIES = _REMEDIES | {409: "The version is published already."}
_DIAL_REMEDIES = {
    400: "Check the number to dial, and that the agent has a Twilio number or a SIP trunk is named.",
    401: "Check VATEL_API_KEY: Vatel does not know it, or the agent is not its organization's.",
    403: "Assign the SIP trunk to the agent.",
    404: "Check the agent's id, that it is active, and that its number or SIP trunk still exists.",
    503: "This Vatel has no SIP outbound: dial through the agent's Twilio number.",
}


class Dial(msgspec.Struct, frozen=True, kw_only=True):
    """An outbound call an agent is to make.

    Attributes:
        number: Whom to call, 5 to 20 characters.
        sip_trunk_id: A trunk assigned to the agent; unset, its Twilio number is used.
        caller_id: Who seems to call, with a trunk; unset, the agent's id.
        first_message: Said first, instead of the agent's own opening.
        prompt: Instead of the agent's own instructions.
        variables: What the agent knows of this call, by name.
    """

    number: str
    sip_trunk_id: TrunkId | UnsetType = UNSET
    caller_id: str | UnsetType = UNSET
    first_message: str | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    variables: Mapping[str, str] = {}

    def query(self) -> dict[str, str]:
        """What stands in the address. ``destination`` is another name of ``number``: one is enough."""
        named = {
            "number": self.number,
            "sipTrunkId": self.sip_trunk_id,
            "callerId": self.caller_id,
            "firstMessage": self.first_message,
            "prompt": self.prompt,
        }
        return {name: value for name, value in named.items() if value is not UNSET and value is not None}


class _Variable(msgspec.Struct):
    key: str
    value: str


class _Variables(msgspec.Struct):
    variables: tuple[_Variable, ...]


class _Dialled(msgspec.Struct):
    success: bool = True


class Agents:
    """The organization's agents. Every call raises a ``VendorError`` when it fails."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def list(self, *, deadline_s: float = 5.0) -> tuple[Agent, ...]:
        """All agents."""
        question = Question(method="GET", path=_PATH, deadline_s=deadline_s)
        return await self._rest.ask(question, tuple[Agent, ...])

    async def get(self, agent_id: AgentId, *, deadline_s: float = 5.0) -> Agent:
        """One agent."""
        question = _asking("GET", _path(agent_id), deadline_s)
        return await self._rest.ask(question, Agent)

    async def create(self, draft: AgentDraft, *, deadline_s: float = 10.0) -> Agent:
        """Make an agent."""
        question = Question(method="POST", path=_PATH, deadline_s=deadline_s, body=draft)
        return await self._rest.ask(question, Agent)

    async def change(self, agent_id: AgentId, change: AgentChange, *, deadline_s: float = 10.0) -> Agent:
        """Change what is set in ``change``; return the agent as it is then."""
        question = _asking("PATCH", _path(agent_id), deadline_s, change)
        return await self._rest.ask(question, Agent)

    async def delete(self, agent_id: AgentId, *, deadline_s: float = 10.0) -> None:
        """Remove an agent."""
        await self._rest.tell(_asking("DELETE", _path(agent_id), deadline_s))

    async def versions(self, agent_id: AgentId, *, deadline_s: float = 5.0) -> tuple[Version, ...]:
        """All versions of an agent."""
        question = _asking("GET", f"{_path(agent_id)}/versions", deadline_s)
        return await self._rest.ask(question, tuple[Version, ...])

    async def version(
        self, agent_id: AgentId, version_id: VersionId, *, deadline_s: float = 5.0
    ) -> VersionDetail:
        """One version of an agent, with its nodes."""
        question = _asking("GET", _path(agent_id, version_id), deadline_s)
        return await self._rest.ask(question, VersionDetail)

    async def publish(self, agent_id: AgentId, version_id: VersionId, *, deadline_s: float = 10.0) -> Version:
        """Publish a version and have the agent use it.

        Raises:
            VendorConflict: it is published already.
            VendorError: it failed otherwise.
        """
        question = Question(
            method="POST",
            path=f"{_path(agent_id, version_id)}/publish",
            deadline_s=deadline_s,
            remedies=_PUBLISH_REMEDIES,
        )
        return await self._rest.ask(question, Version)

    async def dial(self, agent_id: AgentId, dial: Dial, *, deadline_s: float = 15.0) -> None:
        """Have an agent call somebody. Vatel names no call in its answer: look for it in the calls.

        Nobody is called when this raises ``VendorUnreachable``, ``VendorRejected`` or ``VendorThrottled``.
        After any other error somebody may be: look before dialling again.

        Raises:
            VendorForbidden: the trunk is not the agent's.
            VendorNotFound: no such agent, number or trunk, or the agent is inactive.
            VendorError: it failed otherwise.
        """
        pairs = tuple(_Variable(key, value) for key, value in dial.variables.items())
        question = Question(
            method="POST",
            path=f"{_path(agent_id)}/dial",
            deadline_s=deadline_s,
            query=dial.query(),
            body=_Variables(pairs) if pairs else None,
            remedies=_DIAL_REMEDIES,
            hidden=(dial.number, *dial.variables.values()),
        )
        if not (await self._rest.ask(question, _Dialled)).success:
            raise VendorRejected("Vatel did not accept the call", remedy=_DIAL_REMEDIES[400])


def _asking(method: str, path: str, deadline_s: float, body: msgspec.Struct | None = None) -> Question:
    return Question(method=method, path=path, deadline_s=deadline_s, body=body, remedies=_REMEDIES)


def _path(agent_id: AgentId, version_id: VersionId | None = None) -> str:
    path = f"{_PATH}/{segment(agent_id)}"
    return path if version_id is None else f"{path}/versions/{segment(version_id)}"
