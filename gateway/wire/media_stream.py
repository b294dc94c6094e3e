"""The messages of a Twilio media stream: text to typed values, and back.

Tolerant in what is read (numbers as strings or as numbers, unknown fields, unknown events), strict in
what is written (three messages, no extra key): https://www.twilio.com/docs/voice/media-streams/websocket-messages
"""

import re
from binascii import b2a_base64
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from gateway.errors import WireError
from gateway.ids import AccountSid, CallSid, MarkName, StreamSid
from gateway.wire.kinds import UNREADABLE, Kinds

LARGEST_PAYLOAD: Final = 8000
"""Bytes of one media message from Twilio; it sends 160, and nobody speaks a second in one frame."""
LARGEST_JOINED: Final = 640
"""Bytes of what several messages are joined to: sockets keep as much memory as their largest message took."""

_BYTES_PER_MS: Final = 8
_SAFE_SID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\Z")
_DIGITS: Final = frozenset("0123456789*#ABCDabcd")
_LARGEST_NUMBER: Final = 10**15
_Number: TypeAlias = str | int | float | None  # documented as strings; others send numbers
_Count: TypeAlias = Annotated[int, msgspec.Meta(ge=0, lt=_LARGEST_NUMBER)]  # of either, read by the decoder


class Connected(msgspec.Struct, frozen=True):
    """The socket is open; ``start`` follows."""


class Start(msgspec.Struct, frozen=True):
    """The stream begins: which call it carries, and the parameters of its TwiML."""

    stream_sid: StreamSid
    call_sid: CallSid
    account_sid: AccountSid = AccountSid("")
    parameters: dict[str, str] = {}
    encoding: str = "audio/x-mulaw"
    sample_rate: int = 8000


class Media(msgspec.Struct, frozen=True, gc=False):
    """Caller audio: mu-law, 8 kHz, usually 160 bytes.

    Attributes:
        payload: The audio.
        sequence: The number of the message, or of the last of several that were joined; 0 if it has none.
        timestamp_ms: Where in the stream the audio begins.
        messages: How many were joined.

    """

    payload: bytes
    sequence: int = 0
    timestamp_ms: int = 0
    messages: int = 1

    def __repr__(self) -> str:
        return f"Media({len(self.payload)} bytes, sequence={self.sequence})"


class Dtmf(msgspec.Struct, frozen=True):
    """The caller pressed a key."""

    digit: str

    def __repr__(self) -> str:
        return "Dtmf(digit=?)"


class Mark(msgspec.Struct, frozen=True):
    """All audio sent before this mark has been played, or was flushed by a clear."""

    name: MarkName


class Stop(msgspec.Struct, frozen=True):
    """The stream is over: the call ended, or goes on elsewhere."""


class Unknown(msgspec.Struct, frozen=True):
    """An event this version does not know: to be counted and ignored."""

    event: str


Message = Connected | Start | Media | Dtmf | Mark | Stop | Unknown


class _MediaBody(msgspec.Struct, gc=False):
    payload: bytes
    timestamp: _Count = 0
    track: str = "inbound"


class _MediaFrame(msgspec.Struct, tag_field="event", tag="media", rename="camel", gc=False):
    media: _MediaBody
    sequence_number: _Count = 0


class _OddBody(msgspec.Struct):
    payload: bytes
    timestamp: _Number = 0
    track: str = "inbound"


class _OddFrame(msgspec.Struct, rename="camel"):
    """Media whose numbers are none."""

    event: Literal["media"]
    media: _OddBody
    sequence_number: _Number = 0


class _Format(msgspec.Struct, rename="camel"):
    encoding: str = "audio/x-mulaw"
    sample_rate: _Number = 8000


class _StartBody(msgspec.Struct, rename="camel"):
    stream_sid: str
    call_sid: str
    account_sid: str = ""
    custom_parameters: dict[str, str] | None = None
    media_format: _Format | None = None


class _StartFrame(msgspec.Struct, tag_field="event", tag="start"):
    start: _StartBody


class _DtmfBody(msgspec.Struct):
    digit: str


class _DtmfFrame(msgspec.Struct, tag_field="event", tag="dtmf"):
    dtmf: _DtmfBody


class _MarkBody(msgspec.Struct):
    name: str


class _MarkFrame(msgspec.Struct, tag_field="event", tag="mark"):
    mark: _MarkBody


class _ConnectedFrame(msgspec.Struct, tag_field="event", tag="connected"):
    pass


class _StopFrame(msgspec.Struct, tag_field="event", tag="stop"):
    pass


_Frame = _MediaFrame | _MarkFrame | _DtmfFrame | _StartFrame | _ConnectedFrame | _StopFrame
# Numbers may stand in quotes: read by the decoder they cost nothing, read here as much as all the rest.
_decoder: Final = msgspec.json.Decoder(_Frame, strict=False)
_odd_decoder: Final = msgspec.json.Decoder(_OddFrame)
_kinds: Final = Kinds(_Frame, "media stream")


def parse(text: str | bytes) -> Message:
    """Read one message from Twilio.

    Raises:
        WireError: the text is no message of a media stream, or breaks its rules.
    """
    try:
        frame = _decoder.decode(text)
    except UNREADABLE as error:
        return _odd_media(text) or Unknown(_kinds.unknown(text, error))
    if isinstance(frame, _MediaFrame):
        return _media(frame.media, frame.sequence_number, frame.media.timestamp)
    if isinstance(frame, _MarkFrame):
        return Mark(MarkName(frame.mark.name))
    if isinstance(frame, _DtmfFrame):
        return _dtmf(frame.dtmf.digit)
    if isinstance(frame, _StartFrame):
        return _start(frame.start)
    return Connected() if isinstance(frame, _ConnectedFrame) else Stop()


def _media(body: _MediaBody | _OddBody, sequence: int, timestamp_ms: int) -> Media | Unknown:
    if body.track == "outbound":  # only a one-way fork carries it; it is our own voice
        return Unknown("media/outbound")
    if len(body.payload) > LARGEST_PAYLOAD:
        raise WireError("media payload too large")
    return Media(body.payload, sequence, timestamp_ms)


def join(first: Media, second: Media) -> Media | None:
    """Two messages as one; nothing if the second is longer or shorter, or not next, or both are too long."""
    payload = first.payload + second.payload
    if (
        len(second.payload) * first.messages != len(first.payload)
        or second.sequence != first.sequence + 1
        or second.timestamp_ms != first.timestamp_ms + len(first.payload) // _BYTES_PER_MS
        or len(payload) > LARGEST_JOINED
    ):
        return None
    return Media(payload, second.sequence, first.timestamp_ms, first.messages + second.messages)


def split(joined: Media) -> list[Media]:
    """What was joined, message by message."""
    size = len(joined.payload) // joined.messages
    first = joined.sequence - joined.messages + 1
    return [
        Media(
            joined.payload[number * size : (number + 1) * size],
            first + number,
            joined.timestamp_ms + number * size // _BYTES_PER_MS,
        )
        for number in range(joined.messages)
    ]


def _odd_media(text: str | bytes) -> Media | Unknown | None:
    """Media is audio, whatever is written where its numbers should be."""
    try:
        frame = _odd_decoder.decode(text)
    except UNREADABLE:
        return None
    return _media(frame.media, _number(frame.sequence_number), _number(frame.media.timestamp))


def _number(value: _Number) -> int:
    """Twilio writes numbers as strings, others as numbers; what is no sensible number is unknown (0)."""
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdigit() and len(value) < 16 else 0
    return int(value) if value is not None and 0 <= value < _LARGEST_NUMBER else 0


def _dtmf(digit: str) -> Dtmf:
    if digit not in _DIGITS:
        raise WireError("not a key of a telephone")
    return Dtmf(digit.upper())


def _start(body: _StartBody) -> Start:
    if not (_SAFE_SID.match(body.stream_sid) and _SAFE_SID.match(body.call_sid)):
        raise WireError("malformed identifier in start")
    media_format = body.media_format or _Format()
    return Start(
        stream_sid=StreamSid(body.stream_sid),
        call_sid=CallSid(body.call_sid),
        account_sid=AccountSid(body.account_sid),
        parameters=body.custom_parameters or {},
        encoding=media_format.encoding,
        sample_rate=_number(media_format.sample_rate),
    )


class Writer:
    """Renders the three messages a server may send on one stream.

    The stream's identifier was checked when ``start`` was read, so it needs no escaping here; mark names
    are ours.
    """

    def __init__(self, stream_sid: StreamSid) -> None:
        self._media_head = f'{{"event":"media","streamSid":"{stream_sid}","media":{{"payload":"'
        self._mark_head = f'{{"event":"mark","streamSid":"{stream_sid}","mark":{{"name":"'
        self._clear = f'{{"event":"clear","streamSid":"{stream_sid}"}}'

    def media(self, payload: bytes) -> str:
        """Play mu-law audio after whatever is queued."""
        return self._media_head + b2a_base64(payload, newline=False).decode("ascii") + '"}}'

    def mark(self, name: MarkName) -> str:
        """Ask to be told when everything sent so far has been played."""
        return self._mark_head + name + '"}}'

    def clear(self) -> str:
        """Empty Twilio's queue; pending marks come back at once."""
        return self._clear
