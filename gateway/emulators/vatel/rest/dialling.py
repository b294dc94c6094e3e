"""Outbound calls of the emulated service: asking for one."""

import uuid

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account, Agent
from gateway.emulators.vatel.records import DialRequest, PhoneCall
from gateway.emulators.vatel.rest.http import body, checked_uuid, keyed
from gateway.emulators.vatel.rest.versions import active_version


class _Variable(msgspec.Struct, forbid_unknown_fields=True):
    key: str
    value: str


class _Dial(msgspec.Struct, forbid_unknown_fields=True):
    variables: list[_Variable] = []


def routes(account: Account) -> list[Route]:
    """The endpoint."""

    async def dial(request: Request) -> Response:
        asked = _dial(account, request, await _variables(request))
        account.dials.append(asked)
        call = PhoneCall(
            id=str(uuid.uuid4()),
            request=asked,
            version_id=active_version(account, asked.agent_id),
            outcome=account.outcome(account.dialled),
        )
        account.dialled += 1
        account.phone_calls.append(call)
        account.notify("dial", {"agent_id": asked.agent_id, "destination": asked.destination})
        return JSONResponse({"success": True})

    return [keyed(account, "/agents/{id}/dial", dial, "POST")]


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
        trunk = checked_uuid(trunk, "sipTrunkId")
        _check_trunk(account, agent, trunk)
    else:
        _check_number(account, agent)
    return DialRequest(
        agent_id=agent_id,
        destination=destination,
        sip_trunk_id=trunk,
        caller_id=query.get("callerId", ""),
        first_message=query.get("firstMessage", ""),
        prompt=query.get("prompt", ""),
        variables=variables,
    )


def _check_trunk(account: Account, agent: Agent, trunk: str) -> None:
    if trunk not in account.trunks:
        raise HTTPException(404, "SIP trunk not found")
    places = account.assignments.values()
    if not any((place["sip_trunk_id"], place["agent_id"]) == (trunk, agent.id) for place in places):
        raise HTTPException(403, "SIP trunk is not assigned to the agent")


def _check_number(account: Account, agent: Agent) -> None:
    if not agent.phone_number_id:
        raise HTTPException(400, "agent has no phone number")
    if agent.phone_number_id not in account.numbers:
        raise HTTPException(404, "phone number not found")


def _destination(number: str, destination: str) -> str:
    if number and destination and number != destination:
        raise HTTPException(400, "number and destination must match")
    callee = number or destination
    if not callee:
        raise HTTPException(400, "number is required")
    if not 5 <= len(callee) <= 20:
        raise HTTPException(400, "invalid number length")
    return callee
