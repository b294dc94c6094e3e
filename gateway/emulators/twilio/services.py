"""What the parts of the emulator share: the account, its numbers, the scripted people, the ledger."""

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from gateway.emulators.twilio.call import Call, Parties
from gateway.emulators.twilio.line import LineLimits
from gateway.emulators.twilio.line_clock import Clock
from gateway.emulators.twilio.line_impairments import Impairments
from gateway.emulators.twilio.records import CallStatus, Event, new_sid
from gateway.emulators.twilio.webhooks import Webhooks

MAX_CALLS = 10_000
MAX_EVENTS = 100_000
LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class Outcome(StrEnum):
    """What becomes of a call that rings at somebody's."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"


STATUS_OF = {
    Outcome.ANSWER: CallStatus.COMPLETED,
    Outcome.BUSY: CallStatus.BUSY,
    Outcome.NO_ANSWER: CallStatus.NO_ANSWER,
    Outcome.FAILED: CallStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class Callee:
    """How the called party of an outbound call behaves. Times are emulated seconds.

    Attributes:
        outcome: Whether the call is answered.
        after_s: How long it rings before that.
        answered_by: Verdict of answering machine detection: ``human``, ``machine_start``, ``fax``, ...
        amd_after_s: How long after the answer the verdict comes.
        talk: What the called party does once the call is answered; it may await ``call.stream()``.

    """

    outcome: Outcome = Outcome.ANSWER
    after_s: float = 1.0
    answered_by: str = "human"
    amd_after_s: float = 4.0
    talk: Callable[[Call], Awaitable[None]] | None = None


@dataclass(frozen=True, slots=True)
class DialOutcome:
    """What becomes of a ``<Dial>`` to a number. Times are emulated seconds.

    Attributes:
        outcome: Whether the second leg is answered.
        after_s: How long it rings before that.
        talk_s: How long the two then talk before the second party hangs up.

    """

    outcome: Outcome = Outcome.ANSWER
    after_s: float = 1.0
    talk_s: float = 5.0


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

    """

    impairments: Impairments = field(default_factory=Impairments)
    line_limits: LineLimits = field(default_factory=LineLimits)
    calls_per_second: float | None = None
    plain_hosts: frozenset[str] = frozenset()
    reach: Callable[[str], str] = str


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
        self.events: deque[Event] = deque(maxlen=MAX_EVENTS)
        self._on_event = on_event

    def new_call(self, parties: Parties, status: CallStatus) -> Call:
        """Enter a call into the ledger, which forgets the oldest of those that are over."""
        if len(self.calls) >= MAX_CALLS:
            oldest = next((sid for sid, call in self.calls.items() if call.over), None)
            if oldest is not None:
                del self.calls[oldest]
        call = Call(parties, self.clock, status, self._tell)
        self.calls[call.sid] = call
        return call

    def may_show(self, number: str, call: Call | None = None) -> bool:
        """Whether a number may be shown as the caller's (https://www.twilio.com/docs/api/errors/13214)."""
        if number in self.numbers or number in self.account.verified:
            return True
        return call is not None and number in (call.to, call.from_)

    def _tell(self, call: Call, kind: str, detail: str) -> None:
        event = Event(self.clock.now(), call.sid, kind, detail[:500])
        self.events.append(event)
        self._on_event(event)
