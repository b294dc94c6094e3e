"""Numbers nobody should be able to make the gateway call, and why; the same for the same seed.

Made for a gateway whose own number is ``OWN`` and that may call the United States, Great Britain and Germany.
"""

import random
from collections.abc import Callable
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from gateway.ids import E164

OWN: Final = E164("+14155550100")
COUNTRIES: Final = frozenset({"US", "GB", "DE"})
GOOD: Final = (
    *("+14155550123", "+1 415 555 0123", "+1 (415) 555-0123", "+1-415-555-0123", "+1.415.555.0123"),
    *("+1(415)5550123", "+12125550147", "+18005550123", "+442071838750", "+44 20 7183 8750", "+447400123456"),
    *("+4930901820", "+49 (30) 901820", "+4915123456789", "+491711234567", "+14155550911"),
)

_DIGITS: Final = (
    "\uff10\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18\uff19",
    "\u0660\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668\u0669",
    "\u06f0\u06f1\u06f2\u06f3\u06f4\u06f5\u06f6\u06f7\u06f8\u06f9",
    "\u0966\u0967\u0968\u0969\u096a\u096b\u096c\u096d\u096e\u096f",
    "\U0001d7ce\U0001d7cf\U0001d7d0\U0001d7d1\U0001d7d2\U0001d7d3\U0001d7d4\U0001d7d5\U0001d7d6\U0001d7d7",
)
_LOOKALIKES: Final = {
    "0": "O\u043e\u039fo",
    "1": "lI\u0456\u01c0",
    "3": "\u0417\u0417",
    "5": "S\u0405",
    "8": "B",
    "6": "\u0431",
}
_UNSEEN: Final = "\u200b\u200c\u200d\u2060\ufeff\u202e\u2066\u00ad\u180e\x00\x07\t\n\r\u00a0\u2009\u3000"
_ELSEWHERE: Final = sorted(phonenumbers.SUPPORTED_REGIONS - COUNTRIES)
_WORLD: Final = ("870", "878", "881", "882", "883", "888", "979", "800", "808")
_CARIBBEAN: Final = (
    *("242", "246", "264", "268", "284", "340", "345", "441", "473", "649", "658", "664", "721", "758"),
    *("767", "784", "787", "809", "829", "849", "868", "869", "876", "939", "670", "671", "684"),
)
_CANADA: Final = ("416", "514", "604", "403", "902", "613", "867", "600")
_KINDS_DENIED: Final = (
    *(PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST, PhoneNumberType.PERSONAL_NUMBER),
    *(PhoneNumberType.PAGER, PhoneNumberType.UAN, PhoneNumberType.VOICEMAIL),
)
_EMERGENCY: Final = ("911", "112", "999", "110", "000", "111", "119", "113", "15", "17", "18", "190", "118")
_CODES: Final = ("1", "44", "49", "33", "39", "34", "61", "81", "55")
_SHORT: Final = ("411", "611", "311", "211", "988", "101", "105", "116000", "118500", "40404", "22222", "123")
_PREFIXES: Final = (
    "",
    "+",
    "00",
    "011",
    "0011",
    "9,",
    "9",
    "*31#",
    "*67",
    "#31#",
    "tel:",
    "sip:",
    "+00",
    "++",
)
_DRESSES: Final = ("{}", "{} ", " {}", "{}#", "{}*", "{};", "{},", "({})", "{}\n", "{}@example.org")
_AFTER: Final = (" x123", "x1", ";ext=5", " ext. 9", "#1234", ",,1234", "wwww1", "p123", ";phone-context=+1")


def hostile_numbers(seed: int, n: int) -> list[tuple[str, str]]:
    """``n`` different numbers, each with why it must be refused."""
    chance = random.Random(seed)
    found: dict[str, str] = {}
    while len(found) < n:
        for make in _MAKERS:
            number, why = make(chance)
            found.setdefault(number, why)
    return list(found.items())[:n]


def _good(chance: random.Random) -> str:
    return f"+1{chance.choice(['415', '212', '646', '312'])}555{chance.randrange(100, 200):04d}"


def _digits(chance: random.Random, length: int) -> str:
    return "".join(chance.choices("0123456789", k=length))


def _emergency(chance: random.Random) -> tuple[str, str]:
    short = chance.choice(_EMERGENCY)
    spaced = chance.choice(("", "", " ", "-", ".")).join(short)
    number = (
        chance.choice(_PREFIXES) + chance.choice(("", "", *_CODES)) + chance.choice(("", " ", "-")) + spaced
    )
    return chance.choice(_DRESSES).format(number), "emergency"


def _short(chance: random.Random) -> tuple[str, str]:
    number = chance.choice(_PREFIXES) + chance.choice(("", *_CODES)) + chance.choice(_SHORT)
    return chance.choice(_DRESSES).format(number), "short number"


def _service_exchange(chance: random.Random) -> tuple[str, str]:
    exchange = chance.choice(("211", "311", "411", "511", "611", "711", "811", "911", "950"))
    return (
        f"+1{chance.choice(('415', '212', '646'))}{exchange}{_digits(chance, 4)}",
        "service code as exchange",
    )


def _charged(chance: random.Random) -> tuple[str, str]:
    area = chance.choice(("415", "212", "646", "312"))
    return chance.choice(
        (
            (f"+1900{chance.randrange(200, 999)}{_digits(chance, 4)}", "premium area code"),
            (f"+1 900 {chance.randrange(200, 999)} {_digits(chance, 4)}", "premium area code, spaced"),
            (f"+1{area}976{_digits(chance, 4)}", "premium exchange"),
            (f"+1976{chance.randrange(200, 999)}{_digits(chance, 4)}", "premium area code that is none"),
            (f"+1{area}5551212", "directory assistance"),
            (f"+1500{chance.randrange(200, 999)}{_digits(chance, 4)}", "personal number"),
            (f"+1700{chance.randrange(200, 999)}{_digits(chance, 4)}", "carrier's own area code"),
            (f"+4490{chance.randrange(10)}{_digits(chance, 7)}", "premium rate"),
            (f"+4470{_digits(chance, 8)}", "personal number"),
            (f"+4476{_digits(chance, 8)}", "pager or Isle of Man"),
            (f"+4484{_digits(chance, 8)}", "shared cost"),
            (f"+49900{_digits(chance, 7)}", "premium rate"),
            (f"+49180{_digits(chance, 7)}", "shared cost"),
        )
    )


def _caribbean(chance: random.Random) -> tuple[str, str]:
    number = f"{chance.choice(_CARIBBEAN)}{chance.randrange(200, 999)}{_digits(chance, 4)}"
    return f"+1{chance.choice(('', ' ', '-'))}{number}", "an island behind +1"


def _canada(chance: random.Random) -> tuple[str, str]:
    return f"+1{chance.choice(_CANADA)}{chance.randrange(200, 999)}{_digits(chance, 4)}", "Canada behind +1"


def _world(chance: random.Random) -> tuple[str, str]:
    return f"+{chance.choice(_WORLD)}{_digits(chance, chance.randrange(6, 12))}", "network of no country"


def _elsewhere(chance: random.Random) -> tuple[str, str]:
    region = chance.choice(_ELSEWHERE)
    kind = chance.choice((PhoneNumberType.FIXED_LINE, PhoneNumberType.MOBILE))
    example = phonenumbers.example_number_for_type(region, kind)
    if example is None or phonenumbers.region_code_for_number(example) in COUNTRIES:
        return _world(chance)
    shape = chance.choice((PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL))
    return phonenumbers.format_number(example, shape), f"a country that is not allowed: {region}"


def _other_kind(chance: random.Random) -> tuple[str, str]:
    region, kind = chance.choice(sorted(phonenumbers.SUPPORTED_REGIONS)), chance.choice(_KINDS_DENIED)
    example = phonenumbers.example_number_for_type(region, kind)
    if example is None:
        return _charged(chance)
    return phonenumbers.format_number(example, PhoneNumberFormat.E164), f"denied kind {kind} of {region}"


def _other_digits(chance: random.Random) -> tuple[str, str]:
    good, digits = _good(chance), chance.choice(_DIGITS)
    some = {at for at in range(1, len(good)) if chance.random() < 0.4} | {chance.randrange(1, len(good))}
    return "".join(
        digits[int(c)] if at in some else c for at, c in enumerate(good)
    ), "digits of another script"


def _lookalike(chance: random.Random) -> tuple[str, str]:
    good = _good(chance)
    at = chance.choice([at for at, digit in enumerate(good) if digit in _LOOKALIKES])
    return good[:at] + chance.choice(_LOOKALIKES[good[at]]) + good[
        at + 1 :
    ], "a letter that looks like a digit"


def _unseen(chance: random.Random) -> tuple[str, str]:
    good = _good(chance)
    at = chance.randrange(len(good) + 1)
    return good[:at] + chance.choice(_UNSEEN) + good[at:], "a character that is not seen"


def _letters(chance: random.Random) -> tuple[str, str]:
    word = "".join(chance.choices("ABCDEFGHIJKLMNOPRSTUVWXY", k=chance.randrange(1, 8)))
    return f"+1800{word}{_digits(chance, 7 - len(word))}", "letters for digits"


def _no_plus(chance: random.Random) -> tuple[str, str]:
    good = _good(chance)[1:]
    before = chance.choice(
        ("", "00", "011", "0", "++", "+ ", "+-", "(+", "\uff0b", "\ufe62", "+0", "+00", "+011", "--")
    )
    return before + good, "not written in international form"


def _trailing(chance: random.Random) -> tuple[str, str]:
    return _good(chance) + chance.choice(_AFTER), "something to dial afterwards"


def _punctuation(chance: random.Random) -> tuple[str, str]:
    good = _good(chance)
    at = chance.randrange(1, len(good))
    broken = chance.choice(
        ("  ", "--", "()", ")(", "/", "_", "(", ")", "~", "\u2010", "\u2013", "\u00b7", "'", "\\", "&", "%20")
    )
    return good[:at] + broken + good[at:], "punctuation that is not usual"


def _length(chance: random.Random) -> tuple[str, str]:
    digits = chance.choice((chance.randrange(0, 7), chance.randrange(8, 18), chance.randrange(40, 3000)))
    return f"+1415{_digits(chance, digits)}", "too short or too long"


def _trunk(chance: random.Random) -> tuple[str, str]:
    return chance.choice(
        (
            (f"+44 (0)20 7183 {_digits(chance, 4)}", "trunk prefix written along"),
            (f"+440207183{_digits(chance, 4)}", "trunk prefix written along"),
            (f"+1 1 415 555 01{_digits(chance, 2)}", "trunk prefix written along"),
            (f"+490309018{_digits(chance, 2)}", "trunk prefix written along"),
        )
    )


def _address(chance: random.Random) -> tuple[str, str]:
    good = _good(chance)
    shape = chance.choice(
        (
            "sip:{}@example.org",
            "tel:{}",
            "client:{}",
            "{}<Dial>",
            "{},{}",
            "{};{}",
            "{} or {}",
            "{}\n{}",
            '{}"',
            "[{}]",
        )
    )
    return shape.format(good, _good(chance)), "an address or a list, not a number"


def _unassigned(chance: random.Random) -> tuple[str, str]:
    area = chance.choice(("000", "111", "123", "099", "199", "555", "911", "411", "211", "999"))
    return f"+1{area}{chance.randrange(200, 999)}{_digits(chance, 4)}", "no such area"


def _own(_: random.Random) -> tuple[str, str]:
    return OWN, "our own number"


_MAKERS: Final[tuple[Callable[[random.Random], tuple[str, str]], ...]] = (
    *(_emergency, _short, _service_exchange, _charged, _caribbean, _canada, _world, _elsewhere, _other_kind),
    *(_other_digits, _lookalike, _unseen, _letters, _no_plus, _trailing, _punctuation, _length, _trunk),
    *(_address, _unassigned, _own),
)
