"""Logs: nothing private leaves, whatever was logged, and each line can be read by a machine."""

import errno
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from gateway import logs
from gateway.wire.call_status import CallStatus


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in logs._QUIET}
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level
    for name, before in levels.items():
        logging.getLogger(name).setLevel(before)


def scrubbed(value: object) -> Any:
    return logs.scrub(None, "info", {"event": "it happened", "value": value})["value"]


def written(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("from +14155550100 to +442079460000.", "from +…00 to +…00."),
        ("?PhoneNumber=%2B14155550100&a=1", "?PhoneNumber=+…00&a=1"),
        ("call +1 (415) 555-0123 now", "call +…23 now"),
        (
            "wss://api.vatel.ai/v1/connection?token=ey.J-x&agentId=a1",
            "wss://api.vatel.ai/v1/connection?token=…&agentId=a1",
        ),
        ('{"token": "abc", "n": 1}', '{"token": "…", "n": 1}'),
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer …"),
        ("Authorization: Basic QUM6dG9r==", "Authorization: Basic …"),
        ("secret whsec_dGVzdC1zZWNyZXQ=", "secret whsec_…"),
        ("https://me:pass@host:8080/x", "https://me:…@host:8080/x"),
        ("api_key=abc PASSWORD=def'", "api_key=… PASSWORD=…'"),
        ("https://gateway.example.com:8443/twilio/voice", "https://gateway.example.com:8443/twilio/voice"),
        ("turn over after +123 ms, CA0123456789", "turn over after +123 ms, CA0123456789"),
        ("two\r\nlines\x1b[31m\u2028and\ud800", "two  lines [31m and "),
        ("x" * 600, "x" * 500),
        (CallStatus.NO_ANSWER, "no-answer"),
    ],
)
def test_text_is_cleaned_and_cut(text: str, clean: str) -> None:
    assert scrubbed(text) == clean
    assert scrubbed({"deep": [(text,)]}) == {"deep": [[clean]]}


@pytest.mark.parametrize("value", [None, True, 17, 1.5])
def test_figures_are_kept(value: object) -> None:
    assert scrubbed(value) is value


def test_what_is_inside_other_values_is_cleaned() -> None:
    number = "+14155550100"
    assert scrubbed([number, {number: number}]) == ["+…00", {"+…00": "+…00"}]
    assert scrubbed({number}) == ["+…00"]
    assert scrubbed(ValueError(f"no such number {number}")) == "no such number +…00"
    assert scrubbed(b"audio") == "5 bytes"
    assert scrubbed(float("nan")) == "nan"


def test_values_have_bounds() -> None:
    assert len(scrubbed(list(range(1000)))) == 50
    assert len(scrubbed({str(number): number for number in range(1000)})) == 50
    deep: list[object] = []
    for _ in range(50):
        deep = [deep]
    assert len(str(scrubbed(deep))) < 200


def test_an_exception_keeps_its_lines_and_its_end(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logs.get().error("failed", exc_info=ValueError("x" * 9000 + " +14155550100 token=abc"))
    [line] = written(capsys)
    assert line["exception"].endswith("x +…00 token=…")
    assert len(line["exception"]) < 8000


@pytest.mark.parametrize(
    ("number", "mask"),
    [
        ("+14155550100", "+…00"),
        ("+442079460023", "+…23"),
        ("+1415", "…"),
        ("+14155550100 and more", "…"),
        ("14155550100", "…"),
        ("anonymous", "…"),
        ("client:anna", "…"),
        ("", ""),
    ],
)
def test_a_masked_number_can_not_be_dialled(number: str, mask: str) -> None:
    assert logs.masked(number) == mask


def test_each_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("INFO", "json")
    log = logs.get(call_sid="CA1")
    log.info("call over", caller="+14155550100", counts={"x": 1}, text='a"b\nc\ud800')
    log.warning("odd", value=float("inf"), raw=b"\xff", error=OSError("gone"))
    log.debug("not written")
    first, second = written(capsys)
    stamps = first.pop("timestamp"), second.pop("timestamp")
    assert all(stamp.endswith("Z") for stamp in stamps)
    assert first == {
        "event": "call over",
        "level": "info",
        "call_sid": "CA1",
        "caller": "+…00",
        "counts": {"x": 1},
        "text": 'a"b c ',
    }
    assert second == {
        "event": "odd",
        "level": "warning",
        "call_sid": "CA1",
        "value": "inf",
        "raw": "1 bytes",
        "error": "gone",
    }


def test_warnings_of_libraries_are_lines_like_any_other(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "json")
    logging.getLogger("asyncio").warning("lost %s", "https://x?token=abc")
    logging.getLogger("asyncio").info("not written")
    logging.getLogger("httpx").warning("GET https://x?token=abc")
    [line] = written(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("lost https://x?token=…", "warning", "asyncio")


def test_text_for_people_is_cleaned_too(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("warning", "console")
    logs.get().warning("refused", caller="+14155550100", forged="x\n2026-01-01 [info] all is well \ud800")
    logs.get().info("not written")
    [line] = capsys.readouterr().out.splitlines()
    assert "refused" in line
    assert "+…00" in line


class _FullDisk(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_a_line_that_can_t_be_written_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", _FullDisk())
    logs.configure("info", "json")
    logs.get().info("it happened")
    logging.getLogger("library").warning("something else did")


def test_a_line_for_a_stream_that_is_closed_harms_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr("sys.stdout", closed)
    monkeypatch.setattr(closed, "isatty", lambda: False, raising=False)
    logs.configure("info", "json")
    logs.get().info("it happened")
