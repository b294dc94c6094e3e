"""The whole API against its own description: good and bad requests, and what may come of them."""

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from requests import Session
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from gateway.store.identifiers import CallId
from tests.integration.api_rig import FIRST_KEY, Rig, api, bearer

EXAMPLES = 40
OUT_OF_SCOPE = {
    "max_response_time",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",  # too many bad keys lock the address out: test_api_keys.py tries them
    "object_level_authorization",
    "coverage_scenario",
}
load_all_checks()
CHECKED: list[Any] = [check for check in CHECKS.get_all() if check.__name__ not in OUT_OF_SCOPE]


@dataclass
class Served:
    url: str
    call_id: CallId
    schema: schemathesis.BaseSchema
    session: Session


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The API in a thread of its own, with something to read in it."""
    folder = tmp_path_factory.mktemp("api")
    ready, over = threading.Event(), threading.Event()
    found: list[tuple[str, CallId]] = []
    thread = threading.Thread(target=lambda: asyncio.run(_serve(folder, found, ready, over)))
    thread.start()
    try:
        assert ready.wait(20)
        url, call_id = found[0]
        with Session() as session:
            description = session.get(f"{url}/openapi.json", timeout=5).json()
            # Keys are tried elsewhere: bad ones would have the address locked out.
            del description["components"]["securitySchemes"]
            for methods in description["paths"].values():
                for operation in methods.values():
                    del operation["security"]
            schema = schemathesis.openapi.from_dict(description)
            yield Served(url, call_id, schema, session)
    finally:
        over.set()
        thread.join(20)
    assert not thread.is_alive()


async def _serve(
    folder: Path, found: list[tuple[str, CallId]], ready: threading.Event, over: threading.Event
) -> None:
    async with api(folder, seconds=110) as rig:
        found.append((rig.url, await _something_to_read(rig)))
        ready.set()
        await asyncio.to_thread(over.wait, 100)


async def _something_to_read(rig: Rig) -> CallId:
    call_id = await rig.call(1, recording_state="kept", recording_path="a.wav")
    (rig.recordings / "a.wav").write_bytes(bytes(2000))
    await rig.talk(call_id, 5)
    for number in range(2, 5):
        await rig.call(number)
    return call_id


def _try(served: Served, mode: GenerationMode, **given_values: object) -> dict[int, int]:
    """Ask every endpoint; how often each status came."""
    seen: dict[int, int] = {}
    for result in served.schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not [*operation.iter_parameters(), *operation.body]:
            continue  # it takes nothing that could be wrong
        names = {each.name for each in operation.path_parameters}
        fixed = {name: value for name, value in given_values.items() if name in names}
        strategy = operation.as_strategy(mode, path_parameters=fixed or None)

        @settings(
            max_examples=EXAMPLES,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=strategy)
        def ask(case: Case[Any]) -> None:
            if mode is GenerationMode.POSITIVE:
                case.query.pop("cursor", None)  # what looks like one need not be one
            answer = case.call_and_validate(
                base_url=served.url,
                session=served.session,
                headers=bearer(FIRST_KEY),
                checks=CHECKED,
                timeout=10,
            )
            seen[answer.status_code] = seen.get(answer.status_code, 0) + 1

        ask()
    return seen


def test_the_checks_are_there() -> None:
    assert {"status_code_conformance", "response_schema_conformance", "negative_data_rejection"} <= {
        check.__name__ for check in CHECKED
    }


def test_good_requests_get_what_the_description_says(served: Served) -> None:
    seen = _try(served, GenerationMode.POSITIVE)
    assert {200, 201, 404} <= seen.keys()


def test_requests_for_what_is_there_get_it(served: Served) -> None:
    seen = _try(served, GenerationMode.POSITIVE, call_id=served.call_id)
    assert seen[200] > seen[404]


def test_bad_requests_are_refused_as_the_description_says(served: Served) -> None:
    seen = _try(served, GenerationMode.NEGATIVE)
    assert seen[422] > 20
