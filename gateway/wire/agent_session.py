"""The messages of a Vatel voice session: JSON to typed values, and back.

Tolerant in what is read: older servers leave out ``is_final`` and even ``data``, some builds write
``tool_call_id`` for ``toolCallId``, and ``null`` counts as left out. Strict in what is written: two messages.
https://docs.vatel.ai (WebSocket session)
"""

import re
from typing import Any, Final, TypeAlias

import msgspec

from gateway.errors import WireError
from gateway.ids import SessionId, ToolCallId, TurnId
from gateway.wire.kinds import UNREADABLE, Kinds

JSON: TypeAlias = "bool | int | float | str | list[JSON] | dict[str, JSON] | None"
"""Any JSON value."""

_Id: TypeAlias = str | int | None
_LONGEST_ID: Final = 200
_LONGEST_TEXT: Final = 20_000
_LONGEST_NAME: Final = 100
_DEEP_ID: Final = re.compile(rb'"(?:toolCallId|tool_call_id)"\s*:\s*"([\w.:-]{1,200})"', re.ASCII)
_DEEP_NAME: Final = re.compile(rb'"(?:toolName|tool_name)"\s*:\s*"([\w.:-]{1,100})"', re.ASCII)


class SessionStarted(msgspec.Struct, frozen=True):
    """The agent is there; ``id`` also names the call in Vatel's records."""

    id: SessionId


class ResponseAudio(msgspec.Struct, frozen=True, gc=False):
    """Agent speech: PCM16 little-endian, mono, 24 kHz; any number of bytes, none on some last chunks."""

    turn_id: TurnId
    audio: bytes
    is_final: bool = False
    says_so: bool = False
    """Whether it was said that the chunk is final, or is not: this server tells when a turn is over."""

    def __repr__(self) -> str:
        return f"ResponseAudio({self.turn_id!r}, {len(self.audio)} bytes, is_final={self.is_final})"


class ResponseText(msgspec.Struct, frozen=True):
    """What the agent says; may be repeated or refined until it is final."""

    turn_id: TurnId
    text: str
    is_final: bool = False


class InputAudioTranscript(msgspec.Struct, frozen=True):
    """What the caller was understood to say."""

    text: str
    is_final: bool = False


class SpeechStarted(msgspec.Struct, frozen=True):
    """The caller began to speak; ``emulated`` when only a transcript told so."""

    emulated: bool = False


class SpeechStopped(msgspec.Struct, frozen=True):
    """The caller stopped speaking."""


class Interruption(msgspec.Struct, frozen=True):
    """The caller cut the agent off."""


class ToolCall(msgspec.Struct, frozen=True):
    """The agent asks for a tool to be run; if its arguments are not ``readable`` it is to be told so."""

    id: ToolCallId
    name: str
    arguments: dict[str, JSON] = {}
    readable: bool = True


class SessionEnded(msgspec.Struct, frozen=True):
    """The agent's side is over."""


class Unknown(msgspec.Struct, frozen=True):
    """A message this version does not know: to be counted and ignored."""

    type: str


Message = (
    SessionStarted
    | ResponseAudio
    | ResponseText
    | InputAudioTranscript
    | SpeechStarted
    | SpeechStopped
    | Interruption
    | ToolCall
    | SessionEnded
    | Unknown
)


class _AudioData(msgspec.Struct, gc=False):
    audio: bytes | None = None
    turn_id: _Id = None
    is_final: bool | None = None


class _AudioFrame(msgspec.Struct, tag_field="type", tag="response_audio", gc=False):
    data: _AudioData


class _TextData(msgspec.Struct):
    text: str | None = None
    turn_id: _Id = None
    is_final: bool | None = None


class _TextFrame(msgspec.Struct, tag_field="type", tag="response_text"):
    data: _TextData


class _TranscriptData(msgspec.Struct):
    transcript: str | None = None
    is_final: bool | None = None


class _TranscriptFrame(msgspec.Struct, tag_field="type", tag="input_audio_transcript"):
    data: _TranscriptData


class _StartedData(msgspec.Struct):
    id: _Id = None


class _StartedFrame(msgspec.Struct, tag_field="type", tag="session_started"):
    data: _StartedData | None = None


class _SpeechData(msgspec.Struct):
    emulated: bool | None = None


class _SpeechFrame(msgspec.Struct, tag_field="type", tag="speech_started"):
    data: _SpeechData | None = None


class _ToolData(msgspec.Struct):
    camel_id: _Id = msgspec.field(name="toolCallId", default=None)
    snake_id: _Id = msgspec.field(name="tool_call_id", default=None)
    camel_name: str | None = msgspec.field(name="toolName", default=None)
    snake_name: str | None = msgspec.field(name="tool_name", default=None)
    arguments: Any = None  # a list of bindings; an object, or JSON text of either, in other builds


class _ToolFrame(msgspec.Struct, tag_field="type", tag="tool_call"):
    data: _ToolData


class _StoppedFrame(msgspec.Struct, tag_field="type", tag="speech_stopped"):
    pass


class _InterruptionFrame(msgspec.Struct, tag_field="type", tag="interruption"):
    pass


class _EndedFrame(msgspec.Struct, tag_field="type", tag="session_ended"):
    pass


_Signal = _StoppedFrame | _InterruptionFrame | _EndedFrame
_Frame = _AudioFrame | _TextFrame | _TranscriptFrame | _StartedFrame | _SpeechFrame | _ToolFrame | _Signal

_SIGNALS: Final[dict[type[_Signal], SpeechStopped | Interruption | SessionEnded]] = {
    _StoppedFrame: SpeechStopped(),
    _InterruptionFrame: Interruption(),
    _EndedFrame: SessionEnded(),
}
_decoder: Final = msgspec.json.Decoder(_Frame)
_kinds: Final = Kinds(_Frame, "session")


def parse(text: str | bytes) -> Message:
    """Read one message from Vatel.

    Raises:
        WireError: the text is no message of a voice session, or breaks its rules.
    """
    try:
        frame = _decoder.decode(text)
    except RecursionError:
        return _too_deep(text)
    except UNREADABLE as error:
        return Unknown(_kinds.unknown(text, error))
    match frame:
        case _AudioFrame(data=audio):
            final = audio.is_final
            return ResponseAudio(
                TurnId(_id(audio.turn_id)), audio.audio or b"", bool(final), final is not None
            )
        case _TextFrame(data=said):
            return ResponseText(TurnId(_id(said.turn_id)), _text(said.text), bool(said.is_final))
        case _TranscriptFrame(data=heard):
            return InputAudioTranscript(_text(heard.transcript), bool(heard.is_final))
        case _StartedFrame(data=started):
            return SessionStarted(SessionId(_id(started.id if started else None)))
        case _SpeechFrame(data=speech):
            return SpeechStarted(bool(speech and speech.emulated))
        case _ToolFrame(data=tool):
            return _tool_call(tool)
        case _:
            return _SIGNALS[type(frame)]


def _id(value: _Id) -> str:
    return "" if value is None else str(value)[:_LONGEST_ID]


def _text(value: str | None) -> str:
    return (value or "")[:_LONGEST_TEXT]


def _tool_call(data: _ToolData) -> ToolCall:
    """Read either spelling of a tool call."""
    call_id = _whole_id(data.snake_id if data.camel_id in (None, "") else data.camel_id)
    name = (data.camel_name or data.snake_name or "")[:_LONGEST_NAME]
    arguments = _arguments(data.arguments)
    if arguments is None:
        return ToolCall(ToolCallId(call_id), name, readable=False)
    return ToolCall(ToolCallId(call_id), name, arguments)


def _too_deep(text: str | bytes) -> ToolCall:
    """A message nested too deep to be read: an agent whose arguments are is still owed its answer."""
    raw = text.encode(errors="replace") if isinstance(text, str) else text
    ids, names = set(_DEEP_ID.findall(raw)), set(_DEEP_NAME.findall(raw))
    if len(ids) != 1:
        raise WireError("not a session message: nested too deep")
    name = names.pop() if len(names) == 1 else b""
    return ToolCall(ToolCallId(ids.pop().decode()), name.decode(), readable=False)


def _whole_id(value: _Id) -> str:
    """An id that goes back in the answer, so it can't be shortened."""
    call_id = "" if value is None else str(value)
    if not 0 < len(call_id) <= _LONGEST_ID:
        raise WireError("tool call without an id, or with an endless one: nobody could answer it")
    return call_id


def _arguments(value: Any) -> dict[str, JSON] | None:
    """Make one object of a tool call's arguments, whichever of three forms they came in."""
    if isinstance(value, str):
        try:
            value = msgspec.json.decode(value)
        except UNREADABLE:
            return None
    if isinstance(value, dict):
        return value
    if value is None:
        return {}
    if not isinstance(value, list):
        return None
    named = [item for item in value if isinstance(item, dict) and isinstance(item.get("name"), str)]
    return {item["name"]: item.get("value") for item in named}


class _InputData(msgspec.Struct, gc=False):
    audio: bytes


class _InputFrame(msgspec.Struct, gc=False):
    type: str
    data: _InputData


_encoder: Final = msgspec.json.Encoder()


def input_audio(pcm: bytes) -> bytes:
    """Render caller audio: PCM16 little-endian, mono, 24 kHz."""
    # Its base64 takes two thirds of the time of binascii's, and there is nothing to be put together after it.
    return _encoder.encode(_InputFrame("input_audio", _InputData(pcm)))


def tool_call_output(call_id: ToolCallId, output: str) -> bytes:
    """Render the one answer to a tool call."""
    data = {"toolCallId": call_id, "output": output}
    return _encoder.encode({"type": "tool_call_output", "data": data})
