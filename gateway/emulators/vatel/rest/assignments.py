"""The places of agents on SIP trunks of the emulated service."""

import time
import uuid
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account
from gateway.emulators.vatel.rest.http import body, checked_uuid, keyed, rfc3339, room_for
from gateway.emulators.vatel.rest.trunks import find as find_trunk


class _Draft(msgspec.Struct, forbid_unknown_fields=True):
    agent_id: uuid.UUID
    number: str = ""
    alternate_number: str = ""


class _Change(msgspec.Struct, forbid_unknown_fields=True):
    number: str | UnsetType | None = UNSET
    alternate_number: str | UnsetType | None = UNSET


def routes(account: Account) -> list[Route]:
    """The endpoints."""

    async def assignments(request: Request) -> Response:
        trunk = find_trunk(account, request)["id"]
        return JSONResponse([each for each in account.assignments.values() if each["sip_trunk_id"] == trunk])

    async def create(request: Request) -> Response:
        trunk, draft = find_trunk(account, request), await body(request, _Draft)
        agent_id = str(draft.agent_id)
        if agent_id in account.foreign_agents:
            raise HTTPException(400, "agent is not in the organization")
        if agent_id not in account.agents:
            raise HTTPException(404, "agent not found")
        room_for(account.assignments)
        place = {
            "id": str(uuid.uuid4()),
            "agent_id": agent_id,
            "sip_trunk_id": trunk["id"],
            "number": draft.number,
            "alternate_number": draft.alternate_number,
            "created_at": rfc3339(time.time()),
        }
        _check_free(account, place)
        account.assignments[place["id"]] = place
        return JSONResponse(place, 201)

    async def assignment(request: Request) -> Response:
        return JSONResponse(_find(account, request))

    async def change(request: Request) -> Response:
        found = _find(account, request)
        told: dict[str, Any] = msgspec.to_builtins(await body(request, _Change))
        changed = found | {name: value or "" for name, value in told.items()}
        _check_free(account, changed)
        account.assignments[found["id"]] = changed
        return JSONResponse(changed)

    async def delete(request: Request) -> Response:
        del account.assignments[_find(account, request)["id"]]
        return Response(status_code=204)

    one = "/sip-trunks/assignments/{assignmentId}"
    return [
        keyed(account, "/sip-trunks/{id}/assignments", assignments),
        keyed(account, "/sip-trunks/{id}/assignments", create, "POST"),
        keyed(account, one, assignment),
        keyed(account, one, change, "PATCH"),
        keyed(account, one, delete, "DELETE"),
    ]


def _find(account: Account, request: Request) -> dict[str, Any]:
    found = account.assignments.get(checked_uuid(request.path_params["assignmentId"], "assignment id"))
    if found is None:
        raise HTTPException(404, "assignment not found")
    return found


def _check_free(account: Account, place: dict[str, Any]) -> None:
    """Refuse a number that is taken on this trunk, or an alternate number that is taken on any."""
    for other in account.assignments.values():
        if other["id"] == place["id"]:
            continue
        if place["number"] and _same(other, place, "number") and _same(other, place, "sip_trunk_id"):
            raise HTTPException(409, "number already in use")
        if place["alternate_number"] and _same(other, place, "alternate_number"):
            raise HTTPException(409, "alternate number already in use")


def _same(one: dict[str, Any], other: dict[str, Any], name: str) -> bool:
    return bool(one[name] == other[name])
