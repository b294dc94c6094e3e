"""The table of endpoints: what is declared is what is done, and all of it is described."""

import re
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import BaseModel

from gateway.store.database import Database
from gateway.web.api import openapi
from gateway.web.api.door import Door
from gateway.web.api.endpoint import AnyEndpoint, Ask, Media, Nothing
from gateway.web.api.keyring import Keyring
from gateway.web.api.problem import Kind
from gateway.web.api.routes import endpoints, routes
from gateway.web.api.scopes import WORDS, Scope

ROOT = Path(__file__).parents[2]
DATABASE = Database.at("sqlite:///never-opened.db")
TABLE = endpoints(DATABASE)
EACH = pytest.mark.parametrize("endpoint", TABLE, ids=lambda endpoint: endpoint.name)


@EACH
def test_a_handler_takes_what_its_row_declares(endpoint: AnyEndpoint) -> None:
    hints = typing.get_type_hints(endpoint.handler)
    assert hints["ask"] == Ask[endpoint.path_values, endpoint.query, endpoint.body]  # type: ignore[name-defined]  # built from values


@EACH
def test_an_address_has_a_place_for_each_of_its_values(endpoint: AnyEndpoint) -> None:
    assert set(re.findall(r"\{(\w+)\}", endpoint.path)) == endpoint.path_values.model_fields.keys()


@EACH
def test_every_field_is_described(endpoint: AnyEndpoint) -> None:
    missing = [
        f"{model.__name__}.{name}"
        for model in _models(endpoint)
        for name, field in model.model_fields.items()
        if not field.description
    ]
    assert missing == []


def _models(endpoint: AnyEndpoint) -> Iterator[type[BaseModel]]:
    answer = endpoint.answer.row if isinstance(endpoint.answer, Media) else endpoint.answer
    for model in (endpoint.path_values, endpoint.query, endpoint.body, answer):
        if model is not None:
            yield model


@EACH
def test_what_changes_something_asks_for_more_than_reading(endpoint: AnyEndpoint) -> None:
    if endpoint.method != "GET":
        assert endpoint.scope is not None
        assert not endpoint.scope.endswith(":read")


def test_every_scope_is_described() -> None:
    assert set(WORDS) == set(Scope)


@EACH
def test_every_endpoint_stands_in_the_reference(endpoint: AnyEndpoint) -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert f"| `{endpoint.method} {endpoint.path}` | {endpoint.scope or 'any'} |" in page


@pytest.mark.parametrize("kind", Kind)
def test_every_problem_stands_in_the_reference(kind: Kind) -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert f"| `{kind.slug}` | {kind.status} |" in page


@pytest.mark.parametrize("scope", Scope)
def test_every_scope_stands_in_the_reference(scope: Scope) -> None:
    page = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert f"| `{scope}` | {WORDS[scope]} |" in page


def test_two_endpoints_can_not_claim_one_address() -> None:
    with pytest.raises(ValueError, match="declared twice: whoami"):
        routes(Door(Keyring(DATABASE, None)), [*TABLE, TABLE[0]])


def test_a_parameter_is_never_null() -> None:
    text = str([each for _, each in _parameters()])
    assert "null" not in text
    assert "None" not in text


def _parameters() -> Iterator[tuple[str, object]]:
    for path, methods in openapi.document(TABLE)["paths"].items():
        for operation in methods.values():
            yield from ((path, each) for each in operation["parameters"])


def test_types_that_are_parameters_are_no_components() -> None:
    names = openapi.document(TABLE)["components"]["schemas"].keys()
    assert not {"CallList", "CallPath", Nothing.__name__} & names
    assert {"Call", "MadeKey", "ProblemAnswer"} <= names
