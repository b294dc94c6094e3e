"""How keys are written."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.key_text import Form, form, mint

BODY = "0" * 22


def test_a_new_key_has_the_documented_form_and_is_one() -> None:
    text = mint().get_secret_value()
    assert re.fullmatch(r"vgw_[0-9A-Za-z]{22}_[0-9A-Za-z]{6}", text)
    assert form(text) is Form.KEY


def test_no_two_keys_are_the_same() -> None:
    assert len({mint().get_secret_value() for _ in range(500)}) == 500


@given(at=st.integers(4, 25), letter=st.sampled_from("aB7z"))
def test_one_wrong_letter_is_a_typo(at: int, letter: str) -> None:
    text = mint().get_secret_value()
    wrong = text[:at] + letter + text[at + 1 :]
    assert wrong == text or form(wrong) is Form.MISTYPED


@pytest.mark.parametrize("cut", [5, 15, 27, 32])
def test_a_key_that_was_cut_off_is_a_typo(cut: int) -> None:
    assert form(mint().get_secret_value()[:cut]) is Form.MISTYPED


def test_the_checksum_is_that_of_the_documentation() -> None:
    assert form(f"vgw_{BODY}_2tfPFA") is Form.KEY


@pytest.mark.parametrize("text", ["", "vgw", "sk_live_1", f"VGW_{BODY}_000000"])
def test_what_begins_otherwise_is_of_somebody_else(text: str) -> None:
    assert form(text) is Form.FOREIGN


@given(st.text())
def test_any_text_has_a_form(text: str) -> None:
    assert form(text) in Form
    assert form("vgw_" + text) in (Form.KEY, Form.MISTYPED)
