"""``POST /v1/session-token`` of the emulated service."""

import asyncio
import secrets
import time
import uuid
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.records import TokenRequest
from gateway.emulators.vatel.rest.http import TOKENS, bad_answer, body, keyed, refusal


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    agent_id: uuid.UUID
    version_id: uuid.UUID | None = None
    chat_id: uuid.UUID | None = None
    transport: Literal["websocket", "webrtc"] = "websocket"
    first_message: str | None = None
    prompt: str | None = None
    chat: bool = False


def routes(account: Account) -> list[Route]:
    """The endpoint."""

    async def create(request: Request) -> Response:
        asked = _asked(await body(request, _Body))
        account.token_requests.append(asked)
        behaviour = account.behaviour()
        await asyncio.sleep(behaviour.token_delay_s)
        answer = _answer(account, behaviour, asked)
        account.notify("token", {"agent_id": asked.agent_id, "status": answer.status_code})
        return answer

    return [keyed(account, TOKENS, create, "POST")]


def _asked(asked: _Body) -> TokenRequest:
    return TokenRequest(
        agent_id=str(asked.agent_id),
        version_id=None if asked.version_id is None else str(asked.version_id),
        transport=asked.transport,
        first_message=asked.first_message,
        prompt=asked.prompt,
        chat=asked.chat,
        chat_id=None if asked.chat_id is None else str(asked.chat_id),
        at=time.monotonic(),
    )


def _answer(account: Account, behaviour: Behaviour, asked: TokenRequest) -> Response:
    if behaviour.token_misbehaves(account.bad_tokens):
        account.bad_tokens += 1
        return bad_answer(behaviour.token_status, behaviour.token_body, behaviour.token_retry_after_s)
    if asked.agent_id in account.foreign_agents:
        return refusal(403, "agent belongs to another organization")
    if asked.agent_id not in account.agents:
        return refusal(404, "agent not found")
    if asked.transport == "webrtc" and not account.webrtc_url:
        return refusal(503, "WebRTC is not configured")
    answer = {"token": account.issue(asked, time.monotonic()).value}
    if asked.transport == "webrtc":
        room = f"room-{uuid.uuid4()}"
        answer |= {"room": room, "identity": f"guest-{uuid.uuid4()}", "url": account.webrtc_url}
        answer |= {"webrtc_token": secrets.token_urlsafe(24)}
    return JSONResponse(answer)
