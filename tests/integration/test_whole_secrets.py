"""Secrets, numbers and words go through a whole gateway, well and badly; then all it left is searched."""

import asyncio
import base64
import json
import logging
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx
import psycopg
import pytest
import structlog
from psycopg import sql

from gateway.emulators.twilio import errors as twilio_errors
from gateway.emulators.twilio.emulator import AUTH_TOKEN
from gateway.emulators.twilio.faults import RestFault, call_refused
from gateway.emulators.twilio.people import Callee
from gateway.emulators.vatel.account import DEFAULT_API_KEY
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.hearing import Listening
from gateway.emulators.vatel.script import Listen, Say, Script, Tool
from tests.integration.gateway_audio import caller_words
from tests.integration.gateway_rig import CALLER, HUMAN, NUMBER, Rig, anyio_backend, running_gateway, until
from tests.integration.store import cluster as clusters
from tests.integration.store.cluster import Cluster
from tests.loopback import Loopback, response

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
CALLEE = "+14155550177"
REFUSED = "+14155550178"
JSON = {"Content-Type": "application/json"}
FOREIGN = "AC" + "0" * 31 + "2"
API_KEY_SID = "SK" + "0" * 31 + "1"


def _signing(word: str) -> str:
    return f"whsec_{base64.b64encode(word.encode()).decode()}"


SECRETS = {
    "VATEL_API_KEY": DEFAULT_API_KEY,
    "TWILIO_AUTH_TOKEN": AUTH_TOKEN,
    "TWILIO_AUTH_TOKEN_SECONDARY": "canary-second-auth-token",
    "TWILIO_API_SECRET": "canary-secret-of-the-api-key",
    "GATEWAY_API_KEY": "canary-first-key-of-the-operator",
    "WEBHOOK_SECRET": _signing("canary-webhook-secret-0"),
    "TOOL_SECRET": _signing("canary-secret-of-a-tool"),
    "DATABASE_PASSWORD": "canary-database-password",
    "IMPORT_TOKEN": "canary-token-of-another-account",
    "TOOL_ERROR": "secret-of-the-tool",  # gateway_tools.py raises it
}
ADDRESSES = ("canary-in-an-address",)
"""A webhook's address is kept, since events are sent there; it is told to nobody."""
WORDS = {
    "agent": "canaryagent speaks",
    "caller": "canarycaller answers",
    "argument": "canaryargument",
    "output": "canaryoutput",
    "value": "canaryvalue",
    "prompt": "canaryprompt",
    "metadata": "canarymetadata",
}
NUMBERS = (NUMBER, CALLER, HUMAN, CALLEE, REFUSED)
ECHO = " and ".join([*SECRETS.values(), *WORDS.values(), *NUMBERS])
ECHOES = [" and ".join(part) for part in (SECRETS.values(), (*WORDS.values(), *NUMBERS))]
"""Apart, since what is logged is cut off."""
TALK = Script(
    steps=(
        Say(text=WORDS["agent"]),
        Listen(hears=WORDS["caller"], timeout_s=5),
        Tool(name="ask_house", arguments={"word": WORDS["argument"]}),
        Tool(name="ask_house", arguments={"word": WORDS["argument"]}),
        Tool(name="broken"),
        Tool(name="end_call"),
    ),
    listening=Listening(silence_ms=300),
)


@dataclass
class House:
    """A whole gateway, with all that is round it."""

    rig: Rig
    cluster: Cluster
    http: httpx.AsyncClient
    tool: Loopback
    hook: Loopback
    answers: list[httpx.Response] = field(default_factory=list)
    spooled: bytes = b""

    async def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Ask the API, and remember what it answered."""
        answer = await self.http.request(method, path, **options)
        self.answers.append(answer)
        return answer

    async def flush(self) -> None:
        """All records are in the database."""
        keeping = self.rig.gateway.parts.keeping
        assert keeping is not None
        assert await keeping.journal.flush(15)


@asynccontextmanager
async def house(folder: Path) -> AsyncIterator[House]:
    """Everything that can hold a secret holds a canary."""
    programs = clusters.binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    echo = response(500, ECHO)
    good = response(200, f'{{"said": "{WORDS["output"]}"}}', Content_Type="application/json")
    first = {"Authorization": f"Bearer {SECRETS['GATEWAY_API_KEY']}"}
    with clusters.running(programs, durable=True) as cluster:
        cluster.execute("CREATE DATABASE house")
        async with AsyncExitStack() as servers:
            tool = await servers.enter_async_context(Loopback(good, echo))
            hook = await servers.enter_async_context(Loopback(echo, echo, echo, response(204)))
            settings = _settings(folder, cluster.url("house"), tool.url, hook.url)
            callees = {CALLEE: Callee(after_s=0.3)}
            async with (
                running_gateway(settings=settings, script=TALK, callees=callees, keep=True) as rig,
                httpx.AsyncClient(base_url=rig.url, headers=first, trust_env=False, timeout=20) as http,
            ):
                keys = cast("dict[str, str]", rig.twilio.account.api_keys)
                keys[API_KEY_SID] = SECRETS["TWILIO_API_SECRET"]
                structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG))
                try:
                    yield House(rig, cluster, http, tool, hook)
                finally:
                    await servers.aclose()  # their sockets would be taken for the gateway's


def _settings(folder: Path, database_url: str, tool_url: str, hook_url: str) -> dict[str, Any]:
    config = folder / "tools.toml"
    secret = SECRETS["TOOL_SECRET"]
    config.write_text(f'[tools.ask_house]\nurl = "{tool_url}/ask"\nsecret = "{secret}"\n')
    return {
        "twilio_auth_token_secondary": SECRETS["TWILIO_AUTH_TOKEN_SECONDARY"],
        "twilio_api_key": API_KEY_SID,
        "twilio_api_secret": SECRETS["TWILIO_API_SECRET"],
        "gateway_api_key": SECRETS["GATEWAY_API_KEY"],
        "webhook_url": f"{hook_url}/events?token={ADDRESSES[0]}",
        "webhook_secret": SECRETS["WEBHOOK_SECRET"],
        "private_hosts": "127.0.0.1",
        "gateway_config": config,
        "gateway_tools": "tests.integration.gateway_tools",
        "database_url": database_url.replace("@", f":{SECRETS['DATABASE_PASSWORD']}@", 1),
        "spool_dir": folder / "spool",
        "recordings_dir": folder / "recordings",
        "twilio_phone_number": NUMBER,
        "dial_rate": 20,
    }


async def _talk(at: House, call: Any) -> None:
    line = await call.stream()
    await line.wait_heard(0.6)
    await line.say(caller_words(3, 0.5))
    await call.wait_over(20)


async def _place(at: House, to: str = CALLEE) -> httpx.Response:
    body = {
        "to": to,
        "first_message": f"{WORDS['agent']} to {{{{name}}}}.",
        "prompt": f"{WORDS['prompt']} {{{{name}}}}",
        "variables": {"name": WORDS["value"]},
        "metadata": {"note": WORDS["metadata"]},
        "callback_url": f"{at.hook.url}/calls?token={ADDRESSES[0]}",
    }
    return await at.ask("POST", "/v1/calls", json=body)


async def _all_goes_well(at: House) -> None:
    """A number is imported and set up, a key made; calls come in and go out, with tools and events."""
    token = {"account_sid": FOREIGN, "auth_token": SECRETS["IMPORT_TOKEN"]}
    assert (await at.ask("POST", "/v1/numbers/import", json={"number": HUMAN, **token})).status_code == 201
    route = {
        "prompt": WORDS["prompt"],
        "first_message": f"Hello, {WORDS['agent']}.",
        "recording": True,
        "recording_notice": "This call is recorded.",
        "lookup_url": f"{at.hook.url}/lookup?token={ADDRESSES[0]}",
    }
    assert (await at.ask("PUT", f"/v1/numbers/{NUMBER}/route", json=route)).status_code == 200
    assert (await at.ask("POST", f"/v1/numbers/{NUMBER}/connect")).status_code == 200
    await _talk(at, await at.rig.call())
    assert (await _place(at)).status_code == 201
    await until(lambda: any(call.to == CALLEE for call in at.rig.twilio.calls))
    await _talk(at, next(call for call in at.rig.twilio.calls if call.to == CALLEE))
    await at.flush()
    for path in ("/v1/calls", "/v1/numbers", "/v1/keys", "/v1/webhooks/dead", "/v1/calls/export"):
        assert (await at.ask("GET", path)).status_code == 200


async def _vendors_fail(at: House, says: str) -> None:
    """Both answer with errors that say this."""
    at.rig.vatel.behaviour = Behaviour(
        api_status=500, api_body=json.dumps({"error": says}), token_status=401, token_body=says
    )
    await (await at.rig.call()).wait_over(20)  # a person takes it
    token = {"account_sid": FOREIGN, "auth_token": SECRETS["IMPORT_TOKEN"]}
    assert (await at.ask("POST", "/v1/numbers/import", json={"number": CALLEE, **token})).status_code == 502
    assert (await _place(at)).status_code == 502
    assert (await at.ask("GET", "/v1/numbers")).json()["missing"]
    at.rig.vatel.behaviour = Behaviour()
    at.rig.twilio.refuse_rest(call_refused(21211))
    assert (await _place(at, REFUSED)).status_code == 201
    await _refused(at)
    at.rig.twilio.refuse_rest(RestFault(500))
    assert (await at.ask("POST", f"/v1/numbers/{NUMBER}/disconnect")).status_code == 502
    at.rig.twilio.refuse_rest(None)


async def _refused(at: House) -> None:
    """Wait until Twilio's refusal is on record."""
    for _ in range(200):
        await at.flush()
        listed = (await at.ask("GET", "/v1/calls", params={"to": REFUSED})).json()["calls"]
        if listed and listed[0]["ended_at"]:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(listed)


async def _asked_badly(at: House) -> None:
    """Requests that hold secrets where they do not belong."""
    for secret in SECRETS.values():
        await at.ask("GET", f"/v1/calls/{secret}")
        await at.ask("GET", "/v1/calls", params={"cursor": secret, "number": secret})
        await at.ask("POST", "/v1/calls", json={"to": secret, "from": secret, "via": secret})
        await at.ask("POST", "/v1/numbers/import", content=f'{{"auth_token": "{secret}', headers=JSON)
        await at.ask("GET", "/v1/calls", headers={"Authorization": f"Basic {secret}"})
        await at.ask(
            "POST", "/twilio/voice", data={"CallSid": secret}, headers={"X-Twilio-Signature": secret}
        )


async def _the_database_is_away(at: House, folder: Path) -> None:
    """A call then; its records wait on disk."""
    await asyncio.to_thread(at.cluster.stop)
    await _talk(at, await at.rig.call())
    assert (await at.ask("GET", "/v1/calls")).status_code == 503
    await until(lambda: any(path.stat().st_size for path in (folder / "spool").iterdir()))
    at.spooled = b"".join(path.read_bytes() for path in (folder / "spool").iterdir())
    await asyncio.to_thread(at.cluster.start)
    await at.flush()


def _rows(at: House) -> str:
    """Everything that is in the database, as text."""
    with psycopg.connect(at.cluster.url("house")) as connection:
        names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        found = []
        for (name,) in names:
            select = sql.SQL("SELECT t::text FROM {} AS t").format(sql.Identifier(name))
            found += [f"{name}: {row}" for (row,) in connection.execute(select).fetchall()]
    return "\n".join(found)


def _secrets_in(text: str) -> list[str]:
    """Which secrets are in a text, as they are or as parts of what they are sent in."""
    found = []
    for name, secret in SECRETS.items():
        login = base64.b64encode(f"{API_KEY_SID}:{secret}".encode()).decode()
        if any(form in text for form in (secret.removeprefix("whsec_"), login)):
            found.append(name)
    return found


def _private_in(text: str) -> list[str]:
    """Which numbers and words are in a text; numbers however they are written."""
    digits = re.sub(r"(?<=\d)[ ().-]{1,2}(?=\d)", "", text)
    numbers = [number for number in NUMBERS if number[2:] in digits]
    return numbers + [word for word in (*WORDS.values(), *ADDRESSES) if word in text]


async def _found(at: House, caplog: pytest.LogCaptureFixture) -> dict[str, str]:
    """All that is left of it, by place."""
    return {
        "metrics": (await at.http.get("/metrics")).text,
        "rows": await asyncio.to_thread(_rows, at),
        "spool": at.spooled.decode(),
        "answers": "\n".join(f"{answer.text} {answer.headers}" for answer in at.answers),
        "log": at.rig.output.getvalue() + caplog.text,
    }


def _leaks(places: dict[str, str]) -> dict[str, list[str]]:
    """What is where it does not belong."""
    leaks = {place: _secrets_in(text) for place, text in places.items()}
    for place in ("log", "metrics"):
        leaks[place] += _private_in(places[place])
    return {place: found for place, found in leaks.items() if found}


async def test_no_secret_is_left_anywhere_and_nothing_private_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with house(tmp_path) as at:
        made = await at.http.post("/v1/keys", json={"name": "reader", "scopes": ["calls:read"]})
        await _all_goes_well(at)
        await _vendors_fail(at, "out of order")
        await _asked_badly(at)
        await _the_database_is_away(at, tmp_path)
        places = await _found(at, caplog)
    # What is searched for did go through, and would be found.
    assert len(at.tool.requests) >= 4
    assert len(at.hook.requests) >= 6
    assert "agent joined" in places["log"]
    assert "calls_ended" in places["metrics"]
    assert all(WORDS["caller"] in places[place] and CALLER in places[place] for place in ("rows", "spool"))
    assert {answer.status_code for answer in at.answers} >= {200, 201, 400, 401, 403, 422, 502, 503}
    # And it is where it belongs, or nowhere.
    assert _leaks(places) == {}
    assert [place for place, text in places.items() if made.json()["key"] in text] == []


@pytest.mark.parametrize("says", ECHOES, ids=["secrets", "private"])
async def test_what_vendors_echo_in_their_errors_goes_no_further(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, says: str
) -> None:
    for code in (21211, 20500):
        status, message = twilio_errors.ERRORS[code]
        monkeypatch.setitem(twilio_errors.ERRORS, code, (status, f"{message}: {says}"))
    async with house(tmp_path) as at:
        assert (await at.ask("POST", f"/v1/numbers/{NUMBER}/connect")).status_code == 200
        await _vendors_fail(at, says)
        places = await _found(at, caplog)
    assert {answer.status_code for answer in at.answers} >= {200, 201, 502}
    assert _leaks(places) == {}
