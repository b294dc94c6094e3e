"""Carries the calls we place: gives each its plan, and its ticket before anybody has answered."""

import base64
import hashlib
import hmac
from dataclasses import replace

from pydantic import SecretStr

from gateway.bridge.events import HangUpAsked, TransferAsked
from gateway.bridge.report import Ending
from gateway.calls.plan import Callee, Parties, Plan, Words
from gateway.calls.registry import Registry
from gateway.clients.vatel.agent import VersionId
from gateway.ids import E164, CallSid
from gateway.services.dial_terms import OutboundPlan
from gateway.services.plans import Defaults, RouteBook, book, limits
from gateway.services.routes import Route
from gateway.store.identifiers import CallId
from gateway.store.records import Direction

_MARGIN_S = 120.0
"""From the request for a call until it rings at the latest, and from the answer to the stream."""


class CallSwitchboard:
    """The calls of this process that we place: a ``Switchboard``.

    A ticket is made from the call's name and a secret, so that a process that takes over knows it too.
    """

    def __init__(self, registry: Registry, defaults: Defaults, routes: RouteBook, secret: SecretStr) -> None:
        self._registry = registry
        self._defaults = defaults
        self._routes = routes
        self._secret = secret

    def invite(self, plan: OutboundPlan) -> str:
        """Expect a call's stream; return the ticket that lets it in."""
        ticket = self._ticket(plan.call_id)
        self._registry.invite(self._plan(plan), ticket, plan.ring_timeout_s + _MARGIN_S)
        return ticket

    def named(self, call_id: CallId, call_sid: CallSid) -> None:
        """Twilio has the call, and this is its name for it."""
        self._registry.named(call_id, call_sid)

    def uninvite(self, call_id: CallId) -> None:
        """Nobody will answer."""
        self._registry.uninvite(call_id)

    def hang_up(self, call_id: CallId) -> bool:
        """End a call that is bridged here; ``False`` if it is not."""
        call = self._registry.live(call_id)
        if call is not None:
            call.feed(HangUpAsked(Ending.HUNG_UP))
        return call is not None

    def transfer(self, call_id: CallId, to: E164) -> bool:
        """Connect a call that is bridged here to a person; ``False`` if it is not, or rings still."""
        call = self._registry.live(call_id)
        if call is None or not call.answered:
            return False
        call.feed(TransferAsked(to))
        return True

    def _plan(self, wanted: OutboundPlan) -> Plan:
        defaults = self._defaults
        route = self._routes.route(wanted.from_) or Route(number=wanted.from_)

        async def words() -> Words:
            return Words(
                agent_id=wanted.agent_id,
                version_id=VersionId(wanted.version_id) if wanted.version_id else None,
                first_message=wanted.first_message,
                prompt=wanted.prompt,
                variables=dict(wanted.variables),
            )

        usual = limits(defaults.limits, wanted.max_duration_s)
        return Plan(
            call_id=wanted.call_id,
            parties=Parties(Direction.OUTBOUND, wanted.from_, wanted.to),
            words=words,
            book=book(defaults.book, route.tools, route.transfer_numbers),
            limits=replace(usual, stream_timeout_s=wanted.ring_timeout_s + _MARGIN_S),
            record=route.recorded,
            callee=Callee(wanted.machine_detection, wanted.message or ""),
            callback_url=wanted.callback_url or "",
            metadata=wanted.metadata,
        )

    def _ticket(self, call_id: CallId) -> str:
        key = self._secret.get_secret_value().encode()
        digest = hmac.new(key, f"stream ticket of {call_id}".encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest[:16]).decode().rstrip("=")
