"""Safe dialling: which numbers a call may be placed or transferred to.

Whatever is not known to be harmless is refused: a leaked key, or an agent that was talked into it, must not
be able to call a premium-rate number, a satellite or an ambulance. Numbering plans are those of phonenumbers.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumber, PhoneNumberFormat, PhoneNumberType, shortnumberinfo

from gateway.errors import DialRefused, SettingsError
from gateway.ids import E164

_LONGEST: Final = 40  # characters as written; nothing longer is even looked at
_MOST_DIGITS: Final = 15
_SHORT: Final = 8  # digits: country code and service number
_WRITTEN: Final = re.compile(r"\+[1-9](?:[ .-]?[0-9]|[ .-]?\([0-9]{1,5}\))*")
_PUNCTUATION: Final = re.compile(r"[+ ().-]")
_NO_COUNTRY: Final = "001"  # how phonenumbers names what belongs to the world as a whole
_TOLL_FREE_AREAS: Final = "8(?:00|33|44|55|66|77|88)"
_NANP_CHARGED: Final = re.compile(r"600[0-9]{7}|[0-9]{3}(?:976[0-9]{4}|5551212)")
_NANP_UNASSIGNED: Final = re.compile(rf"(?!{_TOLL_FREE_AREAS})[0-9]{{3}}(?:[2-9]11|950)[0-9]{{4}}")


class Refusal(StrEnum):
    """Why a number is not called: ``DialRefused.code``."""

    NOT_A_NUMBER = "not_a_number"
    SHORT_NUMBER = "short_number"
    EMERGENCY = "emergency"
    KIND_DENIED = "kind_denied"
    COUNTRY_NOT_ALLOWED = "country_not_allowed"
    SAME_PARTY = "same_party"
    NOT_OURS = "not_ours"


class Kind(StrEnum):
    """What a number is for, as far as its numbering plan tells."""

    FIXED_LINE = "fixed_line"
    MOBILE = "mobile"
    FIXED_LINE_OR_MOBILE = "fixed_line_or_mobile"
    TOLL_FREE = "toll_free"
    PREMIUM_RATE = "premium_rate"
    SHARED_COST = "shared_cost"
    VOIP = "voip"
    PERSONAL_NUMBER = "personal_number"
    PAGER = "pager"
    COMPANY_NUMBER = "company_number"  # one number for all of a company's places, at any price
    VOICEMAIL = "voicemail"
    GLOBAL_NETWORK = "global_network"  # satellites and other networks of no country: +870, +878, +881 to +883
    UNKNOWN = "unknown"


DENIED: Final = frozenset(Kind) - {
    Kind.FIXED_LINE,
    Kind.MOBILE,
    Kind.FIXED_LINE_OR_MOBILE,
    Kind.TOLL_FREE,
    Kind.VOIP,
}
"""The kinds that are not called unless the operator says so."""

_KINDS: Final = {
    PhoneNumberType.FIXED_LINE: Kind.FIXED_LINE,
    PhoneNumberType.MOBILE: Kind.MOBILE,
    PhoneNumberType.FIXED_LINE_OR_MOBILE: Kind.FIXED_LINE_OR_MOBILE,
    PhoneNumberType.TOLL_FREE: Kind.TOLL_FREE,
    PhoneNumberType.PREMIUM_RATE: Kind.PREMIUM_RATE,
    PhoneNumberType.SHARED_COST: Kind.SHARED_COST,
    PhoneNumberType.VOIP: Kind.VOIP,
    PhoneNumberType.PERSONAL_NUMBER: Kind.PERSONAL_NUMBER,
    PhoneNumberType.PAGER: Kind.PAGER,
    PhoneNumberType.UAN: Kind.COMPANY_NUMBER,
    PhoneNumberType.VOICEMAIL: Kind.VOICEMAIL,
}


@dataclass(frozen=True, slots=True)
class Destinations:
    """Where calls may go.

    Args:
        countries: ISO 3166 codes such as ``US``. None: the country of the number the call is from alone.
        denied: Kinds that are not called, in whatever country.

    Raises:
        SettingsError: a country is not known.
    """

    countries: frozenset[str] = frozenset()
    denied: frozenset[Kind] = DENIED

    def __post_init__(self) -> None:
        unknown = sorted(self.countries - phonenumbers.SUPPORTED_REGIONS - {_NO_COUNTRY})
        if unknown:
            raise SettingsError(f"{unknown[0][:20]!r} is not the ISO code of a country, such as US")

    def check(self, number: str, caller: E164, *, field: str = "to") -> E164:
        """Return the number as it is to be dialled.

        Args:
            number: As somebody wrote it.
            caller: Our number, which the call is from.
            field: What the number is called where it was given, for the error.

        Raises:
            DialRefused: it may not be called; ``code`` is a ``Refusal``.
        """
        parsed = _parse(number, field)
        kind = _kind(parsed)
        if kind in self.denied:
            raise _refused(Refusal.KIND_DENIED, f"numbers of the kind {kind} are not called", field)
        country = _country(parsed)
        if country not in (self.countries or {country_of(caller)}):
            where = "no country" if country == _NO_COUNTRY else country
            raise _refused(Refusal.COUNTRY_NOT_ALLOWED, f"numbers of {where} are not called", field)
        if (to := _e164(parsed)) == caller:
            raise _refused(Refusal.SAME_PARTY, "a number is not called from itself", field)
        return to

    def check_transfer(self, number: str, caller: E164, party: str, *, field: str = "to") -> E164:
        """Return the number a call is to be transferred to; the rules are those for calls.

        Args:
            number: As it was configured, or as the agent gave it.
            caller: Our number, which the new leg is from.
            party: Who is on the line already, as Twilio says; nobody is connected to themselves.
            field: What the number is called where it was given, for the error.

        Raises:
            DialRefused: it may not be called; ``code`` is a ``Refusal``.
        """
        to = self.check(number, caller, field=field)
        if to == party:
            raise _refused(Refusal.SAME_PARTY, "the caller is not connected to themselves", field)
        return to


def own_number(number: str, ours: Collection[E164], *, field: str = "from") -> E164:
    """Return the number a call is to be from, which must be one of the account's.

    Raises:
        DialRefused: it is no number, or not ours.
    """
    own = _e164(_parse(number, field))
    if own not in ours:
        raise _refused(Refusal.NOT_OURS, "calls are made from numbers of the account only", field)
    return own


def country_of(number: E164) -> str:
    """The ISO code of the country a number belongs to; empty if it belongs to none."""
    try:
        country = _country(phonenumbers.parse(number))
    except phonenumbers.NumberParseException:
        return ""
    return "" if country == _NO_COUNTRY else country


def _parse(number: str, field: str) -> PhoneNumber:
    digits = _PUNCTUATION.sub("", number[:_LONGEST])
    if len(number) > _LONGEST or not _WRITTEN.fullmatch(number) or len(digits) > _MOST_DIGITS:
        raise _unusable(digits, field)
    try:
        parsed = phonenumbers.parse(f"+{digits}")
    except phonenumbers.NumberParseException:
        raise _unusable(digits, field) from None
    # What is dialled must be what was written: no digit is left out, such as the 0 of +44 (0)20.
    if not phonenumbers.is_valid_number(parsed) or _e164(parsed) != f"+{digits}" or _unassigned(parsed):
        raise _unusable(digits, field)
    return parsed


def _kind(number: PhoneNumber) -> Kind:
    if _country(number) == _NO_COUNTRY:
        return Kind.GLOBAL_NETWORK
    if number.country_code == 1 and _NANP_CHARGED.fullmatch(str(number.national_number)):
        return Kind.PREMIUM_RATE
    return _KINDS.get(phonenumbers.number_type(number), Kind.UNKNOWN)


def _unassigned(number: PhoneNumber) -> bool:
    """Whether it is a service code of North America behind an area code, which some switches still follow."""
    return number.country_code == 1 and bool(_NANP_UNASSIGNED.fullmatch(str(number.national_number)))


def _country(number: PhoneNumber) -> str:
    return phonenumbers.region_code_for_number(number) or ""


def _e164(number: PhoneNumber) -> E164:
    return E164(phonenumbers.format_number(number, PhoneNumberFormat.E164))


def _refused(code: Refusal, message: str, field: str) -> DialRefused:
    # The number itself is not in the message: messages are logged.
    return DialRefused(message, code=code, field=field)


def _unusable(digits: str, field: str) -> DialRefused:
    """Say what was given in place of a telephone number."""
    if digits.isascii() and digits.isdigit() and len(digits) <= _SHORT:
        readings = _readings(digits)
        if any(shortnumberinfo.is_emergency_number(short, region) for short, region in readings):
            return _refused(Refusal.EMERGENCY, "emergency services are not called", field)
        if len(digits) < _SHORT - 1:
            return _refused(Refusal.SHORT_NUMBER, "short numbers are not called", field)
    return _refused(Refusal.NOT_A_NUMBER, "this is not a telephone number in international form", field)


def _readings(digits: str) -> list[tuple[str, str]]:
    """What short digits may mean: a service number, and of which country."""
    readings = []
    for bare in {digits, re.sub(r"\A(?:011|00)", "", digits)}:
        readings += [(bare, region) for region in phonenumbers.SUPPORTED_REGIONS]
        for length in (1, 2, 3):
            regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(bare[:length] or 0), ())
            readings += [(bare[length:], region) for region in regions]
    return readings
