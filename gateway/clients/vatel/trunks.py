"""SIP trunks at Vatel, and which agents are reached through them."""

from typing import Literal, NewType

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import SecretStr

from gateway.clients.vatel.rest import Question, Rest, segment
from gateway.ids import AgentId

TrunkId = NewType("TrunkId", str)
"""Vatel's name of a SIP trunk: a UUID."""

AssignmentId = NewType("AssignmentId", str)
"""Vatel's name of an agent's place on a trunk: a UUID, unique among those of all trunks."""

Pbx = Literal["3cx", "yeastar", "webex", "generic"]
InboundAuth = Literal["digest", "acl", "none"]

_PATH = "/v1/sip-trunks"
_TRUNK_REMEDIES = {
    409: "The inbound SIP user name is taken: choose another.",
    503: "This Vatel has no SIP.",
}
_ASSIGNMENT_REMEDIES = {
    404: "Check the ids of the trunk, the agent and the assignment.",
    409: "The number is taken: on this trunk, or an alternate number on any.",
}


class CallerIdTransform(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a caller's number is changed on a trunk.

    ``type`` is ``add_prefix``, ``add_suffix``, ``replace``, ``strip_digits_end`` or ``strip_digits_start``;
    ``value``, ``value2`` and ``number`` are what that one needs.
    """

    type: str = ""
    value: str | None = None
    value2: str | None = None
    number: int | None = None


class Trunk(msgspec.Struct, frozen=True, kw_only=True):
    """A SIP trunk as Vatel shows it, without its passwords; ``created_at`` is RFC 3339."""

    id: TrunkId = TrunkId("")
    created_at: str = ""
    pbx: str = ""
    caller_id_transforms: tuple[CallerIdTransform, ...] = ()
    inbound_host: str = ""
    inbound_auth_type: str = ""
    inbound_sip_username: str = ""
    inbound_registration_status: str = ""
    outbound_host: str = ""
    outbound_sip_username: str = ""
    register: bool = False
    outbound_registration_status: str = ""
    remain_in_dialog: bool = False


class TrunkChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a trunk: what is unset stays as it is; an empty text or list clears."""

    pbx: Pbx | UnsetType = UNSET
    caller_id_transforms: tuple[CallerIdTransform, ...] | UnsetType = UNSET
    inbound_host: str | UnsetType | None = UNSET
    inbound_auth_type: InboundAuth | UnsetType | None = UNSET
    inbound_sip_username: str | UnsetType | None = UNSET
    inbound_sip_password: SecretStr | UnsetType | None = UNSET
    outbound_host: str | UnsetType | None = UNSET
    outbound_sip_username: str | UnsetType | None = UNSET
    outbound_sip_password: SecretStr | UnsetType | None = UNSET
    register: bool | UnsetType | None = UNSET
    remain_in_dialog: bool | UnsetType | None = UNSET


class TrunkDraft(TrunkChange, frozen=True, kw_only=True):
    """A new trunk: what kind of exchange it leads to, and what that needs."""

    pbx: Pbx


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """An agent's place on a trunk; ``created_at`` is RFC 3339.

    With digest authentication callers reach it at ``number``, with an ACL at ``alternate_number``.
    """

    id: AssignmentId = AssignmentId("")
    agent_id: AgentId = AgentId("")
    sip_trunk_id: TrunkId = TrunkId("")
    number: str = ""
    alternate_number: str = ""
    created_at: str = ""


class AssignmentDraft(msgspec.Struct, frozen=True, kw_only=True):
    """A new place on a trunk."""

    agent_id: AgentId
    number: str | UnsetType = UNSET
    alternate_number: str | UnsetType = UNSET


class AssignmentChange(msgspec.Struct, frozen=True, kw_only=True):
    """What to change of a place: what is unset stays as it is, ``None`` clears."""

    number: str | UnsetType | None = UNSET
    alternate_number: str | UnsetType | None = UNSET


class Trunks:
    """The organization's trunks. Every call raises a ``VendorError`` when it fails."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def list(self, *, deadline_s: float = 5.0) -> tuple[Trunk, ...]:
        """All trunks."""
        question = Question(method="GET", path=_PATH, deadline_s=deadline_s)
        return await self._rest.ask(question, tuple[Trunk, ...])

    async def get(self, trunk_id: TrunkId, *, deadline_s: float = 5.0) -> Trunk:
        """One trunk."""
        question = Question(method="GET", path=_path(trunk_id), deadline_s=deadline_s)
        return await self._rest.ask(question, Trunk)

    async def create(self, draft: TrunkDraft, *, deadline_s: float = 10.0) -> Trunk:
        """Make a trunk.

        Raises:
            VendorConflict: its inbound user name is taken.
            VendorUnavailable: this Vatel has no SIP.
            VendorError: it failed otherwise.
        """
        return await self._rest.ask(_asking("POST", _PATH, draft, deadline_s), Trunk)

    async def change(self, trunk_id: TrunkId, change: TrunkChange, *, deadline_s: float = 10.0) -> Trunk:
        """Change what is set in ``change``; return the trunk as it is then.

        Raises:
            VendorConflict: its inbound user name is taken.
            VendorError: it failed otherwise.
        """
        return await self._rest.ask(_asking("PATCH", _path(trunk_id), change, deadline_s), Trunk)

    async def delete(self, trunk_id: TrunkId, *, deadline_s: float = 10.0) -> None:
        """Remove a trunk."""
        await self._rest.tell(Question(method="DELETE", path=_path(trunk_id), deadline_s=deadline_s))


class Assignments:
    """The places of agents on trunks. Every call raises a ``VendorError`` when it fails."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def list(self, trunk_id: TrunkId, *, deadline_s: float = 5.0) -> tuple[Assignment, ...]:
        """All places on a trunk."""
        question = _placing("GET", f"{_path(trunk_id)}/assignments", None, deadline_s)
        return await self._rest.ask(question, tuple[Assignment, ...])

    async def create(
        self, trunk_id: TrunkId, draft: AssignmentDraft, *, deadline_s: float = 10.0
    ) -> Assignment:
        """Give an agent a place on a trunk.

        Raises:
            VendorConflict: the number is taken.
            VendorError: it failed otherwise.
        """
        question = _placing("POST", f"{_path(trunk_id)}/assignments", draft, deadline_s)
        return await self._rest.ask(question, Assignment)

    async def get(self, assignment_id: AssignmentId, *, deadline_s: float = 5.0) -> Assignment:
        """One place."""
        return await self._rest.ask(_placing("GET", _place(assignment_id), None, deadline_s), Assignment)

    async def change(
        self, assignment_id: AssignmentId, change: AssignmentChange, *, deadline_s: float = 10.0
    ) -> Assignment:
        """Change what is set in ``change``; return the place as it is then.

        Raises:
            VendorConflict: the number is taken.
            VendorError: it failed otherwise.
        """
        return await self._rest.ask(_placing("PATCH", _place(assignment_id), change, deadline_s), Assignment)

    async def delete(self, assignment_id: AssignmentId, *, deadline_s: float = 10.0) -> None:
        """Take an agent off a trunk."""
        await self._rest.tell(_placing("DELETE", _place(assignment_id), None, deadline_s))


def _asking(method: str, path: str, body: TrunkChange, deadline_s: float) -> Question:
    passwords = (body.inbound_sip_password, body.outbound_sip_password)
    hidden = tuple(each.get_secret_value() for each in passwords if isinstance(each, SecretStr))
    return Question(
        method=method,
        path=path,
        deadline_s=deadline_s,
        body=body,
        remedies=_TRUNK_REMEDIES,
        hidden=hidden,
    )


def _placing(method: str, path: str, body: msgspec.Struct | None, deadline_s: float) -> Question:
    return Question(method=method, path=path, deadline_s=deadline_s, body=body, remedies=_ASSIGNMENT_REMEDIES)


def _path(trunk_id: TrunkId) -> str:
    return f"{_PATH}/{segment(trunk_id)}"


def _place(assignment_id: AssignmentId) -> str:
    return f"{_PATH}/assignments/{segment(assignment_id)}"
