"""The words of dialling: what a call is to be, who carries it, what may go wrong, how long things take."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import msgspec

from gateway.errors import Fault, GatewayError
from gateway.ids import E164, AgentId, CallSid, SessionId
from gateway.policy.machine import Mode
from gateway.store.identifiers import CallId
from gateway.store.records import Json, Via

MOST_LISTED: Final = 500
"""Calls that are looked through for one of ours."""


class RequestRefused(GatewayError):
    """A request for a call can't be carried out as it is; ``field`` names what is wrong with it."""

    fault = Fault.PEER
    remedy = "Correct the field and send the request again."

    def __init__(self, message: str, *, field: str, code: str = "invalid", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.field = field
        self.code = code


class LimitReached(GatewayError):
    """No more calls are placed for this key, or to this number, for now."""

    fault = Fault.PEER
    retryable = True
    remedy = "Send the request again when the time named has passed."

    def __init__(self, limit: str, retry_after_s: float) -> None:
        super().__init__(f"the limit {limit} is reached")
        self.limit = limit
        self.retry_after_s = retry_after_s


class CallUnknown(GatewayError):
    """There is no such call."""

    fault = Fault.PEER
    remedy = "Check the call's id."


class CallNotLive(GatewayError):
    """The call is not in a state that allows this."""

    fault = Fault.PEER
    remedy = "Look at the call's status before asking again."


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboundPlan:
    """What an outbound call is to be; texts are rendered, and ``None`` leaves the agent's own."""

    call_id: CallId
    to: E164 = field(repr=False)
    from_: E164 = field(repr=False)
    agent_id: AgentId
    via: Via = Via.GATEWAY
    version_id: str | None = None
    first_message: str | None = field(default=None, repr=False)
    prompt: str | None = field(default=None, repr=False)
    machine_detection: Mode = Mode.OFF
    message: str | None = field(default=None, repr=False)
    ring_timeout_s: int = 30
    max_duration_s: int = 3600
    send_digits: str = field(default="", repr=False)
    metadata: Json = field(default_factory=dict, repr=False)
    callback_url: str | None = field(default=None, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)

    def document(self) -> Json:
        """The plan as it is kept with the intent to dial."""
        document: Json = msgspec.to_builtins(self)
        return document

    @classmethod
    def read(cls, document: Json) -> "OutboundPlan":
        """A plan that was kept.

        Raises:
            msgspec.ValidationError: it is none.
        """
        return msgspec.convert(document, cls)


class Switchboard(Protocol):
    """Who carries the calls the gateway bridges. What it does not know of, it ignores."""

    def invite(self, plan: OutboundPlan) -> str:
        """Expect a call's stream; return the ticket that lets it in.

        It is asked again for the same call when a request to the carrier is repeated, and by the process
        that takes over from one that died after its request had left. The stream brings the first ticket.
        """

    def named(self, call_id: CallId, call_sid: CallSid) -> None:
        """The carrier has the call, and this is its name for it. It may be told again."""

    def uninvite(self, call_id: CallId) -> None:
        """Nobody will answer: the call was never placed, or ended while it rang."""

    def hang_up(self, call_id: CallId) -> bool:
        """End a call that is bridged here; ``False`` if it is not."""

    def transfer(self, call_id: CallId, to: E164) -> bool:
        """Connect a call that is bridged here to a person; ``False`` if it is not."""


@dataclass(frozen=True, slots=True)
class Taken:
    """The carrier's name for a call: Twilio's, or Vatel's once its record is found."""

    call_sid: CallSid | None = None
    session_id: SessionId | None = None


class Carrier(Protocol):
    """Whoever dials for us."""

    proves_absence: bool
    """Whether a call that exists is sure to be in its list: what is not there may be dialled again."""

    async def place(self, plan: OutboundPlan, ticket: str) -> Taken:
        """Ask for the call, once.

        Raises:
            VendorError: there is no call, if ``certain`` says so; else there may be.
        """

    def certain(self, error: Exception) -> bool:
        """Whether an error of ``place`` says for sure that nobody is called."""

    async def look(self, plan: OutboundPlan, posted_at: datetime, known: "Known") -> Taken | None:
        """Search the carrier's list for a call that was asked for at that moment.

        Args:
            plan: What was asked for.
            posted_at: When.
            known: Tells which of the carrier's calls are other calls of ours.

        Raises:
            VendorError: the list can't be had.
        """

    async def hang_up(self, taken: Taken) -> bool:
        """End a call; ``False`` if this carrier can't.

        Raises:
            VendorError: the carrier could not be told.
        """


class Known(Protocol):
    """Says which of some names the carrier gave belong to other calls of ours."""

    async def __call__(self, names: Collection[str]) -> Collection[str]:
        """Those of the names that are taken."""


Tell = Callable[[str, CallId, Json], None]
"""Takes ``call.started``, ``call.answered`` or ``call.ended``, the call, and data; more than once."""

Checkpoint = Callable[[str], None]
"""Told of each step of dialling, by tests that end the process there."""


@dataclass(frozen=True, slots=True)
class DialTimes:
    """How fast calls leave and how long is waited, in seconds unless named otherwise."""

    rate_per_s: float = 0.8  # Twilio takes one a second, and queues what comes faster
    burst: int = 1
    lease_s: float = 30.0  # what a process that died leaves behind is taken over after so long
    adopt_every_s: float = 5.0  # less than a third of the lease
    too_old_s: float = 300.0  # a call that could not be placed for so long is not placed any more
    look_every_s: float = 5.0
    settle_s: float = 60.0  # a request may be carried out, and show in the list, so long after it left
    looks: int = 3  # in a row, after that time, that find nothing: only then there is no call
    give_up_s: float = 86_400.0  # where the list can't be had or proves nothing
    key_life_s: float = 86_400.0  # an idempotency key stands for its request so long
    reconcile_every_s: float = 30.0
    overdue_s: float = 60.0  # a call that must have ended so long ago is looked up
    price_after_s: float = 60.0  # and then after twice as long, and so on
    price_within_s: float = 172_800.0
    looks_per_round: int = 20  # requests of one round of reconciling


def no_checkpoint(_name: str) -> None:
    """Nothing is to happen between the steps."""


def nobody_to_tell(_kind: str, _call_id: CallId, _data: Json) -> None:
    """Nobody wants to know."""
