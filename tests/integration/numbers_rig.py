"""The service of numbers between both emulated vendors and a database of its own."""

import io
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from pydantic import SecretStr

from gateway import logs
from gateway.clients.egress_rules import EgressRules
from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.vatel import Vatel
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator
from gateway.emulators.twilio.services import PhoneNumber
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID, DEFAULT_API_KEY
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.ids import E164, AccountSid, AgentId
from gateway.policy.destinations import Destinations
from gateway.services.number_routing import Door
from gateway.services.number_rules import RouteRules
from gateway.services.numbers import Account, Numbers
from gateway.services.routes import Routes
from gateway.store.database import Database
from gateway.store.engine import EngineLimits

OURS = E164("+14155550100")
SECOND = E164("+14155550101")
PERSON = E164("+14155550199")
AGENT = AgentId(DEFAULT_AGENT_ID)
OTHER_AGENT = AgentId("2b1d6f0e-91c4-4a57-8a7e-6d0c5f3b9e44")
FOREIGN_ACCOUNT = AccountSid("AC" + "0" * 31 + "2")
FOREIGN_TOKEN = "another-emulated-auth-token"
TRUNK = "TK" + "1" * 32
PUBLIC_URL = "https://gateway.example.com"
VOICE = f"{PUBLIC_URL}/twilio/voice"


@dataclass
class Rig:
    """What a test holds."""

    twilio: TwilioEmulator
    vatel: VatelEmulator
    database: Database
    numbers: Numbers
    routes: Routes
    path: Path
    phone: PhoneNumber
    clients: tuple[Twilio, Vatel]
    output: io.StringIO = field(default_factory=io.StringIO)

    def service(
        self, public_url: str = PUBLIC_URL, *, twilio: Twilio | None = None, vatel: Vatel | None = None
    ) -> Numbers:
        """The service as another process would have it, or this one after a restart."""
        twilio, vatel = twilio or self.clients[0], vatel or self.clients[1]
        return Numbers(
            self.database,
            twilio,
            vatel,
            Account(AccountSid(ACCOUNT_SID), SecretStr(AUTH_TOKEN)),
            Door(public_url),
            RouteRules(vatel, AGENT, {"lookup_order"}, Destinations(), EgressRules().target),
            changed=self.routes.refresh,
            import_s=1.0,
        )

    @contextmanager
    def busy_database(self) -> Iterator[None]:
        """Somebody else writes all the time: reading goes on, writing does not."""
        with self._sqlite() as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.rollback()

    @contextmanager
    def broken_database(self) -> Iterator[None]:
        """Neither reading nor writing numbers works."""
        with self._sqlite() as other:
            other.execute("ALTER TABLE numbers RENAME TO lost")
            yield
            other.execute("ALTER TABLE lost RENAME TO numbers")

    @contextmanager
    def _sqlite(self) -> Iterator[sqlite3.Connection]:
        other = sqlite3.connect(self.path, isolation_level=None)
        try:
            yield other
        finally:
            other.close()

    def kept(self) -> bytes:
        """Everything that is on disk."""
        return b"".join(each.read_bytes() for each in sorted(self.path.parent.iterdir()))


@asynccontextmanager
async def running(tmp_path: Path, *, twilio_deadline_s: float = 3.0) -> AsyncIterator[Rig]:
    """Two numbers at Twilio, none imported, nothing routed; both accounts' tokens are known to Vatel."""
    folder = tmp_path / "database"
    folder.mkdir()
    path = folder / "gateway.db"
    phone = PhoneNumber("https://old.example.com/voice", "GET", "https://old.example.com/fallback")
    output = io.StringIO()
    logs.configure("debug", "json")
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(output))
    accounts = {ACCOUNT_SID: AUTH_TOKEN, FOREIGN_ACCOUNT: FOREIGN_TOKEN}
    try:
        async with (
            TwilioEmulator(numbers={OURS: phone, SECOND: PhoneNumber(trunk_sid=TRUNK)}) as twilio,
            VatelEmulator(agents=(AGENT, OTHER_AGENT), twilio_accounts=accounts) as vatel,
            Database.open(f"sqlite:///{path}", EngineLimits(lock_wait_s=0.5)) as database,
            pool() as http,
        ):
            clients = (
                Twilio(
                    http,
                    twilio.url,
                    AccountSid(ACCOUNT_SID),
                    (ACCOUNT_SID, AUTH_TOKEN),
                    deadline_s=twilio_deadline_s,
                ),
                Vatel(http, vatel.url, DEFAULT_API_KEY),
            )
            routes = Routes(database)
            # The service needs the rig's own parts, so it is made of them right after.
            rig = Rig(twilio, vatel, database, None, routes, path, phone, clients, output)  # type: ignore[arg-type]
            rig.numbers = rig.service()
            yield rig
    finally:
        structlog.reset_defaults()
