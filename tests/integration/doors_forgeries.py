"""What somebody without the token can send to Twilio's doors, and what Twilio itself may send."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from gateway.emulators.twilio.emulator import AUTH_TOKEN
from gateway.emulators.twilio.signature import sign
from tests.integration.gateway_hand import call_form, new_call_sid, stream_sid

Fields = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """A form, and the signature sent with it."""

    kind: str
    path: str
    body: str
    signature: str


def genuine_form(chance: random.Random, path: str) -> dict[str, str]:
    """A form as Twilio posts it to a door, of a call nobody knows."""
    sid = new_call_sid()
    form = call_form(sid, CallStatus="completed", FromCountry="US", FromCity="SAN FRANCISCO", ToZip="94105")
    more = {
        "/twilio/stream-status": {"StreamEvent": "stream-stopped", "StreamSid": stream_sid(sid)},
        "/twilio/amd": {"AnsweredBy": "human", "MachineDetectionDuration": "2100"},
        "/twilio/status": {"CallDuration": "12", "SequenceNumber": str(chance.randrange(4))},
        "/twilio/voice": {"CallStatus": "ringing", "StirVerstat": "TN-Validation-Passed-A"},
    }
    return form | more.get(path, {})


def genuine(chance: random.Random, url: str, path: str) -> Request:
    """A form of Twilio's, its fields in any order: the signature sorts them."""
    form = genuine_form(chance, path)
    fields = list(form.items())
    chance.shuffle(fields)
    return Request("genuine", path, urlencode(fields), sign(AUTH_TOKEN, f"{url}{path}", form))


def forged(chance: random.Random, url: str, path: str) -> Request:
    """A form that is not Twilio's, made from one that is."""
    form = genuine_form(chance, path)
    kind = chance.choice(list(_FORGERIES))
    fields, signature = _FORGERIES[kind](chance, f"{url}{path}", form)
    return Request(kind, path, urlencode(fields), signature)


Forgery = Callable[[random.Random, str, dict[str, str]], tuple[Fields, str]]


def _one_byte_of_a_value(chance: random.Random, address: str, form: dict[str, str]) -> tuple[Fields, str]:
    name = chance.choice([name for name, value in form.items() if value])
    place = chance.randrange(len(form[name]))
    other = chr(ord(form[name][place]) ^ (1 << chance.randrange(5)))
    changed = form[name][:place] + other + form[name][place + 1 :]
    return list((form | {name: changed}).items()), sign(AUTH_TOKEN, address, form)


def _one_byte_of_the_signature(
    chance: random.Random, address: str, form: dict[str, str]
) -> tuple[Fields, str]:
    right = sign(AUTH_TOKEN, address, form)
    place = chance.randrange(len(right) - 2)  # the last letter holds bits that mean nothing
    other = "A" if right[place] != "A" else "B"
    return list(form.items()), right[:place] + other + right[place + 1 :]


def _another_address(chance: random.Random, address: str, form: dict[str, str]) -> tuple[Fields, str]:
    head, _, path = address.removeprefix("http://").partition("/")
    host = head.partition(":")[0]
    wrong = [
        f"{address}/",
        f"https://{head}/{path}",
        f"ws://{head}/{path}",
        f"http://{host}:1/{path}",
        f"http://evil.example/{path}",
        f"{address}?a=b",
        address.upper(),
        f"http://{head}/twilio/other",
    ]
    return list(form.items()), sign(AUTH_TOKEN, chance.choice(wrong), form)


def _another_token(chance: random.Random, address: str, form: dict[str, str]) -> tuple[Fields, str]:
    return list(form.items()), sign(f"{chance.getrandbits(128):032x}", address, form)


def _no_signature(chance: random.Random, _address: str, form: dict[str, str]) -> tuple[Fields, str]:
    return list(form.items()), chance.choice(["", "x", "=" * 28, "A" * 28, "A" * 4000])


def _a_field_more(chance: random.Random, address: str, form: dict[str, str]) -> tuple[Fields, str]:
    signature = sign(AUTH_TOKEN, address, form)
    return [*form.items(), (chance.choice(["Extra", "CallSid", "From"]), "1")], signature


def _a_field_less(chance: random.Random, address: str, form: dict[str, str]) -> tuple[Fields, str]:
    gone = chance.choice([name for name, value in form.items() if value])
    return [pair for pair in form.items() if pair[0] != gone], sign(AUTH_TOKEN, address, form)


def _another_call(_chance: random.Random, address: str, form: dict[str, str]) -> tuple[Fields, str]:
    return list((form | {"CallSid": new_call_sid()}).items()), sign(AUTH_TOKEN, address, form)


def _borders_moved(chance: random.Random, address: str, form: dict[str, str]) -> tuple[Fields, str]:
    """The very same signature, over other fields."""
    right = sign(AUTH_TOKEN, address, form)
    same = [
        fields
        for fields in split_anew(form)
        if len(dict(fields)) == len(fields) and sign(AUTH_TOKEN, address, dict(fields)) == right
    ]
    return chance.choice(same), right


def _one_form_for_another_door(
    _chance: random.Random, address: str, form: dict[str, str]
) -> tuple[Fields, str]:
    return list(form.items()), sign(AUTH_TOKEN, f"{address}-other", form)


_FORGERIES: Final[dict[str, Forgery]] = {
    "a byte of a value": _one_byte_of_a_value,
    "a byte of the signature": _one_byte_of_the_signature,
    "slash, scheme, port, host, query": _another_address,
    "another token": _another_token,
    "no signature": _no_signature,
    "a field more": _a_field_more,
    "a field less": _a_field_less,
    "another call": _another_call,
    "borders moved": _borders_moved,
    "another door": _one_form_for_another_door,
}


def split_anew(form: dict[str, str]) -> Iterator[Fields]:
    """Forms of other fields that are the same once they are run together, one border moved or gone."""
    pairs = sorted(form.items())
    for index, (name, value) in enumerate(pairs):
        text = name + value
        for border in range(1, len(text) + 1):
            if border != len(name):
                yield [*pairs[:index], (text[:border], text[border:]), *pairs[index + 1 :]]
        if index:
            earlier, kept = pairs[index - 1]
            yield [*pairs[: index - 1], (earlier, kept + text), *pairs[index + 1 :]]


def forged_upgrade(chance: random.Random, url: str) -> str:
    """The signature of an upgrade that is not Twilio's."""
    stream = f"ws{url.removeprefix('http')}/twilio/media"
    wrong = [
        "",
        "x",
        sign(AUTH_TOKEN, f"{url}/twilio/media"),
        sign(AUTH_TOKEN, f"{stream}//"),
        sign(AUTH_TOKEN, f"{stream}?ticket=1"),
        sign(AUTH_TOKEN, stream.replace("media", "medium")),
        sign(AUTH_TOKEN, stream.replace("ws:", "wss:")),
        sign(AUTH_TOKEN, stream, {"CallSid": new_call_sid()}),
        sign(f"{chance.getrandbits(128):032x}", stream),
        sign(AUTH_TOKEN, stream)[:-2] + "A=",
    ]
    return chance.choice(wrong)
