"""The tree of errors. Each says whose fault it is, whether trying again is safe, and what to do next.

GatewayError
├── SettingsError           the operator's: a setting is missing or wrong
├── DialRefused             the operator's: this number may not be called
├── TemplateError           the operator's: a text with places for values is malformed
├── EgressRefused           the operator's: this address may not be asked
├── BridgeError             ours: the core was driven against its rules
├── WireError               the peer's: a message breaks its protocol
├── Refused                 the peer's: a door stays shut
│   ├── SignatureRefused
│   └── TicketRefused
├── VendorError             the vendor's, or the network's on the way to it
│   ├── VendorTimeout
│   ├── VendorUnreachable
│   ├── VendorRejected      this request will not do, now or later
│   │   ├── VendorUnauthorized
│   │   ├── VendorForbidden
│   │   ├── VendorNotFound
│   │   └── VendorConflict
│   └── VendorUnusable      another time it may do
│       ├── VendorThrottled
│       ├── VendorUpstream
│       ├── VendorUnavailable
│       └── VendorGarbled
├── EndpointError           the peer's: an endpoint that is not ours did not take what it was sent
│   ├── EndpointFailed      another time it may
│   │   └── EndpointTimeout
│   └── EndpointRejected    it will not, now or later
│       └── EndpointGone
└── ToolError               the tool's: it failed, or its answer is of no use
"""

from enum import StrEnum
from typing import ClassVar


class Fault(StrEnum):
    """Whose fault an error is."""

    OPERATOR = "operator"
    GATEWAY = "gateway"
    PEER = "peer"
    VENDOR = "vendor"
    TOOL = "tool"


class GatewayError(Exception):
    """Something went wrong in the gateway."""

    fault: ClassVar[Fault] = Fault.GATEWAY
    retryable: ClassVar[bool] = False
    remedy: str = "See the log for what happened before."

    def __init__(self, message: str = "", *, remedy: str | None = None) -> None:
        super().__init__(message or (type(self).__doc__ or "").partition("\n")[0])
        if remedy is not None:
            self.remedy = remedy


class SettingsError(GatewayError):
    """A setting is missing or wrong."""

    fault = Fault.OPERATOR
    remedy = "Correct the setting and start again."


class DialRefused(GatewayError):
    """The gateway does not call this number."""

    fault = Fault.OPERATOR
    remedy = "Give a number such as +14155550100, of a country and a kind that may be called."

    def __init__(
        self, message: str = "", *, code: str = "refused", field: str = "to", remedy: str | None = None
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
        self.field = field


class TemplateError(GatewayError):
    """A text with places for values is malformed."""

    fault = Fault.OPERATOR
    remedy = "Write places as {{name}} or {{name|what to say without}}."

    def __init__(self, message: str = "", *, at: int = 0, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.at = at


class EgressRefused(GatewayError):
    """The gateway does not connect to this address."""

    fault = Fault.OPERATOR
    remedy = "Give an https address of a public host, or list a host of your own network as an allowed one."

    def __init__(self, message: str = "", *, code: str = "refused", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code


class BridgeError(GatewayError):
    """The bridge was driven against its rules."""

    remedy = "This is a bug of the gateway: please report it with the log of the call."


class WireError(GatewayError):
    """The peer broke its protocol."""

    fault = Fault.PEER
    remedy = "The message was dropped; nothing needs to be done unless it recurs."


class Refused(GatewayError):
    """The door stays shut."""

    fault = Fault.PEER


class SignatureRefused(Refused):
    """The request is not signed by Twilio."""

    remedy = "Check that PUBLIC_URL is the address Twilio calls, and TWILIO_AUTH_TOKEN the primary token."


class TicketRefused(Refused):
    """The stream brings no valid ticket."""

    remedy = "A ticket opens one stream of one call within a minute of the webhook that issued it."


class VendorError(GatewayError):
    """A vendor did not do what it was asked.

    ``said`` is what it wrote, which may quote anything that was sent: for whoever asked, not for a log.
    """

    fault = Fault.VENDOR

    def __init__(
        self,
        message: str = "",
        *,
        remedy: str | None = None,
        status: int | None = None,
        code: int | None = None,
        retry_after_s: float | None = None,
        said: str = "",
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s
        self.said = said


class VendorTimeout(VendorError):
    """The vendor did not answer in time; whether it acted is not known."""

    retryable = True
    remedy = "Check the vendor's status page and the network between."


class VendorUnreachable(VendorError):
    """The vendor could not be reached, so nothing was done."""

    retryable = True
    remedy = "Check the base URL, DNS, and that outgoing connections are allowed."


class VendorRejected(VendorError):
    """The vendor refused the request."""

    remedy = "Check the credentials and the identifiers in the request."


class VendorUnauthorized(VendorRejected):
    """The vendor does not know the credentials (401)."""

    remedy = "Check the vendor's key in the settings."


class VendorForbidden(VendorRejected):
    """The vendor knows the credentials and denies what was asked (403)."""

    remedy = "Check that what is named in the request belongs to the account of the credentials."


class VendorNotFound(VendorRejected):
    """The vendor knows nothing of this name (404)."""

    remedy = "Check the identifiers in the request."


class VendorConflict(VendorRejected):
    """The request contradicts what stands at the vendor already (409)."""

    remedy = "Look at what stands there before asking again: it may be what was wanted."


class VendorUnusable(VendorError):
    """The vendor's answer is of no use: not the documented form, or a failure of its own."""

    retryable = True
    remedy = "Check the vendor's status page; the request may be tried again."


class VendorThrottled(VendorUnusable):
    """The vendor asks to slow down (429); ``retry_after_s`` says for how long, if it said so."""

    remedy = "Ask less often, or have the vendor raise the limits of the account."


class VendorUpstream(VendorUnusable):
    """Somebody the vendor relies on failed it (502)."""

    remedy = "Check what the vendor was to reach for us, and its status page; then try again."


class VendorUnavailable(VendorUnusable):
    """The vendor can't serve this at present (503)."""

    remedy = "Check the vendor's status page; the request may be tried again later."


class VendorGarbled(VendorUnusable):
    """The vendor's answer is not of the documented form."""

    remedy = "Check that the base URL leads to the vendor and not to a proxy's page; then its status page."


class EndpointError(GatewayError):
    """An endpoint did not take what it was sent."""

    fault = Fault.PEER
    remedy = "See the log of the endpoint's own service."

    def __init__(
        self,
        message: str = "",
        *,
        remedy: str | None = None,
        status: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.retry_after_s = retry_after_s


class EndpointFailed(EndpointError):
    """The endpoint could not be reached, did not answer in time, or failed; it may be tried again."""

    retryable = True
    remedy = "Check that the endpoint runs, can be reached from here, and answers in time."


class EndpointTimeout(EndpointFailed):
    """The endpoint did not answer in time; whether it acted is not known."""


class EndpointRejected(EndpointError):
    """The endpoint does not take this, now or later."""

    remedy = "Check the address and the secret of the endpoint, and that it answers with a status 2xx."


class EndpointGone(EndpointRejected):
    """The endpoint is gone and wants nothing more (410)."""

    remedy = "Take the address out of the settings, or give the new one."


class ToolError(GatewayError):
    """A tool failed, or its answer is of no use."""

    fault = Fault.TOOL
    remedy = "See the log of the tool's own service."

    def __init__(self, message: str = "", *, code: str = "failed", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
