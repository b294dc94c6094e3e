"""What strangers, and a Twilio that is not itself, send to a gateway's doors while a call is live."""

import asyncio
import contextlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.line_core import LineCore
from gateway.emulators.twilio.line_messages import StreamNames
from gateway.emulators.twilio.records import new_sid
from gateway.emulators.twilio.signature import HEADER, sign

_DOORS: Final = ("voice", "after", "status", "stream-status", "fallback", "transfer", "wait")
_PATIENCE_S: Final = 8.0
_GLANCE_S: Final = 0.5


class Knock(StrEnum):
    """What is tried."""

    FORGED = "forged"  # webhooks about the call that are not signed, or wrongly
    REPLAYED = "replayed"  # its genuine webhook, once more
    MISFORMED = "misformed"  # forms that are none
    UNSIGNED_STREAM = "unsigned_stream"  # a socket that is not signed
    FALSE_TICKET = "false_ticket"  # a signed one, with a ticket that is wrong, or used
    NO_START = "no_start"  # one that says nothing
    EARLY_MEDIA = "early_media"  # one that sends audio before its start
    DRAINING = "draining"  # a new call to a gateway that has been told to end


@dataclass(frozen=True, slots=True)
class Door:
    """Where a gateway is, under which address it is known, and the secret of those who may come in."""

    url: str
    public_url: str
    token: str
    account_sid: str

    def signature(self, path: str, form: dict[str, str] | None = None) -> dict[str, str]:
        """The header of a request that is signed as Twilio does."""
        return {HEADER: sign(self.token, self.public_url + path, form)}

    def socket(self, headers: dict[str, str]) -> connect:
        """Open a media stream."""
        url = "ws" + self.url.removeprefix("http") + "/twilio/media"
        return connect(url, additional_headers=headers, compression=None, open_timeout=_PATIENCE_S)

    def signed_socket(self) -> connect:
        """Open a media stream as Twilio does."""
        address = "ws" + self.public_url.removeprefix("http") + "/twilio/media"
        return self.socket({HEADER: sign(self.token, address)})


async def knock(what: Knock, door: Door, call: Call) -> list[str]:
    """Try it; return what passed that must not. The gateway may be slow or away: that is no pass."""
    try:
        match what:
            case Knock.FORGED:
                return await _forged(door, call)
            case Knock.MISFORMED:
                return await _misformed(door, call)
            case Knock.UNSIGNED_STREAM:
                return await _unsigned(door)
            case Knock.FALSE_TICKET:
                return await _tickets(door, call)
            case Knock.NO_START:
                return await _closed(door, [])
            case Knock.EARLY_MEDIA:
                return await _closed(door, [_core(door, call.sid, "").opening()[0], *[_MEDIA] * 100])
            case Knock.REPLAYED:
                return await _replayed(door, call)
            case Knock.DRAINING:
                return await _draining(door)
    except (OSError, TimeoutError, httpx.HTTPError) as error:
        return [f"{what}: {type(error).__name__} {error}"]


_MEDIA: Final = json.dumps(
    {"event": "media", "media": {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "/" * 216}}
)


def _form(door: Door, call: Call) -> dict[str, str]:
    return {
        "AccountSid": door.account_sid,
        "CallSid": call.sid,
        "From": call.from_,
        "To": call.to,
        "CallStatus": "completed",
        "Direction": "inbound",
    }


def _http(door: Door) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=door.url, trust_env=False, timeout=_PATIENCE_S)


async def _forged(door: Door, call: Call) -> list[str]:
    found = []
    form = _form(door, call)
    async with _http(door) as http:
        for name in _DOORS:
            path = f"/twilio/{name}"
            genuine = door.signature(path, form)[HEADER]
            other = door.signature(path, form | {"CallStatus": "busy"})[HEADER]
            for signature in ("", genuine.swapcase(), other):
                answer = await http.post(path, data=form, headers={HEADER: signature} if signature else {})
                if answer.status_code != 403:
                    found.append(f"a forged {name} was answered with {answer.status_code}")
    return found


async def _misformed(door: Door, call: Call) -> list[str]:
    path, form = "/twilio/voice", _form(door, call)
    large, many = form | {"x": "y" * (1 << 20)}, form | {f"x{number}": "y" for number in range(1_000)}
    tries: list[dict[str, Any]] = [
        {"data": large, "headers": door.signature(path, large)},
        {"data": many, "headers": door.signature(path, many)},
        {"files": {"x": b"y"}, "headers": door.signature(path)},
        {"content": b"\xff=%ff&%zz", "headers": door.signature(path)},
    ]
    found = []
    async with _http(door) as http:
        for each in tries:
            with contextlib.suppress(httpx.TransportError):  # cut off as it goes on and on: refused, too
                status = (await http.post(path, **each)).status_code
                found += [f"a form that is none got {status}"] if status < 400 else []
    return found


async def _unsigned(door: Door) -> list[str]:
    for headers in ({}, {HEADER: "bm90IHNpZ25lZA=="}):
        try:
            async with door.socket(headers):
                return ["a stream that is not signed was let in"]
        except InvalidStatus as refused:
            if refused.response.status_code != 403:
                return [f"a stream that is not signed got {refused.response.status_code}"]
    return []


def _core(door: Door, call_sid: str, ticket: str, name: str = "t") -> LineCore:
    return LineCore(StreamNames(door.account_sid, call_sid, new_sid("MZ"), {name: ticket}))


async def _tickets(door: Door, call: Call) -> list[str]:
    found = await _closed(door, _core(door, call.sid, "no ticket").opening())
    if call.line is not None:
        for name, ticket in call.line.core.names.parameters.items():
            found += await _closed(door, _core(door, call.sid, ticket, name).opening())
    return found


async def _closed(door: Door, messages: Sequence[str]) -> list[str]:
    """Open a stream, send that, and see it closed without a word."""
    async with door.signed_socket() as socket:
        try:
            for message in messages:
                await socket.send(message)
            return await _silent(socket)
        except ConnectionClosed:
            return []


async def _silent(socket: ClientConnection) -> list[str]:
    async with asyncio.timeout(_PATIENCE_S):
        async for message in socket:
            return [f"a stream of nobody was told {str(message)[:40]}"]
    return []


async def _replayed(door: Door, call: Call) -> list[str]:
    """The call's own voice webhook again: the same document, and no other."""
    first = next((each for each in call.requests if "/twilio/voice" in each.url), None)
    if first is None:
        return []
    path = "/twilio/voice"
    async with _http(door) as http:
        answers = [
            await http.post(path, data=dict(first.params), headers=door.signature(path, dict(first.params)))
            for _ in range(2)
        ]
    if {each.status_code for each in answers} != {200} or answers[0].text != answers[1].text:
        return [f"a webhook that came again got {[each.status_code for each in answers]}"]
    return []


async def _draining(door: Door) -> list[str]:
    """A gateway that was told to end says so to balancers."""
    await asyncio.sleep(_GLANCE_S)
    async with _http(door) as http:
        answer = await http.get("/readyz")
    if answer.status_code != 503 or "Retry-After" not in answer.headers:
        return [f"a draining gateway says {answer.status_code} to a balancer"]
    return []
