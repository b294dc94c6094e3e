"""Tickets: each opens one stream of one call, once, and not for long."""

import hashlib
import secrets
from dataclasses import dataclass
from typing import Final

from gateway.errors import TicketRefused
from gateway.store.identifiers import CallId

LIFETIME_S: Final = 60.0
"""From the webhook to the stream."""


@dataclass(frozen=True, slots=True)
class _Ticket:
    call_id: CallId
    expires_at: float


class Tickets:
    """The tickets that are out. Only their hashes are kept."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Ticket] = {}

    def __len__(self) -> int:
        return len(self._open)

    def issue(self, call_id: CallId, now: float) -> str:
        """Make a ticket for a call: 128 random bits."""
        ticket = secrets.token_urlsafe(16)
        self.accept(ticket, call_id, now, LIFETIME_S)
        return ticket

    def accept(self, ticket: str, call_id: CallId, now: float, lifetime_s: float) -> None:
        """Take a ticket that was made elsewhere, as hard to guess, for one of this call."""
        self._open[_hash(ticket)] = _Ticket(call_id, now + lifetime_s)

    def redeem(self, ticket: str, now: float) -> CallId:
        """Use a ticket up; return the call it was issued for, which is the call the stream carries.

        Raises:
            TicketRefused: it is unknown, used or expired.
        """
        found = self._open.pop(_hash(ticket), None)
        if found is None:
            raise TicketRefused("unknown or used ticket")
        if now >= found.expires_at:
            raise TicketRefused("expired ticket")
        return found.call_id

    def revoke(self, call_id: CallId) -> None:
        """The call is over: its ticket, if it was not used, opens nothing any more."""
        self._open = {key: ticket for key, ticket in self._open.items() if ticket.call_id != call_id}


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "replace")).digest()
