"""The chaos kit at work on a gateway's process: what it finds is told, and nothing crosses over."""

import pytest

from gateway.emulators.chaos import judge
from gateway.emulators.chaos.catalogue import SCENARIOS
from gateway.emulators.chaos.figures import Report
from gateway.emulators.chaos.runner import Profile, run
from gateway.emulators.chaos.scenarios.rows import CELLS, ROWS
from gateway.emulators.chaos.scenarios.scripted import scripted
from gateway.emulators.chaos.script import Injection, Link, Phase
from tests.integration.gateway_rig import anyio_backend

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
SOMEBODY = {judge.WENT_ON, judge.TRANSFERRED}


def ends(report: Report) -> set[str]:
    return set(report.endings)


async def test_of_calls_at_once_nothing_is_found_in_another() -> None:
    report = await run(SCENARIOS["crossing"], Profile(4, at_once=4), seed=1)
    (crossed,) = [figure for figure in report.figures if "others" in figure.name]
    assert (crossed.n, crossed.max, ends(report) <= SOMEBODY) == (4, 0.0, True)


async def test_an_agent_that_is_lost_in_mid_word_is_followed_by_somebody() -> None:
    lost = Injection(link=Link.AGENT, fault="reset", phase=Phase.AGENT_SPEAKING)
    report = await run(scripted([lost], exchanges=2), Profile(1), seed=1)
    (words,) = [figure for figure in report.figures if figure.name == judge.WORDS]
    assert (words.n, ends(report) <= SOMEBODY) == (1, True)


async def test_a_call_without_a_fault_is_one_without_a_trouble() -> None:
    harmless = Injection(link=Link.EVENTS, fault="refuse")
    report = await run(scripted([harmless], exchanges=2), Profile(2, at_once=2), seed=1)
    assert (report.endings, report.failed) == ({judge.WENT_ON: 2}, [])


async def test_what_strangers_try_while_a_call_is_live_passes_no_door() -> None:
    knocks = [Injection(link=Link.DOORS, fault=knock) for knock in ("forged", "unsigned_stream", "misformed")]
    report = await run(scripted(knocks, exchanges=2), Profile(1), seed=1)
    assert (report.endings, report.failed) == ({judge.WENT_ON: 1}, [])


def test_every_row_has_its_cells_and_makes_sense() -> None:
    assert len({cell.name for cell in CELLS}) == len(CELLS) == sum(len(row.phases) for row in ROWS)
    assert all(cell.row.injections(cell.phase) or not cell.row.what for cell in CELLS)
