"""What Twilio's error codes mean to the gateway, and what to do next.

Twilio splits codes over time and asks not to branch on them too finely: a code that is not in this table is
judged by its HTTP status. https://www.twilio.com/docs/api/errors
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.errors import VendorError

NOT_IN_PROGRESS: Final = 21220
NOT_FOUND: Final = 20404
TOO_MANY_REQUESTS: Final = 20429
TOO_MANY_CALLS: Final = 10004


class Concern(StrEnum):
    """What a refusal is about, and so how far it reaches."""

    CREDENTIALS = "credentials"
    """Every request fails until somebody corrects a setting."""
    ACCOUNT = "account"
    """The account may not do this at all, or not yet: every call to the same kind of number fails."""
    RATE = "rate"
    """Nothing was done; the same request may succeed after a pause."""
    CALLER_ID = "caller id"
    """The number shown as the caller's is wrong: every call from it fails."""
    CALLEE = "callee"
    """This one number can't be called: another may."""
    REQUEST = "request"
    """The request itself is wrong: a fault of the gateway or of its configuration."""
    STATE = "state"
    """The call is not, or no longer, in a state that allows this."""
    NAME = "name"
    """Twilio knows nothing of this name."""


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code is about, and what to do next."""

    concern: Concern
    remedy: str


_CREDENTIALS: Final = "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or TWILIO_API_KEY and its secret)."
_VERIFY: Final = "Verify this number in Twilio's console, or upgrade the trial account."
_TRIAL_PAIR: Final = "Call from the trial number Twilio assigned to this recipient, or upgrade the account."
_GEOGRAPHY: Final = "Allow the country in Twilio's console under Voice, Settings, Geo permissions."
_OWN: Final = "Call from a number of this account, or verify this one as a caller ID in Twilio's console."
_PAUSE: Final = "Too many requests at once: they may be repeated after a pause."

CODES: Final = {
    401: Meaning(Concern.CREDENTIALS, _CREDENTIALS),
    429: Meaning(Concern.RATE, _PAUSE),
    10002: Meaning(Concern.ACCOUNT, "Upgrade the account: a trial account can't do this."),
    TOO_MANY_CALLS: Meaning(
        Concern.RATE, "Wait until calls have ended; a business profile at Twilio lifts this limit."
    ),
    13214: Meaning(Concern.CALLER_ID, _OWN),
    13224: Meaning(
        Concern.CALLEE, "Check the number dialled: it is not valid, or nobody can be reached at it."
    ),
    13227: Meaning(Concern.ACCOUNT, _GEOGRAPHY),
    13805: Meaning(Concern.ACCOUNT, "Upgrade the account: calls of a trial account end after ten minutes."),
    14111: Meaning(Concern.CALLEE, _VERIFY),
    15004: Meaning(Concern.REQUEST, "Give absolute addresses in TwiML that is sent by REST."),
    20003: Meaning(Concern.CREDENTIALS, _CREDENTIALS),
    20005: Meaning(Concern.ACCOUNT, "The account is not active: see Twilio's console for why."),
    NOT_FOUND: Meaning(Concern.NAME, "Twilio knows no such call or number in this account."),
    TOO_MANY_REQUESTS: Meaning(Concern.RATE, _PAUSE),
    21201: Meaning(Concern.REQUEST, "Give a number to call."),
    21205: Meaning(
        Concern.REQUEST,
        "See https://www.twilio.com/docs/api/errors/21205: an address has to be absolute, http or https, "
        "without an underscore in its host.",
    ),
    21208: Meaning(Concern.REQUEST, "Let the call ring for at most 600 seconds."),
    21210: Meaning(Concern.CALLER_ID, _OWN),
    21211: Meaning(Concern.CALLEE, "Check the number called: it is not a valid one."),
    21212: Meaning(Concern.CALLER_ID, "Check the number called from: it is not a valid one."),
    21213: Meaning(Concern.REQUEST, "Give a number to call from, such as TWILIO_PHONE_NUMBER."),
    21214: Meaning(Concern.CALLEE, "Check the number called: Twilio can't reach it."),
    21215: Meaning(Concern.ACCOUNT, _GEOGRAPHY),
    21216: Meaning(Concern.CALLEE, "Twilio does not let this account call the number: ask its support."),
    21217: Meaning(Concern.CALLEE, "Check the number called: it is not a telephone number."),
    21218: Meaning(Concern.REQUEST, "Check the SID of the TwiML application."),
    21219: Meaning(Concern.CALLEE, _VERIFY),
    NOT_IN_PROGRESS: Meaning(
        Concern.STATE, "The call is over or not yet answered: there is nothing to change."
    ),
    32018: Meaning(Concern.REQUEST, "Keep TwiML that is sent by REST within 4000 characters."),
    573002: Meaning(Concern.CALLER_ID, _TRIAL_PAIR),
    573005: Meaning(Concern.CALLEE, _VERIFY),
}


def concern(error: VendorError) -> Concern | None:
    """What a refusal is about; ``None`` where its code says nothing of use."""
    meaning = CODES.get(error.code or 0)
    return meaning.concern if meaning else None
