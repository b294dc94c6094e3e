"""What the commands show of numbers, times and text, and what they take for them."""

from datetime import UTC, datetime, timedelta

import pytest
import typer

from gateway.cli import api_options, api_view


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+14155550100", "+1 415 555 0100"),
        ("+442079460000", "+44 20 7946 0000"),
        (None, "-"),
        ("", "-"),
        ("anonymous", "anonymous"),
        ("\x1b[31m", " [31m"),
    ],
)
def test_a_number_is_shown_as_people_write_it(number: str | None, shown: str) -> None:
    assert api_view.number(number) == shown


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (None, "-"),
        (0, "0:00"),
        (59_499, "0:59"),
        (59_500, "1:00"),
        (3_600_000, "1:00:00"),
        (-1, "-"),
        (float("inf"), "-"),
        (float("nan"), "-"),
    ],
)
def test_a_length_is_minutes_and_seconds(ms: float | None, shown: str) -> None:
    assert api_view.length(ms) == shown


def test_nothing_of_others_steers_the_terminal() -> None:
    assert api_view.plain("a\x1b[2Jb\r\nc\u202ed") == "a [2Jb  c d"
    assert api_view.values({"a\n": "\x1b"}) == 'a ="\\u001b"'
    assert "\x1b" not in api_view.word("agent\x1b_lost").plain


@pytest.mark.parametrize(("word", "style"), [("agent_lost", "red"), ("in_progress", "green"), ("else", "")])
def test_words_are_coloured_by_what_they_mean(word: str, style: str) -> None:
    assert api_view.word(word).style == style


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("30m", timedelta(minutes=30)),
        ("2h", timedelta(hours=2)),
        ("7d", timedelta(days=7)),
        ("1w", timedelta(7)),
    ],
)
def test_a_time_may_be_so_long_ago(text: str, before: timedelta) -> None:
    earliest = datetime.now(UTC) - before
    found = api_options.when(text)
    assert earliest <= found <= datetime.now(UTC) - before


def test_a_time_without_a_zone_is_of_this_machine() -> None:
    assert api_options.when("2026-03-01T12:00") == datetime(2026, 3, 1, 12).astimezone()
    assert api_options.when("2026-03-01T12:00:00Z") == datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "noon", "2x", "h", "2026-13-01", "99999w"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="must be a time such as"):
        api_options.when(text)


@pytest.mark.parametrize("text", ["call_01kd0c7c2g0000000000000000", "01kd0c7c2g0000000000000000"])
def test_a_call_may_be_named_without_its_prefix(text: str) -> None:
    assert api_options.call_id(text) == "call_01kd0c7c2g0000000000000000"


@pytest.mark.parametrize("text", ["", "call_", "../keys", "call_01KD0C7C2G0000000000000000"])
def test_what_names_no_call_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        api_options.call_id(text)


def test_pairs_are_names_and_values() -> None:
    assert api_options.pairs(["a=1", "b=c=d", "e="]) == {"a": "1", "b": "c=d", "e": ""}
    with pytest.raises(typer.BadParameter):
        api_options.pairs(["=1"])
