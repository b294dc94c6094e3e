"""The tree of errors. Each says whose fault it is, whether trying again is safe, and what to do next.

GatewayError
├── SettingsError           the operator's: a setting is missing or wrong
├── BridgeError             ours: the core was driven against its rules
├── WireError               the peer's: a message breaks its protocol
├── Refused                 the peer's: a door stays shut
│   ├── SignatureRefused
│   └── TicketRefused
├── VendorError             the vendor's, or the network's on the way to it
│   ├── VendorTimeout
│   ├── VendorUnreachable
│   ├── VendorRejected
│   └── VendorUnusable
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
    """A vendor did not do what it was asked."""

    fault = Fault.VENDOR

    def __init__(
        self,
        message: str = "",
        *,
        remedy: str | None = None,
        status: int | None = None,
        code: int | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message, remedy=remedy)
        self.status = status
        self.code = code
        self.retry_after_s = retry_after_s


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


class VendorUnusable(VendorError):
    """The vendor's answer is of no use: not the documented form, or a failure of its own."""

    retryable = True
    remedy = "Check the vendor's status page; the request may be tried again."


class ToolError(GatewayError):
    """A tool failed, or its answer is of no use."""

    fault = Fault.TOOL
    remedy = "See the log of the tool's own service."

    def __init__(self, message: str = "", *, code: str = "failed", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.code = code
