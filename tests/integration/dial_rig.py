"""A dialler on a real database between emulated carriers, and whoever is asked to carry its calls."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from gateway.clients.egress_rules import EgressRules
from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.vatel import Vatel
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN
from gateway.emulators.twilio.fixtures import NUMBER
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID, DEFAULT_API_KEY
from gateway.ids import E164, AccountSid, AgentId, CallSid
from gateway.policy.destinations import Destinations
from gateway.policy.quota import Quotas
from gateway.services.dial_means import DialMeans
from gateway.services.dial_request import DialDefaults, DialDraft, DialRules
from gateway.services.dial_terms import DialTimes, no_checkpoint
from gateway.services.dial_twilio import OutboundAddresses, TwilioCarrier
from gateway.services.dial_vatel import VatelCarrier
from gateway.services.dialling import Dialler, OutboundPlan, Records, new_owner
from gateway.store import calls, conversations
from gateway.store.calls import Call
from gateway.store.database import Database
from gateway.store.identifiers import CallId
from gateway.store.journal import Journal
from gateway.store.records import Happening, Json, Via

TO = "+14155550199"
FROM = E164(NUMBER)
ALLOWED = frozenset({"US", "GB", "DE"})
AGENT = AgentId(DEFAULT_AGENT_ID)
HASTE = DialTimes(
    rate_per_s=50.0,
    lease_s=0.6,
    adopt_every_s=0.1,
    look_every_s=0.1,
    settle_s=0.6,
    looks=2,
    reconcile_every_s=0.1,
    price_after_s=0.0,
)
"""As the real ones, but nobody has to wait for long."""
PLENTY = Quotas(concurrent=10_000, per_minute=10_000, per_day=10_000, destination_per_hour=10_000)


@dataclass
class Board:
    """Carries calls in name only, and remembers what it was asked."""

    plans: dict[CallId, OutboundPlan] = field(default_factory=dict)
    names: dict[CallId, CallSid] = field(default_factory=dict)
    gone: list[CallId] = field(default_factory=list)
    ended: list[CallId] = field(default_factory=list)
    transferred: list[tuple[CallId, E164]] = field(default_factory=list)
    bridged: set[CallId] = field(default_factory=set)

    def invite(self, plan: OutboundPlan) -> str:
        self.plans[plan.call_id] = plan
        return f"ticket-{plan.call_id}"

    def named(self, call_id: CallId, call_sid: CallSid) -> None:
        self.names[call_id] = call_sid

    def uninvite(self, call_id: CallId) -> None:
        self.plans.pop(call_id, None)
        self.gone.append(call_id)

    def hang_up(self, call_id: CallId) -> bool:
        self.ended += [call_id] if call_id in self.bridged else []
        return call_id in self.bridged

    def transfer(self, call_id: CallId, to: E164) -> bool:
        self.transferred += [(call_id, to)] if call_id in self.bridged else []
        return call_id in self.bridged


@dataclass(frozen=True)
class Peers:
    """Where everybody is."""

    database: str
    twilio: str
    vatel: str
    public: str = "http://127.0.0.1:9"


@dataclass
class Rig:
    """A running dialler and what it works with."""

    dialler: Dialler
    database: Database
    journal: Journal
    board: Board
    told: list[tuple[str, CallId, Json]]

    async def call(self, call_id: CallId) -> Call:
        """What is known of a call."""
        assert await self.journal.flush(5.0)
        async with self.database.read() as connection:
            found = await calls.get(connection, call_id)
        assert found is not None
        return found

    async def events(self, call_id: CallId) -> Sequence[Happening]:
        """What happened in a call."""
        assert await self.journal.flush(5.0)
        async with self.database.read() as connection:
            return await conversations.events_of(connection, call_id)

    def kinds(self, call_id: CallId) -> list[str]:
        """What was told of a call."""
        return list(dict.fromkeys(kind for kind, of, _ in self.told if of == call_id))


@asynccontextmanager
async def dialling(
    peers: Peers,
    folder: Path,
    *,
    times: DialTimes = HASTE,
    quotas: Quotas = PLENTY,
    checkpoint: Callable[[str], None] = no_checkpoint,
    http: httpx.AsyncClient | None = None,
    deadline_s: float = 3.0,
) -> AsyncIterator[Rig]:
    """A dialler as the gateway builds one."""
    async with Database.open(peers.database) as database, pool() as other, http or pool() as asked:
        journal, board = Journal(database, folder), Board()
        login = (ACCOUNT_SID, AUTH_TOKEN)
        twilio = Twilio(asked, peers.twilio, AccountSid(ACCOUNT_SID), login, deadline_s=deadline_s)
        vatel = Vatel(other, peers.vatel, DEFAULT_API_KEY)
        through_vatel = VatelCarrier(vatel)
        through_twilio = TwilioCarrier(twilio, addresses(peers.public))
        told: list[tuple[str, CallId, Json]] = []
        means = DialMeans(
            database=database,
            journal=journal,
            switchboard=board,
            carriers={Via.GATEWAY: through_twilio, Via.VATEL: through_vatel},
            owner=new_owner(),
            times=times,
            tell=lambda kind, call_id, data: told.append((kind, call_id, data)),
            checkpoint=checkpoint,
        )
        rules = DialRules(
            database,
            vatel,
            Destinations(ALLOWED),
            EgressRules().target,
            DialDefaults(number=FROM, agent_id=AGENT),
        )
        dialler = Dialler(means, rules, quotas, Records(twilio.calls, through_vatel))
        async with journal.running(), dialler.running():
            yield Rig(dialler, database, journal, board, told)


def addresses(public: str) -> OutboundAddresses:
    """Where the gateway would be."""
    return OutboundAddresses(
        stream=f"ws{public.removeprefix('http')}/twilio/media",
        stream_status=f"{public}/twilio/stream-status",
        status=f"{public}/twilio/status",
        machine=f"{public}/twilio/amd",
    )


def draft(to: str = TO) -> DialDraft:
    """A call to somebody."""
    return DialDraft(to=to)
