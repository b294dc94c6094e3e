"""The demonstration's own reckoning: who heard what of a turn, and what is shown of codes."""

import asyncio

import pytest

from gateway.bridge.report import CallReport, TurnReport
from gateway.cli import caller, demo_figures, demo_story, demo_tools
from gateway.cli.caller import Listen
from gateway.cli.demo_figures import Kept, Said
from gateway.emulators.twilio.playout import Cut, Span
from gateway.ids import TurnId


def report(*turns: tuple[float, float, bool]) -> CallReport:
    """The gateway's words on turns: spoken, heard, cut."""
    made = [
        TurnReport(TurnId(f"turn-{number}"), spoken, heard, heard, cut, "heard", "not heard" if cut else "")
        for number, (spoken, heard, cut) in enumerate(turns)
    ]
    return CallReport(turns=made)


def test_a_turn_that_was_cut_was_heard_up_to_the_cut() -> None:
    said = [Said(2000, cut=False), Said(9000, cut=True), Said(1000, cut=False)]
    spans = [Span(1.0, 3.0), Span(5.0, 8.0), Span(10.0, 11.0)]
    cuts = [Cut(8.0, 0.9, b"")]
    turns = demo_figures.turns(
        said, spans, cuts, report((2002, 2002, False), (9002, 2996, True), (1002, 1002, False))
    )
    assert [(turn.start_s, turn.end_s) for turn in turns] == [(1.0, 3.0), (5.0, 8.0), (10.0, 11.0)]
    assert [turn.heard_ms for turn in turns] == [2000, 3000, 1000]
    assert all(turn.agree for turn in turns)


def test_turns_without_a_pause_between_them_are_told_apart() -> None:
    said = [Said(2000, cut=False), Said(3000, cut=False)]
    turns = demo_figures.turns(said, [Span(1.0, 6.0)], [], report((2000, 2000, False), (3000, 3000, False)))
    assert [(turn.start_s, turn.end_s) for turn in turns] == [(1.0, 3.0), (3.0, 6.0)]


def test_a_report_that_is_off_by_more_than_a_frame_is_found() -> None:
    said, spans = [Said(2000, cut=False)], [Span(0.0, 2.0)]
    (good,) = demo_figures.turns(said, spans, [], report((2000, 1981, False)))
    (bad,) = demo_figures.turns(said, spans, [], report((2000, 1979, False)))
    assert (good.agree, bad.agree) == (True, False)


def test_a_turn_that_was_never_heard_takes_no_time() -> None:
    said = [Said(1000, cut=False), Said(5000, cut=False)]
    turns = demo_figures.turns(said, [Span(0.0, 1.0)], [], report((1000, 1000, False), (5000, 0, False)))
    assert (turns[1].heard_ms, turns[1].start_s, turns[1].end_s) == (0, 1.0, 1.0)


@pytest.mark.parametrize(("share", "value"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100)])
def test_percentiles_are_values_that_were_measured(share: float, value: float) -> None:
    kept = Kept("some")
    for number in range(100, 0, -1):
        kept.observe(number)
    assert demo_figures.percentile(kept.values, share) == value


def test_of_nothing_the_percentile_is_nothing() -> None:
    assert demo_figures.percentile([], 0.5) == 0.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('It arrives tomorrow. [{"status":"on its way"}]', "It arrives tomorrow."),
        ("It [really] arrives.", "It [really] arrives."),
        ("", ""),
    ],
)
def test_what_stands_in_brackets_at_the_end_is_not_heard(text: str, words: str) -> None:
    assert demo_story.sounding(text) == words


def test_codes_are_not_shown() -> None:
    assert demo_story.masked('{"digits":"381"}') == '{"digits":"•••"}'
    assert caller.masked("38w1#") == "••w•#"


def test_the_demonstrations_caller_begins_by_listening() -> None:
    assert isinstance(caller.load(caller.DEMO)[0], Listen)


@pytest.mark.parametrize(("order", "status"), [('{"digits":"381"}', "on its way"), ("", "not found")])
def test_the_demonstrations_tool_knows_an_order_by_its_code(order: str, status: str) -> None:
    assert asyncio.run(demo_tools.lookup_order(order))["status"] == status
