"""What Twilio tells of calls, numbers and recordings, as values."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NewType

from gateway.ids import E164, CallSid
from gateway.wire.call_status import AnsweredBy, CallStatus

NumberSid = NewType("NumberSid", str)
"""Twilio's name of a number of the account: ``PN`` and 32 hexadecimal digits."""

RecordingSid = NewType("RecordingSid", str)
"""Twilio's name of a recording: ``RE`` and 32 hexadecimal digits."""

_SID: Final = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}\Z")


@dataclass(frozen=True, slots=True)
class CallRecord:
    """A call as Twilio lists it; ``None`` and ``""`` stand for what it does not know (yet).

    ``price`` is an amount of ``price_unit`` as Twilio writes it, negative for what is charged; it comes some
    time after the end. https://www.twilio.com/docs/voice/api/call-resource
    """

    sid: CallSid
    status: CallStatus
    to: str = ""
    from_: str = ""
    direction: str = ""
    parent_sid: CallSid | None = None
    answered_by: AnsweredBy | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    duration_s: int | None = None
    queue_ms: int | None = None
    price: Decimal | None = None
    price_unit: str = ""


@dataclass(frozen=True, slots=True)
class Routing:
    """Where the calls to a number go: all that is needed to remember a configuration and to restore it.

    A trunk takes the calls before an application, and that before the address; setting the one deletes the
    other. https://www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource
    """

    voice_url: str = ""
    voice_method: str = "POST"
    voice_fallback_url: str = ""
    voice_fallback_method: str = "POST"
    status_callback: str = ""
    status_callback_method: str = "POST"
    voice_application_sid: str = ""
    trunk_sid: str = ""

    @property
    def destination(self) -> str:
        """What takes the calls: the SID of a trunk or an application, else the address; it may be empty."""
        return self.trunk_sid or self.voice_application_sid or self.voice_url


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number of the account. ``voice`` says whether it can be called at all."""

    sid: NumberSid
    number: E164
    name: str
    voice: bool
    routing: Routing


@dataclass(frozen=True, slots=True)
class Recording:
    """A recording of a call; ``status`` is in Twilio's words, ``completed`` once there is sound to fetch."""

    sid: RecordingSid
    call_sid: CallSid
    status: str
    channels: int | None = None
    duration_s: int | None = None
    started_at: datetime | None = None
    error_code: int | None = None


def call_record(found: Any) -> CallRecord:
    """Read the library's call.

    Raises:
        ValueError: it has no SID.
    """
    parent = _text(found.parent_call_sid)
    return CallRecord(
        sid=CallSid(_sid(found.sid, "CA")),
        status=CallStatus(_text(found.status)),
        to=_text(found.to),
        from_=_text(found._from),  # noqa: SLF001 - the library's name for what Python reserves
        direction=_text(found.direction),
        parent_sid=CallSid(parent) if parent else None,
        answered_by=AnsweredBy(_text(found.answered_by)) if found.answered_by else None,
        created_at=_moment(found.date_created),
        started_at=_moment(found.start_time),
        ended_at=_moment(found.end_time),
        duration_s=_whole(found.duration),
        queue_ms=_whole(found.queue_time),
        price=_amount(found.price),
        price_unit=_text(found.price_unit),
    )


def phone_number(found: Any) -> PhoneNumber:
    """Read the library's number.

    Raises:
        ValueError: it has no SID or is no number.
    """
    number = _text(found.phone_number)
    if not number:
        raise ValueError("a number without digits")
    capabilities = found.capabilities if isinstance(found.capabilities, dict) else {}
    routing = Routing(
        voice_url=_text(found.voice_url),
        voice_method=_text(found.voice_method) or "POST",
        voice_fallback_url=_text(found.voice_fallback_url),
        voice_fallback_method=_text(found.voice_fallback_method) or "POST",
        status_callback=_text(found.status_callback),
        status_callback_method=_text(found.status_callback_method) or "POST",
        voice_application_sid=_text(found.voice_application_sid),
        trunk_sid=_text(found.trunk_sid),
    )
    return PhoneNumber(
        sid=NumberSid(_sid(found.sid, "PN")),
        number=E164(number),
        name=_text(found.friendly_name),
        voice=capabilities.get("voice") is not False,
        routing=routing,
    )


def recording(found: Any) -> Recording:
    """Read the library's recording.

    Raises:
        ValueError: it has no SID.
    """
    return Recording(
        sid=RecordingSid(_sid(found.sid, "RE")),
        call_sid=CallSid(_text(found.call_sid)),
        status=_text(found.status),
        channels=_whole(found.channels),
        duration_s=_whole(found.duration),
        started_at=_moment(found.start_time) or _moment(found.date_created),
        error_code=_whole(found.error_code),
    )


def _sid(value: object, prefix: str) -> str:
    if not isinstance(value, str) or not _SID.match(value) or not value.startswith(prefix):
        raise ValueError(f"no SID of the form {prefix}...")
    return value


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _whole(value: object) -> int | None:
    text = str(value) if isinstance(value, int | str) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None


def _amount(value: object) -> Decimal | None:
    try:
        amount = Decimal(value) if isinstance(value, str) and len(value) < 30 else None
    except InvalidOperation:
        return None
    return amount if amount is not None and amount.is_finite() else None


def _moment(value: object) -> datetime | None:
    return value.astimezone(UTC) if isinstance(value, datetime) else None
