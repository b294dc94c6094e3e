"""What the emulator writes down: statuses, verbs, webhooks, REST requests, the timeline."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

MAX_RECORDS = 10_000


class CallStatus(StrEnum):
    """https://www.twilio.com/docs/voice/api/call-resource#call-status-values."""

    QUEUED = "queued"
    INITIATED = "initiated"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"

    @property
    def final(self) -> bool:
        """Whether nothing comes after it."""
        return self in _FINAL


_FINAL = frozenset(
    {CallStatus.COMPLETED, CallStatus.BUSY, CallStatus.NO_ANSWER, CallStatus.FAILED, CallStatus.CANCELED}
)


class Direction(StrEnum):
    """Who called whom."""

    INBOUND = "inbound"
    OUTBOUND_API = "outbound-api"
    OUTBOUND_DIAL = "outbound-dial"


class EndedBy(StrEnum):
    """What ended a call."""

    CALLER = "caller"
    REST = "rest"
    TWIML = "twiml"
    REJECT = "reject"
    CALLEE = "callee"
    TIME_LIMIT = "time limit"
    APPLICATION_ERROR = "application error"
    EMULATOR = "emulator"


@dataclass(frozen=True, slots=True)
class VerbRecord:
    """A verb that was executed; ``at_s`` counts from the call's creation, in emulated seconds."""

    at_s: float
    verb: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    text: str = ""


@dataclass(frozen=True, slots=True)
class WebhookRecord:
    """A request the emulator made, and what came back.

    Attributes:
        at_s: When it was sent, in emulated seconds since the call's creation.
        purpose: ``voice``, ``fallback``, ``action``, ``redirect``, ``status``, ``stream``, ``amd``.
        url: Where it went, as configured.
        method: ``POST`` or ``GET``.
        params: The form, or the query of a GET.
        signature: What stood in ``X-Twilio-Signature``.
        status: HTTP status of the answer; None if none came.
        body: The answer, cut at 64 kB.
        error: Twilio's error code, if the answer was of no use.

    """

    at_s: float
    purpose: str
    url: str
    method: str
    params: Mapping[str, str] = field(repr=False)
    signature: str = field(repr=False)
    status: int | None = None
    body: str = field(default="", repr=False)
    error: int | None = None


@dataclass(frozen=True, slots=True)
class RestRecord:
    """A REST request the emulator received; a parameter given several times holds several values."""

    method: str
    path: str
    params: Mapping[str, tuple[str, ...]]
    status: int
    code: int | None = None

    def get(self, name: str) -> str | None:
        """The first value of a parameter."""
        return self.params.get(name, (None,))[0]


@dataclass(frozen=True, slots=True)
class Debug:
    """An error or warning as Twilio's debugger would list it."""

    at_s: float
    code: int
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the emulator's timeline, in emulated seconds since it started."""

    at_s: float
    call_sid: str
    kind: str
    detail: str = ""


def new_sid(prefix: str) -> str:
    """A fresh identifier: two letters and 32 hexadecimal digits."""
    return prefix + secrets.token_hex(16)
