"""Errors of the gateway's tree, said as problems; what nobody expected becomes an incident."""

import math
import secrets
import traceback
from typing import Final

from pydantic import ValidationError

from gateway import logs
from gateway.errors import DialRefused, Fault, GatewayError, SettingsError, VendorError, VendorThrottled
from gateway.store.errors import CursorRefused, KeyReused, StoreUnavailable
from gateway.web.api.problem import (
    LONGEST_DETAIL,
    MOST_ERRORS,
    FieldError,
    Kind,
    Problem,
    VendorWords,
    invalid,
)

_VENDORS: Final = ("Twilio", "Vatel")
_RETRY_S: Final = 5
_LONGEST_WAIT_S: Final = 3600
_LONGEST_FIELD: Final = 100
_FRAMES: Final = 30
_ENDS: Final = (".", "!", "?")
_THROTTLED: Final = 429
_REASONS: Final = {"missing": "is required", "extra_forbidden": "is not known here"}


def problem_of(error: Exception, endpoint: str) -> Problem:
    """The problem an error means to whoever asked. An unexpected one is logged, and said to nobody."""
    match error:
        case Problem():
            return error
        case VendorError():
            return _vendor(error)
        case StoreUnavailable():
            return Problem(Kind.UNAVAILABLE, "The database does not answer; try again.", headers=_after(None))
        case SettingsError():
            return Problem(
                Kind.UNAVAILABLE, "The gateway's settings do not allow this.", headers=_after(None)
            )
        case CursorRefused():
            return invalid("cursor", with_remedy(error))
        case KeyReused():
            return invalid("Idempotency-Key", with_remedy(error))
        case DialRefused():
            return _refused(error, error.field, error.code)
        case GatewayError() if error.fault is Fault.OPERATOR:
            return _refused(error, None, None)
        case _:
            return incident(error, endpoint)


def incident(error: BaseException, endpoint: str) -> Problem:
    """Log what nobody expected: what kind it was and where. Its text may hold anything, so it stays out."""
    name = secrets.token_hex(6)
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    where = " < ".join(f"{frame.name}:{frame.lineno}" for frame in reversed(frames))
    logs.get().error(
        "api incident", incident=name, endpoint=endpoint, error=type(error).__name__, where=where
    )
    return Problem(
        Kind.INTERNAL, f"Something unexpected happened; the log has more under {name}.", incident=name
    )


def validation(error: ValidationError) -> Problem:
    """Name each field that is wrong; never what it was."""
    items = error.errors(include_url=False, include_input=False, include_context=False)
    if any(item["type"] == "json_invalid" for item in items):
        return Problem(Kind.MALFORMED, "The body is not JSON.")
    errors = [
        FieldError(
            field=".".join(str(part) for part in item["loc"])[:_LONGEST_FIELD] or "body",
            reason=_REASONS.get(item["type"]) or item["msg"].removeprefix("Value error, "),
        )
        for item in items[:MOST_ERRORS]
    ]
    detail = "; ".join(f"{each.field}: {each.reason}" for each in errors)
    return Problem(Kind.INVALID, detail[:LONGEST_DETAIL], errors=errors)


def _refused(error: GatewayError, field: str | None, code: str | None) -> Problem:
    errors = [FieldError(field=field, reason=str(error), code=code)] if field else []
    return Problem(Kind.REFUSED, with_remedy(error)[:LONGEST_DETAIL], errors=errors)


def with_remedy(error: GatewayError) -> str:
    """What is wrong, and what to do about it, as two sentences."""
    text = str(error)
    return f"{text if text.endswith(_ENDS) else text + '.'} {error.remedy}"


def _vendor(error: VendorError) -> Problem:
    text, said = str(error), logs.conceal(error.said)
    words = VendorWords(
        name=next((name for name in _VENDORS if text.startswith(name)), "vendor"),
        status=error.status,
        code=error.code,
        message=". ".join(part for part in (text, said, error.remedy) if part)[:LONGEST_DETAIL],
    )
    if isinstance(error, VendorThrottled) or error.status == _THROTTLED:
        return Problem(Kind.VENDOR_BUSY, text, vendor=words, headers=_after(error.retry_after_s))
    return Problem(Kind.VENDOR, text, vendor=words)


def _after(seconds: float | None) -> dict[str, str]:
    wait = _RETRY_S if seconds is None else min(max(1, math.ceil(seconds)), _LONGEST_WAIT_S)
    return {"Retry-After": str(wait)}
