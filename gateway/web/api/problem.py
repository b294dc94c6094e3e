"""What goes wrong with a request, as RFC 9457 writes it: ``application/problem+json``.

https://www.rfc-editor.org/rfc/rfc9457
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from gateway.errors import Fault, GatewayError

MEDIA_TYPE: Final = "application/problem+json"
LONGEST_DETAIL: Final = 500
MOST_ERRORS: Final = 50


class Kind(Enum):
    """A kind of problem: its name in addresses, its HTTP status, its title."""

    MALFORMED = "malformed", 400, "The request can't be read"
    UNAUTHORIZED = "unauthorized", 401, "No key, or none that is good"
    FORBIDDEN = "forbidden", 403, "The key is not allowed to do this"
    NOT_FOUND = "not-found", 404, "There is no such thing"
    METHOD = "method-not-allowed", 405, "This address takes other methods"
    TOO_SLOW = "request-timeout", 408, "The request took too long to arrive"
    CONFLICT = "conflict", 409, "It contradicts what stands"
    TOO_LARGE = "too-large", 413, "The request is too large"
    MEDIA = "unsupported-media-type", 415, "The body is not of a type taken here"
    RANGE = "range-not-satisfiable", 416, "The file has no such part"
    INVALID = "invalid", 422, "Something in the request is wrong"
    REFUSED = "refused", 422, "The gateway does not do this"
    THROTTLED = "too-many-requests", 429, "Too many requests"
    INTERNAL = "internal", 500, "The gateway failed"
    VENDOR = "vendor", 502, "A vendor did not do what it was asked"
    UNAVAILABLE = "unavailable", 503, "This can't be served at present"
    VENDOR_BUSY = "vendor-busy", 503, "A vendor asks to slow down"

    def __init__(self, slug: str, status: int, title: str) -> None:
        self.slug = slug
        self.status = status
        self.title = title

    @property
    def uri(self) -> str:
        """Its ``type``: a place of the documentation page."""
        return f"/docs#problem-{self.slug}"


class FieldError(BaseModel):
    """What is wrong with one field."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(
        description="The field: a parameter's name, or the way to a value in the body.", examples=["to"]
    )
    reason: str = Field(description="What is wrong with it, in words.", examples=["is required"])
    code: str | None = Field(None, description="The reason as a code, where there is one.")


class VendorWords(BaseModel):
    """What a vendor said."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="The vendor.", examples=["Twilio"])
    status: int | None = Field(None, description="The HTTP status it answered with, if it answered.")
    code: int | None = Field(None, description="Its own code of the error.", examples=[21211])
    message: str = Field(description="What it said, and what may be done about it.")


class ProblemAnswer(BaseModel):
    """A problem, as RFC 9457 writes it."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(
        description="The kind of problem, an address on this server.", examples=["/docs#problem-invalid"]
    )
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What happened this time, and what to do.")
    errors: tuple[FieldError, ...] | None = Field(None, description="Each field that is wrong.")
    vendor: VendorWords | None = Field(None, description="What the vendor said, if it was one.")
    incident: str | None = Field(None, description="A name under which the gateway's log has more.")


class Problem(GatewayError):
    """The API does not do what it was asked; handlers raise it, the door answers with it.

    ``raise Problem(Kind.NOT_FOUND, "There is no call of this id.")``
    """

    fault = Fault.PEER
    remedy = "Read the problem's detail."

    def __init__(
        self,
        kind: Kind,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        vendor: VendorWords | None = None,
        incident: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = tuple(errors[:MOST_ERRORS])
        self.vendor = vendor
        self.incident = incident
        self.headers = dict(headers or {})

    def answer(self) -> ProblemAnswer:
        """What goes out."""
        return ProblemAnswer(
            type=self.kind.uri,
            title=self.kind.title,
            status=self.kind.status,
            detail=self.detail[:LONGEST_DETAIL],
            errors=self.errors or None,
            vendor=self.vendor,
            incident=self.incident,
        )


def invalid(field: str, reason: str, code: str | None = None) -> Problem:
    """One field is wrong."""
    return Problem(
        Kind.INVALID,
        f"{field}: {reason}"[:LONGEST_DETAIL],
        errors=[FieldError(field=field, reason=reason, code=code)],
    )


def not_found(what: str) -> Problem:
    """There is no such thing: ``not_found("call")``."""
    return Problem(Kind.NOT_FOUND, f"There is no such {what}.")
