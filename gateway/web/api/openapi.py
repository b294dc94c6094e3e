"""The API as an OpenAPI 3.1 document, made of the same table and types that serve and validate it.

https://spec.openapis.org/oas/v3.1.1
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema

from gateway.web.api.endpoint import AnyEndpoint, Header, Media, Nothing
from gateway.web.api.problem import MEDIA_TYPE, Kind, ProblemAnswer
from gateway.web.api.root import version
from gateway.web.api.scopes import WORDS

_Model = tuple[type[BaseModel], Literal["validation", "serialization"]]
_REF: Final = "#/components/schemas/{model}"
_ALWAYS: Final = (
    Kind.MALFORMED,
    Kind.UNAUTHORIZED,
    Kind.INVALID,
    Kind.THROTTLED,
    Kind.INTERNAL,
    Kind.UNAVAILABLE,
)
_OF_BODIES: Final = (Kind.TOO_SLOW, Kind.TOO_LARGE, Kind.MEDIA)
_RATE: Final = (
    Header("RateLimit", "What is left: `r` requests, and one more in `t` seconds.", example='"key";r=59;t=1'),
    Header(
        "RateLimit-Policy",
        "What is allowed: `q` at once, again in full after `w` s.",
        example='"key";q=60;w=3',
    ),
)
ABOUT: Final = (
    "Calls, numbers, keys and webhooks of one gateway. Times are RFC 3339 in UTC, durations milliseconds, "
    "telephone numbers in international form. Lists come in pages: ask again with `next_cursor` as `cursor` "
    "until it is null."
)


def document(endpoints: Sequence[AnyEndpoint]) -> JsonSchemaValue:
    """The document."""
    schemas = _Schemas(endpoints)
    paths: dict[str, JsonSchemaValue] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, schemas)
    return {
        "openapi": "3.1.1",
        "info": {"title": "Vatel gateway", "version": version(), "description": ABOUT},
        "servers": [{"url": "/"}],
        "tags": [{"name": group} for group in dict.fromkeys(each.group for each in endpoints)],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": _scopes()},
            },
        },
    }


class _Plain(GenerateJsonSchema):
    """Without titles of fields, which only say a field's name again."""

    def field_title_should_be_set(self, schema: object) -> bool:
        """Never."""
        return False


class _Schemas:
    """The JSON schemas of all types of a table."""

    def __init__(self, endpoints: Sequence[AnyEndpoint]) -> None:
        models = list(dict.fromkeys(_models(endpoints)))
        self._of, definitions = models_json_schema(models, ref_template=_REF, schema_generator=_Plain)
        self.components: JsonSchemaValue = definitions["$defs"]
        params = {model for each in endpoints for model in (each.path_values, each.query)} | {Nothing}
        # These are no components: they stand in lists of parameters.
        self._params: dict[type[BaseModel], JsonSchemaValue] = {
            model: self.components.pop(self._of[model, "validation"]["$ref"].rpartition("/")[2])
            for model in params
        }

    def of(self, model: type[BaseModel], mode: Literal["validation", "serialization"]) -> JsonSchemaValue:
        """Where a type is described."""
        return self._of[model, mode]

    def parameters(self, model: type[BaseModel], where: str) -> list[JsonSchemaValue]:
        """The values of a path or a query, one by one."""
        schema = self._params[model]
        required = schema.get("required", ())
        return [
            _parameter(name, where, name in required, dict(each))
            for name, each in schema.get("properties", {}).items()
        ]


def _models(endpoints: Iterable[AnyEndpoint]) -> Iterable[_Model]:
    yield Nothing, "validation"
    yield ProblemAnswer, "serialization"
    for endpoint in endpoints:
        for asked in (endpoint.path_values, endpoint.query, endpoint.body):
            yield asked, "validation"
        answer = endpoint.answer.row if isinstance(endpoint.answer, Media) else endpoint.answer
        if answer is not None:
            yield answer, "serialization"


def _parameter(name: str, where: str, required: bool, schema: JsonSchemaValue) -> JsonSchemaValue:
    # A parameter is there or not: it is never null.
    options = [each for each in schema.get("anyOf", ()) if each != {"type": "null"}]
    if options:
        del schema["anyOf"]
        schema = {**schema, **options[0]} if len(options) == 1 else {**schema, "anyOf": options}
    if schema.get("default", "") is None:
        del schema["default"]
    description = schema.pop("description", "")
    return {"name": name, "in": where, "required": required, "description": description, "schema": schema}


def _operation(endpoint: AnyEndpoint, schemas: _Schemas) -> JsonSchemaValue:
    operation: JsonSchemaValue = {
        "operationId": endpoint.name,
        "summary": endpoint.summary,
        "tags": [endpoint.group],
        "security": [{"key": [endpoint.scope.value] if endpoint.scope else []}],
        "parameters": [
            *schemas.parameters(endpoint.path_values, "path"),
            *schemas.parameters(endpoint.query, "query"),
            *({"in": "header", "required": False, **_header(each, named=True)} for each in endpoint.headers),
        ],
        "responses": _responses(endpoint, schemas),
    }
    if endpoint.description:
        operation["description"] = endpoint.description
    if endpoint.body is not Nothing:
        content = {"application/json": {"schema": schemas.of(endpoint.body, "validation")}}
        operation["requestBody"] = {"required": True, "content": content}
    return operation


def _responses(endpoint: AnyEndpoint, schemas: _Schemas) -> JsonSchemaValue:
    responses: JsonSchemaValue = {}
    content = _content(endpoint, schemas)
    headers = {each.name: _header(each) for each in (*_RATE, *endpoint.answer_headers)}
    for status, description in successes(endpoint).items():
        responses[str(status)] = {"description": description, "headers": headers}
        if content:
            responses[str(status)]["content"] = content
    for status, kinds in problems(endpoint).items():
        responses[str(status)] = {
            "description": ". ".join(kind.title for kind in kinds) + ".",
            "content": {MEDIA_TYPE: {"schema": schemas.of(ProblemAnswer, "serialization")}},
        }
    return responses


def _content(endpoint: AnyEndpoint, schemas: _Schemas) -> JsonSchemaValue:
    answer = endpoint.answer
    if answer is None:
        return {}
    if not isinstance(answer, Media):
        return {"application/json": {"schema": schemas.of(answer, "serialization")}}
    rows = {"type": "array", "items": schemas.of(answer.row, "serialization")} if answer.row else {}
    return {kind: {"schema": rows} if "json" in kind else {} for kind in answer.types}


def successes(endpoint: AnyEndpoint) -> dict[int, str]:
    """The statuses of success, and when they come."""
    match endpoint.answer:
        case None:
            return {204: "Done.", **endpoint.also}
        case Media():
            parts = {206: "A part of it."} if endpoint.answer.ranges else {}
            return {endpoint.status: endpoint.answer.description, **parts, **endpoint.also}
        case answer:
            first = (answer.__doc__ or "Done.").partition("\n")[0]
            return {endpoint.status: first, **endpoint.also}


def problems(endpoint: AnyEndpoint) -> dict[int, list[Kind]]:
    """The kinds of problems an endpoint has, by status."""
    kinds = {*_ALWAYS, *endpoint.problems}
    kinds |= {*_OF_BODIES} if endpoint.body is not Nothing else set()
    kinds |= {Kind.NOT_FOUND} if endpoint.path_values is not Nothing else set()
    kinds |= {Kind.FORBIDDEN} if endpoint.scope else set()
    found: dict[int, list[Kind]] = {}
    for kind in Kind:
        if kind in kinds:
            found.setdefault(kind.status, []).append(kind)
    return found


def _header(header: Header, named: bool = False) -> JsonSchemaValue:
    schema: JsonSchemaValue = {"type": "string", "pattern": header.pattern}
    if header.example:
        schema["examples"] = [header.example]
    name = {"name": header.name} if named else {}
    return {**name, "description": header.description, "schema": schema}


def _scopes() -> str:
    lines = "\n".join(f"* `{scope}`: {words}" for scope, words in WORDS.items())
    return f"An API key. What it may do is a list of scopes:\n\n{lines}"
