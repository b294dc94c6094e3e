"""What a call is between, where it reports, and what it can be told to do."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.emulators.twilio.line import LineEnd
from gateway.emulators.twilio.records import CallStatus, Direction, EndedBy


@dataclass(frozen=True, slots=True)
class End:
    """The call is to end."""

    by: EndedBy
    status: CallStatus = CallStatus.COMPLETED


@dataclass(frozen=True, slots=True)
class Source:
    """Where TwiML comes from: an address, or the document itself.

    Attributes:
        url: Absolute address; of an inline document, empty.
        method: ``POST`` or ``GET``.
        params: What is sent besides the standard parameters.
        purpose: Why it is fetched: ``voice``, ``redirect``, ``action``.
        twiml: The document itself.

    """

    url: str = ""
    method: str = "POST"
    params: Mapping[str, str] = field(default_factory=dict)
    purpose: str = "voice"
    twiml: str | None = None


Order = End | Source


@dataclass(slots=True)
class Subscription:
    """Where a call reports its progress, and which events."""

    url: str = ""
    method: str = "POST"
    events: frozenset[str] = frozenset({"completed"})


@dataclass(frozen=True, slots=True)
class Parties:
    """Who a call is between."""

    to: str
    from_: str
    direction: Direction
    parent_sid: str | None = None
    number_sid: str | None = None


def line_end(order: Order) -> LineEnd:
    """How a media stream ends by such an order."""
    if isinstance(order, Source):
        return LineEnd.REDIRECTED
    by_hand = order.by in (EndedBy.CALLER, EndedBy.CALLEE)
    return LineEnd.HUNG_UP if by_hand else LineEnd.ENDED
