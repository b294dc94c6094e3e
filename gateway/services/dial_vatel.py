"""Calls Vatel places with a telephone number of its own: it takes the call, and its record is read later.

Vatel's answer names no call. It is found in the list by its agent, its number, its time and the calls that
are known to be others. Whether a call shows there before somebody answers is not documented, so its absence
proves nothing: what is not known for sure is never dialled again.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from msgspec import UNSET

from gateway.clients.vatel.agents import Dial
from gateway.clients.vatel.call import Call, CallFilter
from gateway.clients.vatel.client import Vatel
from gateway.errors import VendorRejected, VendorThrottled, VendorUnreachable
from gateway.ids import SessionId
from gateway.services.dial_terms import Known, OutboundPlan, Taken
from gateway.store.identifiers import CallId
from gateway.store.records import CallChange, Status

_CLOCKS_DIFFER: Final = timedelta(minutes=2)
_MOST_FOUND: Final = 100
_CERTAIN: Final = (VendorUnreachable, VendorRejected, VendorThrottled)
_ENDED_BY: Final = {"ended_by_agent": "agent", "ended_by_user": "callee", "transferred": "transfer"}


class VatelCarrier:
    """Has Vatel's agents dial through their own numbers."""

    proves_absence = False

    def __init__(self, vatel: Vatel) -> None:
        self._vatel = vatel

    async def place(self, plan: OutboundPlan, ticket: str) -> Taken:
        """Ask for the call, once; it has no name yet. The ticket is of no use here.

        Raises:
            VendorError: it was not placed, or nobody knows.
        """
        dial = Dial(
            number=plan.to,
            first_message=UNSET if plan.first_message is None else plan.first_message,
            prompt=UNSET if plan.prompt is None else plan.prompt,
            variables=plan.variables,
        )
        await self._vatel.agents.dial(plan.agent_id, dial)
        return Taken()

    def certain(self, error: Exception) -> bool:
        """Whether an error of ``place`` says for sure that nobody is called."""
        return isinstance(error, _CERTAIN)

    async def look(self, plan: OutboundPlan, posted_at: datetime, known: Known) -> Taken | None:
        """Search Vatel's list.

        Raises:
            VendorError: the list can't be had.
        """
        since = posted_at - _CLOCKS_DIFFER
        which = CallFilter(agent_ids=(plan.agent_id,), outbound=True, date_from=since, search=plan.to)
        found = [
            call
            async for call in self._vatel.calls.each(which, most=_MOST_FOUND)
            if call.id and call.party_number in ("", plan.to) and _moment(call.created_at, since) >= since
        ]
        others = await known({call.id for call in found})
        ours = [call for call in found if call.id not in others]
        if not ours:
            return None
        nearest = min(ours, key=lambda call: abs(_moment(call.created_at, posted_at) - posted_at))
        return Taken(session_id=nearest.id)

    async def hang_up(self, taken: Taken) -> bool:
        """Vatel has no way to end such a call."""
        return False

    async def record(self, session_id: SessionId) -> Call:
        """What Vatel knows of a call.

        Raises:
            VendorError: it can't be had.
        """
        return await self._vatel.calls.get(session_id)


def change(call_id: CallId, call: Call) -> CallChange:
    """What a record of Vatel's says of one of our calls."""
    answered = _at(call.started_at) or _at(call.connected_at)
    if not call.ended:
        status = Status.IN_PROGRESS if answered else Status.RINGING
        return CallChange(call_id=call_id, session_id=call.id or None, status=status, answered_at=answered)
    status = Status.COMPLETED if answered else Status.NO_ANSWER
    # The summary comes after the end, and the cost with it: until then the record is asked for again.
    done = bool(call.summary or call.cost or not answered)
    return CallChange(
        call_id=call_id,
        session_id=call.id or None,
        status=status,
        answered_at=answered,
        ended_at=_at(call.ended_at),
        duration_ms=call.duration_seconds * 1000.0 if answered else None,
        ending=call.termination_reason[:100] or status.value,
        ended_by=_ENDED_BY.get(call.termination_reason),
        summary=call.summary or None,
        extracted={each.name: each.value for each in call.extracted_variables if each.name} or None,
        vatel_cost=call.cost if done else None,
    )


def _at(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _moment(text: str, default: datetime) -> datetime:
    return _at(text) or default
