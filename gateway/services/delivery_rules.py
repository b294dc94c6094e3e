"""What becomes of a webhook after each attempt: delivered, later, or never. No clock and no chance here."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_address
from typing import Final

from gateway.clients.egress import Lanes
from gateway.errors import EgressRefused, EndpointError, EndpointFailed, EndpointGone, GatewayError

_HOST: Final = re.compile(r"https?://([a-z0-9.-]{1,253})(?:[/:?]|\Z)", re.ASCII | re.IGNORECASE)
_SPREAD: Final = 0.4  # a pause is between 0.8 and 1.2 of what it would be


@dataclass(frozen=True, slots=True)
class Schedule:
    """When an event is tried again: after ``first_s``, then after twice as long each time, with some chance.

    Attributes:
        first_s: The first pause, in seconds.
        longest_s: The longest pause; only an endpoint that asks for it gets a longer one.
        slow_s: The shortest pause where trying again helps only after somebody has changed something.
        longest_asked_s: The longest ``Retry-After`` that is heeded.
        longest_hold_s: For how long one such answer holds up other events of the endpoint.
        give_up_after: An event older than this is given up when it fails,
        fewest_attempts: unless it was tried less often: it was replayed, or held up.
    """

    first_s: float = 5.0
    longest_s: float = 8 * 3600.0
    slow_s: float = 300.0
    longest_asked_s: float = 24 * 3600.0
    longest_hold_s: float = 3600.0
    give_up_after: timedelta = timedelta(days=3)
    fewest_attempts: int = 8

    def pause_s(self, attempts: int, chance: float) -> float:
        """Seconds until the next attempt, after so many; ``chance`` is between 0 and 1."""
        doublings = min(max(attempts, 1) - 1, 32)
        pause_s: float = min(self.first_s * 2.0**doublings, self.longest_s)
        return pause_s * (1 + _SPREAD * (chance - 0.5))


@dataclass(frozen=True, slots=True)
class DeliveryLimits:
    """What deliveries may cost, and how long they wait. One process; times in seconds.

    Attributes:
        at_once: Requests under way.
        per_host: Of these, to one host.
        per_endpoint: Of these, to one address; one, as long as it does not answer.
        deadline_s: For a request.
        lease_s: After this a webhook of a process that was killed is another's; longer than a request and
            writing down what became of it.
        first_look_s: The pause before looking again after something came, doubled each time nothing did,
        last_look_s: up to this.
        close_s: How long requests under way may take at the end.
        gone_s: For how long an endpoint that is gone is left alone.
        schedule: When an event is tried again.
    """

    at_once: int = 64
    per_host: int = 8
    per_endpoint: int = 4
    deadline_s: float = 10.0
    lease_s: float = 30.0
    first_look_s: float = 0.05
    last_look_s: float = 2.0
    close_s: float = 5.0
    gone_s: float = 3600.0
    schedule: Schedule = field(default_factory=Schedule)

    @property
    def lanes(self) -> Lanes:
        """The lanes of an ``Egress`` in which nothing of this has to wait."""
        return Lanes(all=self.at_once, running=self.per_host, waiting=self.at_once)


class Fate(StrEnum):
    """What an attempt means for an event."""

    DELIVERED = "delivered"
    LATER = "later"
    DEAD = "dead"
    GONE = "gone"  # and the endpoint with it


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an attempt came to.

    Attributes:
        fate: What it means for the event.
        reason: Why it was not delivered, in words without secrets.
        next_at: When it is due again, if later.
        hold_until: Until when the endpoint wants nothing at all.
        answered: Whether the endpoint said anything.
    """

    fate: Fate
    reason: str = ""
    next_at: datetime | None = None
    hold_until: datetime | None = None
    answered: bool = True


DELIVERED: Final = Verdict(Fate.DELIVERED)


@dataclass(frozen=True, slots=True)
class Tried:
    """An event that was tried, now for the ``attempts``-th time."""

    endpoint: str = field(repr=False)
    attempts: int
    created_at: datetime


def judge(tried: Tried, error: GatewayError, now: datetime, chance: float, schedule: Schedule) -> Verdict:
    """What an attempt means that failed.

    Args:
        tried: The event.
        error: What ``post_event`` raised.
        now: When.
        chance: Between 0 and 1.
        schedule: When to try again.
    """
    reason = str(error)
    match error:
        case EndpointGone():
            return Verdict(Fate.GONE, reason)
        case EndpointFailed():
            asked_s = min(error.retry_after_s or 0.0, schedule.longest_asked_s)
            hold_s = min(asked_s, schedule.longest_hold_s)
            return _later(
                tried,
                now,
                max(schedule.pause_s(tried.attempts, chance), asked_s),
                schedule,
                Verdict(
                    Fate.LATER,
                    reason,
                    hold_until=now + timedelta(seconds=hold_s) if hold_s else None,
                    answered=error.status is not None,
                ),
            )
        case EndpointError():
            return Verdict(Fate.DEAD, reason, answered=error.status is not None)
        case EgressRefused() if error.code != "address" or _literal(tried.endpoint):
            return Verdict(Fate.DEAD, reason)
        case _:
            # What a name leads to, and secrets, may be put right: but by people, so there is no hurry.
            pause_s = max(schedule.pause_s(tried.attempts, chance), schedule.slow_s)
            return _later(tried, now, pause_s, schedule, Verdict(Fate.LATER, reason))


def _later(tried: Tried, now: datetime, pause_s: float, schedule: Schedule, verdict: Verdict) -> Verdict:
    """Later, or never if it has been tried for long enough."""
    old = now - tried.created_at >= schedule.give_up_after
    if old and tried.attempts >= schedule.fewest_attempts:
        return replace(verdict, fate=Fate.DEAD)
    return replace(verdict, next_at=now + timedelta(seconds=pause_s))


def host(endpoint: str) -> str:
    """Whom an address leads to, for sharing out places; empty for what may not be asked anyway."""
    found = _HOST.match(endpoint)
    return found[1].lower() if found else ""


def _literal(endpoint: str) -> bool:
    """Whether an address names a machine by number, which leads nowhere else tomorrow."""
    try:
        ip_address(host(endpoint))
    except ValueError:
        return False
    return True
