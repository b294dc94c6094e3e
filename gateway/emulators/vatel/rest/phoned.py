"""An outbound call of the emulated service, as the API shows it at this moment."""

import time
from typing import Any

from gateway.emulators.vatel.account import Account
from gateway.emulators.vatel.records import DialOutcome, PhoneCall
from gateway.emulators.vatel.rest.http import rfc3339

_TYPES: dict[type, str] = {str: "string", bool: "boolean", int: "number", float: "number", list: "array"}


def phoned(account: Account, call: PhoneCall) -> dict[str, Any]:
    """The call as it stands. While it rings it is ``connected``: the API has no word of its own for that."""
    now, outcome = time.time(), call.outcome
    answered = _past(call.answered_at, now)
    ended = _past(call.ended_at, now)
    status = "ended" if ended is not None else "connected" if answered is None else "in_progress"
    told: dict[str, Any] = {
        "id": call.id,
        "agent_id": call.request.agent_id,
        "graph_version_id": call.version_id,
        "organization_id": account.organization_id,
        "party_number": call.request.destination,
        "status": status,
        "source": "sip" if call.request.sip_trunk_id else "twilio",
        "termination_reason": "" if ended is None else outcome.termination_reason,
        "extracted_variables": [],
        "outbound": True,
        "created_at": rfc3339(call.created_at),
        "summary": "",
        "cost": 0,
        "tags": [],
    }
    if answered is not None:
        told |= {"connected_at": rfc3339(answered), "started_at": rfc3339(answered)}
    if ended is not None:
        told |= {"ended_at": rfc3339(ended), "duration_seconds": round(ended - (answered or ended))}
        told |= _result(outcome, answered or ended)
    return told


def _past(at: float | None, now: float) -> float | None:
    """A time that has come."""
    return at if at is not None and at <= now else None


def _result(outcome: DialOutcome, began: float) -> dict[str, Any]:
    """What is known once a call is over."""
    entries = [
        {"index": index, "role": role, "type": "message", "message": words, "createdAt": rfc3339(began)}
        for index, (role, words) in enumerate(outcome.transcript)
    ]
    return {
        "summary": outcome.summary,
        "transcript": {"entries": entries},
        "extracted_variables": [_variable(name, value) for name, value in outcome.variables.items()],
        "tags": list(outcome.tags),
        "cost": outcome.cost,
    }


def _variable(name: str, value: object) -> dict[str, Any]:
    kind = _TYPES.get(type(value), "object")
    return {"name": name, "type": "extracted", "description": "", "value": value, "dataType": kind}
