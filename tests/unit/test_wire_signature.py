"""Twilio's signatures: what is genuine passes, in every form Twilio gives it, and nothing else does."""

import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twilio.request_validator import RequestValidator

from gateway.wire.form import Form, parse
from gateway.wire.signature import SignatureCheck, websocket_url

TOKEN = "12345"
BASE = "https://example.com"
CHECK = SignatureCheck(BASE, [TOKEN])
PATH = "/twilio/voice"
FORM = Form([("CallSid", "CA1"), ("From", "+14158675310")])
FIELDS = st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=6)


def sign(url: str, form: Form | None = None, token: str = TOKEN) -> str:
    """Twilio's rule, written down once more: names sorted, each followed by its distinct sorted values."""
    form = form or Form([])
    signed = url + "".join(name + value for name in sorted(form) for value in sorted(set(form.getlist(name))))
    digest = hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def test_the_known_vector_passes() -> None:
    form = Form(
        [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ]
    )
    assert CHECK.webhook("/myapp.php", "foo=1&bar=2", form, "L/OH5YylLD5NRKLltdqwSvS0BnU=")


@given(fields=FIELDS, query=st.sampled_from(["", "foo=1&bar=2", "a=%2B&&=", "x=[1]"]))
def test_it_agrees_with_twilios_own_library(fields: list[tuple[str, str]], query: str) -> None:
    form = Form(fields)
    url = f"{BASE}{PATH}?{query}" if query else f"{BASE}{PATH}"
    signature = RequestValidator(TOKEN).compute_signature(url, form)
    assert signature == sign(url, form)
    assert CHECK.webhook(PATH, query, form, signature)
    assert not CHECK.webhook(PATH, query, Form([*fields, ("added", "later")]), signature)


@pytest.mark.parametrize(
    "body",
    [
        b"CallSid=CA1&Blank=&ForwardedFrom=",
        b"CallSid=CA1&SipHeader=b&SipHeader=a&SipHeader=b",
        b"CallerName=J%C3%BCrgen+%E4%BD%A0%E5%A5%BD%20%F0%9F%93%9E",
        b"Spaces=+a++b+%20&Tab=%09&Line=%0D%0A",
    ],
)
def test_blanks_repetitions_and_any_letters_are_signed(body: bytes) -> None:
    assert CHECK.webhook(PATH, "", parse(body), sign(BASE + PATH, parse(body)))


@pytest.mark.parametrize(
    "body", [b"CallSid=CA2&From=%2B1", b"CallSid=CA1&From=%2B1&B=", b"callsid=CA1&From=%2B1", b""]
)
def test_a_form_that_was_changed_fails(body: bytes) -> None:
    signature = sign(BASE + PATH, parse(b"CallSid=CA1&From=%2B1"))
    assert not CHECK.webhook(PATH, "", parse(body), signature)


@pytest.mark.parametrize(
    "url",
    [
        f"http://example.com{PATH}",
        f"https://evil.example{PATH}",
        f"https://example.com{PATH}/",
        f"https://example.com{PATH}?a=1",
        f"wss://example.com{PATH}",
        f"https://example.com:8443{PATH}",
    ],
)
def test_a_signature_of_another_address_fails(url: str) -> None:
    assert not CHECK.webhook(PATH, "", FORM, sign(url, FORM))


@pytest.mark.parametrize("signature", ["", " ", "é", "x", "\x00", "A" * 28, "=" * 100_000, "L/OH5Yyl\udc80"])
def test_a_signature_that_is_none_fails(signature: str) -> None:
    assert not CHECK.webhook(PATH, "", FORM, signature)
    assert not CHECK.upgrade("/twilio/media", signature)


def test_the_signature_of_another_token_fails() -> None:
    assert not CHECK.webhook(PATH, "", FORM, sign(BASE + PATH, FORM, token="54321"))
    assert not SignatureCheck(BASE, []).webhook(PATH, "", FORM, sign(BASE + PATH, FORM))


@pytest.mark.parametrize("token", ["12345", "67890"])
def test_either_token_passes_while_they_are_rotated(token: str) -> None:
    check = SignatureCheck(BASE, ["12345", "67890"])
    assert check.webhook(PATH, "", FORM, sign(BASE + PATH, FORM, token))
    assert check.upgrade("/twilio/media", sign("wss://example.com/twilio/media", token=token))


@pytest.mark.parametrize("configured", ["https://example.com", "https://example.com:443"])
@pytest.mark.parametrize("signed", ["https://example.com", "https://example.com:443"])
def test_twilio_may_name_the_usual_port_or_not(configured: str, signed: str) -> None:
    check = SignatureCheck(configured, [TOKEN])
    assert check.webhook(PATH, "", FORM, sign(signed + PATH, FORM))


@pytest.mark.parametrize("signed", ["https://example.com", "https://example.com:8443"])
def test_twilio_may_drop_another_port_or_not(signed: str) -> None:
    check = SignatureCheck("https://example.com:8443", [TOKEN])
    assert check.webhook(PATH, "", FORM, sign(signed + PATH, FORM))
    assert check.upgrade("/twilio/media", sign(f"{websocket_url(signed)}/twilio/media"))


def test_the_path_of_the_public_address_is_part_of_what_is_signed() -> None:
    check = SignatureCheck("https://example.com/gateway/", [TOKEN])
    assert check.webhook(PATH, "", FORM, sign(f"https://example.com/gateway{PATH}", FORM))
    assert check.upgrade("/twilio/media", sign("wss://example.com/gateway/twilio/media"))
    assert not check.webhook(PATH, "", FORM, sign(BASE + PATH, FORM))


@pytest.mark.parametrize(
    ("signed", "genuine"),
    [
        ("wss://example.com/twilio/media", True),
        ("wss://example.com/twilio/media/", True),
        ("wss://example.com/twilio/media//", False),
        ("https://example.com/twilio/media", False),
        ("ws://example.com/twilio/media", False),
        ("wss://example.com/twilio/media?ticket=1", False),
        ("wss://example.com/twilio/medium", False),
    ],
)
def test_an_upgrade_is_signed_with_its_own_scheme(signed: str, genuine: bool) -> None:
    assert CHECK.upgrade("/twilio/media", sign(signed)) is genuine


@given(query=st.text(), fields=FIELDS, signature=st.text())
def test_nothing_from_outside_raises(query: str, fields: list[tuple[str, str]], signature: str) -> None:
    assert not CHECK.webhook(PATH, query, Form(fields), signature)
    assert not CHECK.upgrade("/twilio/media", signature)


@pytest.mark.parametrize(
    ("url", "socket"),
    [
        ("https://example.com/gateway", "wss://example.com/gateway"),
        ("http://127.0.0.1:8080", "ws://127.0.0.1:8080"),
        ("wss://example.com", "wss://example.com"),
    ],
)
def test_an_address_has_a_websocket_twin(url: str, socket: str) -> None:
    assert websocket_url(url) == socket


def test_the_address_of_one_process_counts_beside_that_of_all() -> None:
    check = SignatureCheck(BASE, [TOKEN], "https://one.example.com/")
    for base in (BASE, "https://one.example.com"):
        assert check.webhook(PATH, "", FORM, sign(base + PATH, FORM))
        assert check.upgrade("/twilio/media", sign(f"wss{base.removeprefix('https')}/twilio/media"))
    assert not check.webhook(PATH, "", FORM, sign("https://two.example.com" + PATH, FORM))
