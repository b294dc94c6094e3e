"""All calls there ever were, for a test to compare with what the gateway believes."""

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.records import CallStatus, Direction, EndedBy

MAX_ENTRIES = 200_000


@dataclass(frozen=True, slots=True)
class Entry:
    """One call as it stands, or as it ended.

    Attributes:
        queued_s: How long it waited for its turn, in emulated seconds.
        status_url: Where its progress was to be reported.
        reported: The statuses that were reported there, each with the HTTP status of the answer.

    """

    sid: str
    to: str
    from_: str
    direction: Direction
    status: CallStatus
    parent_sid: str | None
    created: datetime
    started: datetime | None
    ended: datetime | None
    duration_s: float
    queued_s: float
    send_digits: str
    answered_by: str | None
    ended_by: EndedBy | None
    price: str | None
    status_url: str
    reported: tuple[tuple[str, int | None], ...]


class Ledger:
    """Every call ever created, the oldest first; the calls themselves may be forgotten long since.

    Args:
        calls: The calls that are remembered, by SID.
        price: Says what a call cost.

    """

    def __init__(self, calls: Mapping[str, Call], price: Callable[[Call], str | None]) -> None:
        self._calls = calls
        self._price = price
        self._kept: deque[Entry] = deque(maxlen=MAX_ENTRIES)

    def keep(self, call: Call) -> None:
        """Write a call down that is about to be forgotten."""
        self._kept.append(self._entry(call))

    def entries(self, direction: Direction | None = None, *, to: str | None = None) -> list[Entry]:
        """The calls, of one direction or to one number if so asked."""
        now = [self._entry(call) for call in self._calls.values()]
        return [
            entry
            for entry in (*self._kept, *now)
            if (direction is None or entry.direction is direction) and (to is None or entry.to == to)
        ]

    def entry(self, sid: str) -> Entry | None:
        """One call; None if there never was one of that name."""
        call = self._calls.get(sid)
        if call is not None:
            return self._entry(call)
        return next((entry for entry in self._kept if entry.sid == sid), None)

    def _entry(self, call: Call) -> Entry:
        reported = tuple(
            (request.params["CallStatus"], request.status)
            for request in call.requests
            if request.purpose == "status" and request.params["CallSid"] == call.sid
        )
        return Entry(
            call.sid,
            call.to,
            call.from_,
            call.parties.direction,
            call.status,
            call.parties.parent_sid,
            call.created,
            call.started,
            call.ended,
            call.duration_s,
            call.queued_s,
            call.send_digits,
            call.answered_by,
            call.ended_by,
            self._price(call),
            call.subscription.url,
            reported,
        )
