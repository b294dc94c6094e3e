"""Vatel's messages: tolerant reading, strict writing, and no input that does harm."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import WireError
from gateway.ids import SessionId, ToolCallId, TurnId
from gateway.wire.agent_session import (
    InputAudioTranscript,
    Interruption,
    Message,
    ResponseAudio,
    ResponseText,
    SessionEnded,
    SessionStarted,
    SpeechStarted,
    SpeechStopped,
    ToolCall,
    Unknown,
    input_audio,
    parse,
    tool_call_output,
)
from tests.unit.wire_hostile import HOSTILE, NOT_BASE64, json_texts

KNOWN = ["response_audio", "response_text", "input_audio_transcript", "tool_call", "session_started"]


def message(kind: str, **data: Any) -> str:
    return json.dumps({"type": kind, "data": data})


def tool_call(**data: Any) -> Message:
    return parse(message("tool_call", **({"toolCallId": "c1", "toolName": "weather"} | data)))


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ({"audio": "AAA="}, ResponseAudio(TurnId(""), b"\0\0", is_final=False)),
        ({"turn_id": 7, "audio": ""}, ResponseAudio(TurnId("7"), b"", is_final=False)),
        ({"turn_id": 0, "is_final": True}, ResponseAudio(TurnId("0"), b"", is_final=True, says_so=True)),
        ({"is_final": False}, ResponseAudio(TurnId(""), b"", is_final=False, says_so=True)),
        ({"turn_id": None, "audio": None, "is_final": None}, ResponseAudio(TurnId(""), b"")),
        ({"turn_id": "t" * 300}, ResponseAudio(TurnId("t" * 200), b"")),
    ],
)
def test_audio_is_read_whatever_is_left_out(data: dict[str, object], read: ResponseAudio) -> None:
    assert parse(message("response_audio", **data)) == read


@pytest.mark.parametrize("audio", NOT_BASE64)
def test_audio_is_strict_base64(audio: str) -> None:
    with pytest.raises(WireError, match="malformed response_audio"):
        parse(message("response_audio", audio=audio))


@pytest.mark.parametrize(
    ("text", "read"),
    [
        (message("response_text", text="Hi"), ResponseText(TurnId(""), "Hi", is_final=False)),
        (message("response_text", text=None, is_final=None), ResponseText(TurnId(""), "")),
        (message("response_text", text="x" * 20_001), ResponseText(TurnId(""), "x" * 20_000)),
        (message("input_audio_transcript", transcript="Hi", turn_id=None), InputAudioTranscript("Hi")),
        (message("input_audio_transcript", is_final=True), InputAudioTranscript("", is_final=True)),
        (message("session_started"), SessionStarted(SessionId(""))),
        (message("session_started", id=None), SessionStarted(SessionId(""))),
        (message("session_started", id=12), SessionStarted(SessionId("12"))),
        (message("speech_started"), SpeechStarted(emulated=False)),
        (message("speech_started", emulated=None), SpeechStarted(emulated=False)),
        (message("speech_started", emulated=True), SpeechStarted(emulated=True)),
        (message("ping"), Unknown("ping")),
        (message("x" * 99), Unknown("x" * 40)),
    ],
)
def test_messages_are_read_whatever_is_left_out(text: str, read: Message) -> None:
    assert parse(text) == read
    assert parse(text.encode()) == read


@pytest.mark.parametrize("data", ["", ',"data":null', ',"data":{}'])
@pytest.mark.parametrize(
    ("kind", "read"),
    [
        ("session_started", SessionStarted(SessionId(""))),
        ("speech_started", SpeechStarted()),
        ("speech_stopped", SpeechStopped()),
        ("interruption", Interruption()),
        ("session_ended", SessionEnded()),
    ],
)
def test_messages_that_say_enough_by_their_type_need_no_data(kind: str, data: str, read: Message) -> None:
    assert parse(f'{{"type":"{kind}"{data}}}') == read


@pytest.mark.parametrize("data", ["", ',"data":null', ',"data":5', ',"data":[]'])
@pytest.mark.parametrize("kind", ["response_audio", "response_text", "input_audio_transcript", "tool_call"])
def test_messages_that_say_nothing_without_data_are_malformed(kind: str, data: str) -> None:
    with pytest.raises(WireError, match=f"malformed {kind}"):
        parse(f'{{"type":"{kind}"{data}}}')


@pytest.mark.parametrize(
    "data",
    [
        {"toolCallId": "c1", "toolName": "weather"},
        {"tool_call_id": "c1", "tool_name": "weather"},
        {"toolCallId": "", "tool_call_id": "c1", "toolName": "", "tool_name": "weather"},
        {"toolCallId": None, "tool_call_id": "c1", "toolName": None, "tool_name": "weather"},
        {"toolCallId": "c1", "tool_call_id": "c2", "toolName": "weather", "tool_name": "other"},
    ],
)
def test_a_tool_call_is_read_in_either_spelling(data: dict[str, object]) -> None:
    assert parse(message("tool_call", **data)) == ToolCall(ToolCallId("c1"), "weather", {})


def test_the_shortest_and_the_longest_identifier_of_a_tool_call_are_taken() -> None:
    assert tool_call(toolCallId="c" * 200) == ToolCall(ToolCallId("c" * 200), "weather", {})
    assert tool_call(toolCallId=0) == ToolCall(ToolCallId("0"), "weather", {})


@pytest.mark.parametrize("call_id", [None, "", "c" * 201])
def test_a_tool_call_nobody_could_answer_is_refused(call_id: object) -> None:
    with pytest.raises(WireError, match="nobody could answer"):
        tool_call(toolCallId=call_id)


def test_a_tool_call_without_a_name_is_left_to_be_answered() -> None:
    assert tool_call(toolName=None) == ToolCall(ToolCallId("c1"), "", {})
    assert tool_call(toolName="n" * 101) == ToolCall(ToolCallId("c1"), "n" * 100, {})


@pytest.mark.parametrize(
    "arguments",
    [
        [{"name": "day", "type": "string", "value": "monday"}, {"name": "n", "value": 2}],
        [{"name": "day", "value": "monday"}, {"name": "n", "value": 2}, "junk", {"value": 1}, {"name": 5}],
        {"day": "monday", "n": 2},
        '{"day": "monday", "n": 2}',
        '[{"name": "day", "value": "monday"}, {"name": "n", "value": 2}]',
    ],
)
def test_arguments_are_read_as_list_object_or_json_text(arguments: object) -> None:
    assert tool_call(arguments=arguments) == ToolCall(ToolCallId("c1"), "weather", {"day": "monday", "n": 2})


@pytest.mark.parametrize("arguments", [None, [], {}, "null", "{}", "[]"])
def test_arguments_may_be_none_at_all(arguments: object) -> None:
    assert tool_call(arguments=arguments) == ToolCall(ToolCallId("c1"), "weather", {})


def test_an_argument_without_a_value_is_null() -> None:
    assert tool_call(arguments=[{"name": "day"}]) == ToolCall(ToolCallId("c1"), "weather", {"day": None})


@pytest.mark.parametrize("arguments", ["", "{", "5", 5, True, '"text"', "[" * 100_000, "NaN", "\\ud800"])
def test_arguments_that_can_not_be_read_are_told_so_and_the_call_can_be_answered(arguments: object) -> None:
    assert tool_call(arguments=arguments) == ToolCall(ToolCallId("c1"), "weather", readable=False)


DEEP = "[" * 200_000 + "]" * 200_000


@pytest.mark.parametrize("kind", [str, bytes])
@pytest.mark.parametrize(
    ("data", "name"),
    [
        ('"toolCallId": "c1", "toolName": "weather", "arguments": ', "weather"),
        ('"tool_call_id":"c1","tool_name":"weather","arguments":', "weather"),
        ('"toolCallId": "c1", "toolName": "not one\\n", "arguments": ', ""),
    ],
)
def test_a_tool_call_nested_too_deep_can_be_answered(kind: type, data: str, name: str) -> None:
    text = f'{{"type": "tool_call", "data": {{{data}{DEEP}}}}}'
    read = parse(text if kind is str else text.encode())
    assert read == ToolCall(ToolCallId("c1"), name, readable=False)


@pytest.mark.parametrize("data", ["", '"toolCallId": "c1", "tool_call_id": "c2", ', '"toolCallId": 5, '])
def test_what_is_nested_too_deep_without_one_id_is_refused(data: str) -> None:
    with pytest.raises(WireError, match="nested too deep"):
        parse(f'{{"type": "tool_call", "data": {{{data}"arguments": {DEEP}}}}}')


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_refused_or_read_and_nothing_else(text: str | bytes) -> None:
    read_or_refused(text)


@given(st.text() | st.binary() | json_texts("type", KNOWN))
def test_no_text_raises_anything_but_a_wire_error(text: str | bytes) -> None:
    read_or_refused(text)


def read_or_refused(text: str | bytes) -> None:
    try:
        read = parse(text)
    except WireError:
        return
    assert isinstance(read, Message)


@given(st.binary(max_size=2000))
def test_any_audio_survives_the_way_to_vatel(pcm: bytes) -> None:
    written = json.loads(input_audio(pcm))
    echoed = parse(message("response_audio", audio=written["data"]["audio"]))
    assert echoed == ResponseAudio(TurnId(""), pcm)


@given(st.text(), st.text())
def test_any_text_survives_as_the_answer_to_a_tool(call_id: str, output: str) -> None:
    written = json.loads(tool_call_output(ToolCallId(call_id), output))
    assert written == {"type": "tool_call_output", "data": {"toolCallId": call_id, "output": output}}


def test_audio_is_not_printed() -> None:
    assert repr(ResponseAudio(TurnId("t1"), b"secret")) == "ResponseAudio('t1', 6 bytes, is_final=False)"
