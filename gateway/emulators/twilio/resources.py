"""The REST API's resources as JSON (https://www.twilio.com/docs/voice/api/call-resource)."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.errors import RestRefused
from gateway.emulators.twilio.params import API_VERSION, rfc2822
from gateway.emulators.twilio.records import CallStatus
from gateway.emulators.twilio.services import Account, PhoneNumber

ROOT = f"/{API_VERSION}/Accounts"
PAGE_SIZE, MAX_PAGE_SIZE = 50, 1000
_CALL_PARTS = {
    "notifications": "Notifications",
    "recordings": "Recordings",
    "payments": "Payments",
    "events": "Events",
    "siprec": "Siprec",
    "streams": "Streams",
    "transcriptions": "Transcriptions",
    "user_defined_message_subscriptions": "UserDefinedMessageSubscriptions",
    "user_defined_messages": "UserDefinedMessages",
}
_STARTED = datetime.now(UTC)


def call_json(account_sid: str, call: Call, price: str | None = None) -> dict[str, Any]:
    """A Call."""
    uri = f"{ROOT}/{account_sid}/Calls/{call.sid}"
    # The resource knows no "initiated", and of a machine only that it is one.
    status = CallStatus.QUEUED if call.status is CallStatus.INITIATED else call.status
    answered_by = "machine" if (call.answered_by or "").startswith("machine") else call.answered_by
    return {
        "sid": call.sid,
        "account_sid": account_sid,
        "parent_call_sid": call.parties.parent_sid,
        "phone_number_sid": call.parties.number_sid,
        "to": call.to,
        "to_formatted": _formatted(call.to),
        "from": call.from_,
        "from_formatted": _formatted(call.from_),
        "status": status.value,
        "direction": call.parties.direction.value,
        "answered_by": answered_by,
        "caller_name": call.caller_name,
        "date_created": rfc2822(call.created),
        "date_updated": rfc2822(call.updated),
        "start_time": rfc2822(call.started) if call.started else None,
        "end_time": rfc2822(call.ended) if call.ended else None,
        "duration": str(round(call.duration_s)) if call.ended else None,
        "price": price,
        "price_unit": "USD",
        "api_version": API_VERSION,
        "forwarded_from": None,
        "group_sid": None,
        "queue_time": str(round(call.queued_s * 1000)),
        "trunk_sid": None,
        "uri": f"{uri}.json",
        "subresource_uris": {name: f"{uri}/{part}.json" for name, part in _CALL_PARTS.items()},
    }


def number_json(account_sid: str, number: str, phone: PhoneNumber) -> dict[str, Any]:
    """An IncomingPhoneNumber."""
    return {
        "sid": phone.sid,
        "account_sid": account_sid,
        "phone_number": number,
        "friendly_name": phone.friendly_name or _formatted(number),
        "voice_url": phone.voice_url,
        "voice_method": phone.voice_method,
        "voice_fallback_url": phone.voice_fallback_url,
        "voice_fallback_method": phone.voice_fallback_method,
        "status_callback": phone.status_callback,
        "status_callback_method": phone.status_callback_method,
        "voice_application_sid": phone.voice_application_sid,
        "trunk_sid": phone.trunk_sid or None,
        "voice_caller_id_lookup": phone.voice_caller_id_lookup,
        "voice_receive_mode": "voice",
        "sms_application_sid": "",
        "sms_fallback_method": "POST",
        "sms_fallback_url": "",
        "sms_method": "POST",
        "sms_url": "",
        "address_sid": None,
        "address_requirements": "none",
        "api_version": API_VERSION,
        "beta": False,
        "capabilities": {"voice": True, "sms": False, "mms": False, "fax": False},
        "date_created": rfc2822(_STARTED),
        "date_updated": rfc2822(_STARTED),
        "identity_sid": None,
        "origin": "twilio",
        "emergency_status": "Inactive",
        "emergency_address_sid": None,
        "emergency_address_status": "unregistered",
        "bundle_sid": None,
        "status": "in-use",
        "type": "local",
        "uri": f"{ROOT}/{account_sid}/IncomingPhoneNumbers/{phone.sid}.json",
    }


def account_json(account: Account) -> dict[str, Any]:
    """An Account; its token is never shown."""
    uri = f"{ROOT}/{account.sid}"
    return {
        "sid": account.sid,
        "owner_account_sid": account.sid,
        "auth_token": None,
        "friendly_name": "Emulated account",
        "status": "active",
        "type": "Full",
        "date_created": rfc2822(_STARTED),
        "date_updated": rfc2822(_STARTED),
        "uri": f"{uri}.json",
        "subresource_uris": {
            "calls": f"{uri}/Calls.json",
            "incoming_phone_numbers": f"{uri}/IncomingPhoneNumbers.json",
        },
    }


def page_json(
    path: str, key: str, items: Sequence[Mapping[str, Any]], query: Mapping[str, str]
) -> dict[str, Any]:
    """One page of a list, with the way to its neighbours.

    https://www.twilio.com/docs/usage/twilios-response#pagination
    """
    size = min(max(1, _whole(query, "PageSize", PAGE_SIZE)), MAX_PAGE_SIZE)
    page = _whole(query, "Page", 0)
    start = page * size
    shown = items[start : start + size]
    more = start + size < len(items)
    kept = {name: value for name, value in query.items() if name not in ("PageSize", "Page", "PageToken")}

    def uri(number: int) -> str:
        token = {"PageToken": f"PA{number}"} if number else {}
        return f"{path}?{urlencode(kept | {'PageSize': str(size), 'Page': str(number)} | token)}"

    return {
        key: list(shown),
        "page": page,
        "page_size": size,
        "start": start,
        "end": start + max(0, len(shown) - 1),
        "uri": uri(page),
        "first_page_uri": uri(0),
        "next_page_uri": uri(page + 1) if more else None,
        "previous_page_uri": uri(page - 1) if page else None,
    }


def _whole(query: Mapping[str, str], name: str, default: int) -> int:
    value = query.get(name, "")
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and len(value) < 7):
        raise RestRefused(20001, f"{name} is not a number")
    return int(value)


def _formatted(number: str) -> str:
    american = re.fullmatch(r"\+1(\d{3})(\d{3})(\d{4})", number)
    return "({}) {}-{}".format(*american.groups()) if american else number
