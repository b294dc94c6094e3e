"""Tickets: each opens one stream of one call, once, within a minute."""

import pytest

from gateway.calls.tickets import LIFETIME_S, Tickets
from gateway.errors import TicketRefused
from gateway.store.identifiers import new_call

CALL, OTHER = new_call(), new_call()


def test_a_ticket_opens_the_stream_of_its_call_once() -> None:
    tickets = Tickets()
    ticket = tickets.issue(CALL, now=0.0)
    assert tickets.redeem(ticket, now=1.0) == CALL
    with pytest.raises(TicketRefused, match="unknown or used"):
        tickets.redeem(ticket, now=1.0)


def test_a_ticket_expires() -> None:
    tickets = Tickets()
    early, late = tickets.issue(CALL, now=5.0), tickets.issue(CALL, now=5.0)
    assert tickets.redeem(early, now=5.0 + LIFETIME_S - 0.001) == CALL
    with pytest.raises(TicketRefused, match="expired"):
        tickets.redeem(late, now=5.0 + LIFETIME_S)
    assert len(tickets) == 0


@pytest.mark.parametrize("ticket", ["", "x", "é", "\ud800", "A" * 100_000])
def test_what_is_no_ticket_opens_nothing(ticket: str) -> None:
    tickets = Tickets()
    tickets.issue(CALL, now=0.0)
    with pytest.raises(TicketRefused, match="unknown"):
        tickets.redeem(ticket, now=0.0)
    assert len(tickets) == 1


def test_the_tickets_of_a_call_that_is_over_open_nothing() -> None:
    tickets = Tickets()
    revoked, kept = tickets.issue(CALL, now=0.0), tickets.issue(OTHER, now=0.0)
    tickets.revoke(CALL)
    with pytest.raises(TicketRefused, match="unknown"):
        tickets.redeem(revoked, now=0.0)
    assert tickets.redeem(kept, now=0.0) == OTHER


def test_tickets_are_long_different_and_kept_as_hashes() -> None:
    tickets = Tickets()
    issued = {tickets.issue(CALL, now=0.0) for _ in range(1000)}
    assert len(issued) == len(tickets) == 1000
    assert all(len(ticket) == 22 and ticket.isascii() for ticket in issued)
    kept = repr(tickets._open)
    assert not [ticket for ticket in issued if ticket in kept]
