"""``vatel-gateway check``: does everything a call needs work, and if not, what to do."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

import httpx
import msgspec
import typer
from rich.console import Console

from gateway import logs, settings
from gateway.calls import clip_files, toolbox
from gateway.clients import certificate
from gateway.clients.doctor import Doctor, Reply
from gateway.clients.egress import Egress
from gateway.clients.http import pool
from gateway.clients.vatel import Vatel
from gateway.errors import GatewayError, VendorError
from gateway.ids import AgentId
from gateway.settings import Settings
from gateway.store.database import Database
from gateway.web.keeping import egress_rules
from gateway.web.parts import twilio_client

_LARGEST_SKEW_S: Final = 30.0
"""Signed webhooks and tokens allow about a minute."""

_SOON_DAYS: Final = 14


class Verdict(StrEnum):
    """What became of one check."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at, and what to do if it is not well."""

    what: str
    verdict: Verdict
    text: str
    remedy: str = ""


def check(
    as_json: bool = typer.Option(False, "--json", help="Print the findings as JSON."),
    offline: bool = typer.Option(False, "--offline", help="Look at the settings alone; ask nobody."),
) -> None:
    """Check settings, credentials, the way in from Twilio, and the clock. Exit code 1 if something failed."""
    chosen = settings.load()
    logs.configure("error", chosen.log_format)
    findings = asyncio.run(examine(chosen, offline=offline))
    if as_json:
        print(msgspec.json.encode([asdict(finding) for finding in findings]).decode())
    else:
        _show(findings)
    if any(finding.verdict is Verdict.FAILED for finding in findings):
        raise typer.Exit(1)


async def examine(chosen: Settings, *, offline: bool = False) -> list[Finding]:
    """Make every check; those that ask somebody run at the same time."""
    async with pool() as http, Egress(egress_rules(chosen)) as egress:
        findings = [*_settings(chosen, egress)]
        if offline:
            return findings
        checks = (_database, _vatel, _twilio, _number, _way_in, _certificate, _clock)
        results = await asyncio.gather(*(one(chosen, http) for one in checks))
    return findings + [finding for result in results for finding in result]


def _settings(chosen: Settings, egress: Egress) -> list[Finding]:
    """Settings that are well formed can still be unwise; wrong ones have raised before this."""
    tools = toolbox.load(chosen.gateway_tools, settings.load_config(chosen.gateway_config).tools, egress)
    clip_files.load(chosen.clips_language, chosen.clips_dir)
    findings = [
        Finding("settings", Verdict.OK, f"read; {len(tools)} tools: {', '.join(sorted(tools)) or 'none'}")
    ]
    if not chosen.fallback_number:
        findings.append(
            Finding(
                "fallback",
                Verdict.WARNING,
                "callers hear an apology when no agent can be had",
                "Set FALLBACK_NUMBER to connect them to a person.",
            )
        )
    if chosen.gateway_api_key is None:
        findings.append(
            Finding(
                "API",
                Verdict.WARNING,
                "nobody can use it but with keys of `keys create`",
                "Set GATEWAY_API_KEY for the first one.",
            )
        )
    if not chosen.twilio_api_key:
        findings.append(
            Finding(
                "credentials",
                Verdict.WARNING,
                "requests to Twilio use the auth token",
                "Create an API key and set TWILIO_API_KEY and TWILIO_API_SECRET.",
            )
        )
    return findings


async def _database(chosen: Settings, _http: httpx.AsyncClient) -> list[Finding]:
    async def opened() -> str:
        async with Database.open(chosen.database_url):
            return f"its schema is this gateway's; recordings go to {chosen.recordings_dir}"

    try:
        return [Finding("database", Verdict.OK, await opened())]
    except GatewayError as error:
        return [Finding("database", Verdict.FAILED, str(error), error.remedy)]


async def _vatel(chosen: Settings, http: httpx.AsyncClient) -> list[Finding]:
    vatel = Vatel(http, chosen.vatel_base_url, chosen.vatel_api_key.get_secret_value())
    agent_id = AgentId(chosen.vatel_agent_id)

    async def token() -> str:
        started = time.monotonic()
        await vatel.session_token(agent_id)
        return f"in {(time.monotonic() - started) * 1000:.0f} ms"

    return [
        await _asked("Vatel account", vatel.organization),
        await _asked("Vatel agent", lambda: vatel.agent(agent_id)),
        await _asked("Vatel session token", token),
    ]


async def _twilio(chosen: Settings, http: httpx.AsyncClient) -> list[Finding]:
    finding = await _asked("Twilio account", twilio_client(chosen, http).account_status)
    if finding.verdict is Verdict.OK and finding.text != "active":
        return [Finding(finding.what, Verdict.FAILED, finding.text, "See the account's page at Twilio.")]
    return [finding]


async def _number(chosen: Settings, http: httpx.AsyncClient) -> list[Finding]:
    """Whether calls to the number come here; a trunk or an application takes them elsewhere."""
    what, wanted = "number", f"{chosen.public_url}/twilio/voice"
    if not chosen.twilio_phone_number:
        return [
            Finding(what, Verdict.WARNING, "not looked at", "Set TWILIO_PHONE_NUMBER to have it checked.")
        ]
    try:
        found = await twilio_client(chosen, http).voice_url(chosen.twilio_phone_number)
    except VendorError as error:
        return [Finding(what, Verdict.FAILED, str(error), error.remedy)]
    if found is None:
        return [Finding(what, Verdict.FAILED, "not a number of this account", "Check TWILIO_PHONE_NUMBER.")]
    if found != wanted:
        remedy = f"Set the number's voice webhook to {wanted} (POST), and remove its trunk and application."
        return [Finding(what, Verdict.FAILED, f"its calls go to {found or 'nowhere'}", remedy)]
    return [Finding(what, Verdict.OK, f"its calls go to {wanted}")]


async def _way_in(chosen: Settings, http: httpx.AsyncClient) -> list[Finding]:
    token = chosen.twilio_auth_token.get_secret_value()
    doctor = Doctor(http, chosen.public_url, chosen.twilio_account_sid, token)
    alive = await doctor.alive()
    if alive.status != 200:
        remedy = "Start the gateway and what leads to it (tunnel, proxy); check PUBLIC_URL."
        return [Finding("way in", Verdict.FAILED, _said(alive), remedy)]
    signature = "Whatever is between Twilio and the gateway must keep path, query and body as they are."
    sockets = "Let WebSocket upgrades through to /twilio/media (see deploy/nginx.conf)."
    unsigned = "Something answers for the gateway; PUBLIC_URL must lead to it."
    return [
        Finding("way in", Verdict.OK, f"a gateway answers at {chosen.public_url}"),
        _expected("signed webhook", await doctor.signed(), 200, signature),
        _expected("unsigned webhook", await doctor.unsigned(), 403, unsigned),
        _expected("media socket", await doctor.upgrade(), 101, sockets),
    ]


async def _certificate(chosen: Settings, _http: httpx.AsyncClient) -> list[Finding]:
    """Whether Twilio can go on trusting the way in: it ends calls over a certificate that is no good."""
    url = urlsplit(chosen.public_url)
    if url.scheme != "https":
        return []
    what, remedy = "certificate", "Renew it, and see to it that it is renewed by itself."
    seen = await certificate.validity(url.hostname or "", url.port or 443)
    if seen.days is None:
        return [Finding(what, Verdict.FAILED, seen.problem, remedy)]
    if seen.days < _SOON_DAYS:
        return [Finding(what, Verdict.WARNING, f"expires in {seen.days:.0f} days", remedy)]
    return [Finding(what, Verdict.OK, f"good for {seen.days:.0f} days")]


async def _clock(chosen: Settings, http: httpx.AsyncClient) -> list[Finding]:
    """Compare the clock with the one Vatel or Twilio writes into its answers."""
    for url in (chosen.vatel_base_url, chosen.twilio_base_url):
        try:
            response = await http.head(url, timeout=5.0)
            theirs = parsedate_to_datetime(response.headers["date"]).timestamp()
        except (httpx.HTTPError, KeyError, ValueError, TypeError):
            continue
        skew_s = time.time() - theirs
        if abs(skew_s) <= _LARGEST_SKEW_S:
            return [Finding("clock", Verdict.OK, f"within {abs(skew_s):.0f} s of {url}")]
        remedy = "Have the machine's clock set by NTP."
        return [Finding("clock", Verdict.FAILED, f"{skew_s:+.0f} s from {url}", remedy)]
    return [Finding("clock", Verdict.WARNING, "nobody to compare with", "Check the connections above first.")]


async def _asked(what: str, ask: Callable[[], Awaitable[str]]) -> Finding:
    try:
        return Finding(what, Verdict.OK, await ask())
    except VendorError as error:
        return Finding(what, Verdict.FAILED, str(error), error.remedy)


def _expected(what: str, reply: Reply, status: int, remedy: str) -> Finding:
    if reply.status == status:
        return Finding(what, Verdict.OK, f"answered {status}, as it should be")
    return Finding(what, Verdict.FAILED, f"{_said(reply)}, where {status} should be", remedy)


def _said(reply: Reply) -> str:
    return f"answered {reply.status}" if reply.status else reply.problem


def _show(findings: list[Finding]) -> None:
    console = Console(highlight=False)
    colours = {Verdict.OK: "green", Verdict.WARNING: "yellow", Verdict.FAILED: "red"}
    for finding in findings:
        colour = colours[finding.verdict]
        console.print(f"[{colour}]{finding.verdict.value:>8}[/]  {finding.what}: ", end="")
        console.print(finding.text, markup=False)
        if finding.remedy:
            console.print(f"          {finding.remedy}", style="dim", markup=False)
