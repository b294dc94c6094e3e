"""What the parts of the emulator share: the account, its numbers, the scripted people, the ledger."""

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.call_terms import Parties
from gateway.emulators.twilio.ledger import Ledger
from gateway.emulators.twilio.line import LineLimits
from gateway.emulators.twilio.line_clock import Clock
from gateway.emulators.twilio.line_impairments import Impairments
from gateway.emulators.twilio.people import Callee as Callee
from gateway.emulators.twilio.people import DialOutcome as DialOutcome
from gateway.emulators.twilio.people import Machine as Machine
from gateway.emulators.twilio.people import Outcome as Outcome
from gateway.emulators.twilio.queues import Queues
from gateway.emulators.twilio.records import CallStatus, Event, new_sid
from gateway.emulators.twilio.shelf import Shelf
from gateway.emulators.twilio.webhooks import Webhooks

MAX_CALLS = 10_000
MAX_EVENTS = 100_000
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(slots=True)
class PhoneNumber:
    """A number of the account, as Twilio's console configures it."""

    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    friendly_name: str = ""
    voice_application_sid: str = ""
    trunk_sid: str = ""
    voice_caller_id_lookup: bool = False
    sid: str = field(default_factory=lambda: new_sid("PN"))


@dataclass(frozen=True, slots=True)
class Account:
    """The account's identifiers and secrets.

    Attributes:
        sid: ``AC`` and 32 hexadecimal digits.
        auth_token: Signs webhooks, and is a password of the REST API.
        api_keys: API keys and their secrets, which are passwords of the REST API too.
        verified: Numbers not owned that may be shown as the caller's.

    """

    sid: str
    auth_token: str = field(repr=False)
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    verified: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Conduct:
    """How the emulator behaves.

    Attributes:
        impairments: How the way between caller and gateway ails.
        line_limits: How long media streams wait for the server.
        calls_per_second: Rate at which outbound calls leave the queue, in emulated time; None for no limit.
        plain_hosts: Hosts besides loopback that ``ws://`` is allowed to; Twilio itself demands ``wss://``.
        reach: Says where to go in place of a webhook's or a stream's address, which is signed as written.
        keep_alive: Whether webhooks share connections; Twilio's come from many hosts.
        price_after_s: How long after its end a call has a price, in emulated time; None for never.
        price_per_minute: What a minute begun costs, in dollars.

    """

    impairments: Impairments = field(default_factory=Impairments)
    line_limits: LineLimits = field(default_factory=LineLimits)
    calls_per_second: float | None = None
    plain_hosts: frozenset[str] = frozenset()
    reach: Callable[[str], str] = str
    keep_alive: bool = True
    price_after_s: float | None = None
    price_per_minute: str = "0.014"


class Services:
    """What the parts of the emulator share.

    Args:
        account: Identifiers and secrets.
        numbers: The account's numbers, by number.
        webhooks: Makes the requests to the server.
        clock: The emulator's time.
        conduct: How the emulator behaves.
        on_event: Called with every line of the timeline.

    """

    def __init__(
        self,
        account: Account,
        numbers: dict[str, PhoneNumber],
        webhooks: Webhooks,
        clock: Clock,
        conduct: Conduct,
        on_event: Callable[[Event], None],
    ) -> None:
        self.account = account
        self.numbers = numbers
        self.webhooks = webhooks
        self.clock = clock
        self.conduct = conduct
        self.dial: dict[str, DialOutcome] = {}
        self.callees: dict[str, Callee] = {}
        self.calls: dict[str, Call] = {}
        self.ledger = Ledger(self.calls, self.price)
        self.shelf = Shelf()
        self.queues = Queues(clock)
        self.events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._on_event = on_event

    def new_call(self, parties: Parties, status: CallStatus) -> Call:
        """Enter a call into the ledger, which forgets the oldest of those that are over."""
        if len(self.calls) >= MAX_CALLS:
            oldest = next((sid for sid, call in self.calls.items() if call.over), None)
            if oldest is not None:
                self.ledger.keep(self.calls.pop(oldest))
        call = Call(parties, self.clock, status, self._tell)
        self.calls[call.sid] = call
        return call

    def price(self, call: Call) -> str | None:
        """What a call cost, as Twilio writes it: negative, and some time after the call's end."""
        after_s, since_end_s = self.conduct.price_after_s, call.since_end_s
        if after_s is None or since_end_s is None or since_end_s < after_s or call.started is None:
            return None
        minutes = max(1, math.ceil(call.duration_s / 60))
        return f"{-minutes * Decimal(self.conduct.price_per_minute):.5f}"

    def may_show(self, number: str, call: Call | None = None) -> bool:
        """Whether a number may be shown as the caller's (https://www.twilio.com/docs/api/errors/13214)."""
        if number in self.numbers or number in self.account.verified:
            return True
        return call is not None and number in (call.to, call.from_)

    def _tell(self, call: Call, kind: str, detail: str) -> None:
        event = Event(self.clock.now(), call.sid, kind, detail[:500])
        self.events.append(event)
        self._on_event(event)
