"""Which addresses may be asked: URLs, and the machines behind their names."""

from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clients.egress_rules import EgressRules, Target, public
from gateway.errors import EgressRefused, Fault
from tests.unit.egress_tricks import PRIVATE_ANSWERS, tricks

RULES = EgressRules()
LOOPBACK = EgressRules(loopback=True)
OWN = EgressRules(private_hosts=["crm.corp.internal", "Hooks:8443", "10.0.0.5"])
METADATA = ["169.254.169.254", "168.63.129.16", "100.100.100.200", "fd00:ec2::254"]


def refusal(url: str, rules: EgressRules = RULES) -> EgressRefused:
    with pytest.raises(EgressRefused) as caught:
        rules.target(url)
    return caught.value


def test_there_are_many_tricks_and_no_two_are_the_same() -> None:
    assert len(tricks()) == len(set(tricks())) >= 150


@pytest.mark.parametrize("url", tricks(), ids=ascii)
def test_a_trick_is_refused(url: str) -> None:
    error = refusal(url)
    assert (error.fault, error.retryable) == (Fault.OPERATOR, False)


@pytest.mark.parametrize("url", tricks(), ids=ascii)
def test_a_trick_reaches_no_further_where_this_machine_is_allowed(url: str) -> None:
    with suppress(EgressRefused):
        assert LOOPBACK.target(url).host in ("localhost", "127.0.0.1")


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://example.com", Target("https", "example.com", 443, "/")),
        ("https://example.com/", Target("https", "example.com", 443, "/")),
        ("HTTPS://Hooks.Example.COM:443/A?b=C", Target("https", "hooks.example.com", 443, "/A?b=C")),
        ("https://example.com?a=http://b@c", Target("https", "example.com", 443, "/?a=http://b@c")),
        ("https://xn--bcher-kva.example.com/%20", Target("https", "xn--bcher-kva.example.com", 443, "/%20")),
        ("https://1.2.3.a-b.co/x", Target("https", "1.2.3.a-b.co", 443, "/x")),
        ("https://8.8.8.8/x", Target("https", "8.8.8.8", 443, "/x")),
    ],
)
def test_a_public_address_is_read(url: str, target: Target) -> None:
    assert RULES.target(url) == target


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "scheme"),
        ("gopher://example.com/", "scheme"),
        ("https://me:secret@example.com/", "userinfo"),
        ("https://example.com/#part", "fragment"),
        ("https://example.com:8443/", "port"),
        ("https://localhost/", "host"),
        ("https://127.1/", "host"),
        ("https://10.0.0.1/", "address"),
        ("https://[::1]/", "malformed"),
        ("https://example.com/" + "a" * 2048, "malformed"),
    ],
)
def test_a_refusal_says_why_and_repeats_no_secret(url: str, code: str) -> None:
    error = refusal(url)
    assert error.code == code
    assert "secret" not in str(error)


def test_ports_are_those_of_the_list() -> None:
    rules = EgressRules(ports=(8443,))
    assert rules.target("https://example.com:8443/").port == 8443
    assert refusal("https://example.com/", rules).code == "port"


def test_a_path_is_not_shown_since_it_may_be_a_secret() -> None:
    assert repr(RULES.target("https://example.com/T0/secret?key=1")) == "Target(https://example.com:443)"


@pytest.mark.parametrize("addresses", PRIVATE_ANSWERS, ids=str)
@pytest.mark.parametrize("rules", [RULES, LOOPBACK, OWN])
def test_a_name_that_leads_inside_is_refused(rules: EgressRules, addresses: tuple[str, ...]) -> None:
    with pytest.raises(EgressRefused) as caught:
        rules.check("example.com", 443, addresses)
    assert caught.value.code == "address"
    assert not any(address and address in str(caught.value) for address in addresses)


def test_a_name_that_leads_outside_is_not() -> None:
    RULES.check("example.com", 443, ["8.8.8.8", "2606:4700:4700::1111", "64:ff9b::808:808"])


def test_this_machine_is_asked_where_it_is_allowed() -> None:
    assert LOOPBACK.target("http://127.0.0.1:9000/x") == Target("http", "127.0.0.1", 9000, "/x")
    assert LOOPBACK.target("https://localhost:9000/") == Target("https", "localhost", 9000, "/")
    LOOPBACK.check("localhost", 9000, ["127.0.0.1", "::1"])
    for addresses in (["10.0.0.1"], ["127.0.0.1", "8.8.8.8"]):
        with pytest.raises(EgressRefused):
            LOOPBACK.check("localhost", 9000, addresses)
    assert refusal("http://example.com/", LOOPBACK).code == "scheme"


def test_hosts_of_ones_own_network_are_asked_where_they_are_listed() -> None:
    assert OWN.target("https://crm.corp.internal/x").port == 443
    assert OWN.target("https://hooks:8443/x").port == 8443
    assert OWN.target("https://10.0.0.5/x").host == "10.0.0.5"
    OWN.check("crm.corp.internal", 443, ["10.0.0.1", "fd12::1", "127.0.0.1", "8.8.8.8"])
    for url in ("http://crm.corp.internal/", "https://crm.corp.internal:8443/", "https://hooks/"):
        refusal(url, OWN)
    refusal("https://a.crm.corp.internal/", OWN)
    with pytest.raises(EgressRefused):
        OWN.check("hooks", 443, ["10.0.0.1"])


@pytest.mark.parametrize("address", [*METADATA, "fe80::1", "fd12::1%eth0", "224.0.0.1", "0.0.0.0", "::"])
def test_a_listed_host_does_not_open_the_clouds_credentials(address: str) -> None:
    with pytest.raises(EgressRefused):
        OWN.check("crm.corp.internal", 443, [address])


@given(st.integers(0, 2**32 - 1).map(IPv4Address) | st.ip_addresses(v=4))
def test_what_is_public_is_so_for_the_standard_library_too(address: IPv4Address) -> None:
    assert not public(str(address)) or (address.is_global and not address.is_multicast)


@given(st.ip_addresses(v=6) | st.integers(0, 2**125 - 1).map(lambda low: IPv6Address(2**125 + low)))
def test_what_is_public_is_so_in_version_6_too(address: IPv6Address) -> None:
    assert not public(str(address)) or (
        address.is_global and not (address.is_multicast or address.ipv4_mapped or address.sixtofour)
    )


@given(st.ip_addresses(v=4))
def test_an_address_carried_within_another_is_judged_by_itself(address: IPv4Address) -> None:
    assert public(f"64:ff9b::{address}") is public(str(address))
    assert not public(f"::ffff:{address}")
    assert not public(str(IPv6Address((0x2002 << 112) | (int(address) << 80) | 1)))
    assert not public(str(IPv6Address((0x20010000 << 96) | (int(address) ^ 0xFFFFFFFF))))


@given(st.text(max_size=60) | st.text(alphabet="htps:/[]@.%#\\0127abx-\u3002", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    for url in (text, f"https://{text}"):
        try:
            target = RULES.target(url)
        except EgressRefused:
            continue
        assert f".{target.host}".isascii()
        if target.host[-1].isdigit():
            assert str(ip_address(target.host)) == target.host
