"""``vatel-gateway check`` against emulators: each misconfiguration is one finding with its remedy."""

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import anyio
import pytest

from gateway import settings
from gateway.cli.check import Finding, Verdict, examine
from gateway.emulators.server import LoopbackServer
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator
from gateway.emulators.twilio.services import PhoneNumber
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.settings import Settings
from gateway.web import app

pytestmark = pytest.mark.anyio
NUMBER = "+14155550100"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def installation(**changes: Any) -> AsyncIterator[tuple[Settings, TwilioEmulator]]:
    """A gateway between two emulators, its number connected; ``changes`` are what is wrong with it."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    numbers = {NUMBER: PhoneNumber(voice_url=f"{url}/twilio/voice")}
    async with (
        VatelEmulator() as vatel,
        TwilioEmulator(numbers=numbers) as twilio,
        anyio.TemporaryDirectory() as folder,
    ):
        right: dict[str, Any] = {
            "database_url": f"sqlite:///{folder}/gateway.db",
            "gateway_api_key": "key-of-the-first-operator",
            "public_url": url,
            "vatel_api_key": vatel.api_key,
            "vatel_base_url": vatel.url,
            "vatel_agent_id": next(iter(vatel.account.agents)),
            "twilio_account_sid": ACCOUNT_SID,
            "twilio_auth_token": AUTH_TOKEN,
            "twilio_base_url": twilio.url,
            "twilio_phone_number": NUMBER,
            "fallback_number": "+14155550199",
        }
        serving = settings.load(_env_file=None, **right)
        async with LoopbackServer(app.build(serving, keep=False).app, port=port):
            yield settings.load(_env_file=None, **(right | changes)), twilio


async def findings(**changes: Any) -> dict[str, Finding]:
    async with installation(**changes) as (chosen, _):
        return {finding.what: finding for finding in await examine(chosen)}


async def test_a_good_installation_has_no_failed_finding() -> None:
    found = await findings()
    assert [finding for finding in found.values() if finding.verdict is Verdict.FAILED] == []
    assert {"Vatel session token", "number", "signed webhook", "media socket", "clock"} <= found.keys()


@pytest.mark.parametrize(
    ("change", "what", "remedy"),
    [
        ({"vatel_api_key": "wrong"}, "Vatel account", "VATEL_API_KEY"),
        ({"vatel_agent_id": "00000000-0000-4000-8000-000000000000"}, "Vatel agent", "VATEL_AGENT_ID"),
        ({"vatel_base_url": "http://127.0.0.1:9"}, "Vatel account", "base URL"),
        ({"twilio_auth_token": "wrong"}, "Twilio account", "TWILIO_AUTH_TOKEN"),
        ({"twilio_auth_token": "wrong"}, "signed webhook", "between Twilio and the gateway"),
        ({"twilio_phone_number": "+14155550177"}, "number", "TWILIO_PHONE_NUMBER"),
        ({"public_url": "http://127.0.0.1:9"}, "way in", "PUBLIC_URL"),
        ({"public_url": "http://127.0.0.1:9"}, "number", "voice webhook"),
    ],
)
async def test_each_fault_is_found_and_has_a_remedy(change: dict[str, str], what: str, remedy: str) -> None:
    finding = (await findings(**change))[what]
    assert finding.verdict is Verdict.FAILED
    assert remedy in finding.remedy


async def test_a_trunk_that_takes_the_calls_elsewhere_is_found() -> None:
    async with installation() as (chosen, twilio):
        twilio.numbers[NUMBER] = replace(twilio.numbers[NUMBER], trunk_sid="TK" + "0" * 32)
        found = {finding.what: finding for finding in await examine(chosen)}
    assert found["number"].verdict is Verdict.FAILED
    assert "TK" in found["number"].text


async def test_a_missing_fallback_number_is_a_warning() -> None:
    found = await findings(fallback_number=None)
    assert found["fallback"].verdict is Verdict.WARNING


async def test_a_database_that_cannot_be_used_is_a_finding() -> None:
    found = await findings(database_url="sqlite:////nowhere/at/all/gateway.db")
    assert found["database"].verdict is Verdict.FAILED
    assert found["database"].remedy
