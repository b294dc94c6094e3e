"""Signatures, against Twilio's published example and its own library."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from gateway.emulators.twilio.signature import sign, signed_url

PARAMS = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675310",
    "Digits": "1234",
    "From": "+14158675310",
    "To": "+18005551212",
}


def test_the_published_example() -> None:
    url = "https://example.com/myapp.php?foo=1&bar=2"
    assert sign("12345", url, PARAMS) == "L/OH5YylLD5NRKLltdqwSvS0BnU="


NAMES = st.text(string.ascii_letters + string.digits + "_", min_size=1, max_size=20)
VALUES = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PATHS = st.text(string.ascii_letters + string.digits + "/-._~", max_size=30)


@given(
    st.sampled_from(["http://127.0.0.1:8080/", "https://gw.example.com/", "wss://gw.example.com/"]),
    PATHS,
    st.dictionaries(NAMES, VALUES, max_size=12),
)
def test_twilios_own_validator_agrees(base: str, path: str, params: dict[str, str]) -> None:
    url = base + path
    assert RequestValidator("token").validate(url, params, sign("token", url, params))
    assert not RequestValidator("other").validate(url, params, sign("token", url, params))


@pytest.mark.parametrize(
    ("url", "signed"),
    [
        ("https://user:pw@h.example.com:8443/a?b=1#rc=2", "https://h.example.com/a?b=1"),
        ("http://h.example.com:8080/a#x", "http://h.example.com:8080/a"),
        ("https://h.example.com", "https://h.example.com"),
    ],
)
def test_the_signed_form_of_an_address(url: str, signed: str) -> None:
    assert signed_url(url) == signed
