"""What the emulated REST endpoints have in common: the key, the errors, the bodies."""

import datetime
import hmac
import uuid
from collections.abc import Awaitable, Callable
from typing import TypeVar

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account

BODY_LIMIT_BYTES = 1024 * 1024

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
    """A route under ``/v1`` that asks for the organization's key first."""

    async def guarded(request: Request) -> Response:
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), account.api_key.encode()):
            return refusal(401, "Unauthorized")
        return await endpoint(request)

    return Route(f"/v1{path}", guarded, methods=[method])


async def body(request: Request, kind: type[Body]) -> Body:
    """Read a JSON body.

    Raises:
        HTTPException: It is too large (413), not JSON, or not of this form (400).

    """
    content = b""
    async for part in request.stream():
        content += part
        if len(content) > BODY_LIMIT_BYTES:
            raise HTTPException(413, "body too large")
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
