"""The table of Vatel's operations, and where Vatel's own OpenAPI file is at hand, the table against that."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.unit.vatel_table import OPERATIONS, SHAPES, Field, field

SOURCE = Path(__file__).parents[3] / "shared" / "contracts" / "vatel-openapi.json"
PLAIN = {"string": "text", "number": "number", "integer": "integer", "boolean": "flag", "object": "object"}
BEYOND = {"dialAgent": "dial_variables"}
"""Bodies that Vatel's pages have and its OpenAPI file has not."""


def used() -> Iterator[str]:
    for operation in OPERATIONS.values():
        yield from (operation.body, field(operation.answer).kind)
    for shape in SHAPES.values():
        yield from (each.kind for each in shape.values())


def test_every_shape_is_used_and_described() -> None:
    kinds = set(used()) - {"", "sound", "any", *PLAIN.values()}
    assert kinds == SHAPES.keys()


def test_no_two_operations_are_asked_for_alike() -> None:
    assert len({(each.method, each.path) for each in OPERATIONS.values()}) == len(OPERATIONS)


if SOURCE.exists():
    DOCUMENT: dict[str, Any] = json.loads(SOURCE.read_text(encoding="utf-8"))

    def resolved(schema: dict[str, Any]) -> dict[str, Any]:
        name = schema.get("$ref", "").rpartition("/")[2]
        found: dict[str, Any] = DOCUMENT["components"]["schemas"][name] | schema if name else schema
        return found

    def differences(described: Field, schema: dict[str, Any], where: str) -> Iterator[str]:
        """Where the table says something else than a schema."""
        schema = resolved(schema)
        if described.nullable != schema.get("nullable", False):
            yield f"{where}: null"
        if described.many != (schema.get("type") == "array"):
            yield f"{where}: list"
        inner = resolved(schema["items"]) if schema.get("type") == "array" else schema
        if described.kind in SHAPES:
            yield from shape_differences(described.kind, inner, where)
        elif described.kind != PLAIN.get(inner.get("type", ""), "any"):
            yield f"{where}: {inner.get('type')}, not {described.kind}"

    def shape_differences(shape: str, schema: dict[str, Any], where: str) -> Iterator[str]:
        properties = schema.get("properties", {})
        yield from (f"{where}: {name}" for name in SHAPES[shape].keys() ^ properties.keys())
        required = {name for name, each in SHAPES[shape].items() if each.required}
        yield from (f"{where}: required {name}" for name in required ^ set(schema.get("required", [])))
        for name in SHAPES[shape].keys() & properties.keys():
            yield from differences(SHAPES[shape][name], properties[name], f"{where}.{name}")

    def operations() -> dict[str, tuple[str, str, dict[str, Any]]]:
        return {
            row["operationId"]: (method.upper(), path, row)
            for path, methods in DOCUMENT["paths"].items()
            for method, row in methods.items()
            if path != "/v1/connection"  # the WebSocket, which has tests of its own
        }

    def test_the_table_has_the_operations_of_the_openapi_file() -> None:
        documented = {name: (method, path) for name, (method, path, _) in operations().items()}
        assert {name: (each.method, each.path) for name, each in OPERATIONS.items()} == documented

    def test_the_table_says_what_the_openapi_file_says() -> None:
        found: list[str] = []
        for name, (_, _, row) in operations().items():
            told = OPERATIONS[name]
            query = {each["name"]: each for each in row.get("parameters", []) if each["in"] == "query"}
            found += [f"{name}: query {each}" for each in told.query.keys() ^ query.keys()]
            for each in told.query.keys() & query.keys():
                found += differences(told.query[each], query[each]["schema"], f"{name}?{each}")
                if told.query[each].required != query[each]["required"]:
                    found.append(f"{name}?{each}: required")
            if name not in BEYOND:
                found += body_differences(name, told.body, row.get("requestBody", {}))
            statuses = {int(status) for status in row["responses"]}
            if statuses != {told.status, *told.refusals}:
                found.append(f"{name}: statuses")
            found += body_differences(name, told.answer, row["responses"][str(told.status)])
        assert found == []

    def body_differences(name: str, told: str, documented: dict[str, Any]) -> Iterator[str]:
        content = documented.get("content", {})
        if told == "sound":
            assert list(content) == ["audio/wav"]
        elif told:
            yield from differences(field(told), content["application/json"]["schema"], name)
        elif content:
            yield f"{name}: a body"
