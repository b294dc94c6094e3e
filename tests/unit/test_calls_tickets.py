"""Tickets: each opens one stream of one call, once, within a minute."""

import pytest

from gateway.calls.tickets import LIFETIME_S, Tickets
from gateway.errors import TicketRefused
from gateway.ids import CallSid

CALL = CallSid("CA" + "1" * 32)
OTHER = CallSid("CA" + "2" * 32)


def test_a_ticket_opens_the_stream_of_its_call_once() -> None:
    tickets = Tickets()
    ticket = tickets.issue(CALL, now=0.0)
    assert tickets.redeem(ticket, CALL, now=1.0) == CALL
    with pytest.raises(TicketRefused, match="unknown or used"):
        tickets.redeem(ticket, CALL, now=1.0)


def test_a_ticket_expires() -> None:
    tickets = Tickets()
    early, late = tickets.issue(CALL, now=5.0), tickets.issue(CALL, now=5.0)
    assert tickets.redeem(early, CALL, now=5.0 + LIFETIME_S - 0.001) == CALL
    with pytest.raises(TicketRefused, match="expired"):
        tickets.redeem(late, CALL, now=5.0 + LIFETIME_S)
    assert len(tickets) == 0


def test_a_ticket_of_another_call_is_refused_and_used_up() -> None:
    tickets = Tickets()
    ticket = tickets.issue(CALL, now=0.0)
    with pytest.raises(TicketRefused, match="another call"):
        tickets.redeem(ticket, OTHER, now=0.0)
    with pytest.raises(TicketRefused, match="unknown or used"):
        tickets.redeem(ticket, CALL, now=0.0)


@pytest.mark.parametrize("ticket", ["", "x", "é", "\ud800", "A" * 100_000])
def test_what_is_no_ticket_opens_nothing(ticket: str) -> None:
    tickets = Tickets()
    tickets.issue(CALL, now=0.0)
    with pytest.raises(TicketRefused, match="unknown"):
        tickets.redeem(ticket, CALL, now=0.0)
    assert len(tickets) == 1


def test_the_tickets_of_a_call_that_is_over_open_nothing() -> None:
    tickets = Tickets()
    revoked, kept = tickets.issue(CALL, now=0.0), tickets.issue(OTHER, now=0.0)
    tickets.revoke(CALL)
    with pytest.raises(TicketRefused, match="unknown"):
        tickets.redeem(revoked, CALL, now=0.0)
    assert tickets.redeem(kept, OTHER, now=0.0) == OTHER


def test_tickets_are_long_different_and_kept_as_hashes() -> None:
    tickets = Tickets()
    issued = {tickets.issue(CALL, now=0.0) for _ in range(1000)}
    assert len(issued) == len(tickets) == 1000
    assert all(len(ticket) == 22 and ticket.isascii() for ticket in issued)
    kept = repr(tickets._open)
    assert not [ticket for ticket in issued if ticket in kept]
