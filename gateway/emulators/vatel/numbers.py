"""Twilio numbers and outbound calls of the emulated service."""

import re
import secrets
import time
import uuid
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account
from gateway.emulators.vatel.http import body, checked_uuid, keyed, refusal, rfc3339
from gateway.emulators.vatel.records import DialRequest

E164 = re.compile(r"\+[1-9]\d{6,14}")


class _Import(msgspec.Struct):
    phone_number: str
    account_sid: str
    auth_token: str
    label: str = ""


class _Label(msgspec.Struct):
    label: str


class _Variable(msgspec.Struct):
    key: str
    value: str


class _Dial(msgspec.Struct):
    variables: list[_Variable] = []


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

    async def dial(request: Request) -> Response:
        variables = await _variables(request)
        asked = _dial(account, request, variables)
        account.dials.append(asked)
        account.notify("dial", {"agent_id": asked.agent_id, "destination": asked.destination})
        return JSONResponse({"success": True})

    return [
        keyed(account, "/twilio/numbers", numbers),
        keyed(account, "/twilio/numbers", bring, "POST"),
        keyed(account, "/twilio/numbers/{id}", label, "PATCH"),
        keyed(account, "/agents/{id}/dial", dial, "POST"),
    ]


def _bring(account: Account, asked: _Import) -> Response:
    if not E164.fullmatch(asked.phone_number) or not asked.account_sid.startswith("AC"):
        return refusal(400, "phone_number must be E.164 and account_sid start with AC")
    if any(number["phone_number"] == asked.phone_number for number in account.numbers.values()):
        return refusal(409, "number already imported")
    if account.twilio_accounts and account.twilio_accounts.get(asked.account_sid) != asked.auth_token:
        return refusal(502, "Twilio refused the credentials")
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


async def _variables(request: Request) -> tuple[tuple[str, str], ...]:
    # The body is optional: clients written before variables send none.
    if request.headers.get("content-length", "0") == "0" and "transfer-encoding" not in request.headers:
        return ()
    return tuple((entry.key, entry.value) for entry in (await body(request, _Dial)).variables)


def _dial(account: Account, request: Request, variables: tuple[tuple[str, str], ...]) -> DialRequest:
    query = request.query_params
    agent_id = checked_uuid(request.path_params["id"], "agent id")
    destination = _destination(query.get("number", ""), query.get("destination", ""))
    trunk = query.get("sipTrunkId", "")
    if agent_id in account.foreign_agents:
        raise HTTPException(401, "invalid organization API key for this agent")
    agent = account.agents.get(agent_id)
    if agent is None or not (agent.active or trunk):
        raise HTTPException(404, "agent not found or inactive")
    if trunk:
        checked_uuid(trunk, "sipTrunkId")
        raise HTTPException(404, "SIP trunk not found")
    if not agent.phone_number_id:
        raise HTTPException(400, "agent has no phone number")
    if agent.phone_number_id not in account.numbers:
        raise HTTPException(404, "phone number not found")
    return DialRequest(
        agent_id=agent_id,
        destination=destination,
        caller_id=query.get("callerId", ""),
        first_message=query.get("firstMessage", ""),
        prompt=query.get("prompt", ""),
        variables=variables,
    )


def _destination(number: str, destination: str) -> str:
    if number and destination and number != destination:
        raise HTTPException(400, "number and destination must match")
    callee = number or destination
    if not callee:
        raise HTTPException(400, "number is required")
    if not 5 <= len(callee) <= 20:
        raise HTTPException(400, "invalid number length")
    return callee
