"""What is kept of calls, and who is told of them: the parts round the database."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from pydantic import SecretStr

from gateway.calls.metrics import Metrics
from gateway.calls.recording import Recorder
from gateway.calls.recording_file import Reason, RecordingResult
from gateway.clients.egress import Egress
from gateway.clients.egress_rules import EgressRules
from gateway.errors import EgressRefused
from gateway.services.deliveries import Deliveries
from gateway.services.delivery_rules import DeliveryLimits
from gateway.services.happenings import Happenings
from gateway.services.lookup import LANES, LookupWebhook
from gateway.services.routes import Routes
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.store.identifiers import CallId, made_at
from gateway.store.journal import Journal, JournalLimits
from gateway.store.records import AnyRecord, CallChange, Outgoing

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})


@dataclass(frozen=True, slots=True)
class Keeping:
    """Records, recordings, routes, and the events that go out."""

    database: Database
    journal: Journal
    recorder: Recorder
    routes: Routes
    egress: tuple[Egress, Egress]
    deliveries: Deliveries
    happenings: Happenings
    lookup: LookupWebhook

    @classmethod
    def of(cls, settings: Settings, metrics: Metrics) -> "Keeping":
        """As the settings say.

        Raises:
            SettingsError: ``DATABASE_URL`` is wrong.
        """
        database = Database.at(settings.database_url)
        # What was said is to be known to others soon, where others may have to go on with it.
        pace = JournalLimits(gather_s=0.1) if settings.resumes else JournalLimits()
        journal = Journal(database, settings.spool_dir, pace)
        rules, limits = egress_rules(settings), DeliveryLimits()
        outgoing, asking = Egress(rules, lanes=limits.lanes), Egress(rules, lanes=LANES)
        deliveries = Deliveries(database, outgoing, _secrets_for(settings), limits)
        recorder = Recorder(settings.recordings_dir, tell=_recorded(metrics, journal, settings))
        metrics.disk_used.set_function(lambda: recorder.disk_used)
        _measure(metrics, journal, deliveries)
        return cls(
            database,
            journal,
            recorder,
            Routes(database),
            (outgoing, asking),
            deliveries,
            Happenings(settings.webhook_url),
            LookupWebhook(asking, settings.webhook_secret),
        )

    def put(self, *records: AnyRecord) -> None:
        """Take records; have events delivered soon."""
        self.journal.put(*records)
        if any(isinstance(record, Outgoing) for record in records):
            self.deliveries.nudge()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Records are written in here, and events delivered.

        Raises:
            SettingsError: a folder can't be used, or the database belongs to a newer gateway.
            StoreUnavailable: the database can't be reached.
        """
        async with AsyncExitStack() as stack:
            for egress in self.egress:
                await stack.enter_async_context(egress)
            for part in (self.database, self.deliveries, self.journal, self.recorder, self.routes):
                await stack.enter_async_context(part.running())
            yield


def egress_rules(settings: Settings) -> EgressRules:
    """Which addresses that others give us may be asked; this machine only if its name is listed."""
    loopback = not _LOOPBACK.isdisjoint(host.partition(":")[0] for host in settings.private_hosts)
    return EgressRules(private_hosts=settings.private_hosts, loopback=loopback)


def signed_target(settings: Settings) -> Callable[[str], object]:
    """Checks addresses that are to be posted to: they must be allowed, and we must be able to sign.

    The function returned raises ``EgressRefused``.
    """
    rules = egress_rules(settings)

    def check(url: str) -> object:
        if settings.webhook_secret is None:
            remedy = "Set WEBHOOK_SECRET: without it nothing that is posted could be told from a forgery."
            raise EgressRefused("the gateway has no secret to sign with", code="no_secret", remedy=remedy)
        return rules.target(url)

    return check


def _secrets_for(settings: Settings) -> Callable[[str], tuple[SecretStr, ...]]:
    keys = () if settings.webhook_secret is None else (settings.webhook_secret,)
    return lambda _endpoint: keys


def _recorded(metrics: Metrics, journal: Journal, settings: Settings) -> Callable[[RecordingResult], None]:
    def recorded(result: RecordingResult) -> None:
        metrics.recordings.labels(result.state.value, result.reason.value if result.reason else "").inc()
        # Where processes go on with each other's calls, another may have recorded the rest by now.
        if result.reason is Reason.PROCESS_ENDED and result.path is not None and not settings.resumes:
            name = result.path.name
            if made_at(call_id := name.partition(".")[0]):
                journal.put(
                    CallChange(call_id=CallId(call_id), recording_state="partial", recording_path=name)
                )

    return recorded


def _measure(metrics: Metrics, journal: Journal, deliveries: Deliveries) -> None:
    metrics.records_waiting.set_function(lambda: journal.waiting)
    for outcome in ("written", "spilled", "lost", "refused"):
        metrics.records.labels(outcome).set_function(partial(getattr, journal.counts, outcome))
    for outcome in ("delivered", "failed", "dead"):
        metrics.deliveries.labels(outcome).set_function(partial(getattr, deliveries.counts, outcome))
