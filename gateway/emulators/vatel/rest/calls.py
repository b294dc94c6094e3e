"""Calls of the emulated service: its sessions and outbound calls, as ``/v1/calls`` shows them."""

import datetime
import io
import math
import time
import wave
from collections.abc import Iterator
from typing import Any

import msgspec
from starlette.datastructures import QueryParams
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account
from gateway.emulators.vatel.records import PhoneCall, SessionRecord
from gateway.emulators.vatel.rest.http import checked_uuid, keyed, refusal, rfc3339
from gateway.emulators.vatel.rest.phoned import phoned
from gateway.emulators.vatel.rest.versions import active_version
from gateway.emulators.voice import SAMPLE_RATE

CHOICES = {
    "status": ("connected", "started", "in_progress", "auth_failed", "ended"),
    "source": ("twilio", "sip", "simulation", "api"),
    "outbound": ("true", "false"),
    "outcome": ("transferred", "ended_by_agent", "ended_by_user"),
}


Known = SessionRecord | PhoneCall


def routes(account: Account) -> list[Route]:
    """The endpoints."""

    async def calls(request: Request) -> Response:
        return JSONResponse(_page(account, request.query_params))

    async def call(request: Request) -> Response:
        record = _find(account, request)
        return JSONResponse(shown(account, record)) if record else refusal(404, "call not found")

    async def recording(request: Request) -> Response:
        record = _find(account, request)
        sound = _sound(record)
        if record is None or sound is None:
            return refusal(404, "call not found, or not recorded yet")
        headers = {"Content-Disposition": f'attachment; filename="{record.id}.wav"'}
        return Response(_wav(sound), headers=headers, media_type="audio/wav")

    return [
        keyed(account, "/calls", calls),
        keyed(account, "/calls/{id}", call),
        keyed(account, "/calls/{id}/recording", recording),
    ]


def shown(account: Account, record: Known) -> dict[str, Any]:
    """A call as the API shows it."""
    return phoned(account, record) if isinstance(record, PhoneCall) else _session(account, record)


def _session(account: Account, record: SessionRecord) -> dict[str, Any]:
    created = rfc3339(record.created_at)
    ended: dict[str, Any] = {}
    if record.ended_at is not None:
        ended = {
            "ended_at": rfc3339(record.ended_at),
            "duration_seconds": round(record.ended_at - record.created_at),
        }
    entries = list(_entries(record))
    return {
        "id": record.id,
        "agent_id": record.agent_id,
        "graph_version_id": record.token_request.version_id or active_version(account, record.agent_id),
        "organization_id": account.organization_id,
        "party_number": "",
        "status": "ended" if record.ended else "in_progress",
        "source": "api",
        "termination_reason": _outcome(record),
        "extracted_variables": [],
        "outbound": False,
        "created_at": created,
        "connected_at": created,
        "started_at": created,
        **ended,
        "summary": f"{len(entries)} things were said and done." if ended else "",
        "transcript": {"entries": entries},
        "cost": round(0.01 + (record.ended_at - record.created_at) * 0.001, 4) if record.ended_at else 0,
        "tags": [],
    }


def _outcome(record: SessionRecord) -> str:
    if not record.ended:
        return ""
    return "ended_by_agent" if "session_ended" in record.kinds() else "ended_by_user"


def _entries(record: SessionRecord) -> Iterator[dict[str, Any]]:
    index = 0
    for at, kind, detail in record.events:
        entry = _entry(kind, detail)
        if entry is not None:
            created = rfc3339(record.created_at + at - record.opened_at)
            yield {"index": index, **entry, "createdAt": created}
            index += 1


def _entry(kind: str, detail: dict[str, Any]) -> dict[str, Any] | None:
    match kind:
        case "transcript":
            return {"role": "user", "type": "message", "message": detail["text"]}
        case "response_text":
            said = {"role": "assistant", "type": "message", "message": detail["text"]}
            return said | {"turnId": detail["turn_id"]}
        case "interruption":
            return {"role": "", "type": "interruption"}
        case "tool_call":
            arguments = msgspec.json.encode(detail["arguments"]).decode()
            call = {"callId": detail["tool_call_id"], "toolName": detail["name"], "arguments": arguments}
            return {"role": "", "type": "tool_call", "toolCall": call}
        case "tool_call_output":
            return {"role": "", "type": "tool_call_output", "toolCallOutput": detail["output"]}
    return None


def _page(account: Account, query: QueryParams) -> dict[str, Any]:
    for name, choices in CHOICES.items():
        if query.get(name) and query[name] not in choices:
            raise HTTPException(400, f"invalid {name}")
    page, size = _number(query, "page", 1, 1_000_000), _number(query, "page_size", 20, 100)
    found = [shown(account, record) for record in _filtered(account, query)]
    asked = {name: query[name] for name in CHOICES if query.get(name)}
    found = [call for call in found if all(_fits(call, name, wanted) for name, wanted in asked.items())]
    pages = -(-len(found) // size)
    pagination = {"page": page, "page_size": size, "total": len(found), "total_pages": pages}
    pagination |= {"has_next": page < pages, "has_prev": page > 1}
    return {"calls": found[(page - 1) * size : page * size], "pagination": pagination}


def _filtered(account: Account, query: QueryParams) -> Iterator[Known]:
    """Newest first, what agents, dates, tags and numbers leave."""
    agents = {checked_uuid(word, "agent_ids") for word in query.get("agent_ids", "").split(",") if word}
    after, before = _instant(query, "date_from", -math.inf), _instant(query, "date_to", math.inf)
    number, tag = query.get("search", ""), query.get("tag", "")
    if len(number) > 256 or len(tag) > 128:
        raise HTTPException(400, "search or tag is too long")
    known: list[Known] = [*account.sessions, *account.phone_calls]
    for record in sorted(known, key=lambda record: record.created_at, reverse=True):
        phone = record if isinstance(record, PhoneCall) else None
        if not after <= record.created_at <= before or (agents and record.agent_id not in agents):
            continue
        # Sessions have neither numbers nor tags.
        if number and (phone is None or number not in phone.request.destination):
            continue
        if not tag or (phone is not None and tag in phone.outcome.tags):
            yield record


def _fits(call: dict[str, Any], name: str, wanted: str) -> bool:
    if name == "outbound":
        return bool(call["outbound"]) == (wanted == "true")
    return bool(call["termination_reason" if name == "outcome" else name] == wanted)


def _number(query: QueryParams, name: str, default: int, largest: int) -> int:
    text = query.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= largest:
        raise HTTPException(400, f"{name} must be 1 to {largest}")
    return int(text)


def _instant(query: QueryParams, name: str, default: float) -> float:
    if not query.get(name):
        return default
    try:
        instant = datetime.datetime.fromisoformat(query[name])
    except ValueError as exc:
        raise HTTPException(400, f"invalid {name}") from exc
    return instant.replace(tzinfo=instant.tzinfo or datetime.UTC).timestamp()


def _find(account: Account, request: Request) -> Known | None:
    wanted = checked_uuid(request.path_params["id"], "call id")
    known: list[Known] = [*account.sessions, *account.phone_calls]
    return next((record for record in known if record.id == wanted), None)


def _sound(record: Known | None) -> bytes | None:
    """The recording of a call that is over."""
    match record:
        case SessionRecord(ended=True):
            return bytes(record.heard)
        case PhoneCall(ended_at=float(ended_at)) if ended_at <= time.time():
            return record.outcome.recording
    return None


def _wav(pcm: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(SAMPLE_RATE)
        recording.writeframes(pcm)
    return file.getvalue()
