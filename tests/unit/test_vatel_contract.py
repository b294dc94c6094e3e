"""The client and the emulator of Vatel against one table of its operations."""

import datetime
import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from pydantic import SecretStr

from gateway.clients.http import pool
from gateway.clients.vatel import Vatel
from gateway.clients.vatel.agent import AgentChange, AgentDraft, VersionId
from gateway.clients.vatel.agents import Dial
from gateway.clients.vatel.call import CallFilter
from gateway.clients.vatel.numbers import NumberId
from gateway.clients.vatel.rest import Retries
from gateway.clients.vatel.sessions import Session, SessionRequest
from gateway.clients.vatel.trunks import (
    AssignmentChange,
    AssignmentDraft,
    AssignmentId,
    TrunkChange,
    TrunkDraft,
    TrunkId,
)
from gateway.errors import (
    VendorConflict,
    VendorError,
    VendorForbidden,
    VendorGarbled,
    VendorNotFound,
    VendorRejected,
    VendorUnauthorized,
    VendorUnavailable,
    VendorUnusable,
    VendorUpstream,
)
from gateway.ids import E164, AccountSid, AgentId, SessionId
from tests.loopback import Loopback, Request, response
from tests.unit.vatel_table import ID, OPERATIONS, SHAPES, Operation, sample

pytestmark = pytest.mark.anyio
AGENT, VERSION, CALL, NUMBER = AgentId(ID), VersionId(ID), SessionId(ID), NumberId(ID)
TRUNK, PLACE = TrunkId(ID), AssignmentId(ID)
_T = TypeVar("_T")
EACH = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
KINDS: dict[int, type[VendorError]] = {
    400: VendorRejected,
    401: VendorUnauthorized,
    403: VendorForbidden,
    404: VendorNotFound,
    405: VendorRejected,
    409: VendorConflict,
    500: VendorUnusable,
    502: VendorUpstream,
    503: VendorUnavailable,
}
SPARE = {"dialAgent": {"destination"}}
"""What need not be sent: another name of what is sent."""


def body(shape: str, kind: type[_T]) -> _T:
    """A whole body, as the client has it."""
    return msgspec.convert(sample(shape), kind, dec_hook=lambda _, text: SecretStr(text))


def everything() -> CallFilter:
    now = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
    return CallFilter(
        organization_id="some",
        agent_ids=(AGENT,),
        status="ended",
        source="sip",
        date_from=now,
        date_to=now,
        outbound=True,
        search="0100",
        tag="vip",
        outcome="transferred",
    )


def dial() -> Dial:
    some = {"sip_trunk_id": TRUNK, "caller_id": "some", "first_message": "some", "prompt": "some"}
    return msgspec.convert({"number": "+14155550100", "variables": {"some key": "some value"}, **some}, Dial)


async def sound(vatel: Vatel) -> bytes:
    async with vatel.calls.recording(CALL) as recording:
        return b"".join([chunk async for chunk in recording.chunks()])


async def bring(vatel: Vatel) -> object:
    asked = sample("number_import")
    return await vatel.numbers.bring(
        E164(asked["phone_number"]),
        AccountSid(asked["account_sid"]),
        SecretStr(asked["auth_token"]),
        label=asked["label"],
    )


CALLS: dict[str, Callable[[Vatel], Awaitable[object]]] = {
    "getOrganization": lambda vatel: vatel.catalogue.organization(),
    "listLLMs": lambda vatel: vatel.catalogue.models(),
    "listVoices": lambda vatel: vatel.catalogue.voices(),
    "listAgents": lambda vatel: vatel.agents.list(),
    "createAgent": lambda vatel: vatel.agents.create(body("agent_draft", AgentDraft)),
    "getAgent": lambda vatel: vatel.agents.get(AGENT),
    "patchAgent": lambda vatel: vatel.agents.change(AGENT, body("agent_change", AgentChange)),
    "deleteAgent": lambda vatel: vatel.agents.delete(AGENT),
    "listAgentGraphVersions": lambda vatel: vatel.agents.versions(AGENT),
    "getAgentGraphVersion": lambda vatel: vatel.agents.version(AGENT, VERSION),
    "publishAgentGraphVersion": lambda vatel: vatel.agents.publish(AGENT, VERSION),
    "dialAgent": lambda vatel: vatel.agents.dial(AGENT, dial()),
    "listCalls": lambda vatel: vatel.calls.list(everything(), page=2, page_size=30),
    "getCall": lambda vatel: vatel.calls.get(CALL),
    "downloadCallRecording": sound,
    "listTwilioNumbers": lambda vatel: vatel.numbers.list(),
    "importTwilioNumber": bring,
    "patchTwilioNumberLabel": lambda vatel: vatel.numbers.label(NUMBER, "some label"),
    "listSipTrunks": lambda vatel: vatel.trunks.list(),
    "createSipTrunk": lambda vatel: vatel.trunks.create(body("trunk_draft", TrunkDraft)),
    "getSipTrunk": lambda vatel: vatel.trunks.get(TRUNK),
    "patchSipTrunk": lambda vatel: vatel.trunks.change(TRUNK, body("trunk_change", TrunkChange)),
    "deleteSipTrunk": lambda vatel: vatel.trunks.delete(TRUNK),
    "listSipTrunkAgentAssignments": lambda vatel: vatel.assignments.list(TRUNK),
    "createSipTrunkAgentAssignment": lambda vatel: vatel.assignments.create(
        TRUNK, body("assignment_draft", AssignmentDraft)
    ),
    "getSipTrunkAgentAssignment": lambda vatel: vatel.assignments.get(PLACE),
    "patchSipTrunkAgentAssignment": lambda vatel: vatel.assignments.change(
        PLACE, body("assignment_change", AssignmentChange)
    ),
    "deleteSipTrunkAgentAssignment": lambda vatel: vatel.assignments.delete(PLACE),
    "generateSessionToken": lambda vatel: vatel.sessions.create(body("session_request", SessionRequest)),
}


async def carried_out(operation: Operation, answer: bytes) -> tuple[object, Request]:
    async with Loopback(answer) as server, pool() as http:
        vatel = Vatel(http, server.url, "key-1", retries=Retries(attempts=1))
        result = await CALLS[operation.name](vatel)
    [request] = server.requests
    return result, request


def good(operation: Operation, content: object) -> bytes:
    if not operation.answer:
        return response(operation.status)
    return response(operation.status, json.dumps(content))


def told(result: object) -> object:
    """What the client understood, as JSON again."""
    if isinstance(result, Session):
        secrets = {"token": result.token, "webrtc_token": result.webrtc_token}
        named = {"room": result.room, "identity": result.identity, "url": result.url}
        return named | {name: secret.get_secret_value() for name, secret in secrets.items()}
    return json.loads(msgspec.json.encode(result))


def test_the_client_has_every_operation() -> None:
    assert CALLS.keys() == OPERATIONS.keys()


@EACH
async def test_the_client_asks_for_everything_as_documented(operation: Operation) -> None:
    answer = good(operation, sample(operation.answer) if operation.answer in SHAPES else [])
    _, request = await carried_out(operation, answer)
    address = urlsplit(request.target)
    assert (request.method, address.path) == (operation.method, operation.target)
    assert request.headers["authorization"] == "Bearer key-1"
    query = dict(parse_qsl(address.query))
    assert query.keys() == operation.query.keys() - SPARE.get(operation.name, set())
    sent = json.loads(request.body) if request.body else None
    assert sent == (sample(operation.body) if operation.body else None)


@EACH
async def test_the_client_understands_every_field_of_an_answer(operation: Operation) -> None:
    if operation.answer == "sound":
        assert (await carried_out(operation, response(200, b"RIFF")))[0] == b"RIFF"
    elif operation.answer:
        whole = sample(operation.answer)
        result, _ = await carried_out(operation, good(operation, whole))
        bare = {"listLLMs": "llms", "listVoices": "voices"}.get(operation.name)
        # That a call was accepted is the one thing an answer says that has no value of its own.
        assert told(result) == (None if operation.answer == "dialled" else whole[bare] if bare else whole)
    else:
        assert (await carried_out(operation, good(operation, None)))[0] is None


@EACH
async def test_the_client_needs_no_field_of_an_answer(operation: Operation) -> None:
    if operation.answer in ("", "sound"):
        return
    whole = sample(operation.answer)
    many = isinstance(whole, list)
    nulls: dict[str, Any] = dict.fromkeys(whole[0] if many else whole) | {"news": {"of": ["tomorrow"]}}
    for content in ({}, nulls):
        answer = good(operation, [content] if many else content)
        if operation.name == "generateSessionToken":  # without a token there is no session
            with pytest.raises(VendorGarbled):
                await carried_out(operation, answer)
        else:
            await carried_out(operation, answer)


@EACH
async def test_the_client_tells_refusals_apart(operation: Operation) -> None:
    remedies = set()
    for status in operation.refusals:
        with pytest.raises(VendorError, match=f"^Vatel answered {status}$") as caught:
            await carried_out(operation, response(status, '{"error": "because"}'))
        assert (type(caught.value), caught.value.status) == (KINDS[status], status)
        remedies.add(caught.value.remedy)
    assert len(remedies) >= len(set(operation.refusals) - {400, 405, 500, 503})
