"""``vatel-gateway numbers``, as an operator types it, at a whole gateway."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.emulators.twilio.people import Callee
from tests.integration.gateway_process import ROOT
from tests.integration.gateway_rig import HUMAN, NUMBER, anyio_backend
from tests.integration.test_cli_check import free_port
from tests.integration.test_outbound import CALLEE, KEY, Desk, desk

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
OTHER_ACCOUNT = "AC00000000000000000000000000000002"
TOKEN = "token-of-another-account"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int | None
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def widest(self) -> int:
        return max(map(len, self.out.splitlines()))


async def start(
    *arguments: str,
    folder: Path,
    environment: Mapping[str, str],
    stdin: int = asyncio.subprocess.DEVNULL,
) -> asyncio.subprocess.Process:
    """Begin a command in a folder; nothing of this process's settings reaches it."""
    given = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "TZ": "UTC"}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "gateway", *arguments),
        env=given | dict(environment),
        cwd=folder,
        stdin=stdin,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def outcome(process: asyncio.subprocess.Process) -> Outcome:
    """Wait for a command's end, which must come."""
    try:
        async with asyncio.timeout(60):
            out, err = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Outcome(process.returncode, out.decode(), err.decode())


async def run(*arguments: str, folder: Path, **environment: str) -> Outcome:
    """Run a command to its end."""
    return await outcome(await start(*arguments, folder=folder, environment=environment))


@dataclass
class Operator:
    """Somebody with a key at a terminal that is none."""

    desk: Desk
    folder: Path

    @property
    def settings(self) -> dict[str, str]:
        return {"GATEWAY_URL": self.desk.rig.url, "GATEWAY_API_KEY": KEY}

    async def run(self, *arguments: str, **environment: str) -> Outcome:
        return await run(*arguments, folder=self.folder, **(self.settings | environment))


@asynccontextmanager
async def operator(folder: Path, callee: Callee | None = None, **more: Any) -> AsyncIterator[Operator]:
    """A gateway, and somebody at it; CALLEE may be called."""
    async with desk(folder, callee or Callee(after_s=0.2), **more) as at:
        yield Operator(at, folder)


async def test_a_number_is_imported_labelled_connected_and_listed(tmp_path: Path) -> None:
    async with operator(tmp_path) as at:
        imported = await at.run("numbers", "import", NUMBER, "--label", "Clinic")
        labelled = await at.run("numbers", "label", "+1 (415) 555-0100", "Front desk")
        connected = await at.run("numbers", "connect", NUMBER)
        listed = await at.run("numbers", "list")
        plain = await at.run("numbers", "list", "--json")
    assert [each.code for each in (imported, labelled, connected, listed)] == [0, 0, 0, 0]
    assert "+1 415 555 0100 is known at Vatel" in imported.out
    assert labelled.out == "+1 415 555 0100 is called Front desk.\n"
    assert f"{at.desk.rig.url}/twilio/voice" in connected.out
    assert "+1 415 555 0100  Front desk  here         yes" in listed.out
    assert listed.widest <= 80
    assert "\x1b" not in listed.out
    [number] = plain.json["numbers"]
    assert (number["number"], number["twilio"]["place"]) == (NUMBER, "here")


async def test_a_route_is_changed_bit_by_bit_and_taken_away(tmp_path: Path) -> None:
    route = ("numbers", "route", NUMBER)
    async with operator(tmp_path) as at:
        before = await at.run(*route)
        recorded = ("--record", "--recording-notice", "This call is recorded.")
        unheard = await at.run(*route, "--record")
        await at.run(*route, "--first-message", "Hello {{name|there}}", "--max-duration", "600", *recorded)
        changed = await at.run(*route, "--fallback", HUMAN, "--unset", "recording", "--json")
        shown = await at.run(*route)
        both = await at.run(*route, "--clear", "--record")
        gone = await at.run(*route, "--clear")
        again = await at.run(*route, "--json")
    assert "as the settings say" in before.out
    assert unheard.code == 2
    assert "recording_notice" in unheard.err
    assert changed.json["first_message"] == "Hello {{name|there}}"
    assert changed.json["max_duration_s"] == 600
    assert changed.json["fallback_number"] == HUMAN
    assert changed.json["recording"] is False
    assert "max duration      10:00" in shown.out
    assert (both.code, gone.code) == (2, 0)
    assert again.json is None


async def test_one_agent_and_several_by_weight_oust_each_other(tmp_path: Path) -> None:
    async with operator(tmp_path) as at:
        agent = at.desk.rig.gateway.parts.settings.vatel_agent_id
        await at.run("numbers", "route", NUMBER, "--agent", agent)
        several = await at.run("numbers", "route", NUMBER, "--weight", f"{agent}=3", "--json")
        one = await at.run("numbers", "route", NUMBER, "--agent", agent, "--json")
    assert (several.json["agent_id"], several.json["weights"]) == (None, {agent: 3})
    assert (one.json["agent_id"], one.json["weights"]) == (agent, None)


async def test_a_number_goes_back_to_where_it_was(tmp_path: Path) -> None:
    async with operator(tmp_path) as at:
        refused = await at.run("numbers", "disconnect", NUMBER)
        forced = await at.run("numbers", "disconnect", NUMBER, "--force")
        there = at.desk.rig.twilio.numbers[NUMBER].voice_url
    assert refused.code == 1
    assert refused.err.startswith("vatel-gateway: ")
    assert "force" in refused.err
    assert (forced.code, there) == (0, "")


@pytest.mark.parametrize("source", ["environment", "file"])
async def test_a_token_of_another_account_is_on_no_command_line_and_in_no_output(
    tmp_path: Path, source: str
) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    given = {"TWILIO_AUTH_TOKEN": TOKEN} if source == "environment" else {}
    options = ("--token-file", "token") if source == "file" else ()
    async with operator(tmp_path) as at:
        tried = await at.run("numbers", "import", NUMBER, "--account-sid", OTHER_ACCOUNT, *options, **given)
        log = at.desk.rig.output.getvalue()
    assert tried.code in (0, 1)  # what the emulated Vatel makes of that account is its affair
    assert "auth_token" not in tried.err  # it was not missing
    assert TOKEN not in tried.out + tried.err + log


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["numbers", "connect", "nonsense"], "must be a telephone number"),
        (["numbers", "route", NUMBER, "--weight", "agent"], "must be name=value"),
        (["numbers", "route", NUMBER, "--weight", "agent=some"], "the part a whole number"),
        (["numbers", "route", NUMBER, "--unset", "colour"], "--unset takes agent_id"),
        (["numbers", "import", NUMBER, "--token-file", "missing"], "missing can't be read"),
        (["calls", "show", "call_1"], "must be the name of a call"),
        (["calls", "list", "--since", "noon"], "must be a time such as"),
        (["calls", "export", "--out", "nowhere/calls.csv"], "there is no such folder"),
        (["call", CALLEE, "--wav", "a.wav"], "--wav is of the softphone"),
        (["call", "--agent", "a"], "--agent needs a NUMBER"),
        (["call", "911"], "must be a telephone number"),
    ],
)
async def test_what_cannot_work_is_said_before_anybody_is_asked(
    tmp_path: Path, arguments: list[str], complaint: str
) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    tried = await run(*arguments, folder=tmp_path, GATEWAY_URL=nowhere, GATEWAY_API_KEY=KEY, COLUMNS="200")
    assert (tried.code, tried.out) == (2, "")
    assert complaint in tried.err


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "GATEWAY_API_KEY: is missing."),
        ({"GATEWAY_API_KEY": "two words"}, "GATEWAY_API_KEY: the API key is empty, or is not plain ASCII"),
        ({"GATEWAY_API_KEY": KEY, "GATEWAY_URL": "http://gateway.example.com"}, "GATEWAY_URL: the gateway's"),
        ({"GATEWAY_API_KEY": KEY, "PORT": "none"}, "PORT: can't be read"),
    ],
)
async def test_a_setting_that_is_missing_or_wrong_is_one_line_and_its_remedy(
    tmp_path: Path, settings: dict[str, str], complaint: str
) -> None:
    tried = await run("numbers", "list", folder=tmp_path, **settings)
    assert (tried.code, tried.out, len(tried.err.splitlines())) == (2, "", 2)
    assert tried.err.startswith(f"vatel-gateway: {complaint}")
    assert "two words" not in tried.err


async def test_a_gateway_that_is_not_there_is_one_line_and_its_remedy(tmp_path: Path) -> None:
    port = str(free_port())
    (tmp_path / ".env").write_text(f"GATEWAY_API_KEY={KEY}\nPORT={port}\n")
    tried = await run("numbers", "list", folder=tmp_path)
    assert tried.code == 2
    assert tried.err.splitlines() == [
        f"vatel-gateway: no gateway answers at http://127.0.0.1:{port} (PORT)",
        "  Start it with `vatel-gateway serve`, or set GATEWAY_URL to where it is.",
    ]


async def test_a_key_that_is_unknown_is_one_line_and_its_remedy(tmp_path: Path) -> None:
    wrong = "not-the-key-of-the-first-operator"
    async with operator(tmp_path) as at:
        tried = await at.run("numbers", "list", GATEWAY_API_KEY=wrong)
    assert (tried.code, tried.out) == (2, "")
    assert "does not take GATEWAY_API_KEY" in tried.err
    assert wrong not in tried.err


async def test_a_side_that_is_missing_is_named_and_the_rest_is_shown(tmp_path: Path) -> None:
    async with operator(tmp_path, settings={"vatel_api_key": "a-key-vatel-does-not-know"}) as at:
        listed = await at.run("numbers", "list")
    assert listed.code == 0
    assert "+1 415 555 0100" in listed.out
    assert listed.err.startswith("Vatel is missing from this list: ")
