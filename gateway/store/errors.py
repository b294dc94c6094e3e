"""What goes wrong between the gateway and its database."""

from gateway.errors import Fault, GatewayError


class StoreError(GatewayError):
    """The database did not do what it was asked."""

    remedy = "See the database's own log."


class StoreUnavailable(StoreError):
    """The database is away, or slower than the deadline; whether it acted may not be known."""

    fault = Fault.OPERATOR
    retryable = True
    remedy = "Check that the database of DATABASE_URL runs and can be reached."


class RecordRefused(StoreError):
    """The database can't hold what it was given, however often it is tried."""


class CursorRefused(StoreError):
    """The cursor was not made by this list."""

    fault = Fault.PEER
    remedy = "Begin the list anew without a cursor."


class KeyReused(StoreError):
    """The idempotency key was used before, with another request."""

    fault = Fault.PEER
    remedy = "Use a new idempotency key for a new request."
