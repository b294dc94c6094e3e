"""The form parameters of Twilio's voice requests.

https://www.twilio.com/docs/voice/twiml#twilios-request-to-your-application
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.records import CallStatus, Direction

API_VERSION = "2010-04-01"

SIP_RESPONSES = {
    CallStatus.COMPLETED: "200",
    CallStatus.BUSY: "486",
    CallStatus.NO_ANSWER: "487",
    CallStatus.CANCELED: "487",
    CallStatus.FAILED: "404",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a number is registered; Twilio sends blanks where it does not know."""

    city: str = ""
    state: str = ""
    zip: str = ""
    country: str = ""


# Longest prefix first. Blanks and letters beyond ASCII are meant: both must survive signature checks.
_PLACES = (
    ("+1415", Place("SAN FRANCISCO", "CA", "94105", "US")),
    ("+1", Place("", "NY", "", "US")),
    ("+4989", Place("MÜNCHEN", "Bayern", "", "DE")),
    ("+49", Place("", "", "", "DE")),
    ("+33", Place("Saint-Étienne", "", "", "FR")),
    ("+81", Place("東京", "", "", "JP")),
    ("+44", Place("", "", "", "GB")),
)


def place_of(number: str) -> Place:
    """Where a number is registered, as far as the emulator knows."""
    return next((place for prefix, place in _PLACES if number.startswith(prefix)), Place())


def voice_params(account_sid: str, call: Call) -> dict[str, str]:
    """The standard parameters of a request about a call, blanks included."""
    params = {
        "AccountSid": account_sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": call.status.value,
        "Direction": call.parties.direction.value,
        "From": call.from_,
        "To": call.to,
        "Caller": call.from_,
        "Called": call.to,
    }
    for name, number in (("From", call.from_), ("Caller", call.from_), ("To", call.to), ("Called", call.to)):
        place = place_of(number)
        params |= {
            f"{name}City": place.city,
            f"{name}State": place.state,
            f"{name}Zip": place.zip,
            f"{name}Country": place.country,
        }
    if call.parties.parent_sid is not None:
        params["ParentCallSid"] = call.parties.parent_sid
    if call.parties.direction is Direction.INBOUND:
        params["StirVerstat"] = "TN-Validation-Passed-A"
        params["CallToken"] = '{"parentCallInfoToken":"emulated","identityHeaderTokens":[]}'
    if call.caller_name is not None:
        params["CallerName"] = call.caller_name
    return params | call.extra


def progress_params(account_sid: str, call: Call) -> dict[str, str]:
    """The parameters of a call status callback; counts the call's sequence up.

    https://www.twilio.com/docs/voice/api/call-resource#statuscallback
    """
    params = voice_params(account_sid, call) | {
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(call.sequence),
        "Timestamp": rfc2822(datetime.now(UTC)),
    }
    call.sequence += 1
    if call.status.final:
        seconds = round(call.duration_s)
        params["CallDuration"] = str(seconds)
        params["Duration"] = str(-(-seconds // 60))
        params["SipResponseCode"] = str(call.sip_code or SIP_RESPONSES[call.status])
    if call.answered_by is not None:
        params["AnsweredBy"] = call.answered_by
    return params


def rfc2822(moment: datetime) -> str:
    """A date as the 2010 API writes it: ``Tue, 31 Aug 2010 20:36:28 +0000``."""
    return format_datetime(moment)


def iso8601(moment: datetime) -> str:
    """A date as stream callbacks write it, with milliseconds and ``Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
