"""What one endpoint of the API is, declared once: served, validated and documented from the same values.

A subject (calls, keys, numbers ...) is a file with a small class that holds what its handlers need, and its
table::

    class CallPath(Params):
        call_id: str = Field(pattern=r"^call_[0-9a-z]{26}$", description="The call.")

    class Calls:
        def __init__(self, database: Database) -> None:
            self._database = database

        def endpoints(self) -> list[AnyEndpoint]:
            return [
                Endpoint(
                    "GET", "/v1/calls/{call_id}", "get_call", "One call", Scope.CALLS_READ, self.get,
                    path_values=CallPath, answer=CallAnswer, problems=(Kind.NOT_FOUND,),
                ),
            ]

        async def get(self, ask: Ask[CallPath, Nothing, Nothing]) -> CallAnswer:
            async with self._database.read() as connection:
                call = await calls.get(connection, CallId(ask.path.call_id))
            if call is None:
                raise not_found("call")
            return CallAnswer.of(call)

Before a handler runs, the door has authenticated the key, checked its scope and its rate, and parsed all
three parts of the request; unknown fields are refused. A handler returns its answer's model (or a ``Reply``
to add headers, a Starlette ``Response`` where ``answer`` is ``Media``, ``None`` where it is ``None``: 204).
It raises ``Problem``; vendor errors, ``DialRefused`` and the store's errors become problems by themselves,
and so need no ``try``.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict
from starlette.responses import Response

from gateway.store.identifiers import KeyId
from gateway.web.api.problem import Kind
from gateway.web.api.scopes import Scope

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]


class Params(BaseModel):
    """Values of a path or a query: text, read as what the fields say. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True)


class Body(BaseModel):
    """A JSON body, or a part of one: its types are taken at their word, unknown fields are refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Answer(BaseModel):
    """A JSON answer, or a part of one."""

    model_config = ConfigDict(extra="forbid", frozen=True, serialize_by_alias=True, validate_by_name=True)


class Nothing(Params):
    """No values at all."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The key behind a request: its name, never its text."""

    key_id: KeyId
    name: str
    scopes: frozenset[str]


PathT = TypeVar("PathT", bound=BaseModel)
QueryT = TypeVar("QueryT", bound=BaseModel)
BodyT = TypeVar("BodyT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Ask(Generic[PathT, QueryT, BodyT]):
    """One request, checked: who asks, for what, and when."""

    caller: Caller
    path: PathT
    query: QueryT
    body: BodyT
    now: datetime
    raw_body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The request's headers by lower-case name, those only that the endpoint declares."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with headers, such as ``Location``; ``status`` is the endpoint's unless it is given."""

    answer: BaseModel | None
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Header:
    """A header an endpoint takes, or sends. ``pattern`` is checked; one that is missing is no error."""

    name: str
    description: str
    pattern: str = r"^[\x20-\x7e]{1,255}$"
    example: str | None = None


@dataclass(frozen=True, slots=True)
class Media:
    """An answer that is not one JSON value: a file, or a stream.

    Args:
        types: Its media types.
        description: What is in it.
        ranges: Whether parts of it may be asked for.
        row: In its JSON form, what it is a list of.
    """

    types: tuple[str, ...]
    description: str
    ranges: bool = False
    row: type[BaseModel] | None = None


Handler = Callable[[Ask[PathT, QueryT, BodyT]], Awaitable[BaseModel | Reply | Response | None]]


@dataclass(frozen=True, slots=True)
class Endpoint(Generic[PathT, QueryT, BodyT]):
    """One endpoint.

    Args:
        method: The HTTP method.
        path: Its address, places for values in braces: ``/v1/calls/{call_id}``.
        name: Its name in the OpenAPI document (``operationId``), unique.
        summary: What it does, a few words.
        scope: What a key must be allowed; ``None``: any good key.
        handler: What does it.
        path_values, query, body: The types of the parts of a request.
        answer: The type of a success; ``None`` is 204 without a body.
        status: The status of a success; 201 and 202 are the others in use.
        also: Other statuses of success with the same answer, and when.
        problems: Kinds of problems of its own, besides those every endpoint has.
        headers: Headers the request may bring.
        answer_headers: Headers a success may bring.
        description: More about it, in plain sentences.
        group: The heading it stands under in the documentation.
    """

    method: Method
    path: str
    name: str
    summary: str
    scope: Scope | None
    handler: Handler[PathT, QueryT, BodyT]
    path_values: type[PathT] = Nothing  # type: ignore[assignment]  # where none is given, PathT is Nothing
    query: type[QueryT] = Nothing  # type: ignore[assignment]  # likewise
    body: type[BodyT] = Nothing  # type: ignore[assignment]  # likewise
    answer: type[BaseModel] | Media | None = None
    status: int = 200
    also: Mapping[int, str] = field(default_factory=dict)
    problems: tuple[Kind, ...] = ()
    headers: tuple[Header, ...] = ()
    answer_headers: tuple[Header, ...] = ()
    description: str = ""
    group: str = "Other"


AnyEndpoint = Endpoint[Any, Any, Any]
"""An endpoint in a table: which types its handler takes is checked where the row is written."""
