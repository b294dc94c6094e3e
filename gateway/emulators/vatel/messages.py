"""The messages of an emulated session. Strict in what it reads, so that a gateway must be right."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from gateway.emulators.vatel.behaviour import Behaviour
from gateway.errors import WireError


@dataclass(frozen=True, slots=True)
class InputAudio:
    """Sound of the caller: PCM16 at 24 kHz."""

    audio: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolCallOutput:
    """A tool's answer."""

    tool_call_id: str
    output: str


ClientMessage = InputAudio | ToolCallOutput


class BadMessage(WireError):
    """The client sent what the contract does not have."""


class _Message(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    data: msgspec.Raw


class _Audio(msgspec.Struct, forbid_unknown_fields=True):
    audio: str


class _Output(msgspec.Struct, forbid_unknown_fields=True, rename="camel"):
    tool_call_id: str
    output: str


_message = msgspec.json.Decoder(_Message)
_audio = msgspec.json.Decoder(_Audio)
_output = msgspec.json.Decoder(_Output)


def read(text: str) -> ClientMessage:
    """Read what a client sent.

    Raises:
        BadMessage: It is not one of the two messages a client may send, to the letter.

    """
    try:
        message = _message.decode(text)
        if message.type == "input_audio":
            return InputAudio(base64.b64decode(_audio.decode(message.data).audio, validate=True))
        if message.type == "tool_call_output":
            output = _output.decode(message.data)
            return ToolCallOutput(output.tool_call_id, output.output)
    except (msgspec.DecodeError, binascii.Error) as exc:
        raise BadMessage(f"{exc}: {text[:80]!r}") from exc
    raise BadMessage(f"clients do not send {message.type[:80]!r}")


@dataclass(frozen=True, slots=True)
class Dialect:
    """Writes the server's messages, in the way the behaviour wants them."""

    behaviour: Behaviour

    def session_started(self, session_id: str) -> str:
        """The session has begun."""
        return _write("session_started", {"id": session_id})

    def response_audio(self, turn_id: str, pcm: bytes, *, final: bool) -> str:
        """Speech of the agent."""
        audio = base64.b64encode(pcm).decode()
        return self._with_final("response_audio", {"turn_id": turn_id, "audio": audio}, final=final)

    def response_text(self, turn_id: str, text: str, *, final: bool) -> str:
        """What the agent says, in words."""
        return self._with_final("response_text", {"turn_id": turn_id, "text": text}, final=final)

    def transcript(self, text: str, turn_id: str | None, *, final: bool) -> str:
        """What the caller said, in words."""
        data = {"transcript": text} | ({} if turn_id is None else {"turn_id": turn_id})
        return self._with_final("input_audio_transcript", data, final=final)

    def tool_call(self, tool_call_id: str, name: str, arguments: Mapping[str, Any]) -> str:
        """A tool is to be run."""
        ids = (
            ("tool_call_id", "tool_name")
            if self.behaviour.snake_case_tool_calls
            else ("toolCallId", "toolName")
        )
        listed = [_argument(key, value) for key, value in arguments.items()]
        return _write("tool_call", {ids[0]: tool_call_id, ids[1]: name, "arguments": listed})

    def session_ended(self) -> str:
        """The call is over."""
        return _write("session_ended", None if self.behaviour.no_data_on_end else {})

    def _with_final(self, kind: str, data: dict[str, Any], *, final: bool) -> str:
        return _write(kind, data if self.behaviour.omit_is_final else data | {"is_final": final})


def speech_started(*, emulated: bool = False) -> str:
    """The caller begins to speak."""
    return _write("speech_started", {"emulated": emulated})


def speech_stopped() -> str:
    """The caller has fallen silent."""
    return _write("speech_stopped", {})


def interruption() -> str:
    """The caller cuts the agent off."""
    return _write("interruption", {})


def unknown(number: int) -> str:
    """A message of a type that the contract does not have."""
    return _write("emulated_flood", {"number": number})


def split(pcm: bytes, chunk_bytes: int) -> list[bytes]:
    """Cut sound into messages' portions; at least one, which may be empty."""
    return [pcm[at : at + chunk_bytes] for at in range(0, len(pcm), chunk_bytes)] or [b""]


def _write(kind: str, data: Mapping[str, Any] | None) -> str:
    message = {"type": kind} if data is None else {"type": kind, "data": data}
    return msgspec.json.encode(message).decode()


def _argument(name: str, value: object) -> dict[str, Any]:
    return {
        "name": name,
        "type": "resolved",
        "dataType": _data_type(value),
        "description": "",
        "required": True,
        "value": value,
    }


def _data_type(value: object) -> str:
    match value:
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list() | tuple():
            return "array"
        case _:
            return "object"
