"""``vatel-gateway chaos``: break what calls depend on, and measure what callers hear."""

import asyncio
import logging
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from gateway import settings
from gateway.emulators.chaos import runner, script
from gateway.emulators.chaos.catalogue import SCENARIOS
from gateway.emulators.chaos.figures import Bound, Outcome, Report
from gateway.emulators.chaos.runner import Profile, Scenario
from gateway.emulators.chaos.scenarios.scripted import scripted
from gateway.emulators.chaos.stage import NUMBER, Plan
from gateway.errors import SettingsError

try:
    from uvloop import new_event_loop
except ImportError:  # there is none for Windows
    new_event_loop = asyncio.new_event_loop  # type: ignore[assignment]  # another class of loop

_SHOWN: Final = 10
"""Failures of a scenario that are told one by one."""
_AGAIN: Final = 3
"""More failures of a quick run than these are no accident."""
FULL_S: Final = 870.0
_MOST_OF_A_BUDGET: Final = 1.2
"""A scenario alone, or the last one, need not be given all the time there is."""


class NeedsOwnGateway(SettingsError):
    """A scenario starts and kills gateways itself."""

    remedy = "Run it without --url."


def chaos(
    scenario: list[str] = typer.Option([], help="Which to run, by name; all by default. See --list."),
    listed: bool = typer.Option(False, "--list", help="List the scenarios, and run nothing."),
    faults: Path | None = typer.Option(None, help="A fault script of your own to run instead: TOML."),
    seed: int = typer.Option(1, min=0, help="Of all chance: the same seed does the same things."),
    only: list[int] = typer.Option([], help="Just this call or cell of a scenario, by its index."),
    calls: int | None = typer.Option(None, min=1, max=100_000, help="How many calls or cells of each."),
    at_once: int | None = typer.Option(None, min=1, max=200, help="How many of them at once."),
    quick: bool = typer.Option(False, help="A few of each, in at most three minutes altogether."),
    url: str | None = typer.Option(
        None, help="A gateway of your own that runs already; its settings are read as it reads them."
    ),
    vatel_port: int = typer.Option(4020, min=0, max=65535, help="With --url: where VATEL_BASE_URL leads."),
    twilio_port: int = typer.Option(4010, min=0, max=65535, help="With --url: where TWILIO_BASE_URL leads."),
    as_json: bool = typer.Option(False, "--json", help="Print the figures as JSON."),
) -> None:
    """Break what calls depend on, and measure what their callers hear. Exit code 1 if a bound is missed.

    A quick run fails only for what may never happen: what a busy machine spoils is told as missed, and what
    failed beside others is played again, alone.

    Starts a gateway of its own between emulators; nothing but loopback is used, and no settings are needed.
    """
    if listed:
        for each in SCENARIOS.values():
            print(f"{each.name:<16}{each.title} ({each.full.n}; quick {each.quick.n})")
        return
    chosen = [scripted(script.load(faults))] if faults is not None else _chosen(scenario)
    own = _own(url, vatel_port, twilio_port) if url is not None else None
    if own is not None and (needy := [each.name for each in chosen if each.own_gateway]):
        raise NeedsOwnGateway(f"{', '.join(needy)} can't be run against a gateway that runs already")
    console = Console(highlight=False, stderr=as_json)
    options = f"--faults {faults}" if faults is not None else ""
    reports: list[Report] = []
    took_s = 0.0
    for batch in _batches(chosen, together=quick and own is None):
        runs = []
        for each in batch:
            profile = _profile(each, quick=quick, calls=calls, at_once=at_once, alone=own is not None)
            profile = _timed(profile, chosen[len(reports) :], took_s, quick=quick)
            runs.append((each, profile, _plan(each, own, quick=quick)))
        made = [replace(report, options=options) for report in _run(runs, seed, only, console)]
        took_s += max(report.seconds for report in made)
        for report in made:
            _show(console, report)
        reports += made
    if as_json:
        print(msgspec.json.encode([_plain(report) for report in reports]).decode())
    if not all(_sound(report, chosen, own, console) if quick else report.passed for report in reports):
        raise typer.Exit(1)


def _chosen(names: list[str]) -> list[Scenario]:
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        raise typer.BadParameter(f"no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    return [SCENARIOS[name] for name in names] or list(SCENARIOS.values())


def _own(url: str, vatel_port: int, twilio_port: int) -> Plan:
    """The emulators' side of a gateway that runs already."""
    chosen = settings.load()
    try:
        address = settings.web_address(url)
    except ValueError as error:
        raise typer.BadParameter(f"--url {error}") from None
    return Plan(
        url=address,
        public_url=chosen.public_url,
        vatel_port=vatel_port,
        twilio_port=twilio_port,
        account_sid=chosen.twilio_account_sid,
        auth_token=chosen.twilio_auth_token.get_secret_value(),
        api_key=chosen.vatel_api_key.get_secret_value(),
        agent_id=chosen.vatel_agent_id,
        number=chosen.twilio_phone_number or NUMBER,
    )


def _profile(
    scenario: Scenario, *, quick: bool, calls: int | None, at_once: int | None, alone: bool
) -> Profile:
    made = scenario.quick if quick else scenario.full
    stages = 1 if alone else made.stages
    return Profile(calls or made.n, at_once or made.at_once, stages, None if calls else made.budget_s)


def _timed(profile: Profile, ahead: list[Scenario], took_s: float, *, quick: bool) -> Profile:
    """Give a scenario its share of the time that is left; in a quick run, each has what it needs."""
    if profile.budget_s is None or quick:
        return profile
    shares_s = sum(each.full.budget_s or 0.0 for each in ahead)
    share_s = min((FULL_S - took_s) / shares_s, _MOST_OF_A_BUDGET) * profile.budget_s
    return replace(profile, budget_s=share_s)


def _plan(scenario: Scenario, own: Plan | None, *, quick: bool) -> Plan | None:
    if own is None and quick:
        return scenario.quick_plan
    usual = scenario.plan
    return None if own is None else replace(own, manner=usual.manner, behaviour=usual.behaviour)


def _batches(chosen: list[Scenario], *, together: bool) -> list[list[Scenario]]:
    """What is run one after another; a few calls of several scenarios are no load side by side."""
    shared = [each for each in chosen if together and not each.alone]
    few, nodes = ([each for each in shared if each.own_gateway is own] for own in (False, True))
    rest = [[each] for each in chosen if each not in shared]
    return [batch for batch in (few, nodes, *rest) if batch]


def _run(
    runs: list[tuple[Scenario, Profile, Plan | None]], seed: int, only: list[int], console: Console
) -> list[Report]:
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # what is broken on purpose is no news
    done, total = 0, sum(len(only) or profile.n for _, profile, _ in runs)
    names = ", ".join(each.name for each, _, _ in runs)

    async def all_of_them() -> list[Report]:
        playing = [runner.run(*run[:2], seed, only, plan=run[2], told=told) for run in runs]
        return list(await asyncio.gather(*playing))

    with (
        asyncio.Runner(loop_factory=new_event_loop) as loop,
        console.status(f"{names}: {total} to do") as status,
    ):

        def told(_outcome: Outcome) -> None:
            nonlocal done
            done += 1
            status.update(f"{names}: {done} of {total}")

        return loop.run(all_of_them())


def _sound(report: Report, chosen: list[Scenario], own: Plan | None, console: Console) -> bool:
    """Whether nothing happened in a quick run that never may. What failed is played again, alone."""
    failed = [outcome.index for outcome in report.failed]
    lasting = any(figure.misses for figure in report.figures if figure.bound.always)
    if lasting or not 0 < len(failed) <= _AGAIN:
        return report.sound
    [scenario] = [each for each in chosen if each.name == report.scenario]
    played = (scenario, Profile(len(failed)), _plan(scenario, own, quick=True))
    [again] = _run([played], report.seed, failed, console)
    again = replace(again, title=f"What failed of {report.scenario}, played again", options=report.options)
    _show(console, again)
    return again.sound


def _show(console: Console, report: Report) -> None:
    title = f"{report.scenario}: n {report.n}, seed {report.seed}, {report.seconds:.0f} s"
    console.print(f"\n[bold]{report.title}[/]")
    table = Table("measure", "n", "p50", "p95", "p99", "max", "bound", title=title, title_justify="left")
    for figure in report.figures:
        values = (figure.p50, figure.p95, figure.p99, figure.max)
        shown = [f"{value:.2f}" if figure.n else "-" for value in values]
        table.add_row(figure.name, str(figure.n), *shown, _bound(figure.bound))
    console.print(table)
    console.print("endings: " + ", ".join(f"{name} {count}" for name, count in report.endings.items()))
    for miss in report.misses:
        console.print(f"[yellow]missed[/] {miss}")
    _tell(console, report, "[red]failed[/]", report.failed)
    _tell(console, report, "[yellow]missed[/]", report.missed)
    if report.left_out:
        planned = report.n + report.left_out
        console.print(f"[yellow]left out[/] {report.left_out} of {planned}, for want of time")
    sound = "[yellow]nothing that may never happen; the above was missed[/]"
    console.print("[green]held[/]" if report.passed else sound if report.sound else "[red]did not hold[/]")


def _tell(console: Console, report: Report, what: str, outcomes: list[Outcome]) -> None:
    for outcome in outcomes[:_SHOWN]:
        found = "; ".join(outcome.troubles or outcome.missed)
        console.print(f"{what} {outcome.index} ({outcome.name}): {found[:400]}")
        console.print(f"  {report.replay(outcome)}", soft_wrap=True)
    if len(outcomes) > _SHOWN:
        console.print(f"{what} {len(outcomes) - _SHOWN} more")


def _bound(bound: Bound) -> str:
    return ", ".join(f"{name} {value:g}" for name, value in asdict(bound).items() if isinstance(value, float))


def _plain(report: Report) -> dict[str, object]:
    replays = [report.replay(outcome) for outcome in report.failed]
    return asdict(report) | {"passed": report.passed, "misses": report.misses, "replays": replays}
