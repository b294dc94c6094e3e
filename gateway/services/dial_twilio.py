"""Calls placed through Twilio and bridged here: asking for one, and finding one whose answer was lost.

Twilio knows no idempotency key, and its list of calls has no field of ours: not the address of the status
callback, nor anything else a request may set. So a call is told by what it is between, by when it was made,
and by which calls of the list are known to be others. That is sure as long as no two requests for the same
pair of numbers are under way at once, which the dialler sees to, and as long as nobody else calls from the
same numbers. If somebody does, theirs may be taken for ours: then ours is not dialled again, which is the
safe side. A callback says it without any doubt, since its address names the call.

https://www.twilio.com/docs/voice/api/call-resource
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlencode

from gateway.calls.documents import after_url
from gateway.clients.twilio import Twilio
from gateway.clients.twilio.orders import Detect, Detection, Document, NewCall, Wanted
from gateway.clients.twilio.refusals import OutcomeUnknown
from gateway.clients.twilio.values import CallRecord
from gateway.errors import VendorError
from gateway.ids import E164
from gateway.policy.machine import Mode
from gateway.services.dial_terms import MOST_LISTED, Known, OutboundPlan, Taken
from gateway.wire import twiml

_CLOCKS_DIFFER: Final = timedelta(minutes=2)
_CALLED_BY_REST: Final = "outbound-api"
CALL_PARAMETER: Final = "call"
"""The parameter of a callback's address that names the call."""


@dataclass(frozen=True, slots=True)
class OutboundAddresses:
    """Where Twilio finds us; ``after`` is asked what comes behind the stream, ``fallback`` if we can't be."""

    stream: str
    stream_status: str
    status: str
    machine: str
    after: str = ""
    fallback: str = ""


class TwilioCarrier:
    """Has Twilio place calls that open a stream to this gateway once they are answered."""

    proves_absence = True

    def __init__(
        self,
        twilio: Twilio,
        addresses: OutboundAddresses,
        notice: Callable[[E164], str] = lambda _: "",
    ) -> None:
        """``notice`` says what is heard first in calls from a number: that they are recorded."""
        self._twilio = twilio
        self._addresses = addresses
        self._notice = notice

    async def place(self, plan: OutboundPlan, ticket: str) -> Taken:
        """Ask for the call, once.

        Raises:
            VendorError: it was not placed, or nobody knows.
        """
        return Taken(call_sid=(await self._twilio.calls.create(self.order(plan, ticket))).sid)

    def certain(self, error: Exception) -> bool:
        """Whether an error of ``place`` says for sure that nobody is called."""
        return isinstance(error, VendorError) and not isinstance(error, OutcomeUnknown)

    async def look(self, plan: OutboundPlan, posted_at: datetime, known: Known) -> Taken | None:
        """Search Twilio's list.

        Raises:
            VendorError: the list can't be had, or is too long to prove anything.
        """
        # Not by time of start: a call that waits in Twilio's queue has none.
        wanted = Wanted(to=plan.to, from_=plan.from_)
        listed = [call async for call in self._twilio.calls.list(wanted, most=MOST_LISTED)]
        recent = {call.sid: call for call in listed if _may_be(call, posted_at)}
        if not recent:
            if len(listed) >= MOST_LISTED:
                raise VendorError("there are too many calls between these numbers to find one of them")
            return None
        others = await known(recent)
        ours = [call for call in recent.values() if call.sid not in others]
        if not ours:
            return None
        nearest = min(ours, key=lambda call: abs((call.created_at or posted_at) - posted_at))
        return Taken(call_sid=nearest.sid)

    async def hang_up(self, taken: Taken) -> bool:
        """End a call, ringing or answered."""
        if taken.call_sid is None:
            return False
        await self._twilio.hang_up(taken.call_sid)
        return True

    def order(self, plan: OutboundPlan, ticket: str) -> NewCall:
        """What Twilio is asked. The document goes along: when somebody answers, nobody needs to be asked."""
        addresses, named = self._addresses, urlencode({CALL_PARAMETER: plan.call_id})
        notice = self._notice(plan.from_)
        after = after_url(addresses.after, plan.call_id) if addresses.after else ""
        document = twiml.outbound(
            addresses.stream, ticket, addresses.stream_status, notice=notice, after_url=after
        )
        return NewCall(
            to=plan.to,
            from_=plan.from_,
            document=Document(twiml=document),
            status_url=f"{addresses.status}?{named}",
            detection=_detection(plan.machine_detection, f"{addresses.machine}?{named}"),
            ring_s=plan.ring_timeout_s,
            time_limit_s=plan.max_duration_s,
            send_digits=plan.send_digits,
            fallback_url=addresses.fallback,
        )


def _may_be(call: CallRecord, posted_at: datetime) -> bool:
    """Whether a call of the list was made by us, and no earlier than it was asked for."""
    if call.direction not in ("", _CALLED_BY_REST):
        return False
    return call.created_at is None or call.created_at >= posted_at - _CLOCKS_DIFFER


def _detection(mode: Mode, callback_url: str) -> Detection | None:
    if mode is Mode.OFF:
        return None
    return Detection(callback_url, Detect.MESSAGE_END if mode is Mode.LEAVE_MESSAGE else Detect.START)
