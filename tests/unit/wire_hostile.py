"""Text nobody should send, for both wires."""

import json
from collections.abc import Sequence

from hypothesis import strategies as st

NOT_BASE64 = [
    "!!!!",
    "AA==garbage",
    "AA",
    "A",
    "AA=",
    "====",
    "AA A",
    "AA\nA",
    "_-8=",
    "é===",
    "AAAA=",
]

_KEYS = [
    *(
        "payload",
        "name",
        "digit",
        "streamSid",
        "callSid",
        "customParameters",
        "mediaFormat",
        "audio",
        "turn_id",
    ),
    *("is_final", "text", "transcript", "id", "toolCallId", "tool_name", "arguments", "value"),
]
_DEEP = 100_000
HOSTILE: list[str | bytes] = [
    "",
    " ",
    "null",
    "true",
    "5",
    '"media"',
    "[]",
    "{}",
    "{",
    '{"event":"media","media":{"payload":"AA',
    '{"event":"stop"} trailing',
    '{"event":5,"type":5}',
    '{"event":null,"type":null}',
    '{"event":"\\ud800","type":"\\ud800"}',
    '{"event":"\ud800","type":"\ud800"}',
    '{"event":"mark","type":"response_text","mark":{"name":"\\udfff"},"data":{"text":"\\ud800"}}',
    '{"event":"media","type":"tool_call","data":{"toolCallId":NaN},"sequenceNumber":NaN}',
    '{"event":"x","type":"x","y":NaN}',
    '{"event":"x","type":"x","y":-Infinity}',
    '{"event":"media","sequenceNumber":1e999,"media":{"payload":"AA=="}}',
    '{"type":"tool_call","data":{"toolCallId":1e999,"arguments":[1e999]}}',
    '{"event":"media","sequenceNumber":' + "9" * 5000 + ',"media":{"payload":"AA=="}}',
    '{"event":"media","sequenceNumber":' + "9" * 4300 + ',"media":{"payload":"AA=="}}',
    '{"type":"tool_call","data":{"toolCallId":' + "9" * 4300 + "}}",
    '{"type":"tool_call","data":{"toolCallId":"x","arguments":{"n":' + "9" * 5000 + "}}}",
    '{"type":"response_audio","data":{"turn_id":' + "9" * 5000 + "}}",
    "[" * _DEEP,
    '{"event":"x","type":"x","y":' + "[" * _DEEP + "]" * _DEEP + "}",
    '{"event":"start","type":"tool_call","data":' + '{"a":' * _DEEP + "1" + "}" * _DEEP + "}",
    '{"type":"tool_call","data":{"toolCallId":"x","arguments":' + "[" * _DEEP + "]" * _DEEP + "}}",
    json.dumps({"type": "tool_call", "data": {"toolCallId": "x", "arguments": "[" * _DEEP}}),
    '{"event":"stop","event":"media","type":"session_ended","type":"tool_call"}',
    b"\xef\xbb\xbf" + b'{"event":"stop","type":"session_ended"}',
    b'{"event":"st\xffop","type":"\xff"}',
    b"\x00\x01\x02\xff",
    '{"event":"stop","type":"session_ended"}'.encode("utf-16"),
]


def json_texts(tag: str, names: Sequence[str]) -> st.SearchStrategy[str]:
    """JSON that looks like a message, with anything at any place."""
    keys = st.sampled_from(_KEYS)
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("AAAA")
    values = st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4)
    )
    bodies = st.dictionaries(keys, values, max_size=5) | values
    frames = st.tuples(st.sampled_from(names), bodies).map(
        lambda pair: {tag: pair[0], pair[0]: pair[1], "data": pair[1], "sequenceNumber": pair[1]}
    )
    return frames.map(json.dumps)
