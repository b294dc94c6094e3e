"""The JSON of Media Streams as Twilio writes it, and as strictly as Twilio reads it.

https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gateway.errors import WireError

UNDECODABLE = 31950
INVALID = 31951


@dataclass(frozen=True, slots=True)
class Media:
    """Audio to play: raw mu-law of any length."""

    payload: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Mark:
    """A name to return once everything before it has been played."""

    name: str


@dataclass(frozen=True, slots=True)
class Clear:
    """Empty the queue."""


FromServer = Media | Mark | Clear


class Complaint(WireError):
    """A message from the server Twilio would warn about.

    Attributes:
        code: Twilio's warning: 31950 undecodable, 31951 invalid message.

    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class StreamNames:
    """Who the stream belongs to, and what the TwiML gave it to say."""

    account_sid: str
    call_sid: str
    stream_sid: str
    parameters: Mapping[str, str] = field(default_factory=dict)


_SHAPES: dict[str, tuple[frozenset[str], str | None, str | None]] = {
    "media": (frozenset({"event", "streamSid", "media"}), "media", "payload"),
    "mark": (frozenset({"event", "streamSid", "mark"}), "mark", "name"),
    "clear": (frozenset({"event", "streamSid"}), None, None),
}


def parse(raw: str | bytes, stream_sid: str) -> FromServer:
    """Read a message of the server, unforgivingly.

    Raises:
        Complaint: With warning 31950 or 31951: Twilio would drop the message.

    """
    if isinstance(raw, bytes):
        raise Complaint(UNDECODABLE, "binary frame")
    message = _object(raw)
    event = message.get("event")
    if not isinstance(event, str) or event not in _SHAPES:
        raise Complaint(INVALID, f"unsupported event {str(event)[:40]!r}")
    keys, inner, field_name = _SHAPES[event]
    if message.keys() != keys:
        wrong = sorted(str(key)[:40] for key in message.keys() ^ keys)
        raise Complaint(INVALID, f"{event}: missing or unexpected fields {wrong[:8]}")
    if message["streamSid"] != stream_sid:
        raise Complaint(INVALID, f"{event}: streamSid of another stream")
    if inner is None or field_name is None:
        return Clear()
    value = _only(message[inner], event, field_name)
    return Media(_decoded(value)) if event == "media" else Mark(value)


def _object(raw: str) -> dict[str, Any]:
    try:
        message = json.loads(raw)
    except (ValueError, RecursionError) as exc:
        raise Complaint(INVALID, "not JSON") from exc
    if not isinstance(message, dict):
        raise Complaint(INVALID, "not a JSON object")
    return message


def _only(body: Any, event: str, name: str) -> str:
    if not isinstance(body, dict) or body.keys() != {name}:
        raise Complaint(INVALID, f"{event}: its body must hold {name!r} and nothing else")
    value = body[name]
    if not isinstance(value, str):
        raise Complaint(INVALID, f"{event}: {name!r} must be a string")
    return value


def _decoded(payload: str) -> bytes:
    try:
        audio = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError) as exc:
        raise Complaint(UNDECODABLE, "payload is not base64") from exc
    if not audio:
        raise Complaint(INVALID, "payload is empty")
    return audio


class Script:
    """Writes what Twilio says on one stream; sequence numbers and chunks count up, as strings."""

    def __init__(self, names: StreamNames) -> None:
        self._names = names
        self._sequence = 0
        self._chunk = 0

    def connected(self) -> str:
        """The first message: no streamSid, no sequence number."""
        return _text({"event": "connected", "protocol": "Call", "version": "1.0.0"})

    def start(self) -> str:
        """Who calls, in which form the audio comes, and the TwiML's parameters."""
        body = {
            "accountSid": self._names.account_sid,
            "streamSid": self._names.stream_sid,
            "callSid": self._names.call_sid,
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            "customParameters": dict(self._names.parameters),
        }
        return self._numbered("start", "start", body)

    def media(self, payload: bytes, timestamp_ms: int) -> str:
        """Caller audio; its presentation time counts from the stream's beginning."""
        self._chunk += 1
        body = {
            "track": "inbound",
            "chunk": str(self._chunk),
            "timestamp": str(timestamp_ms),
            "payload": base64.b64encode(payload).decode(),
        }
        return self._numbered("media", "media", body)

    def dtmf(self, digit: str) -> str:
        """A key the caller pressed."""
        return self._numbered("dtmf", "dtmf", {"track": "inbound_track", "digit": digit})

    def mark(self, name: str) -> str:
        """A mark on its way back."""
        return self._numbered("mark", "mark", {"name": name})

    def stop(self) -> str:
        """The stream is over."""
        body = {"accountSid": self._names.account_sid, "callSid": self._names.call_sid}
        return self._numbered("stop", "stop", body)

    def _numbered(self, event: str, key: str, body: Mapping[str, object]) -> str:
        self._sequence += 1
        return _text(
            {
                "event": event,
                "sequenceNumber": str(self._sequence),
                "streamSid": self._names.stream_sid,
                key: body,
            }
        )


def _text(message: Mapping[str, object]) -> str:
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False)
