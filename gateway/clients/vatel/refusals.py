"""What Vatel's refusals mean: an error for each status, and what to do about it."""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from gateway.clients.http import Answer
from gateway.errors import (
    VendorConflict,
    VendorError,
    VendorForbidden,
    VendorNotFound,
    VendorRejected,
    VendorThrottled,
    VendorUnauthorized,
    VendorUnavailable,
    VendorUnusable,
    VendorUpstream,
)

_KINDS: Final[Mapping[int, type[VendorError]]] = {
    401: VendorUnauthorized,
    403: VendorForbidden,
    404: VendorNotFound,
    409: VendorConflict,
    429: VendorThrottled,
    502: VendorUpstream,
    503: VendorUnavailable,
}
_REMEDIES: Final[Mapping[int, str]] = {
    401: "Check VATEL_API_KEY: Vatel does not know it.",
    403: "What the request names belongs to another organization than VATEL_API_KEY.",
    404: "Vatel has nothing of this id in the organization of VATEL_API_KEY.",
    429: "Vatel asks to slow down; check the limits of the organization.",
}
_LONGEST_REASON: Final = 200
_HIDDEN: Final = "…"


class _Refusal(msgspec.Struct):
    error: str = ""


def refusal(answer: Answer, remedies: Mapping[int, str], hidden: Sequence[str] = ()) -> VendorError:
    """The error for an answer that is none of success.

    Args:
        answer: What Vatel answered.
        remedies: What to do, by status, where this operation knows better.
        hidden: What the request held and the error may not repeat, though Vatel may.
    """
    status = answer.status
    kind = _KINDS.get(status) or (VendorRejected if 400 <= status < 500 else VendorUnusable)
    return kind(
        f"Vatel answered {status}",
        remedy=remedies.get(status, _REMEDIES.get(status)),
        status=status,
        retry_after_s=answer.retry_after_s,
        said=_reason(answer.body, hidden),
    )


def _reason(body: bytes, hidden: Sequence[str]) -> str:
    try:
        reason = msgspec.json.decode(body, type=_Refusal).error
    except (msgspec.MsgspecError, RecursionError, UnicodeError):  # 400 and 401 may have no body at all
        return ""
    for text in filter(None, hidden):
        reason = reason.replace(text, _HIDDEN)
    return reason[:_LONGEST_REASON]
