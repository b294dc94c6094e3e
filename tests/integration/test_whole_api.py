"""The API of a whole gateway against its own description: good and bad requests, and what may come of them.

Behind it are both emulated vendors, so calls are really placed, and numbers really connected and imported.
"""

import asyncio
import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvloop
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from pydantic import JsonValue
from requests import Session
from schemathesis import Case, GenerationMode
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.core.result import Ok

from gateway.emulators.twilio.faults import RestFault
from gateway.emulators.twilio.people import Callee
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.store import keys
from gateway.store.identifiers import CallId
from gateway.web.api.scopes import Scope
from tests.integration import api_rig
from tests.integration.gateway_rig import HUMAN, NUMBER, Rig, running_gateway, until

EXAMPLES = 30
KEYS = 40
PEOPLE = [f"+141555501{number}" for number in range(50, 80)]
OUT_OF_SCOPE = {
    "max_response_time",
    "use_after_free",
    "ensure_resource_availability",
    "ignored_auth",  # too many bad keys lock the address out: test_api_keys.py tries them
    "object_level_authorization",
    "coverage_scenario",
}
OF_MEANING = {
    "place_call",
    "transfer_call",
    "import_number",
    "label_number",
    "get_route",
    "put_route",
    "delete_route",
    "connect_number",
    "disconnect_number",
}
"""What is well formed may still be nobody's number, no agent and no template: these answer 422 to it."""
VENDORS = {"/docs#problem-vendor", "/docs#problem-vendor-busy"}
"""What may come from beyond the gateway, as the description says."""
UNFIT = (
    "version_id",
    "message",
    "callback_url",
    "account_sid",
    "auth_token",
    "lookup_url",
    "tools",
    "weights",
)
"""Fields of bodies that no made-up value fits."""
load_all_checks()
CHECKED: list[Any] = [check for check in CHECKS.get_all() if check.__name__ not in OUT_OF_SCOPE]
Fit = Callable[[Case[Any]], None]


@dataclass
class Served:
    """A running gateway, seen from its API."""

    rig: Rig
    call_id: CallId
    keys: Iterator[dict[str, str]]
    schema: schemathesis.BaseSchema
    session: Session


@dataclass
class Found:
    """What the thread of the gateway has to tell."""

    rig: Rig
    call_id: CallId
    keys: list[dict[str, str]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway between both emulators in a thread of its own, with something to read in it."""
    folder = tmp_path_factory.mktemp("whole")
    ready, over = threading.Event(), threading.Event()
    found, failed = list[Found](), list[BaseException]()

    def run() -> None:
        try:
            uvloop.run(_serve(folder, found, ready, over))
        except BaseException as error:  # noqa: BLE001 - told to the test, which fails of it
            failed.append(error)
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        assert ready.wait(20)
        assert not failed, failed
        with Session() as session:
            yield _seen(found[0], session)
    finally:
        over.set()
        thread.join(60)
    assert not thread.is_alive()
    assert not failed, failed


def _seen(found: Found, session: Session) -> Served:
    description = session.get(f"{found.rig.url}/openapi.json", timeout=5).json()
    # Keys are tried elsewhere: bad ones would have the address locked out.
    del description["components"]["securitySchemes"]
    for methods in description["paths"].values():
        for operation in methods.values():
            del operation["security"]
    schema = schemathesis.openapi.from_dict(description)
    return Served(found.rig, found.call_id, itertools.cycle(found.keys), schema, session)


async def _serve(folder: Path, found: list[Found], ready: threading.Event, over: threading.Event) -> None:
    chosen = {
        "database_url": f"sqlite:///{folder}/gateway.db",
        "spool_dir": folder / "spool",
        "recordings_dir": folder / "recordings",
        "twilio_phone_number": NUMBER,
        "dial_rate": 100,
    }
    people = dict.fromkeys(PEOPLE, Callee(after_s=0.1, hang_up_after_s=0.2))
    async with running_gateway(settings=chosen, callees=people, keep=True) as rig:
        found.append(await _furnish(rig, folder / "recordings"))
        ready.set()
        await asyncio.to_thread(over.wait, 110)
        for call in rig.twilio.calls:
            if not call.over:
                await call.hang_up()
        # What is on its way to Twilio, or of unknown fate, takes its time to settle.
        await until(lambda: rig.gateway.registry.idle, 40)


async def _furnish(rig: Rig, recordings: Path) -> Found:
    """Something to read, and keys enough that none asks too often."""
    keeping = rig.gateway.parts.keeping
    assert keeping is not None
    database = keeping.database
    async with httpx.AsyncClient() as client:
        old = api_rig.Rig(database, recordings, rig.url, client)
        call_id = await old.call(1, recording_state="kept", recording_path="a.wav")
        await asyncio.to_thread((recordings / "a.wav").write_bytes, bytes(2000))
        await old.talk(call_id, 5)
        for number in range(2, 5):
            await old.call(number)
    made = []
    async with database.write() as connection:
        for number in range(KEYS):
            name = f"test {number}"
            _, text = await keys.create(connection, name, [Scope.ADMIN], datetime.now(UTC), None)
            made.append(api_rig.bearer(text.get_secret_value()))
    return Found(rig, call_id, made)


def _try(served: Served, mode: GenerationMode, fit: Fit = lambda _: None) -> dict[str, Counter[int]]:
    """Ask every endpoint; how often each status came, by the endpoint's name."""
    seen: dict[str, Counter[int]] = {}
    for result in served.schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode is GenerationMode.NEGATIVE and not [*operation.iter_parameters(), *operation.body]:
            continue  # it takes nothing that could be wrong
        name = str(operation.definition.raw["operationId"])
        seen[name] = _try_one(served, name, operation.as_strategy(mode), fit)
    return seen


def _try_one(served: Served, name: str, strategy: SearchStrategy[Case[Any]], fit: Fit) -> Counter[int]:
    seen = Counter[int]()

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
        fit(case)
        seen[_ask(served, case, name)] += 1

    ask()
    return seen


def _without_cursor(case: Case[Any]) -> None:
    """What looks like a cursor need not be one."""
    case.query.pop("cursor", None)


def _ask(served: Served, case: Case[Any], name: str) -> int:
    """Ask once, and hold the answer to the description; its status."""
    answer = case.call(base_url=served.rig.url, session=served.session, headers=next(served.keys), timeout=10)
    settled = set()
    match answer.status_code:
        case 422 if name in OF_MEANING:
            assert answer.json()["detail"]
            settled = {"positive_data_acceptance"}
        case 413:  # wrong or not, it is more than is read of any body
            settled = {"positive_data_acceptance", "negative_data_rejection"}
        case 429:  # more was asked than is allowed, as may happen everywhere
            settled = {"positive_data_acceptance", "negative_data_rejection"}
        case 502 | 503:
            assert answer.json()["type"] in VENDORS, answer.text
            settled = {"not_a_server_error", "negative_data_rejection"}
    case.validate_response(answer, checks=[each for each in CHECKED if each.__name__ not in settled])
    return int(answer.status_code)


def _fitting(served: Served) -> Fit:
    """Puts what there is here in the place of what is only well formed."""
    people = itertools.cycle(PEOPLE)
    fixed: dict[str, JsonValue] = {
        "from": NUMBER,
        "agent_id": DEFAULT_AGENT_ID,
        "via": "gateway",
        "machine_detection": "off",
        "variables": {"name": "Ada"},
        "metadata": {"order": 17},
        "number": NUMBER,
        "fallback_number": HUMAN,
        "transfer_numbers": [HUMAN],
    }

    def fit(case: Case[Any]) -> None:
        _without_cursor(case)
        for name, value in (("call_id", served.call_id), ("number", NUMBER)):
            if name in case.path_parameters:
                case.path_parameters[name] = value
        if isinstance(case.body, dict):
            known = fixed | {"to": next(people)}
            case.body = {
                name: known.get(name, value) for name, value in case.body.items() if name not in UNFIT
            }

    return fit


def _all(seen: dict[str, Counter[int]]) -> Counter[int]:
    return sum(seen.values(), Counter[int]())


def test_the_checks_are_there() -> None:
    assert {"status_code_conformance", "response_schema_conformance", "negative_data_rejection"} <= {
        check.__name__ for check in CHECKED
    }


def test_good_requests_get_what_the_description_says(served: Served) -> None:
    seen = _try(served, GenerationMode.POSITIVE, _without_cursor)
    assert {200, 201, 404, 422} <= _all(seen).keys()


def test_requests_for_what_is_there_get_it(served: Served) -> None:
    seen = _try(served, GenerationMode.POSITIVE, _fitting(served))
    wanted = {
        "get_call": 200,
        "get_recording": 206,
        "place_call": 201,
        "import_number": 201,
        "label_number": 200,
        "put_route": 200,
        "connect_number": 200,
        "disconnect_number": 200,
        "create_key": 201,
    }
    assert {name: status for name, status in wanted.items() if not seen[name][status]} == {}
    assert served.rig.twilio.calls


def test_bad_requests_are_refused_as_the_description_says(served: Served) -> None:
    assert _all(_try(served, GenerationMode.NEGATIVE))[422] > 100


def test_vendors_that_fail_are_named_as_the_description_says(served: Served) -> None:
    # Not the calls: those whose fate is unknown are looked for, for a minute.
    served.rig.twilio.refuse_rest(RestFault(500, path="/IncomingPhoneNumbers.json"))
    served.rig.vatel.behaviour = Behaviour(api_status=429, api_retry_after_s=7)
    try:
        seen = _try(served, GenerationMode.POSITIVE, _fitting(served))
    finally:
        served.rig.twilio.refuse_rest(None)
        served.rig.vatel.behaviour = Behaviour()
    assert _all(seen).keys() >= {200, 502, 503}
    assert seen["connect_number"].keys() == {502}
    assert seen["place_call"][503]
