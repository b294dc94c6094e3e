"""Twilio for trying things out: an account with numbers, REST, webhooks, calls and media streams.

async with TwilioEmulator(numbers={"+14155550100": "http://127.0.0.1:8080/twilio/voice"}) as twilio:
    call = await twilio.call_in(to="+14155550100", from_="+14155550123")
    line = await call.stream()
    await line.wait_heard(1.0)
    await call.hang_up()
"""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Self

from starlette.applications import Starlette

from gateway.emulators.server import LoopbackServer
from gateway.emulators.twilio.api import Api
from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.call_terms import Parties, Source, Subscription
from gateway.emulators.twilio.control import Control, People
from gateway.emulators.twilio.exchange import Exchange
from gateway.emulators.twilio.faults import RestFault
from gateway.emulators.twilio.ledger import Ledger
from gateway.emulators.twilio.line_clock import LoopClock
from gateway.emulators.twilio.queues import Queues
from gateway.emulators.twilio.records import CallStatus, Direction, Event, RestRecord, WebhookRecord
from gateway.emulators.twilio.services import Account, Callee, Conduct, DialOutcome, PhoneNumber, Services
from gateway.emulators.twilio.shelf import Shelf
from gateway.emulators.twilio.webhooks import TOTAL_S, Answer, Webhooks
from gateway.errors import GatewayError

ACCOUNT_SID = "AC" + "0" * 31 + "1"
AUTH_TOKEN = "emulated-auth-token"  # noqa: S105 - a well-known word of the emulator, no secret
END_S = 3.0
_PRICE_AFTER_S = 5.0


class EmulatorMisused(GatewayError):
    """The emulator was asked for something it was not set up for."""

    remedy = "Configure the number in the emulator, or give voice_url."


@dataclass(frozen=True, slots=True)
class _Parts:
    services: Services
    exchange: Exchange
    api: Api
    server: LoopbackServer


class TwilioEmulator:
    """An emulated Twilio account on a loopback port.

    Args:
        account_sid: The account's SID.
        auth_token: Signs webhooks and opens the REST API.
        numbers: The account's numbers; a string stands for a number with that voice URL.
        port: Port of the REST and control API; 0 takes a free one.
        speed: How many emulated seconds pass in a real one.
        dial: What becomes of a ``<Dial>``, by number; others answer and talk for five seconds.
        callees: How called parties behave, by number; others answer after a second.
        api_keys: API keys and their secrets.
        verified: Numbers not owned that may be shown as the caller's.
        conduct: Impairments, time limits, call rate.
        webhook_timeout_s: Ceiling of a webhook in real seconds; 15 at Twilio.

    """

    def __init__(
        self,
        *,
        account_sid: str = ACCOUNT_SID,
        auth_token: str = AUTH_TOKEN,
        numbers: Mapping[str, PhoneNumber | str] | None = None,
        port: int = 0,
        speed: float = 1.0,
        dial: Mapping[str, DialOutcome] | None = None,
        callees: Mapping[str, Callee] | None = None,
        api_keys: Mapping[str, str] | None = None,
        verified: frozenset[str] = frozenset(),
        conduct: Conduct | None = None,
        webhook_timeout_s: float = TOTAL_S,
    ) -> None:
        self.account = Account(account_sid, auth_token, dict(api_keys or {}), verified)
        self.on_event: Callable[[Event], None] = lambda _: None
        self._numbers = {
            number: PhoneNumber(voice_url=phone) if isinstance(phone, str) else phone
            for number, phone in (numbers or {}).items()
        }
        self._port = port
        self._speed = speed
        self._dial = dict(dial or {})
        self._callees = dict(callees or {})
        self._conduct = conduct or Conduct()
        self._webhook_timeout_s = webhook_timeout_s
        self._stack = AsyncExitStack()
        self._running: _Parts | None = None

    # Its life.

    async def __aenter__(self) -> Self:
        webhooks = Webhooks(
            self.account.auth_token,
            timeout_s=self._webhook_timeout_s,
            reach=self._conduct.reach,
            keep_alive=self._conduct.keep_alive,
        )
        services = Services(
            self.account,
            self._numbers,
            webhooks,
            LoopClock(self._speed),
            self._conduct,
            lambda event: self.on_event(event),
        )
        services.dial, services.callees = self._dial, self._callees
        async with AsyncExitStack() as stack:
            stack.push_async_callback(webhooks.close)
            tasks = asyncio.TaskGroup()
            await tasks.__aenter__()
            # The body's own exception is kept from the group, which would wrap it.
            stack.push_async_callback(tasks.__aexit__, None, None, None)
            exchange = Exchange(services, tasks)
            api = Api(services, exchange)
            control = Control(self.call_in, services.calls, People(self._callees, self._dial))
            app = Starlette(routes=[*api.routes(), *control.routes()])
            server = await stack.enter_async_context(LoopbackServer(app, port=self._port))
            stack.push_async_callback(exchange.end, END_S)
            self._running = _Parts(services, exchange, api, server)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def _parts(self) -> _Parts:
        if self._running is None:
            raise EmulatorMisused("the emulator has not been started", remedy="Use it with 'async with'.")
        return self._running

    # What there is.

    @property
    def url(self) -> str:
        """Base address, for ``TWILIO_BASE_URL``."""
        return self._parts.server.url

    @property
    def numbers(self) -> dict[str, PhoneNumber]:
        """The account's numbers; they may be changed at any time."""
        return self._numbers

    @property
    def dial(self) -> dict[str, DialOutcome]:
        """What becomes of a ``<Dial>``, by number; may be changed at any time."""
        return self._dial

    @property
    def callees(self) -> dict[str, Callee]:
        """How called parties behave, by number; may be changed at any time."""
        return self._callees

    @property
    def calls(self) -> list[Call]:
        """All calls, the oldest first; legs of a ``<Dial>`` too."""
        return list(self._parts.services.calls.values())

    @property
    def ledger(self) -> Ledger:
        """Every call there ever was, for comparing with what the gateway believes."""
        return self._parts.services.ledger

    @property
    def queued(self) -> list[Call]:
        """The outbound calls that wait for their turn (``Conduct.calls_per_second``)."""
        return [call for call in self.calls if call.status is CallStatus.QUEUED]

    @property
    def queues(self) -> Queues:
        """The queues that ``<Enqueue>`` puts callers into."""
        return self._parts.services.queues

    @property
    def shelf(self) -> Shelf:
        """The recordings there are."""
        return self._parts.services.shelf

    @property
    def requests(self) -> list[RestRecord]:
        """The REST requests received."""
        return list(self._parts.api.requests)

    @property
    def events(self) -> list[Event]:
        """The timeline so far."""
        return list(self._parts.services.events)

    @property
    def now(self) -> float:
        """Emulated seconds since the emulator started."""
        return self._parts.services.clock.now()

    # What can be done.

    async def call_in(
        self,
        to: str,
        from_: str,
        voice_url: str | None = None,
        *,
        params: Mapping[str, str] | None = None,
    ) -> Call:
        """Place a call to one of the account's numbers; return once it rings.

        Args:
            to: The number called.
            from_: The number calling, or what Twilio sends in its place (``anonymous``, ``client:x``).
            voice_url: Asked for TwiML instead of the number's own address.
            params: Parameters added to every request about the call (``ForwardedFrom``, ``StirVerstat``).

        Raises:
            EmulatorMisused: The number is not the account's, and no ``voice_url`` is given.

        """
        phone = self._numbers.get(to)
        if phone is None and voice_url is None:
            raise EmulatorMisused(f"{to} is not a number of the emulated account")
        phone = phone or PhoneNumber()
        if voice_url is not None:
            phone = replace(phone, voice_url=voice_url, trunk_sid="", voice_application_sid="")
        parties = Parties(to, from_, Direction.INBOUND, number_sid=phone.sid)
        # A trunk or an application takes the voice URL's place; without any the call just fails.
        # https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
        routed = phone.voice_url and not phone.trunk_sid and not phone.voice_application_sid
        source = Source(phone.voice_url, phone.voice_method) if routed else None

        def setup(call: Call) -> None:
            call.extra = dict(params or {})
            call.caller_name = "EMULATED CALLER" if phone.voice_caller_id_lookup else None
            call.subscription = Subscription(phone.status_callback, phone.status_callback_method)
            if phone.voice_fallback_url:
                url, method = phone.voice_fallback_url, phone.voice_fallback_method
                call.fallback = Source(url, method, {}, "fallback")

        return self._parts.exchange.inbound(parties, source, setup)

    async def replay(
        self, record: WebhookRecord, *, params: Mapping[str, str] | None = None, signature: str | None = None
    ) -> Answer:
        """Send a webhook again, or a forgery of it.

        Args:
            record: The request, from ``call.requests``.
            params: Other parameters; signed rightly unless ``signature`` is given.
            signature: Another signature, ``record.signature`` for instance.

        """
        return await self._parts.services.webhooks.send(
            record.url,
            record.params if params is None else params,
            method=record.method,
            signature=signature,
        )

    def refuse_rest(self, fault: RestFault | None) -> None:
        """Have the REST API fail, or be slow, until told otherwise; None ends it."""
        self._parts.api.fault = fault


def standalone(
    gateway_url: str,
    *,
    number: str,
    account_sid: str = ACCOUNT_SID,
    auth_token: str = AUTH_TOKEN,
    port: int = 0,
    speed: float = 1.0,
) -> TwilioEmulator:
    """An emulator with one number that leads to a gateway, as ``vatel-gateway emulate twilio`` runs it.

    Args:
        gateway_url: The gateway's public address, without a slash at the end.
        number: The account's number, in international form.
        account_sid: The account's SID, which the gateway must know too.
        auth_token: The account's token, which the gateway must know too.
        port: Port of the REST and control API; 0 takes a free one.
        speed: How many emulated seconds pass in a real one.

    """
    base = gateway_url.rstrip("/")
    phone = PhoneNumber(voice_url=f"{base}/twilio/voice", status_callback=f"{base}/twilio/status")
    return TwilioEmulator(
        account_sid=account_sid,
        auth_token=auth_token,
        numbers={number: phone},
        port=port,
        speed=speed,
        conduct=Conduct(price_after_s=_PRICE_AFTER_S),
    )
