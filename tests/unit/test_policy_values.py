"""Values: the first source that has one, as one line of visible text."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.policy.values import LONGEST_VALUE, Values, caller_values, clean


def test_the_first_source_with_a_usable_value_gives_it() -> None:
    values = Values(
        {"a": "api", "b": None}, {"a": "lookup", "b": "\u200b", "c": ["x"]}, {"b": "number", "c": 7}
    )
    assert [values.get(name) for name in "abcd"] == ["api", "number", "7", ""]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Anna\n\tMeyer ", "Anna Meyer"),
        ("a\u2028b\u2029c\x85d\x0be", "a b c d e"),
        ("A\u202enn\u2066a\u200b\ufeff\x00\x1b", "Anna"),
        ("x\U000e0041\ufe0f\u3164\ud800y", "xy"),
        ("O\u2019Brien", "O\u2019Brien"),
        ("Zoë 李 Ω", "Zoë 李 Ω"),
        (True, "true"),
        (False, "false"),
        (0, "0"),
        (-12, "-12"),
        (3.0, "3"),
        (2.5, "2.5"),
        (float("nan"), ""),
        (float("-inf"), ""),
        pytest.param(10**5000, "", id="huge"),
        (None, ""),
        (["a"], ""),
        ({"a": 1}, ""),
        (b"a", ""),
    ],
)
def test_values_are_made_one_line_of_visible_text(value: object, text: str) -> None:
    assert clean(value) == text


def test_a_value_is_cut_where_it_may_be_no_longer() -> None:
    assert clean("a" * 500) == "a" * LONGEST_VALUE
    assert clean("abc def", 4) == "abc"
    assert Values({"n": "abcdef"}, longest=3).get("n") == "abc"
    assert clean("\u200b" * 10_000_000 + "x") == ""


@given(st.text() | st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zs", "Zl", "Zp", "Lu"])))
def test_whatever_comes_is_one_visible_line_within_bounds(text: str) -> None:
    value = clean(text)
    assert len(value) <= LONGEST_VALUE
    assert not {unicodedata.category(character) for character in value} & {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    assert value == clean(value)


@pytest.mark.parametrize(
    ("verdict", "word"),
    [
        ("TN-Validation-Passed-A", "verified"),
        ("TN-Validation-Passed-B-Diverted", "partly verified"),
        ("TN-Validation-Passed-C", "partly verified"),
        ("TN-Validation-Failed-A", "failed"),
        ("No-TN-Validation", "unknown"),
        ("", "unknown"),
    ],
)
def test_a_carriers_word_for_a_number_becomes_a_plain_one(verdict: str, word: str) -> None:
    assert caller_values("+14155550123", "ANNA", "US", verdict) == {
        "caller_number": "+14155550123",
        "caller_name": "ANNA",
        "caller_country": "US",
        "caller_verified": word,
    }
