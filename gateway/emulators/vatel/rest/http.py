"""What the emulated REST endpoints have in common: the key, the errors, the bodies."""

import asyncio
import datetime
import hmac
import uuid
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import MOST_RESOURCES, Account

BODY_LIMIT_BYTES = 1024 * 1024
TOKENS = "/session-token"

Body = TypeVar("Body")
Endpoint = Callable[[Request], Awaitable[Response]]


def refusal(status: int, text: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """An error in the API's form."""
    return JSONResponse({"error": text}, status, headers)


async def on_http_exception(request: Request, exc: Exception) -> Response:
    """Give the framework's errors, and ours, the API's form."""
    assert isinstance(exc, HTTPException)
    return refusal(exc.status_code, exc.detail, dict(exc.headers or {}))


def keyed(account: Account, path: str, endpoint: Endpoint, method: str = "GET") -> Route:
    """A route under ``/v1`` that asks for the organization's key first, and fails as the behaviour says."""

    async def guarded(request: Request) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), account.api_key.encode()):
            return refusal(401, "Unauthorized")
        if path != TOKENS:  # whose endpoint misbehaves in its own way
            behaviour = account.behaviour()
            asked = f"{request.method} {request.url.path}"
            if asked.startswith(behaviour.api_only):
                await asyncio.sleep(behaviour.api_delay_s)
            if behaviour.api_misbehaves(asked, account.bad_answers):
                account.bad_answers += 1
                return bad_answer(behaviour.api_status, behaviour.api_body, behaviour.api_retry_after_s)
        return await endpoint(request)

    return Route(f"/v1{path}", guarded, methods=[method])


def bad_answer(status: int, text: str | None, retry_after_s: int | None) -> Response:
    """An answer as a behaviour wants it: an error in the API's form, or this very text."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    if text is None:
        return refusal(status, f"emulated {status}", headers)
    kind = "text/html" if text.lstrip().startswith("<") else "application/json"
    return Response(text, status, headers, kind)


def room_for(resources: Collection[object]) -> None:
    """Make sure that one more may be kept.

    Raises:
        HTTPException: There are too many already (400).

    """
    if len(resources) >= MOST_RESOURCES:
        raise HTTPException(400, f"there are {MOST_RESOURCES} already")


async def body(request: Request, kind: type[Body]) -> Body:
    """Read a JSON body.

    Raises:
        HTTPException: It is too large (413), not whole, not JSON, or not of this form (400).

    """
    content = b""
    try:
        async for part in request.stream():
            content += part
            if len(content) > BODY_LIMIT_BYTES:
                raise HTTPException(413, "body too large")
    except ClientDisconnect as exc:
        raise HTTPException(400, "the client hung up") from exc
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as exc:
        raise HTTPException(400, f"invalid body: {exc}") from exc


def checked_uuid(text: str, name: str) -> str:
    """A UUID in its usual form.

    Raises:
        HTTPException: It is none (400).

    """
    try:
        return str(uuid.UUID(text))
    except ValueError as exc:
        raise HTTPException(400, f"invalid {name}") from exc


def rfc3339(seconds: float) -> str:
    """A time since 1970 as the API writes it."""
    return datetime.datetime.fromtimestamp(seconds, datetime.UTC).isoformat().replace("+00:00", "Z")
