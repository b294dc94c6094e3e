"""What goes wrong with numbers that is neither a vendor's fault nor the database's.

NumberError
├── NumberMalformed     what stands for a number is none
├── NumberUnknown       nobody knows the number
├── RouteUnknown        the number has no route of its own
├── NumberRefused       something in the request will not do; ``field`` says what
├── NumberBusy          another request is changing the number at this moment
└── ConnectedElsewhere  the number's calls go where this gateway did not send them; ``there`` says where
"""

from gateway.errors import Fault, GatewayError, VendorUnusable


class NumberError(GatewayError):
    """This can't be done with the number."""

    fault = Fault.OPERATOR


class NumberMalformed(NumberError):
    """This is not a telephone number in international form."""

    remedy = "Write the number as +14155550100."


class NumberUnknown(NumberError):
    """The Twilio account has no such number, and nothing is known of it here."""

    remedy = "Check the number against the list of numbers, and TWILIO_ACCOUNT_SID."


class RouteUnknown(NumberError):
    """The number has no route of its own: it is answered as the settings say."""

    remedy = "Put a route, or leave the number to the settings."


class NumberRefused(NumberError):
    """Something in the request will not do."""

    remedy = "Correct the field and ask again."

    def __init__(self, message: str = "", *, field: str = "", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.field = field


class NumberBusy(NumberError):
    """Another request is connecting or disconnecting this number."""

    retryable = True
    remedy = "Ask again in a moment."


class ConnectedElsewhere(NumberError):
    """The number's calls go where this gateway did not send them.

    ``there`` is what takes them: the SID of a trunk or an application, or an address; empty for nothing.
    """

    remedy = "Look at what takes the calls now; with force, what was there before the connect is restored."

    def __init__(self, message: str = "", *, there: str = "", remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.there = there


class RoutingNotTaken(VendorUnusable):
    """Twilio has another configuration of the number than it was just given."""

    remedy = "Somebody else may be changing the number: look at it in Twilio's console, then ask again."
