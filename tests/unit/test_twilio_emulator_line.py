"""One media stream without a socket: what it sends, when, and what it makes of bad messages."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.emulators.twilio.line_audio import AudioUnusable, Track, decode, encode, read_wav, write_wav
from gateway.emulators.twilio.line_core import LineCore
from gateway.emulators.twilio.line_impairments import Impairments, Lane
from gateway.emulators.twilio.line_messages import Complaint, StreamNames, parse

SID = "MZ1"
NAMES = StreamNames("AC1", "CA1", SID, {})


def core(impairments: Impairments | None = None) -> LineCore:
    return LineCore(NAMES, impairments)


def media(audio: bytes) -> str:
    payload = base64.b64encode(audio).decode()
    return json.dumps({"event": "media", "streamSid": SID, "media": {"payload": payload}})


def mark(name: str) -> str:
    return json.dumps({"event": "mark", "streamSid": SID, "mark": {"name": name}})


CLEAR = json.dumps({"event": "clear", "streamSid": SID})


def events(messages: list[str]) -> list[str]:
    return [json.loads(message)["event"] for message in messages]


def test_a_frame_is_due_every_twenty_milliseconds() -> None:
    line = core()
    assert line.deadline == 0.02
    assert events(line.due(0.0)) == []
    assert events(line.due(0.02)) == ["media"]
    assert events(line.due(0.1)) == ["media"] * 4


def test_numbers_are_strings_and_count_up() -> None:
    line = core()
    line.opening()
    first, second = (json.loads(message) for message in line.due(0.04))
    assert (first["sequenceNumber"], second["sequenceNumber"]) == ("2", "3")
    assert [(m["media"]["chunk"], m["media"]["timestamp"]) for m in (first, second)] == [
        ("1", "20"),
        ("2", "40"),
    ]


def test_the_callers_speech_is_sent_and_remembered() -> None:
    line = core()
    line.due(0.02)
    target = line.queue(b"\x01" * 200)
    sent = [base64.b64decode(json.loads(message)["media"]["payload"]) for message in line.due(0.06)]
    assert sent == [b"\x01" * 160, b"\x01" * 40 + b"\xff" * 120]
    assert line.spoken_bytes == target
    assert line.spoken.until(0.06) == b"\xff" * 160 + b"\x01" * 200 + b"\xff" * 120


def test_too_much_speech_is_refused() -> None:
    with pytest.raises(AudioUnusable):
        core().queue(b"\x00" * (600 * 8000 + 1))


def test_a_mark_comes_back_after_its_audio() -> None:
    line = core()
    line.receive(media(b"\x01" * 400), 0.0)
    line.receive(mark("a"), 0.0)
    line.due(0.0)
    assert line.deadline == 0.02
    line.due(0.049)
    assert events(line.due(0.05)) == ["mark"]
    assert [(m.name, m.flushed) for m in line.marks] == [("a", False)]


def test_a_clear_flushes() -> None:
    line = core()
    line.receive(media(b"\x01" * 8000), 0.0)
    line.receive(mark("a"), 0.0)
    line.receive(CLEAR, 0.01)
    assert events(line.due(0.01)) == ["mark"]
    assert (line.marks[0].flushed, line.clears, line.first_audio_at) == (True, [0.01], 0.0)


def test_keys_come_ten_a_second() -> None:
    line = core()
    line.press("1w2", 0.0)
    keys = [
        (round(ms / 1000, 3), json.loads(message)["dtmf"]["digit"])
        for ms in range(0, 1000, 10)
        for message in line.due(ms / 1000)
        if '"dtmf"' in message
    ]
    assert keys == [(0.0, "1"), (0.6, "2")]
    with pytest.raises(ValueError, match="key"):
        line.press("x", 0.0)


def test_more_than_ten_minutes_warns_once() -> None:
    line = core()
    for _ in range(3):
        line.receive(media(b"\x01" * 8000 * 301), 0.0)
    line.due(0.0)
    line.receive(media(b"\x01"), 0.01)
    line.due(0.01)
    assert [warning.code for warning in line.warnings] == [31931]


BAD: list[tuple[str | bytes, int]] = [
    (b"binary", 31950),
    ("{", 31951),
    ("[]", 31951),
    ("[" * 100_000, 31951),
    ('{"event":"hello"}', 31951),
    ('{"event":["media"]}', 31951),
    (json.dumps({"event": "clear", "streamSid": "MZ2"}), 31951),
    (json.dumps({"event": "clear", "streamSid": SID, "sequenceNumber": "1"}), 31951),
    (json.dumps({"event": "mark", "streamSid": SID, "mark": {"name": 1}}), 31951),
    (json.dumps({"event": "mark", "streamSid": SID, "mark": {"name": "a", "x": 1}}), 31951),
    (json.dumps({"event": "media", "streamSid": SID, "media": {"payload": "AA==junk"}}), 31950),
    (json.dumps({"event": "media", "streamSid": SID, "media": {"payload": ""}}), 31951),
    (json.dumps({"event": "media", "streamSid": SID, "media": {"payload": "AA==", "track": "x"}}), 31951),
]


@pytest.mark.parametrize(("raw", "code"), BAD)
def test_what_twilio_warns_about(raw: str | bytes, code: int) -> None:
    line = core()
    line.receive(raw, 0.0)
    assert [warning.code for warning in line.warnings] == [code]
    assert line.playout.queued_s(0.0) == 0


@given(st.text(max_size=200))
def test_rubbish_is_a_complaint_and_nothing_else(text: str) -> None:
    with pytest.raises(Complaint):
        parse(text, SID)


def test_a_machine_too_slow_leaves_frames_out() -> None:
    line = core()
    line.due(0.02)
    (message,) = line.due(60.0)
    assert json.loads(message)["media"] == {
        "track": "inbound",
        "chunk": "2",
        "timestamp": "60000",
        "payload": base64.b64encode(b"\xff" * 160).decode(),
    }


def test_the_same_seed_ails_the_same_way() -> None:
    ailments = Impairments(delay_ms=100, jitter_ms=50, loss=0.2, seed=3)
    first, second = core(ailments), core(ailments)
    assert first.due(2.0) == second.due(2.0)
    assert 50 < len(core(ailments).due(2.0)) < 95


@given(st.lists(st.floats(0, 10), max_size=50), st.integers())
def test_jitter_keeps_order_and_is_bounded(times: list[float], seed: int) -> None:
    lane = Lane(Impairments(delay_ms=20, jitter_ms=100, seed=seed), "up")
    sent = sorted(times)
    arrivals = [lane.arrival(now) for now in sent]
    assert arrivals == sorted(arrivals)
    assert all(0.0199 <= arrival - now <= 0.1201 for now, arrival in zip(sent, arrivals, strict=True))


def test_agent_audio_is_delayed_and_thinned_on_a_bad_line() -> None:
    line = core(Impairments(delay_ms=100, loss=0.5, seed=1))
    line.receive(media(b"\x01" * 16_000), 0.0)
    line.due(3.0)
    heard = line.playout.heard(3.0)
    assert heard[:800] == b"\xff" * 800
    assert 0.3 < heard.count(b"\x01") / 16_000 < 0.7
    assert len(heard) == 24_000


@pytest.mark.parametrize("bad", [{"loss": 1.5}, {"delay_ms": -1.0}])
def test_impairments_are_checked(bad: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"loss|delay"):
        Impairments(**bad)  # type: ignore[arg-type]  # seed is an int, and not among the bad ones


def test_every_mulaw_code_survives_the_way_there_and_back() -> None:
    codes = bytes(code for code in range(256) if code != 0x7F)  # 0x7F is a second zero.
    assert encode(decode(codes)) == codes


def test_a_wav_file_survives_the_way_there_and_back(tmp_path: Path) -> None:
    tone = encode((8000 * np.sin(np.arange(800) / 3)).astype(np.int16))
    write_wav(tmp_path / "a.wav", tone)
    assert read_wav(tmp_path / "a.wav") == tone


def test_a_file_that_is_no_telephone_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFFxxxx")
    with pytest.raises(AudioUnusable):
        read_wav(tmp_path / "a.wav")


def test_a_track_is_bounded() -> None:
    track = Track(0.1)
    track.lay(b"\x01" * 8000, 0.05)
    assert track.until(1.0) == b"\xff" * 400 + b"\x01" * 400
