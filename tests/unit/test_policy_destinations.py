"""Safe dialling: nothing that costs, harms or is not a number gets through, and ordinary numbers do."""

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from gateway.errors import DialRefused, Fault, SettingsError
from gateway.ids import E164
from gateway.policy.destinations import DENIED, Destinations, Kind, Refusal, country_of, own_number
from tests.unit.policy_hostile import COUNTRIES, GOOD, OWN, hostile_numbers

WORLD = Destinations(frozenset(phonenumbers.SUPPORTED_REGIONS))
SOME = Destinations(COUNTRIES)
HOME = Destinations()


def answer(number: str, rules: Destinations = SOME, caller: E164 = OWN) -> str:
    """The number as it is dialled, or why it is not."""
    try:
        return rules.check(number, caller)
    except DialRefused as refused:
        return Refusal(refused.code)


def refusal(number: str, rules: Destinations = SOME, caller: E164 = OWN) -> str:
    with pytest.raises(DialRefused) as caught:
        rules.check(number, caller)
    return caught.value.code


@pytest.mark.parametrize("seed", range(3))
def test_no_hostile_number_passes(seed: int) -> None:
    codes = set(Refusal)
    answers = [(number, why, answer(number)) for number, why in hostile_numbers(seed, 2500)]
    assert [each for each in answers if each[2] not in codes] == []
    assert {code for *_, code in answers} == codes - {Refusal.NOT_OURS}


def test_hostile_numbers_are_many_and_the_same_for_a_seed() -> None:
    numbers = hostile_numbers(5, 2000)
    assert len({number for number, _ in numbers}) == 2000
    assert numbers == hostile_numbers(5, 2000) != hostile_numbers(6, 2000)


@pytest.mark.parametrize("number", GOOD)
def test_ordinary_numbers_pass_as_they_are_dialled(number: str) -> None:
    assert SOME.check(number, OWN) == "+" + "".join(digit for digit in number if digit.isdigit())


@pytest.mark.parametrize("kind", [PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE])
def test_ordinary_numbers_of_every_country_pass_where_it_is_allowed(kind: int) -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(region, kind)
        if example is not None:
            number = phonenumbers.format_number(example, PhoneNumberFormat.E164)
            assert WORLD.check(number, OWN) == number


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("911", "emergency"),
        ("112", "emergency"),
        ("9 1 1", "emergency"),
        ("9-1-1", "emergency"),
        ("(911)", "emergency"),
        ("+911", "emergency"),
        ("+1911", "emergency"),
        ("+1 911", "emergency"),
        ("+1-9-1-1", "emergency"),
        ("+1112", "emergency"),
        ("+112", "emergency"),
        ("+44999", "emergency"),
        ("+44 112", "emergency"),
        ("+49112", "emergency"),
        ("00112", "emergency"),
        ("011911", "emergency"),
        ("0044999", "emergency"),
        ("411", "short_number"),
        ("+1411", "short_number"),
        ("+1988", "short_number"),
        ("22222", "short_number"),
        ("", "not_a_number"),
        ("+", "not_a_number"),
        ("14155550123", "not_a_number"),
        ("0014155550123", "not_a_number"),
        ("+1415555012", "not_a_number"),
        ("+141555501234", "not_a_number"),
        ("+14155550123\n", "not_a_number"),
        (" +14155550123", "not_a_number"),
        ("+14155550123;ext=9", "not_a_number"),
        ("+14155550123 x9", "not_a_number"),
        ("+1800FLOWERS", "not_a_number"),
        ("+44 (0)20 7183 8750", "not_a_number"),
        ("+1415555012\uff13", "not_a_number"),
        ("+1415555012\u0663", "not_a_number"),
        ("+1415555\u200b0123", "not_a_number"),
        ("+14159110123", "not_a_number"),
        ("+14159500123", "not_a_number"),
        ("+19005550123", "kind_denied"),
        ("+14159760123", "kind_denied"),
        ("+14155551212", "kind_denied"),
        ("+881612345678", "kind_denied"),
        ("+870773111632", "kind_denied"),
        ("+448431234567", "kind_denied"),
        ("+447012345678", "kind_denied"),
        ("+12423456789", "country_not_allowed"),
        ("+18762101234", "country_not_allowed"),
        ("+17872345678", "country_not_allowed"),
        ("+15145550123", "country_not_allowed"),
        ("+33153001122", "country_not_allowed"),
        (OWN, "same_party"),
    ],
)
def test_a_refusal_says_why(number: str, code: str) -> None:
    assert refusal(number) == code


def test_no_countrys_emergency_number_is_called() -> None:
    services = [f"{number:0{length}}" for length in (2, 3) for number in range(10**length)]
    found = 0
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        code = phonenumbers.country_code_for_region(region)
        for service in services:
            if shortnumberinfo.is_emergency_number(service, region):
                assert refusal(f"+{code}{service}", WORLD) == refusal(service, WORLD) == "emergency"
                found += 1
    assert found > 500


def test_a_satellite_telephone_of_canada_is_as_dear_as_others() -> None:
    assert refusal("+16002051234", WORLD) == "kind_denied"


def test_a_refusal_is_the_operators_and_names_the_field_and_no_number() -> None:
    with pytest.raises(DialRefused) as caught:
        SOME.check("+33153001122", OWN, field="transfer_to")
    error = caught.value
    assert (error.fault, error.retryable, error.field) == (Fault.OPERATOR, False, "transfer_to")
    assert str(error) == "numbers of FR are not called"
    assert error.remedy.endswith(".")


def test_without_countries_only_that_of_our_own_number_is_called() -> None:
    assert HOME.check("+14155550123", OWN) == "+14155550123"
    assert refusal("+4930901820", HOME) == "country_not_allowed"
    assert HOME.check("+4930901820", E164("+491711234567")) == "+4930901820"
    assert refusal("+14155550123", HOME, E164("+491711234567")) == "country_not_allowed"


@pytest.mark.parametrize("caller", ["", "client:anna", "+881612345678", "+447700900123"])
def test_a_number_of_no_country_opens_no_country(caller: str) -> None:
    assert refusal("+14155550123", HOME, E164(caller)) == "country_not_allowed"
    assert country_of(E164(caller)) == ""


def test_a_satellite_needs_two_doors_to_be_opened() -> None:
    kinds = DENIED - {Kind.GLOBAL_NETWORK}
    assert refusal("+881612345678", Destinations(COUNTRIES, kinds)) == "country_not_allowed"
    assert refusal("+881612345678", Destinations(frozenset({"001"}))) == "kind_denied"
    assert Destinations(frozenset({"001"}), kinds).check("+881612345678", OWN) == "+881612345678"


def test_a_kind_can_be_allowed_and_another_denied() -> None:
    rules = Destinations(COUNTRIES, frozenset({Kind.TOLL_FREE}))
    assert rules.check("+443001234567", OWN) == "+443001234567"
    assert refusal("+443001234567") == refusal("+18005550123", rules) == "kind_denied"


@pytest.mark.parametrize("country", ["UK", "us", "", "USA", "XX"])
def test_a_country_must_be_known(country: str) -> None:
    with pytest.raises(SettingsError):
        Destinations(frozenset({country}))


def test_transfers_obey_the_same_rules() -> None:
    for number, _ in hostile_numbers(9, 300):
        with pytest.raises(DialRefused):
            SOME.check_transfer(number, OWN, "+14155550199")
    assert SOME.check_transfer("+14155550123", OWN, "+14155550199") == "+14155550123"


def test_nobody_is_transferred_to_themselves() -> None:
    with pytest.raises(DialRefused) as caught:
        SOME.check_transfer("+1 415 555 0199", OWN, "+14155550199")
    assert caught.value.code == "same_party"


def test_calls_are_from_numbers_of_the_account_alone() -> None:
    ours = {OWN, E164("+12125550147")}
    assert own_number("+1 (212) 555-0147", ours) == "+12125550147"
    for number, code in (("+14155550123", "not_ours"), ("14155550100", "not_a_number"), ("911", "emergency")):
        with pytest.raises(DialRefused) as caught:
            own_number(number, ours)
        assert (caught.value.code, caught.value.field) == (code, "from")


@given(st.text(max_size=60) | st.text("+0123456789 ().-", max_size=45))
def test_any_text_is_a_number_or_refused(text: str) -> None:
    to = answer(text, WORLD)
    if to not in set(Refusal):
        assert to == "+" + "".join(character for character in text if character in "0123456789")
        assert answer(to, WORLD) == to


@given(st.integers(0, 999_999_999_999_999))
def test_digits_that_pass_are_dialled_as_written(digits: int) -> None:
    number = f"+{digits}"
    assert answer(number, WORLD) in {number, *Refusal}


@given(st.sampled_from(GOOD), st.data())
def test_one_character_more_than_digits_and_usual_punctuation_is_refused(
    good: str, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(good)))
    character = data.draw(st.characters(exclude_characters="0123456789 .-()"))
    assert refusal(good[:at] + character + good[at:]) in {"not_a_number"}


def test_a_long_text_is_refused_before_it_is_read() -> None:
    assert refusal("+1" + "4" * 1_000_000) == "not_a_number"
    assert refusal("+1" + "(4)" * 1_000_000) == "not_a_number"
    assert refusal("+1 (4) (1) (5) (5) (5) (5) (0) (1) (2) (3)") == "not_a_number"
    assert answer("+1 (4) (1) (5) (5) (5) (5) (0) (1) (23)") == "+14155550123"
