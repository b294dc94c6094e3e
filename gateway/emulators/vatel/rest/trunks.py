"""SIP trunks of the emulated service. Passwords are taken and forgotten."""

import time
import uuid
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account
from gateway.emulators.vatel.rest.http import body, checked_uuid, keyed, rfc3339, room_for

_Pbx = Literal["3cx", "yeastar", "webex", "generic"]
_PASSWORDS = ("inbound_sip_password", "outbound_sip_password")
_EMPTY: dict[str, Any] = {
    "caller_id_transforms": [],
    "inbound_host": "",
    "inbound_auth_type": "none",
    "inbound_sip_username": "",
    "outbound_host": "",
    "outbound_sip_username": "",
    "register": False,
    "remain_in_dialog": False,
}


class _Transform(msgspec.Struct, forbid_unknown_fields=True):
    type: Literal["add_prefix", "add_suffix", "replace", "strip_digits_end", "strip_digits_start"]
    value: str | UnsetType = UNSET
    value2: str | UnsetType = UNSET
    number: int | UnsetType = UNSET


class _Change(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    pbx: _Pbx | UnsetType = UNSET
    caller_id_transforms: list[_Transform] | UnsetType | None = UNSET
    inbound_host: str | UnsetType | None = UNSET
    inbound_auth_type: Literal["digest", "acl", "none"] | UnsetType | None = UNSET
    inbound_sip_username: str | UnsetType | None = UNSET
    inbound_sip_password: str | UnsetType | None = UNSET
    outbound_host: str | UnsetType | None = UNSET
    outbound_sip_username: str | UnsetType | None = UNSET
    outbound_sip_password: str | UnsetType | None = UNSET
    register: bool | UnsetType | None = UNSET
    remain_in_dialog: bool | UnsetType | None = UNSET


class _Draft(_Change, forbid_unknown_fields=True, kw_only=True):
    pbx: _Pbx


def routes(account: Account) -> list[Route]:
    """The endpoints."""

    async def trunks(request: Request) -> Response:
        return JSONResponse(list(account.trunks.values()))

    async def create(request: Request) -> Response:
        draft = await body(request, _Draft)
        room_for(account.trunks)
        trunk: dict[str, Any] = {
            "id": str(uuid.uuid4()),
            "created_at": rfc3339(time.time()),
            **_EMPTY,
            "inbound_registration_status": "not_registered",
            "outbound_registration_status": "not_registered",
        }
        _change(account, trunk, draft)
        account.trunks[trunk["id"]] = trunk
        return JSONResponse(trunk, 201)

    async def trunk(request: Request) -> Response:
        return JSONResponse(find(account, request))

    async def change(request: Request) -> Response:
        found = find(account, request)
        _change(account, found, await body(request, _Change))
        return JSONResponse(found)

    async def delete(request: Request) -> Response:
        gone = find(account, request)["id"]
        del account.trunks[gone]
        places = account.assignments.items()
        account.assignments = {key: each for key, each in places if each["sip_trunk_id"] != gone}
        return Response(status_code=204)

    return [
        keyed(account, "/sip-trunks", trunks),
        keyed(account, "/sip-trunks", create, "POST"),
        keyed(account, "/sip-trunks/{id}", trunk),
        keyed(account, "/sip-trunks/{id}", change, "PATCH"),
        keyed(account, "/sip-trunks/{id}", delete, "DELETE"),
    ]


def find(account: Account, request: Request) -> dict[str, Any]:
    """The trunk a path names.

    Raises:
        HTTPException: Its id is none (400), or there is none of this id (404).

    """
    found = account.trunks.get(checked_uuid(request.path_params["id"], "trunk id"))
    if found is None:
        raise HTTPException(404, "SIP trunk not found")
    return found


def _change(account: Account, trunk: dict[str, Any], change: _Change) -> None:
    told: dict[str, Any] = msgspec.to_builtins(change)
    if not told:
        raise HTTPException(400, "no fields to update")
    user = told.get("inbound_sip_username")
    others = (each for each in account.trunks.values() if each["id"] != trunk["id"])
    if user and any(each["inbound_sip_username"] == user for each in others):
        raise HTTPException(409, "inbound SIP username already in use")
    for name, value in told.items():
        if name not in _PASSWORDS:
            trunk[name] = _EMPTY[name] if value is None else value
