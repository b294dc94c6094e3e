"""Tickets: each opens one stream of one call, once, within a minute of the webhook that issued it."""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import Final

from gateway.errors import TicketRefused
from gateway.ids import CallSid

LIFETIME_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class _Ticket:
    call_sid: CallSid
    expires_at: float


class Tickets:
    """The tickets that are out. Only their hashes are kept."""

    def __init__(self) -> None:
        self._open: dict[bytes, _Ticket] = {}

    def __len__(self) -> int:
        return len(self._open)

    def issue(self, call_sid: CallSid, now: float) -> str:
        """Make a ticket for a call: 128 random bits."""
        ticket = secrets.token_urlsafe(16)
        self._open[_hash(ticket)] = _Ticket(call_sid, now + LIFETIME_S)
        return ticket

    def redeem(self, ticket: str, call_sid: CallSid, now: float) -> CallSid:
        """Use a ticket up; return the call it was issued for, which is the call the stream carries.

        Raises:
            TicketRefused: it is unknown, used, expired, or another call's.
        """
        found = self._open.pop(_hash(ticket), None)
        if found is None:
            raise TicketRefused("unknown or used ticket")
        if now >= found.expires_at:
            raise TicketRefused("expired ticket")
        if not hmac.compare_digest(found.call_sid.encode(), call_sid.encode()):
            raise TicketRefused("ticket of another call")
        return found.call_sid

    def revoke(self, call_sid: CallSid) -> None:
        """The call is over: its ticket, if it was not used, opens nothing any more."""
        self._open = {key: ticket for key, ticket in self._open.items() if ticket.call_sid != call_sid}


def _hash(ticket: str) -> bytes:
    return hashlib.sha256(ticket.encode("utf-8", "replace")).digest()
