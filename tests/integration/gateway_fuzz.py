"""Messages that are nearly right: a grammar of what either peer says, and of what may be wrong with it."""

import base64
import json
import random
from collections.abc import Callable
from typing import Any

Message = str | bytes

VALUES: list[Callable[[random.Random], Any]] = [
    lambda _: None,
    lambda _: True,
    lambda r: r.randint(-(10**18), 10**18),
    lambda r: r.random() * 10 ** r.randint(-300, 300),
    lambda _: "",
    lambda r: "x" * r.choice([1, 200, 9_000]),
    lambda _: "\x00\x1b[31m\u202e\ufeff",
    lambda _: "!!!!",
    lambda _: "AA==garbage",
    lambda r: base64.b64encode(r.randbytes(r.choice([1, 159, 161, 999, 7_999, 8_001, 20_000]))).decode(),
    lambda _: [],
    lambda _: {},
    lambda _: [[["deep"]]],
    lambda r: {"event": "start", "type": "session_ended", "data": r.random()},
    lambda _: "+14155550123",
    lambda _: "g0.1",
]

TEXTS: list[Callable[[random.Random], Message]] = [
    lambda _: "",
    lambda _: "null",
    lambda _: "[]",
    lambda _: '"media"',
    lambda _: "{",
    lambda _: "\ufeff{}",
    lambda r: "[" * r.choice([10, 20_000]),
    lambda r: '{"a":' * r.choice([10, 10_000]),
    lambda _: '{"event":"media","event":"stop","type":"interruption","type":7}',
    lambda _: '{"event":"media","media":{"payload":"\\ud800"}}',
    lambda _: '{"type":"response_text","data":{"turn_id":"\\ud800","text":"\\udfff"}}',
    lambda _: '{"event":"dtmf","dtmf":{"digit":"E"}}',
    lambda _: '{"event":NaN,"type":1e999}',
    lambda _: '{"event":"media","sequenceNumber":' + "9" * 5_000 + "}",
    lambda r: r.randbytes(r.choice([0, 1, 64, 4_000])),
    lambda r: f'{{"event":"ev{r.randint(0, 10**9)}","type":"ty{r.randint(0, 10**9)}"}}',
]

CALLER: list[dict[str, Any]] = [
    {"event": "connected", "protocol": "Call", "version": "1.0.0"},
    {"event": "media", "sequenceNumber": "2", "media": {"track": "inbound", "payload": "//7+fn7/"}},
    {"event": "dtmf", "sequenceNumber": "3", "dtmf": {"track": "inbound_track", "digit": "5"}},
    {"event": "mark", "sequenceNumber": "4", "mark": {"name": "g0.1"}},
    {"event": "start", "start": {"callSid": "CA1", "streamSid": "MZ1", "customParameters": {"ticket": "x"}}},
    {"event": "stop", "stop": {"accountSid": "AC1", "callSid": "CA1"}},
]

AGENT: list[dict[str, Any]] = [
    {"type": "session_started", "data": {"id": "s"}},
    {"type": "response_audio", "data": {"turn_id": "t", "audio": "AAAAAAAA", "is_final": False}},
    {"type": "response_text", "data": {"turn_id": "t", "text": "words", "is_final": True}},
    {"type": "input_audio_transcript", "data": {"transcript": "words", "is_final": True}},
    {"type": "speech_started", "data": {"emulated": False}},
    {"type": "speech_stopped", "data": {}},
    {"type": "interruption", "data": {}},
    {"type": "tool_call", "data": {"toolCallId": "c", "toolName": "collect_digits", "arguments": []}},
    {"type": "tool_call", "data": {"tool_call_id": "d", "tool_name": "transfer_call", "arguments": "{}"}},
    {"type": "tool_call", "data": {"toolCallId": "e", "toolName": "end_call", "arguments": [{"name": 1}]}},
    {"type": "session_ended", "data": {}},
]


def message(chance: random.Random, grammar: list[dict[str, Any]]) -> Message:
    """One message: right, wrong in a place, cut short, or nothing of the kind."""
    match chance.randrange(4):
        case 0:
            return chance.choice(TEXTS)(chance)
        case 1:
            text = json.dumps(chance.choice(grammar))
            return text[: chance.randint(0, len(text))]
        case 2:
            return json.dumps(chance.choice(grammar))
        case _:
            return json.dumps(_wrong(chance, json.loads(json.dumps(chance.choice(grammar)))))


def _wrong(chance: random.Random, whole: dict[str, Any]) -> dict[str, Any]:
    part = whole
    while True:
        key = chance.choice([*part, "extra"])
        inner = part.get(key)
        if isinstance(inner, dict) and inner and chance.random() < 0.8:
            part = inner
            continue
        if chance.random() < 0.2:
            part.pop(key, None)
        else:
            part[key] = chance.choice(VALUES)(chance)
        return whole
