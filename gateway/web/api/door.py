"""The door of the API: who asks, may they, how often, for what; then the handler, then the answer."""

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Final

from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message, Receive, Send
from starlette.types import Scope as AsgiScope

from gateway import logs
from gateway.errors import GatewayError
from gateway.web.api import reading, trouble
from gateway.web.api.buckets import Buckets, Level, Rate
from gateway.web.api.endpoint import AnyEndpoint, Ask, Caller, Reply
from gateway.web.api.keyring import Keyring
from gateway.web.api.problem import MEDIA_TYPE, Kind, Problem, not_found
from gateway.web.api.scopes import allows
from gateway.web.strangers import known

SEND_S: Final = 30.0
"""How long a client may take no byte of its answer."""
_ALWAYS: Final = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}


def _utc() -> datetime:
    return datetime.now(UTC)


class AnswerCut(GatewayError):
    """An answer broke off after its beginning was sent."""

    remedy = "Look in the log for what happened before, and ask again."


class Door:
    """What all endpoints share.

    Args:
        keyring: Tells good keys from bad ones.
        rate: How often one key may ask.
        clock: The time of day, for what is written down.
        monotonic: Seconds, for rates.
    """

    def __init__(
        self,
        keyring: Keyring,
        rate: Rate | None = None,
        clock: Callable[[], datetime] = _utc,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keyring = keyring
        self._buckets = Buckets(rate or Rate())
        self._clock = clock
        self._monotonic = monotonic

    async def serve(self, request: Request, endpoint: AnyEndpoint) -> Response:
        """Answer one request; nothing is ever raised."""
        headers = dict(_ALWAYS)
        try:
            caller = await self._admit(request, endpoint, headers)
            response = await self._answer(request, endpoint, caller)
        except Exception as error:  # noqa: BLE001 - the edge of a request: every error has an answer
            response = problem_response(trouble.problem_of(error, endpoint.name))
        for name, value in headers.items():
            response.headers.setdefault(name, value)
        return response

    async def _admit(self, request: Request, endpoint: AnyEndpoint, headers: dict[str, str]) -> Caller:
        now = self._monotonic()
        caller = await self._keyring.caller(request, self._clock(), now)
        known(request.scope.get("state"))
        level = self._buckets.take(caller.key_id, now)
        headers |= self._rate_headers(level)
        if not level.granted:
            wait = {"Retry-After": str(max(1, math.ceil(level.wait_s)))}
            raise Problem(Kind.THROTTLED, "This key asks too often.", headers=wait)
        if endpoint.scope and not allows(caller.scopes, endpoint.scope):
            raise Problem(Kind.FORBIDDEN, f"The key lacks the scope {endpoint.scope}.")
        return caller

    def _rate_headers(self, level: Level) -> dict[str, str]:
        """https://datatracker.ietf.org/doc/draft-ietf-httpapi-ratelimit-headers/."""
        rate = self._buckets.rate
        return {
            "RateLimit-Policy": f'"key";q={rate.burst};w={rate.window_s}',
            "RateLimit": f'"key";r={level.left};t={math.ceil(level.wait_s)}',
        }

    async def _answer(self, request: Request, endpoint: AnyEndpoint, caller: Caller) -> Response:
        headers = reading.headers(request, endpoint)
        path = reading.path(request, endpoint)
        query = reading.query(request, endpoint)
        body, raw = await reading.body(request, endpoint)
        ask = Ask(caller, path, query, body, self._clock(), raw, headers)
        return _response(endpoint, await endpoint.handler(ask))


def _response(endpoint: AnyEndpoint, result: BaseModel | Reply | Response | None) -> Response:
    """The answer a handler's result means."""
    if isinstance(result, Response):
        return result
    reply = result if isinstance(result, Reply) else Reply(result)
    status = reply.status or (204 if endpoint.answer is None else endpoint.status)
    if reply.answer is None:
        return Response(status_code=204 if status == 200 else status, headers=dict(reply.headers))
    content = reply.answer.model_dump_json()
    return Response(content, status, dict(reply.headers), "application/json")


def problem_response(problem: Problem) -> Response:
    """A problem, as it goes out."""
    content = problem.answer().model_dump_json(exclude_none=True)
    return Response(content, problem.kind.status, problem.headers | _ALWAYS, MEDIA_TYPE)


class Resource:
    """One address, as an ASGI application: its methods, or 405."""

    def __init__(self, door: Door, endpoints: Iterable[AnyEndpoint]) -> None:
        self._door = door
        self._methods: dict[str, AnyEndpoint] = {endpoint.method: endpoint for endpoint in endpoints}

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer one request. A client that takes nothing of its answer is left."""
        request = Request(scope, receive)
        endpoint = self._methods.get("GET" if request.method == "HEAD" else request.method)
        response = self._other_method() if endpoint is None else await self._door.serve(request, endpoint)
        try:
            await response(scope, receive, patient(send))
        except (TimeoutError, AnswerCut) as error:
            # The server closes the connection of an answer that was not finished.
            logs.get().warning("api answer cut off", path=scope["path"], reason=type(error).__name__)

    def _other_method(self) -> Response:
        allowed = sorted(self._methods) + ["HEAD"] * ("GET" in self._methods)
        text = f"This address takes {', '.join(allowed)}."
        return problem_response(Problem(Kind.METHOD, text, headers={"Allow": ", ".join(allowed)}))


class Nowhere:
    """Any address of the API that is none, as an ASGI application."""

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        """Answer 404."""
        await problem_response(not_found("address"))(scope, receive, patient(send))


def patient(send: Send) -> Send:
    """Send, but wait for a client only so long."""

    async def sending(message: Message) -> None:
        async with asyncio.timeout(SEND_S):
            await send(message)

    return sending
