"""The emulated service's messages: strict in what is read, to the letter in what is written."""

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulators.vatel import messages
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.messages import BadMessage, Dialect, InputAudio, ToolCallOutput


def data_of(text: str) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(text)
    return message


def test_audio_and_outputs_are_read() -> None:
    audio = base64.b64encode(b"\1\2").decode()
    assert messages.read(f'{{"type":"input_audio","data":{{"audio":"{audio}"}}}}') == InputAudio(b"\1\2")
    output = '{"type":"tool_call_output","data":{"toolCallId":"a","output":"b"}}'
    assert messages.read(output) == ToolCallOutput("a", "b")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"type":"input_audio"}',
        '{"type":"input_audio","data":{}}',
        '{"type":"input_audio","data":{"audio":"*"}}',
        '{"type":"input_audio","data":{"audio":"AAA="},"more":1}',
        '{"type":"input_audio","data":{"audio":"AAA=","more":1}}',
        '{"type":"tool_call_output","data":{"tool_call_id":"a","output":"b"}}',
        '{"type":"tool_call_output","data":{"toolCallId":"a","output":{}}}',
        '{"type":"session_started","data":{}}',
    ],
)
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadMessage):
        messages.read(text)


def test_the_server_s_messages_are_those_of_the_contract() -> None:
    dialect = Dialect(Behaviour())
    assert data_of(dialect.session_started("s")) == {"type": "session_started", "data": {"id": "s"}}
    assert data_of(dialect.response_audio("t", b"\0\0", final=True)) == {
        "type": "response_audio",
        "data": {"turn_id": "t", "audio": "AAA=", "is_final": True},
    }
    assert data_of(dialect.response_text("t", "Hi", final=False)) == {
        "type": "response_text",
        "data": {"turn_id": "t", "text": "Hi", "is_final": False},
    }
    assert data_of(dialect.transcript("Hi", None, final=True)) == {
        "type": "input_audio_transcript",
        "data": {"transcript": "Hi", "is_final": True},
    }
    assert data_of(dialect.transcript("Hi", "c", final=True))["data"]["turn_id"] == "c"
    assert data_of(messages.speech_started()) == {"type": "speech_started", "data": {"emulated": False}}
    assert data_of(messages.speech_stopped()) == {"type": "speech_stopped", "data": {}}
    assert data_of(messages.interruption()) == {"type": "interruption", "data": {}}
    assert data_of(dialect.session_ended()) == {"type": "session_ended", "data": {}}


def test_a_tool_call_lists_its_arguments_with_their_types() -> None:
    call = data_of(
        Dialect(Behaviour()).tool_call("c", "look", {"n": 1, "s": "x", "b": True, "l": [], "o": {}})
    )
    assert (call["data"]["toolCallId"], call["data"]["toolName"]) == ("c", "look")
    assert [entry["dataType"] for entry in call["data"]["arguments"]] == [
        "number",
        "string",
        "boolean",
        "array",
        "object",
    ]
    assert call["data"]["arguments"][0] == {
        "name": "n",
        "type": "resolved",
        "dataType": "number",
        "description": "",
        "required": True,
        "value": 1,
    }


def test_older_servers_are_imitated() -> None:
    dialect = Dialect(Behaviour(omit_is_final=True, snake_case_tool_calls=True, no_data_on_end=True))
    assert data_of(dialect.response_audio("t", b"", final=True))["data"] == {"turn_id": "t", "audio": ""}
    assert set(data_of(dialect.tool_call("c", "look", {}))["data"]) == {
        "tool_call_id",
        "tool_name",
        "arguments",
    }
    assert data_of(dialect.session_ended()) == {"type": "session_ended"}


@given(st.binary(max_size=200), st.integers(1, 50))
def test_portions_are_the_whole(pcm: bytes, size: int) -> None:
    portions = messages.split(pcm, size)
    assert b"".join(portions) == pcm
    assert all(len(portion) == size for portion in portions[:-1])
    assert len(portions) >= 1
