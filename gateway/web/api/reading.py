"""The parts of a request, read and checked against an endpoint's types."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect, Request

from gateway.web.api import trouble
from gateway.web.api.endpoint import AnyEndpoint, Nothing
from gateway.web.api.problem import FieldError, Kind, Problem, invalid

LARGEST_BODY: Final = 64 * 1024
BODY_S: Final = 10.0
_JSON: Final = re.compile(r'application/json(\s*;\s*charset\s*=\s*"?utf-8"?)?', re.IGNORECASE)


def headers(request: Request, endpoint: AnyEndpoint) -> dict[str, str]:
    """The headers the endpoint takes.

    Raises:
        Problem: one is not of its form, or was given twice.
    """
    found = {}
    for header in endpoint.headers:
        values = request.headers.getlist(header.name)
        if len(values) > 1:
            raise invalid(header.name, "is given more than once")
        if values:
            if not re.search(header.pattern, values[0]):
                raise invalid(header.name, f"must be of the form {header.pattern}")
            found[header.name.lower()] = values[0]
    return found


def path(request: Request, endpoint: AnyEndpoint) -> BaseModel:
    """The values in the path.

    Raises:
        Problem: nothing can be at such an address.
    """
    try:
        return _values(endpoint.path_values, request.path_params)
    except ValidationError as error:
        problem = trouble.validation(error)
        raise Problem(Kind.NOT_FOUND, problem.detail, errors=problem.errors) from None


def query(request: Request, endpoint: AnyEndpoint) -> BaseModel:
    """The values behind the question mark.

    Raises:
        Problem: one is unknown, wrong, or given twice.
    """
    given = request.query_params.multi_items()
    twice = [name for name, times in Counter(name for name, _ in given).items() if times > 1]
    if twice:
        errors = [FieldError(field=name[:100], reason="is given more than once") for name in twice]
        raise Problem(Kind.INVALID, "A parameter is given more than once.", errors=errors)
    try:
        return _values(endpoint.query, dict(given))
    except ValidationError as error:
        raise trouble.validation(error) from None


async def body(request: Request, endpoint: AnyEndpoint) -> tuple[BaseModel, bytes]:
    """The body as what it says, and as it came.

    Raises:
        Problem: it is none that the endpoint takes, or a field in it was given twice.
    """
    if endpoint.body is Nothing:
        if request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers:
            raise Problem(Kind.MALFORMED, "This takes no body.", headers={"Connection": "close"})
        return Nothing(), b""
    kind = request.headers.get("content-type", "")
    if not _JSON.fullmatch(kind.strip()) or "content-encoding" in request.headers:
        raise Problem(Kind.MEDIA, "The body must be application/json.", headers={"Connection": "close"})
    raw = await _read(request)
    try:
        read = _body(endpoint.body, raw)
    except ValidationError as error:
        raise trouble.validation(error) from None
    json.loads(raw, object_pairs_hook=_once, parse_int=str, parse_float=str)
    return read, raw


def _once(members: list[tuple[str, object]]) -> None:
    """Of two values under one name, which one is meant? Programs differ, so neither is taken."""
    for name, times in Counter(name for name, _ in members).items():
        if times > 1:
            raise invalid(name[:100], "is given more than once")


async def _read(request: Request) -> bytes:
    """The body, up to the bounds of size and time."""
    raw = bytearray()
    try:
        async with asyncio.timeout(BODY_S):
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > LARGEST_BODY:
                    text = f"A body has at most {LARGEST_BODY} bytes."
                    raise Problem(Kind.TOO_LARGE, text, headers={"Connection": "close"})
    except TimeoutError:
        raise Problem(
            Kind.TOO_SLOW, f"The body took over {BODY_S:g} s.", headers={"Connection": "close"}
        ) from None
    except ClientDisconnect:
        raise Problem(Kind.MALFORMED, "The body was cut off.") from None
    return bytes(raw)


def _values(form: type[BaseModel], values: Mapping[str, object]) -> BaseModel:
    return form.model_validate(values)


def _body(form: type[BaseModel], raw: bytes) -> BaseModel:
    return form.model_validate_json(raw)
