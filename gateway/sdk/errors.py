"""What the client raises: one tree, made of the problems the gateway answers with (RFC 9457).

ApiError
├── Unreachable     there is no gateway at the address: nothing was done
├── Unanswered      no whole answer came: what was asked may have been done
├── Garbled         what answers is not the gateway's API
├── Unauthorized    401: no key, or none that is good
├── Forbidden       403: the key may not do this
├── NotFound        404: there is no such thing
├── Conflict        409: it contradicts what stands
├── Invalid         any other 4xx: something in the request is wrong, or refused
├── Throttled       429: too many requests; ``retry_after_s`` says how long to wait
└── Failed          5xx: the gateway, its database or a vendor failed
"""

from typing import Final

import msgspec

from gateway.errors import Fault, GatewayError

_LONGEST: Final = 1000


class FieldProblem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with one field of the request; ``code`` is the reason for programs, if there is one."""

    field: str = ""
    reason: str = ""
    code: str | None = None


class VendorSaid(msgspec.Struct, frozen=True, kw_only=True):
    """What Twilio or Vatel said, where one of them is behind the error."""

    name: str = ""
    status: int | None = None
    code: int | None = None
    message: str = ""


class ApiError(GatewayError):
    """The gateway did not do what it was asked.

    Attributes:
        status: The HTTP status; None if there was no answer.
        kind: The kind of problem, such as ``not-found``; empty where the gateway did not say.
        title: That in words.
        detail: What happened this time.
        fields: Each field that is wrong.
        vendor: What Twilio or Vatel said.
        incident: The name under which the gateway's log has more.
        retry_after_s: How long to wait before asking again, in seconds.
        idempotency_key: Of ``calls.place``: with the same key and the same arguments nobody is called twice.
    """

    fault = Fault.PEER
    remedy = "See what the gateway says of it, and its log."

    def __init__(
        self,
        message: str = "",
        *,
        status: int | None = None,
        problem: "ProblemBody | None" = None,
        retry_after_s: float | None = None,
        remedy: str | None = None,
    ) -> None:
        problem = problem or ProblemBody()
        super().__init__((message or problem.detail or problem.title)[:_LONGEST], remedy=remedy)
        self.status = status
        self.kind = problem.type.partition("#problem-")[2]
        self.title = problem.title
        self.detail = problem.detail
        self.fields = problem.errors or ()
        self.vendor = problem.vendor
        self.incident = problem.incident
        self.retry_after_s = retry_after_s
        self.idempotency_key: str | None = None


class Unreachable(ApiError):
    """There is no gateway at the address; nothing was done."""

    retryable = True
    remedy = "Check the address, and that the gateway runs."


class Unanswered(ApiError):
    """No whole answer came; what was asked may have been done."""

    remedy = "Look whether it was done before asking again; reading may be tried again at once."


class Garbled(ApiError):
    """What answers is not the gateway's API."""

    remedy = "Check that the address is the gateway's own and no proxy's page, and its version."


class Unauthorized(ApiError):
    """The gateway does not know the key (401)."""

    remedy = "Check the key: it may be over, taken back, or mistyped."


class Forbidden(ApiError):
    """The key may not do this (403)."""

    remedy = "Use a key with the scope that is named."


class NotFound(ApiError):
    """There is no such thing (404)."""

    remedy = "Check the name against the list."


class Conflict(ApiError):
    """It contradicts what stands (409)."""

    remedy = "Look at how it stands before asking again."


class Invalid(ApiError):
    """Something in the request is wrong, or is not done here (4xx)."""

    remedy = "Correct what is named and ask again."


class Throttled(ApiError):
    """Too many requests (429)."""

    retryable = True
    remedy = "Wait before asking again."


class Failed(ApiError):
    """The gateway, its database or a vendor failed (5xx)."""

    remedy = "Try again later; the gateway's log has more."


class ProblemBody(msgspec.Struct, frozen=True, kw_only=True):
    """A problem as it comes; whatever is missing is empty."""

    type: str = ""
    title: str = ""
    detail: str = ""
    errors: tuple[FieldProblem, ...] | None = None
    vendor: VendorSaid | None = None
    incident: str | None = None


_BY_STATUS: Final[dict[int, type[ApiError]]] = {
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    429: Throttled,
}


def refusal(status: int, body: bytes, retry_after: str = "") -> ApiError:
    """The error an answer means that is not 2xx. Whatever the body is, this does not raise."""
    wait = float(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
    if not 400 <= status < 600:
        return Garbled(f"the address answers with status {status}, which the API never does", status=status)
    kind = _BY_STATUS.get(status, Failed if status >= 500 else Invalid)
    try:
        problem = msgspec.json.decode(body, type=ProblemBody)
    except (msgspec.MsgspecError, UnicodeError):
        return kind(f"the address answers with status {status} and no reason", status=status)
    remedy = problem.vendor.message if problem.vendor and problem.vendor.message else None
    return kind(status=status, problem=problem, retry_after_s=wait, remedy=remedy)
