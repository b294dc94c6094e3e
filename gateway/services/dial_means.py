"""What every part of dialling works with."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import msgspec

from gateway.services import dial_store
from gateway.services.dial_leaving import Leaving
from gateway.services.dial_terms import (
    Carrier,
    Checkpoint,
    DialTimes,
    Known,
    OutboundPlan,
    Switchboard,
    Tell,
    no_checkpoint,
    nobody_to_tell,
)
from gateway.store.database import Database
from gateway.store.identifiers import CallId
from gateway.store.intents import Intent
from gateway.store.journal import Journal
from gateway.store.records import Via


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class DialMeans:
    """What dialling works with.

    Attributes:
        database: Where intents are.
        journal: Takes what becomes known of calls.
        switchboard: Carries the calls that are bridged here.
        carriers: Who dials.
        owner: This process; intents are leased to it.
        times: How fast, and how long is waited.
        tell: Takes what others want to know of calls.
        now: The time.
        checkpoint: Told of each step.
        leaving: Says when to end.
    """

    database: Database
    journal: Journal
    switchboard: Switchboard
    carriers: Mapping[Via, Carrier]
    owner: str
    times: DialTimes = field(default_factory=DialTimes)
    tell: Tell = nobody_to_tell
    now: Callable[[], datetime] = _now
    checkpoint: Checkpoint = no_checkpoint
    leaving: Leaving = field(default_factory=Leaving)

    def known(self, call_id: CallId) -> Known:
        """Says which of a carrier's calls are others of ours than this one."""

        async def claimed(names: Collection[str]) -> Collection[str]:
            async with self.database.read() as connection:
                return await dial_store.claimed(connection, call_id, names)

        return claimed


def plan_of(intent: Intent) -> OutboundPlan | None:
    """The plan kept with an intent; ``None`` if it can't be read, as another version may have written it."""
    try:
        return OutboundPlan.read(intent.request)
    except msgspec.ValidationError:
        return None
