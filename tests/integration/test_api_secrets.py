"""No key, number or word of a call is in a log line or an error, whatever is asked."""

import io
import logging
from contextlib import redirect_stdout
from pathlib import Path

import httpx
import pytest

from gateway import logs
from gateway.store.errors import StoreUnavailable
from gateway.store.key_text import mint
from gateway.web.api.scopes import Scope
from tests.integration.api_rig import Rig, api, bearer

pytestmark = pytest.mark.anyio
WORDS = "canary-words-of-a-caller"
FIRST = "canary-key-of-the-settings"


@pytest.fixture
def written() -> io.StringIO:
    return io.StringIO()


async def test_no_canary_is_in_a_log_line_or_an_error(
    tmp_path: Path, written: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    unknown, mistyped = mint().get_secret_value(), mint().get_secret_value()[:-1]
    with redirect_stdout(written), caplog.at_level(logging.DEBUG):
        logs.configure("debug", "json")
        async with api(tmp_path, first_key=FIRST) as rig:
            rig.client.headers.update(bearer(FIRST))
            made = await rig.client.post("/v1/keys", json={"name": "x", "scopes": ["calls:read"]})
            good = made.json()["key"]
            answers = await _ask_badly(rig, unknown, mistyped, good)
    assert len(answers) > 10
    said = written.getvalue() + caplog.text + "".join(answers)
    assert "api key refused" in written.getvalue()
    assert "api incident" in written.getvalue()
    canaries = [unknown, mistyped, good, FIRST, WORDS, "4155550123"]
    assert [canary for canary in canaries if canary in said] == []


async def _ask_badly(rig: Rig, unknown: str, mistyped: str, good: str) -> list[str]:
    """Requests of which none succeeds; what was answered, with headers."""
    asked = [
        await rig.get("/v1/calls", headers=bearer(unknown)),
        await rig.get("/v1/calls", headers=bearer(mistyped)),
        await rig.get("/v1/calls", headers={"Authorization": f"Basic {unknown}"}),
        await rig.get("/v1/keys", headers=bearer(good)),
        await rig.get("/v1/calls", params={"number": good, "from": WORDS, "since": WORDS, "cursor": WORDS}),
        await rig.get("/v1/calls", params={"cursor": good}),
        await rig.get(f"/v1/calls/{good}"),
        await rig.client.post("/v1/keys", json={"name": WORDS, "scopes": [good]}),
        await rig.client.post(
            "/v1/keys", content=f'{{"name": "{good}', headers={"Content-Type": "application/json"}
        ),
        await rig.client.post("/v1/keys", content=WORDS, headers={"Content-Type": WORDS}),
    ]
    call_id = await rig.call(1, summary=WORDS, recording_state=WORDS, recording_path=f"../{WORDS}")
    await rig.talk(call_id)
    asked.append(await rig.get(f"/v1/calls/{call_id}/recording"))
    asked.append(await _broken(rig))
    assert {answer.status_code for answer in asked} == {400, 401, 403, 404, 415, 422, 500}
    return [f"{answer.text} {answer.headers}" for answer in asked]


async def _broken(rig: Rig) -> httpx.Response:
    """An answer that can't be made of what the database holds: our own types say what they were given."""
    await rig.call(2, metadata={})
    async with rig.database.write() as connection:
        await connection.exec_driver_sql(f"UPDATE calls SET metadata = '\"{WORDS} +14155550123\"'")
    return await rig.get("/v1/calls")


async def test_a_key_is_good_though_its_use_can_not_be_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api(tmp_path) as rig:
        shown = await rig.key(Scope.CALLS_READ)

        def away() -> None:
            raise StoreUnavailable

        monkeypatch.setattr(rig.database, "write", away)
        assert (await rig.get("/v1/calls", headers=shown)).status_code == 200
