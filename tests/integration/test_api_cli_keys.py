"""``vatel-gateway keys``, straight on a database."""

import json
import re
from pathlib import Path

import anyio.to_thread
import pytest
from typer.testing import CliRunner, Result

from gateway.cli.keys import app
from gateway.store.key_text import Form, form
from tests.integration.api_rig import api, bearer


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/gateway.db")
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def test_a_key_is_the_only_thing_on_standard_output() -> None:
    result = run("create", "Reports", "--scope", "calls:read")
    assert result.exit_code == 0
    assert form(result.stdout.strip()) is Form.KEY
    assert re.match(r"key_\w{26}: calls:read\.", result.stderr)


def test_keys_are_listed_and_taken_back() -> None:
    assert "no keys" in run("list").stdout
    text = run("create", "Reports", "--expires-in-days", "3").stdout.strip()
    listed = run("list").stdout
    [key_id] = re.findall(r"key_\w{26}", listed)
    assert "Reports" in listed
    assert "good" in listed
    assert text not in listed
    assert run("revoke", key_id).exit_code == 0
    assert "taken back" in run("list").stdout
    assert run("revoke", key_id).exit_code == 1


def test_a_keys_id_is_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    made = json.loads(run("create", "Reports of the front desk", "--json").stdout)
    assert made["id"] in run("list").stdout


def test_keys_are_told_as_json_where_wanted() -> None:
    made = json.loads(run("create", "Reports", "--scope", "calls:read", "--json").stdout)
    assert form(made["key"]) is Form.KEY
    [listed] = json.loads(run("list", "--json").stdout)
    assert listed == {name: value for name, value in made.items() if name != "key"}
    assert (listed["name"], listed["scopes"], listed["revoked_at"]) == ("Reports", ["calls:read"], None)
    assert json.loads(run("revoke", made["id"], "--json").stdout) == {"id": made["id"], "revoked": True}


@pytest.mark.parametrize(
    "wrong", [("create", " "), ("create", "a\nb"), ("create", "x", "--scope", "all"), ("create", "x" * 201)]
)
def test_a_wrong_option_is_refused(wrong: tuple[str, ...]) -> None:
    assert run(*wrong).exit_code == 2


@pytest.mark.anyio
async def test_a_key_of_the_command_opens_the_api(tmp_path: Path) -> None:
    result = await anyio.to_thread.run_sync(lambda: run("create", "Reports", "--scope", "calls:read"))
    async with api(tmp_path) as rig:
        shown = bearer(result.stdout.strip())
        assert (await rig.get("/v1/calls", headers=shown)).status_code == 200
        assert (await rig.get("/v1/keys", headers=shown)).status_code == 403
