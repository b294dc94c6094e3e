"""The part of Twilio's REST API that voice needs (https://www.twilio.com/docs/voice/api)."""

import asyncio
import base64
import binascii
import contextlib
import hmac
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.twilio import orders as twilio_orders
from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.call_terms import Parties
from gateway.emulators.twilio.errors import RestRefused, error_response
from gateway.emulators.twilio.exchange import Exchange, ExchangeBusy
from gateway.emulators.twilio.faults import RestFault as RestFault
from gateway.emulators.twilio.recordings import RecordingsApi
from gateway.emulators.twilio.records import MAX_RECORDS, CallStatus, Direction, RestRecord
from gateway.emulators.twilio.resources import ROOT, account_json, call_json, number_json, page_json
from gateway.emulators.twilio.services import PhoneNumber, Services

MAX_FORM_BYTES = 128 * 1024
MAX_FIELDS = 500

Form = Mapping[str, tuple[str, ...]]
Endpoint = Callable[[Mapping[str, str], Form], Response]

# Form parameter of a number, and the setting it changes.
_NUMBER_TEXTS = {
    "VoiceUrl": "voice_url",
    "VoiceMethod": "voice_method",
    "VoiceFallbackUrl": "voice_fallback_url",
    "VoiceFallbackMethod": "voice_fallback_method",
    "StatusCallback": "status_callback",
    "StatusCallbackMethod": "status_callback_method",
    "FriendlyName": "friendly_name",
    "VoiceApplicationSid": "voice_application_sid",
    "TrunkSid": "trunk_sid",
}


class Api:
    """The REST resources of one account.

    Args:
        services: What the emulator shares.
        exchange: Places and changes calls.

    """

    def __init__(self, services: Services, exchange: Exchange) -> None:
        self._services = services
        self._exchange = exchange
        self.requests: deque[RestRecord] = deque(maxlen=MAX_RECORDS)
        self.fault: RestFault | None = None

    def routes(self) -> list[Route]:
        """The API's routes."""
        account = f"{ROOT}/{{account}}"
        return [
            self._route(f"{account}.json", get=self._account),
            self._route(f"{account}/Calls.json", get=self._list_calls, post=self._create_call),
            self._route(f"{account}/Calls/{{sid}}.json", get=self._fetch_call, post=self._update_call),
            self._route(f"{account}/IncomingPhoneNumbers.json", get=self._list_numbers),
            self._route(
                f"{account}/IncomingPhoneNumbers/{{sid}}.json",
                get=self._fetch_number,
                post=self._update_number,
            ),
            *self._recordings(account),
            Route("/2010-04-01/{rest:path}", self._unknown, methods=["GET", "POST", "PUT", "DELETE"]),
        ]

    def _recordings(self, account: str) -> list[Route]:
        api = RecordingsApi(self._services.account.sid, self._services.shelf)
        one = f"{account}/Recordings/{{sid}}"
        return [
            self._route(f"{account}/Recordings.json", get=api.list),
            self._route(f"{account}/Calls/{{call}}/Recordings.json", get=api.list),
            self._route(f"{one}.json", get=api.fetch, delete=api.delete),
            self._route(f"{one}.wav", get=api.wav),
        ]

    def _route(
        self, path: str, *, get: Endpoint, post: Endpoint | None = None, delete: Endpoint | None = None
    ) -> Route:
        by_method = {"GET": get, "HEAD": get, "POST": post, "DELETE": delete}

        async def endpoint(request: Request) -> Response:
            return await self._serve(request, by_method.get(request.method))

        return Route(path, endpoint, methods=["GET", "POST", "PUT", "DELETE"])

    async def _unknown(self, request: Request) -> Response:
        return await self._serve(request, None)

    async def _serve(self, request: Request, endpoint: Endpoint | None) -> Response:
        params: Form = {}
        code = None
        try:
            params = await _form(request)
            self._authenticate(request)
            response = await self._answer(request, endpoint, params)
        except RestRefused as refused:
            code = refused.code
            response = error_response(refused)
        except ClientDisconnect:
            return Response(status_code=400)
        path = request.url.path
        self.requests.append(RestRecord(request.method, path, params, response.status_code, code))
        return response

    async def _answer(self, request: Request, endpoint: Endpoint | None, params: Form) -> Response:
        fault = self.fault
        if fault is None or not fault.take(request.method, request.url.path):
            return self._perform(request, endpoint, params)
        performed = self._perform(request, endpoint, params) if fault.perform else None
        if performed is None and fault.status is None:
            await asyncio.sleep(fault.delay_s)
        else:
            await _while_listened_to(request, fault.delay_s)
        if fault.status is not None:
            raise RestRefused(fault.code, "by command", status=fault.status)
        return performed or self._perform(request, endpoint, params)

    def _perform(self, request: Request, endpoint: Endpoint | None, params: Form) -> Response:
        if request.path_params.get("account", self._services.account.sid) != self._services.account.sid:
            raise RestRefused(20404, request.url.path)
        if endpoint is None:
            raise RestRefused(20404, request.url.path)
        return endpoint(request.path_params, params)

    def _authenticate(self, request: Request) -> None:
        """Basic auth with the account's token or an API key (https://www.twilio.com/docs/usage/api)."""
        scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            user, password = "", ""
        account = self._services.account
        expected = account.auth_token if user == account.sid else account.api_keys.get(user)
        if (
            scheme.lower() != "basic"
            or expected is None
            or not hmac.compare_digest(expected.encode(), password.encode())
        ):
            raise RestRefused(20003)

    def _account(self, _path: Mapping[str, str], _form: Form) -> Response:
        return JSONResponse(account_json(self._services.account))

    # Calls.

    def _create_call(self, _path: Mapping[str, str], form: Form) -> Response:
        new = twilio_orders.new_call(form, self._services)
        owned = self._services.numbers.get(new.from_)
        parties = Parties(
            new.to, new.from_, Direction.OUTBOUND_API, number_sid=owned.sid if owned is not None else None
        )
        try:
            call = self._exchange.outbound(parties, new.source, new.plan)
        except ExchangeBusy as exc:
            raise RestRefused(10004) from exc
        return JSONResponse(self._call(call), status_code=201)

    def _fetch_call(self, path: Mapping[str, str], _form: Form) -> Response:
        return JSONResponse(self._call(self._named(path)))

    def _update_call(self, path: Mapping[str, str], form: Form) -> Response:
        call = self._named(path)
        if call.parties.direction is Direction.OUTBOUND_DIAL:
            raise RestRefused(20001, "the emulator does not change the second leg of a <Dial>")
        order = twilio_orders.order(form, call)
        twilio_orders.settings(form, call)
        if order is not None:
            call.interrupt(order)
        return JSONResponse(self._call(call))

    def _list_calls(self, path: Mapping[str, str], query: Form) -> Response:
        wanted = {name: values[0] for name, values in query.items()}
        calls = [self._call(call) for call in reversed(self._services.calls.values()) if _fits(call, wanted)]
        return JSONResponse(page_json(f"{ROOT}/{path['account']}/Calls.json", "calls", calls, wanted))

    def _call(self, call: Call) -> dict[str, Any]:
        return call_json(self._services.account.sid, call, self._services.price(call))

    def _named(self, path: Mapping[str, str]) -> Call:
        call = self._services.calls.get(path["sid"])
        if call is None:
            raise RestRefused(20404, path["sid"][:40])
        return call

    # Numbers.

    def _list_numbers(self, path: Mapping[str, str], query: Form) -> Response:
        wanted = {name: values[0] for name, values in query.items()}
        sid = self._services.account.sid
        shown = [
            number_json(sid, number, phone)
            for number, phone in self._services.numbers.items()
            if wanted.get("PhoneNumber", "").lstrip("+ ") in number
            and wanted.get("FriendlyName", phone.friendly_name) == phone.friendly_name
        ]
        uri = f"{ROOT}/{path['account']}/IncomingPhoneNumbers.json"
        return JSONResponse(page_json(uri, "incoming_phone_numbers", shown, wanted))

    def _fetch_number(self, path: Mapping[str, str], _form: Form) -> Response:
        number, phone = self._number(path)
        return JSONResponse(number_json(self._services.account.sid, number, phone))

    def _update_number(self, path: Mapping[str, str], form: Form) -> Response:
        number, phone = self._number(path)
        for name, attribute in _NUMBER_TEXTS.items():
            if name in form:
                setattr(phone, attribute, form[name][0])
        if "VoiceCallerIdLookup" in form:
            phone.voice_caller_id_lookup = form["VoiceCallerIdLookup"][0].lower() == "true"
        # https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource: one deletes the other.
        if form.get("TrunkSid", ("",))[0]:
            phone.voice_application_sid = ""
        elif form.get("VoiceApplicationSid", ("",))[0]:
            phone.trunk_sid = ""
        return JSONResponse(number_json(self._services.account.sid, number, phone))

    def _number(self, path: Mapping[str, str]) -> tuple[str, PhoneNumber]:
        for number, phone in self._services.numbers.items():
            if phone.sid == path["sid"]:
                return number, phone
        raise RestRefused(20404, path["sid"][:40])


async def _while_listened_to(request: Request, seconds: float) -> None:
    """Wait, but no longer than the client does."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await request.receive())["type"] != "http.disconnect":
                pass


async def _form(request: Request) -> Form:
    """The query of a GET, the form of a POST; repeated names keep all their values."""
    text = request.url.query
    if request.method == "POST":
        body = bytearray()
        try:
            async for chunk in request.stream():
                body.extend(chunk)
                if len(body) > MAX_FORM_BYTES:
                    raise RestRefused(20001, "the form is too large", status=413)
        except ClientDisconnect as exc:
            raise RestRefused(20001, "the client hung up") from exc
        text = body.decode(errors="replace")
    try:
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=MAX_FIELDS)
    except ValueError as exc:
        raise RestRefused(20001, "too many fields") from exc
    form: dict[str, tuple[str, ...]] = {}
    for name, value in pairs:
        form[name] = (*form.get(name, ()), value)
    return form


def _fits(call: Call, wanted: Mapping[str, str]) -> bool:
    """The filters of a list of calls (https://www.twilio.com/docs/voice/api/call-resource)."""
    status = CallStatus.QUEUED if call.status is CallStatus.INITIATED else call.status
    exact = {
        "To": call.to,
        "From": call.from_,
        "Status": status.value,
        "ParentCallSid": call.parties.parent_sid or "",
    }
    if any(wanted[name] != value for name, value in exact.items() if wanted.get(name)):
        return False
    return _within(call.started or call.created, wanted, "StartTime") and _within(
        call.ended, wanted, "EndTime"
    )


def _within(moment: datetime | None, wanted: Mapping[str, str], name: str) -> bool:
    # "StartTime>=2026-01-01" arrives as a parameter named "StartTime>".
    after, before, on = (wanted.get(f"{name}{sign}") for sign in (">", "<", ""))
    if not (after or before or on):
        return True
    if moment is None:
        return False
    if on and moment.date() != _moment(on).date():
        return False
    return (not after or moment >= _moment(after)) and (not before or moment <= _moment(before))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as exc:
        raise RestRefused(20001, f"{text[:40]!r} is not a date") from exc
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
