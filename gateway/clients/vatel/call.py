"""What a call is in Vatel's records, and which calls to look for."""

import datetime
from dataclasses import dataclass
from typing import Literal

import msgspec

from gateway.clients.vatel.agent import VersionId
from gateway.ids import AgentId, SessionId, ToolCallId, TurnId

CallStatus = Literal["connected", "started", "in_progress", "auth_failed", "ended"]
CallSource = Literal["twilio", "sip", "simulation", "api"]
CallOutcome = Literal["transferred", "ended_by_agent", "ended_by_user"]


class Variable(msgspec.Struct, frozen=True, kw_only=True):
    """Something known of a call, or found out in it; ``value`` is any JSON."""

    name: str = ""
    type: str = ""
    description: str = ""
    value: object = None
    data_type: str = msgspec.field(default="", name="dataType")
    rationale: str = ""


class ToolRun(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A tool that ran in a call; ``arguments`` is JSON as text. Times are RFC 3339."""

    item_id: str = ""
    call_id: ToolCallId = ToolCallId("")
    tool_name: str = ""
    arguments: str = ""
    output: str = ""
    started_at: str = ""
    ended_at: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One line of a transcript.

    ``type`` is ``message``, ``tool_call``, ``tool_call_output`` or ``interruption``; ``role``, of a message,
    ``user``, ``assistant`` or ``system``.
    """

    index: int = 0
    role: str = ""
    message: str = ""
    type: str = ""
    tool_call: ToolRun | None = None
    tool_call_output: str = ""
    created_at: str = ""
    duration_ms: int = 0
    turn_id: TurnId = TurnId("")


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """What was said in a call, in order."""

    entries: tuple[Entry, ...] = ()


class Feedback(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller thought of a call."""

    stars: int = 0
    notes: str = ""


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A call in Vatel's records. Times are RFC 3339, and empty as long as what they tell of has not happened.

    Attributes:
        id: The same as the session's.
        party_number: The other side's number.
        status: A ``CallStatus``, or a newer one.
        source: A ``CallSource``, or a newer one.
        termination_reason: Why it ended; there is no list of reasons.
        transcript: ``None`` where none is kept.
        cost: What it costs the organization.
        feedback: ``None`` where there is none.
    """

    id: SessionId = SessionId("")
    agent_id: AgentId = AgentId("")
    graph_version_id: VersionId = VersionId("")
    organization_id: str = ""
    party_number: str = ""
    status: str = ""
    source: str = ""
    termination_reason: str = ""
    extracted_variables: tuple[Variable, ...] = ()
    outbound: bool = False
    outbound_contact_id: str = ""
    outbound_list_run_id: str = ""
    created_at: str = ""
    connected_at: str = ""
    started_at: str = ""
    ended_at: str = ""
    summary: str = ""
    transcript: Transcript | None = None
    cost: float = 0.0
    tags: tuple[str, ...] = ()
    duration_seconds: int = 0
    feedback: Feedback | None = None

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen in it."""
        return self.status in ("ended", "auth_failed")


class Pagination(msgspec.Struct, frozen=True, kw_only=True):
    """Where a page stands among all; pages are counted from 1."""

    page: int = 1
    page_size: int = 0
    total: int = 0
    total_pages: int = 0
    has_next: bool = False
    has_prev: bool = False


class CallPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of the calls, newest first."""

    calls: tuple[Call, ...] = ()
    pagination: Pagination = Pagination()


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFilter:
    """Which calls to look for: those that meet everything that is not ``None``.

    Attributes:
        organization_id: Only for Vatel's own internal keys; it is ignored with any other.
        agent_ids: Of these agents; empty, of all.
        date_from: Made then or later; a time with its zone, as is ``date_to``.
        search: A part of the other side's number, at most 256 characters.
        tag: At most 128 characters.
    """

    organization_id: str | None = None
    agent_ids: tuple[AgentId, ...] = ()
    status: CallStatus | None = None
    source: CallSource | None = None
    date_from: datetime.datetime | None = None
    date_to: datetime.datetime | None = None
    outbound: bool | None = None
    search: str | None = None
    tag: str | None = None
    outcome: CallOutcome | None = None

    def query(self) -> dict[str, str]:
        """What stands in the address."""
        named: dict[str, str | None] = {
            "organization_id": self.organization_id,
            "agent_ids": ",".join(self.agent_ids) or None,
            "status": self.status,
            "source": self.source,
            "date_from": self.date_from.isoformat() if self.date_from else None,
            "date_to": self.date_to.isoformat() if self.date_to else None,
            "outbound": None if self.outbound is None else str(self.outbound).lower(),
            "search": self.search,
            "tag": self.tag,
            "outcome": self.outcome,
        }
        return {name: value for name, value in named.items() if value is not None}
