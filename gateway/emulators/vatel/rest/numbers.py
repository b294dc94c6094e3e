"""Twilio numbers of the emulated service."""

import re
import secrets
import time
import uuid
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account
from gateway.emulators.vatel.rest.http import body, checked_uuid, keyed, refusal, rfc3339, room_for

E164 = re.compile(r"\+[1-9]\d{6,14}")


class _Import(msgspec.Struct, forbid_unknown_fields=True):
    phone_number: str
    account_sid: str
    auth_token: str
    label: str = ""


class _Label(msgspec.Struct, forbid_unknown_fields=True):
    label: str


def routes(account: Account) -> list[Route]:
    """The endpoints."""

    async def numbers(request: Request) -> Response:
        return JSONResponse(list(account.numbers.values()))

    async def bring(request: Request) -> Response:
        return _bring(account, await body(request, _Import))

    async def label(request: Request) -> Response:
        number = account.numbers.get(checked_uuid(request.path_params["id"], "phone number id"))
        change = await body(request, _Label)
        if number is None:
            return refusal(404, "phone number not found")
        number |= {"label": change.label, "updated_at": rfc3339(time.time())}
        return JSONResponse(number)

    return [
        keyed(account, "/twilio/numbers", numbers),
        keyed(account, "/twilio/numbers", bring, "POST"),
        keyed(account, "/twilio/numbers/{id}", label, "PATCH"),
    ]


def _bring(account: Account, asked: _Import) -> Response:
    if not E164.fullmatch(asked.phone_number) or not asked.account_sid.startswith("AC"):
        return refusal(400, "phone_number must be E.164 and account_sid start with AC")
    if any(number["phone_number"] == asked.phone_number for number in account.numbers.values()):
        return refusal(409, "number already imported")
    if account.twilio_accounts and account.twilio_accounts.get(asked.account_sid) != asked.auth_token:
        return refusal(502, "Twilio refused the credentials")
    room_for(account.numbers)
    now = rfc3339(time.time())
    number: dict[str, Any] = {
        "id": str(uuid.uuid4()),
        "phone_number": asked.phone_number,
        "phone_sid": f"PN{secrets.token_hex(16)}",
        "label": asked.label or "Twilio number",
        "account_sid": asked.account_sid,
        "created_at": now,
        "updated_at": now,
    }
    account.numbers[number["id"]] = number
    return JSONResponse(number, 201)
