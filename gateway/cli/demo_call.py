"""The demonstration's call, in one process: what telephone, gateway and agent know of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Final

from gateway import settings as settings_module
from gateway.bridge.report import CallReport, Ending
from gateway.cli import demo_figures, demo_gateway
from gateway.cli.caller import Caller, Step
from gateway.cli.demo_figures import Measured, Said, TurnFigures
from gateway.cli.demo_story import Story, sounding
from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.emulator import ACCOUNT_SID, AUTH_TOKEN, TwilioEmulator
from gateway.emulators.twilio.line import Line
from gateway.emulators.twilio.line_impairments import Impairments
from gateway.emulators.twilio.services import Conduct, PhoneNumber
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID, DEFAULT_API_KEY
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.records import SessionRecord
from gateway.emulators.vatel.script import Script
from gateway.errors import GatewayError
from gateway.settings import Settings
from gateway.web.app import Gateway

NUMBER: Final = "+14155550100"
CALLER: Final = "+14155550123"
LONGEST_S: Final = 90.0
TOOLS: Final = ("collect_digits", "lookup_order", "end_call")


class NoCall(GatewayError):
    """The call did not take place, or did not end."""

    remedy = "Run the demo again; if it fails again, please report it with what it printed."


@dataclass(frozen=True, slots=True)
class Held:
    """A call that is over, as everybody knows it."""

    call: Call
    line: Line
    caller: Caller
    story: Story
    session: SessionRecord
    report: CallReport
    measured: Measured
    turns: list[TurnFigures] = field(repr=False)


async def hold(script: Script, steps: tuple[Step, ...], delay_ms: float, story: Story) -> Held:
    """Have a caller and an agent meet through a gateway, each with a script.

    Args:
        script: What the agent does.
        steps: What the caller does.
        delay_ms: How long messages take between carrier and gateway, each way.
        story: Told of everything.

    Raises:
        NoCall: The call did not come about, or did not end.
    """
    caller = Caller(steps, story.caller)
    async with _stage(script, delay_ms) as (twilio, vatel, gateway):
        measured = Measured(gateway.metrics)
        vatel.on_event, twilio.on_event = story.agent, story.telephone
        try:
            async with asyncio.timeout(LONGEST_S):
                call = await twilio.call_in(to=NUMBER, from_=CALLER)
                line = await call.stream()
                await caller.talk(line)
                await call.wait_over(LONGEST_S)
        except TimeoutError:
            raise NoCall(f"the call was not over after {LONGEST_S:g} s") from None
        finally:
            # A call that is broken off has an end nobody wants to read.
            vatel.on_event, twilio.on_event = None, lambda _: None
        report = await _report(gateway)
    session = vatel.sessions[-1]
    said = [Said(turn.samples / 24, turn.cut) for turn in session.turns]
    turns = demo_figures.turns(said, line.heard_spans, line.cut, report)
    return Held(call, line, caller, story, session, report, measured, turns)


async def _report(gateway: Gateway) -> CallReport:
    """The gateway's own account of the call, which is complete a moment after the carrier's."""
    for _ in range(200):
        if gateway.registry.recent:
            return gateway.registry.recent[-1][1]
        await asyncio.sleep(0.01)
    raise NoCall("the gateway does not know that the call is over")


@contextlib.asynccontextmanager
async def _stage(
    script: Script, delay_ms: float
) -> AsyncIterator[tuple[TwilioEmulator, VatelEmulator, Gateway]]:
    bound = demo_gateway.listener()
    url = demo_gateway.address(bound)
    phone = PhoneNumber(voice_url=f"{url}/twilio/voice", status_callback=f"{url}/twilio/status")
    conduct = Conduct(Impairments(delay_ms=delay_ms))
    async with (
        VatelEmulator(script=script) as vatel,
        TwilioEmulator(numbers={NUMBER: phone}, conduct=conduct) as twilio,
        demo_gateway.serving(_settings(url, twilio.url, vatel.url), bound) as gateway,
    ):
        yield twilio, vatel, gateway


def _settings(url: str, twilio_url: str, vatel_url: str) -> Settings:
    """All settings, so that none comes from the environment."""
    joined = {
        "public_url": url,
        "twilio_account_sid": ACCOUNT_SID,
        "twilio_auth_token": AUTH_TOKEN,
        "twilio_base_url": twilio_url,
        "vatel_api_key": DEFAULT_API_KEY,
        "vatel_agent_id": DEFAULT_AGENT_ID,
        "vatel_base_url": vatel_url,
        "gateway_tools": "gateway.cli.demo_tools",
    }
    others = {name: field.default for name, field in Settings.model_fields.items() if name not in joined}
    return settings_module.load(_env_file=None, **(others | joined))


def troubles(held: Held) -> list[str]:
    """What did not go as it should; empty if the call was a good one."""
    report, turns = held.report, held.turns
    found = []
    if report.ending is not Ending.AGENT_HUNG_UP:
        found.append(
            f"the call ended as {report.ending}, not as {Ending.AGENT_HUNG_UP} {report.detail}".rstrip()
        )
    if sum(turn.cut for turn in turns) != 1:
        found.append(f"{sum(turn.cut for turn in turns)} turns were cut, not one")
    if len(turns) != len(held.session.turns):
        found.append(f"the agent spoke {len(held.session.turns)} turns; {len(turns)} were reported")
    found += [
        f"turn {number}: {turn.heard_ms:.0f} ms heard, {turn.reported_ms:.0f} ms reported"
        for number, turn in enumerate(turns, 1)
        if not turn.agree
    ]
    answered = {use.name for use in held.story.tools.values() if use.output and "error" not in use.output}
    found += [f"the tool {name} was not called, or failed" for name in TOOLS if name not in answered]
    found += [f"the caller waited in vain for {what}" for what in held.caller.vain]
    found += [f"the gateway broke Vatel's protocol: {error}" for error in held.session.errors]
    found += [f"the carrier complained: {entry.code} {entry.text}" for entry in held.call.debug]
    return found


def words(held: Held, number: int) -> str:
    """What the agent said in a turn, as far as it is known."""
    turn = held.session.turns[number]
    return held.story.texts.get(turn.turn_id, sounding(turn.text))
