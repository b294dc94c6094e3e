"""What a spreadsheet gets to see."""

import csv
import io
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.records import Status
from gateway.web.api.call_export import _lines, cell


@pytest.mark.parametrize("first", [*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"])
def test_what_would_run_as_a_formula_does_not(first: str) -> None:
    assert cell(f"{first}cmd|' /C calc'!A0").startswith("'")


@pytest.mark.parametrize("before", [" ", "\u00a0", " \0\t", "\x0b"])
def test_what_is_blank_before_a_formula_makes_it_no_text(before: str) -> None:
    assert cell(f"{before}=1+1").startswith("'")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (-1.5, "-1.5"),
        (1500.0, "1500"),
        (datetime(2026, 3, 1, 12, tzinfo=UTC), "2026-03-01T12:00:00Z"),
        ({"a": "é"}, '{"a":"é"}'),
        (Status.COMPLETED, "completed"),
        ("+14155550100", "'+14155550100"),
        ("plain = text", "plain = text"),
    ],
)
def test_values_are_written_as_they_are_meant(value: object, text: str) -> None:
    assert cell(value) == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_is_one_cell_of_one_line_that_runs_nothing(text: str) -> None:
    line = _lines([[cell(text), "end"]])
    assert line.splitlines() == [line.removesuffix("\r\n")]
    [[read, end]] = list(csv.reader(io.StringIO(line, newline="")))
    assert end == "end"
    assert not read.lstrip().startswith(tuple("=+-@\t\r"))
