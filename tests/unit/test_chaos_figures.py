"""Sums, bounds and replays of a run; what a session must have been told; fault scripts."""

from pathlib import Path

import pytest

from gateway.emulators.chaos.facts import Expected, Fact, Said, facts_in
from gateway.emulators.chaos.faults import Kind
from gateway.emulators.chaos.figures import Bound, Figure, Outcome, report
from gateway.emulators.chaos.runner import Work, chance
from gateway.emulators.chaos.script import Injection, Link, Phase, load
from gateway.emulators.vatel.script import ScriptError


def test_percentiles_are_values_that_were_measured() -> None:
    figure = Figure.of("x", [float(value) for value in range(1, 101)], Bound())
    assert (figure.n, figure.p50, figure.p95, figure.p99, figure.max) == (100, 51.0, 96.0, 100.0, 100.0)


def test_a_bound_that_is_exceeded_is_named() -> None:
    figure = Figure.of("silence", [1.0, 4.0], Bound(p50=4.0, max=3.0))
    assert figure.misses == ["silence: max 4.00 exceeds 3"]


def test_a_report_counts_endings_and_tells_how_to_do_a_failure_again() -> None:
    good = Outcome(0, ending="transferred", measures={"silence": [1.0]})
    bad = Outcome(1, ending="hung", troubles=["hung"])
    made = report("half-open", "title", 7, 1.0, [good, bad], {"silence": Bound(max=3.0)})
    assert (made.endings, made.failed, made.passed) == ({"transferred": 1, "hung": 1}, [bad], False)
    assert made.replay(bad) == "vatel-gateway chaos --scenario half-open --seed 7 --only 1"


@pytest.mark.parametrize(
    ("link", "fault"), [(Link.PROCESS, "reset"), (Link.DOORS, "freeze"), (Link.CALLER, "close")]
)
def test_a_link_knows_its_own_faults_only(link: Link, fault: str) -> None:
    with pytest.raises(ScriptError):
        Injection(link=link, fault=fault)


def test_the_process_and_its_doors_have_faults_of_their_own() -> None:
    assert Injection(link=Link.PROCESS, fault="freeze", for_s=1.0).name == "process freeze"
    assert Injection(link=Link.DOORS, fault="forged").name == "doors forged"


def test_what_is_only_late_is_missed_and_does_not_make_a_run_unsound() -> None:
    late = Outcome(0, ending="transferred", measures={"silence": [4.0]}, missed=["4.0 s of silence"])
    made = report("cells", "title", 1, 1.0, [late], {"silence": Bound(max=3.0)})
    assert (made.missed, made.sound, made.passed) == ([late], True, False)


def test_what_may_never_happen_makes_a_run_unsound() -> None:
    leak = Outcome(0, ending="over", measures={"left": [1.0]})
    assert not report("short-calls", "title", 1, 1.0, [leak], {"left": Bound(max=0.0, always=True)}).sound


def test_what_cannot_begin_in_time_is_left_out_but_the_first_is_played() -> None:
    times = iter([11.0])
    work = Work([4, 5, 6], 10.0, clock=lambda: next(times))
    assert ([work.next(), work.next(), work.next(), work.next()], work.left_out) == ([4, None, None, None], 2)


def test_chance_is_the_same_for_the_same_seed_scenario_and_index() -> None:
    draws = {
        chance(*key).random() for key in ((1, "a", 1), (1, "a", 1), (2, "a", 1), (1, "b", 1), (1, "a", 2))
    }
    assert len(draws) == 4


def test_facts_are_found_in_any_text() -> None:
    assert facts_in('{"agent": "Well: fact-7-12, fact-7-3."}') == {Fact(7, 12), Fact(7, 3)}


def test_it_is_known_when_each_fact_of_a_turn_sounds() -> None:
    assert Said("Well: fact-1-1 and fact-1-2", 2.0).facts() == [
        (Fact(1, 1), 0.5, 1.0),
        (Fact(1, 2), 1.5, 2.0),
    ]


def test_what_a_session_was_not_told_and_what_it_must_not_know_are_troubles() -> None:
    expected = Expected(frozenset({Fact(1, 1)}), frozenset({Fact(1, 2)}))
    assert expected.troubles("fact-1-1") == []
    assert expected.troubles("", "fact-1-1 fact-1-2") == []
    assert expected.troubles("fact-1-2 fact-2-1") == [
        "fact-1-1 was heard, and the new session was not told",
        "fact-1-2 was not heard, and the new session was told",
        "fact-2-1 is of another call",
    ]


def test_a_fault_script_is_read(tmp_path: Path) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(
        '[[faults]]\nlink = "agent"\nfault = "reset"\nphase = "greeting"\n\n'
        '[[faults]]\nlink = "tools"\nfault = "delay"\ndelay_s = 2.5\nat_s = 4\nfor_s = 3\n'
    )
    assert load(path) == (
        Injection(link=Link.AGENT, fault=Kind.RESET, phase=Phase.GREETING),
        Injection(link=Link.TOOLS, fault=Kind.DELAY, delay_s=2.5, at_s=4.0, for_s=3.0),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "other = 1",
        '[[faults]]\nlink = "moon"\nfault = "reset"\n',
        '[[faults]]\nlink = "tools"\nfault = "close"\n',
        '[[faults]]\nlink = "tools"\nfault = "delay"\ndelay_s = -1\n',
        '[[faults]]\nlink = "tools"\nfault = "reset"\nphase = "lunch"\n',
    ],
)
def test_a_script_that_makes_no_sense_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "faults.toml"
    path.write_text(text)
    with pytest.raises(ScriptError):
        load(path)
