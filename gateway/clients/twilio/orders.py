"""What is asked of Twilio about calls: a new one, and which to list."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Final

from gateway.ids import E164, CallSid
from gateway.wire.call_status import CallStatus

EVENTS: Final = ("initiated", "ringing", "answered", "completed")
"""The steps of a call that are reported; ``completed`` stands for every way to end."""


class Detect(StrEnum):
    """How far answering machine detection listens."""

    START = "Enable"
    """Until it knows who answered."""
    MESSAGE_END = "DetectMessageEnd"
    """With a machine, on to the end of its greeting."""


@dataclass(frozen=True, slots=True)
class Detection:
    """Answering machine detection beside the call: the verdict is posted, and the call is not held for it.

    https://www.twilio.com/docs/voice/answering-machine-detection

    Attributes:
        callback_url: Where the verdict goes.
        until: How far it listens.
        timeout_s: When it gives up, 3 to 59 seconds after the answer.
        speech_ms: Speech longer than this is a machine's, 1000 to 6000.
        speech_end_ms: Silence that ends what is said, 500 to 5000.
        silence_ms: Silence at the start after which it gives up, 2000 to 10000.

    """

    callback_url: str
    until: Detect = Detect.START
    timeout_s: int = 30
    speech_ms: int = 2400
    speech_end_ms: int = 1200
    silence_ms: int = 5000


@dataclass(frozen=True, slots=True)
class Document:
    """What is done once the call is answered: TwiML of at most 4000 characters, or an address it is at."""

    twiml: str = ""
    url: str = ""

    def parameters(self) -> dict[str, str]:
        """The fields of a request that carry it."""
        return {"twiml": self.twiml} if self.twiml else {"url": self.url, "method": "POST"}


@dataclass(frozen=True, slots=True)
class NewCall:
    """A call to be placed. It is never recorded by Twilio.

    https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource

    Attributes:
        to: The number called.
        from_: The number called from, one of the account's or a verified one.
        document: What is done once the call is answered.
        status_url: Where its progress is reported, every step of it; empty for nowhere.
        detection: Answering machine detection; Twilio does none where ``send_digits`` is given.
        ring_s: How long it rings; Twilio may add five seconds.
        time_limit_s: How long the call may last; ``None`` for what the account allows.
        send_digits: Keys pressed once it is answered; ``w`` waits half a second.
        caller_id: Shown in place of ``from_``.
        fallback_url: Asked where an address of the document can't be; empty for none.

    """

    to: E164
    from_: E164
    document: Document
    status_url: str = ""
    detection: Detection | None = None
    ring_s: int = 30
    time_limit_s: int | None = None
    send_digits: str = ""
    caller_id: E164 | None = None
    fallback_url: str = ""

    def parameters(self) -> dict[str, object]:
        """The arguments of the library's call."""
        asked: dict[str, object] = {
            "to": self.to,
            "from_": self.from_,
            "timeout": self.ring_s,
            "record": False,
        }
        asked |= self.document.parameters()
        if self.status_url:
            asked |= {
                "status_callback": self.status_url,
                "status_callback_method": "POST",
                "status_callback_event": list(EVENTS),
            }
        if self.fallback_url:
            asked |= {"fallback_url": self.fallback_url, "fallback_method": "POST"}
        if self.time_limit_s is not None:
            asked["time_limit"] = self.time_limit_s
        if self.caller_id is not None:
            asked["caller_id"] = self.caller_id
        if self.send_digits:
            asked["send_digits"] = self.send_digits
        elif self.detection is not None:
            asked |= _detecting(self.detection)
        return asked


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which calls to list; what is ``None`` does not matter. Moments are of the call's start, and aware."""

    to: str | None = None
    from_: str | None = None
    status: CallStatus | None = None
    parent_sid: CallSid | None = None
    since: datetime | None = None
    until: datetime | None = None

    def parameters(self) -> dict[str, object]:
        """The arguments of the library's list."""
        asked = {
            "to": self.to,
            "from_": self.from_,
            "status": self.status.value if self.status else None,
            "parent_call_sid": self.parent_sid,
            "start_time_after": _utc(self.since),
            "start_time_before": _utc(self.until),
        }
        return {name: value for name, value in asked.items() if value is not None}


def _utc(moment: datetime | None) -> str | None:
    # The library would write the local time of an aware moment, and "Z" behind it.
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _detecting(detection: Detection) -> dict[str, object]:
    return {
        "machine_detection": detection.until.value,
        "machine_detection_timeout": detection.timeout_s,
        "machine_detection_speech_threshold": detection.speech_ms,
        "machine_detection_speech_end_threshold": detection.speech_end_ms,
        "machine_detection_silence_timeout": detection.silence_ms,
        "async_amd": "true",
        "async_amd_status_callback": detection.callback_url,
        "async_amd_status_callback_method": "POST",
    }
