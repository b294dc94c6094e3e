"""The messages as the vendors document them: read to exact values, and written exactly so."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.ids import AccountSid, CallSid, MarkName, SessionId, StreamSid, ToolCallId, TurnId
from gateway.wire import agent_session as vatel
from gateway.wire import media_stream as twilio

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
STREAM = StreamSid("MZ18ad3ab5a668481ce02b83e7395059f0")
MULAW = bytes([255, 254, 126, 127, 0, 128])
PCM = bytes([0, 0, 1, 0, 255, 255, 0, 128])
WRITER = twilio.Writer(STREAM)

FROM_TWILIO: dict[str, twilio.Message] = {
    "connected": twilio.Connected(),
    "start": twilio.Start(
        stream_sid=STREAM,
        call_sid=CallSid("CA0123456789abcdef0123456789abcdef"),
        account_sid=AccountSid("AC123456789012345678901234567890ab"),
        parameters={"ticket": "q8mJ5dVh0wq3r1Zk7nYx2A"},
        encoding="audio/x-mulaw",
        sample_rate=8000,
    ),
    "media": twilio.Media(MULAW, sequence=3, timestamp_ms=80),
    "dtmf": twilio.Dtmf("5"),
    "mark": twilio.Mark(MarkName("g0.7")),
    "stop": twilio.Stop(),
}
TO_TWILIO: dict[str, str] = {
    "media": WRITER.media(MULAW),
    "mark": WRITER.mark(MarkName("g0.7")),
    "clear": WRITER.clear(),
}
FROM_VATEL: dict[str, vatel.Message] = {
    "session_started": vatel.SessionStarted(SessionId("5b0b8a52-6a0e-4f0e-9a53-0c1d7f2f9d11")),
    "response_audio": vatel.ResponseAudio(TurnId("turn_1"), PCM, is_final=False, says_so=True),
    "response_audio-last": vatel.ResponseAudio(TurnId("turn_1"), b"", is_final=True, says_so=True),
    "response_text": vatel.ResponseText(TurnId("turn_1"), "Grüß Gott, how can I help?", is_final=True),
    "input_audio_transcript": vatel.InputAudioTranscript("When do you open", is_final=False),
    "speech_started": vatel.SpeechStarted(emulated=True),
    "speech_stopped": vatel.SpeechStopped(),
    "interruption": vatel.Interruption(),
    "tool_call": vatel.ToolCall(ToolCallId("call_8Qz"), "opening_hours", {"day": "saturday", "guests": 2}),
    "session_ended": vatel.SessionEnded(),
}
TO_VATEL: dict[str, bytes] = {
    "input_audio": vatel.input_audio(PCM),
    "tool_call_output": vatel.tool_call_output(
        ToolCallId("call_8Qz"), '{"opens":"9:00","name":"Café \\"Zürich\\""}'
    ),
}


def golden(vendor: str, name: str) -> str:
    return (GOLDEN / vendor / f"{name}.json").read_text(encoding="utf-8")


def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    assert len({name for name, _ in pairs}) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize("name", FROM_TWILIO)
def test_each_message_twilio_documents_is_read_to_its_value(name: str) -> None:
    assert twilio.parse(golden("twilio", f"in-{name}")) == FROM_TWILIO[name]


@pytest.mark.parametrize("name", FROM_VATEL)
def test_each_message_vatel_documents_is_read_to_its_value(name: str) -> None:
    assert vatel.parse(golden("vatel", f"in-{name}").encode()) == FROM_VATEL[name]


@pytest.mark.parametrize("name", TO_TWILIO)
def test_each_message_to_twilio_is_the_documented_one_and_no_more(name: str) -> None:
    written = json.loads(TO_TWILIO[name], object_pairs_hook=without_doubles)
    assert written == json.loads(golden("twilio", f"out-{name}"))


@pytest.mark.parametrize("name", TO_VATEL)
def test_each_message_to_vatel_is_the_documented_one_and_no_more(name: str) -> None:
    written = json.loads(TO_VATEL[name], object_pairs_hook=without_doubles)
    assert written == json.loads(golden("vatel", f"out-{name}"))


@pytest.mark.parametrize(
    ("vendor", "read", "written"),
    [("twilio", FROM_TWILIO, TO_TWILIO), ("vatel", FROM_VATEL, TO_VATEL)],
    ids=["twilio", "vatel"],
)
def test_every_golden_file_is_compared(
    vendor: str, read: dict[str, object], written: dict[str, object]
) -> None:
    expected = {f"in-{name}" for name in read} | {f"out-{name}" for name in written}
    assert {path.stem for path in (GOLDEN / vendor).iterdir()} == expected


@pytest.mark.parametrize(
    ("parse", "vendor", "read"),
    [(twilio.parse, "twilio", FROM_TWILIO), (vatel.parse, "vatel", FROM_VATEL)],
    ids=["twilio", "vatel"],
)
def test_what_vendors_add_later_changes_nothing(
    parse: Callable[[str], object], vendor: str, read: dict[str, object]
) -> None:
    for name, value in read.items():
        message = json.loads(golden(vendor, f"in-{name}"))
        for part in [message, *[part for part in message.values() if isinstance(part, dict)]]:
            part["addedLater"] = {"deep": [1, None, "x"]}
        assert parse(json.dumps(message)) == value, name


def test_the_reference_page_names_every_message_the_code_knows() -> None:
    page = (ROOT / "docs" / "reference" / "messages.md").read_text(encoding="utf-8")
    tags = [
        tag
        for module in ("media_stream", "agent_session")
        for tag in re.findall(r'tag="(\w+)"', (ROOT / f"gateway/wire/{module}.py").read_text("utf-8"))
    ]
    assert len(tags) == len(FROM_TWILIO) + len(FROM_VATEL) - 1
    assert [name for name in [*tags, *TO_TWILIO, *TO_VATEL] if f"| `{name}` |" not in page] == []
