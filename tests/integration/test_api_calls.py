"""Calls over HTTP: the list, one, what was said in it, the recording, the export."""

import asyncio
import csv
import io
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from gateway.store import conversations
from gateway.store.errors import StoreUnavailable
from gateway.store.records import Direction, Speaker, Status, Turn
from gateway.web.api import door
from tests.integration.api_rig import FIRST_KEY, NOW, Rig, api

pytestmark = pytest.mark.anyio
NOBODY = "call_00000000000000000000000000"


async def _ids(rig: Rig, **query: Any) -> list[str]:
    answer = await rig.get("/v1/calls", params=query)
    assert answer.status_code == 200, answer.text
    return [call["id"] for call in answer.json()["calls"]]


async def test_pages_have_every_call_once_the_newest_first(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        made = [await rig.call(number) for number in range(7)]
        seen: list[str] = []
        query: dict[str, Any] = {"limit": 3}
        while True:
            page = (await rig.get("/v1/calls", params=query)).json()
            seen += [call["id"] for call in page["calls"]]
            if page["next_cursor"] is None:
                break
            query["cursor"] = page["next_cursor"]
    assert seen == made[::-1]


async def test_filters_are_combined(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        plain = await rig.call(1)
        other = await rig.call(
            2,
            direction=Direction.OUTBOUND,
            status=Status.BUSY,
            from_number="+14155550111",
            to_number="+14155550112",
            number="+14155550111",
            agent_id="agent-2",
            ending="agent_ended",
        )
        for name, value in {
            "direction": "outbound",
            "status": "busy",
            "from": "+14155550111",
            "to": "+14155550112",
            "number": "+14155550111",
            "agent_id": "agent-2",
            "ending": "agent_ended",
            "since": "2026-03-01T12:00:02Z",
        }.items():
            assert await _ids(rig, **{name: value}) == [other]
        assert await _ids(rig, until="2026-03-01T13:00:02+01:00") == [plain]
        assert await _ids(rig, direction="outbound", status="completed") == []


async def test_a_plus_that_nobody_escaped_is_a_plus(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        made = await rig.call(1)
        answer = await rig.get("/v1/calls?from=+14155550123&since=2026-03-01T12:00:00+00:00")
    assert [call["id"] for call in answer.json()["calls"]] == [made]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=two", "limit"),
        ("status=", "status"),
        ("number=14155550100", "number"),
        ("from_number=%2B14155550100", "from_number"),
        ("since=2026-03-01", "since"),
        ("since=2026-03-01T12:00:00", "since"),
        ("since=1767225600", "since"),
        ("until=0001-01-01T00:00:00%2B14:00", "until"),
        ("ending=%00", "ending"),
        ("agent_id=%FF", "agent_id"),
        ("cursor=nonsense", "cursor"),
        ("limit=1&limit=2", "limit"),
        ("colour=red", "colour"),
    ],
)
async def test_a_wrong_parameter_is_named(tmp_path: Path, query: str, field: str) -> None:
    async with api(tmp_path) as rig:
        answer = await rig.get(f"/v1/calls?{query}")
    assert answer.status_code == 422
    assert answer.json()["type"] == "/docs#problem-invalid"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


async def test_a_call_says_all_that_is_known_of_it(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        call_id = await rig.call(1, callback_url="https://example.com/hook?token=1")
        call = (await rig.get(f"/v1/calls/{call_id}")).json()
    known = {"id": call_id, "from": "+14155550123", "to": "+14155550100", "metadata": {"order": 17}}
    assert known.items() <= call.items()
    assert call["created_at"] == "2026-03-01T12:00:01Z"
    assert not {"callback_url", "recording_path", "api_key_id"} & call.keys()


@pytest.mark.parametrize("part", ["", "/transcript", "/events", "/tool_calls", "/recording"])
async def test_what_is_not_there_is_not_found(tmp_path: Path, part: str) -> None:
    async with api(tmp_path) as rig:
        for name in (NOBODY, "call_1", "x" * 500):
            answer = await rig.get(f"/v1/calls/{name}{part}")
            assert (answer.status_code, answer.json()["type"]) == (404, "/docs#problem-not-found")


@pytest.mark.parametrize(
    ("part", "rows", "name"),
    [
        ("transcript", "turns", "turn_id"),
        ("events", "events", "sequence"),
        ("tool_calls",) * 2 + ("tool_call_id",),
    ],
)
async def test_what_happened_comes_in_order_and_in_pages(
    tmp_path: Path, part: str, rows: str, name: str
) -> None:
    async with api(tmp_path) as rig:
        call_id = await rig.call(1)
        await rig.talk(call_id, 5)
        whole = (await rig.get(f"/v1/calls/{call_id}/{part}")).json()
        seen: list[object] = []
        query: dict[str, Any] = {"limit": 2}
        while "cursor" not in query or query["cursor"] is not None:
            page = (await rig.get(f"/v1/calls/{call_id}/{part}", params=query)).json()
            seen += [row[name] for row in page[rows]]
            query["cursor"] = page["next_cursor"]
    assert whole["next_cursor"] is None
    assert len(seen) == 5
    assert seen == [row[name] for row in whole[rows]]


@pytest.mark.parametrize(("ended", "told"), [(None, ["t1", "t2"]), (NOW, ["t1", "t2", "t3"])])
async def test_a_turn_that_is_being_spoken_is_told_when_it_is_over_or_when_nobody_ended_it(
    tmp_path: Path, ended: datetime | None, told: list[str]
) -> None:
    async with api(tmp_path) as rig:
        call_id = await rig.call(1, ended_at=ended)
        await rig.talk(call_id, 2)
        account = Turn(call_id=call_id, turn_id="t3", sequence=3, who=Speaker.AGENT, at=NOW, heard_text="So")
        async with rig.database.write() as connection:
            await conversations.put_turns(connection, [account])
        turns = (await rig.get(f"/v1/calls/{call_id}/transcript")).json()["turns"]
    assert [turn["turn_id"] for turn in turns] == told


async def test_the_csv_export_has_every_call_and_no_formula(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        made = [await rig.call(number, summary=f'=HYPERLINK("x")\n{number};ü,\0"') for number in range(3)]
        answer = await rig.get("/v1/calls/export", params={"format": "csv", "since": NOW.isoformat()})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["id"] for row in rows] == made[::-1]
    assert rows[0]["summary"] == '\'=HYPERLINK("x") 2;ü,"'
    assert rows[0]["from"] == "'+14155550123"
    assert rows[0]["metadata"] == '{"order":17}'


async def test_the_json_export_has_more_than_a_page(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        assert (await rig.get("/v1/calls/export")).json() == []
        made = [await rig.call(number) for number in range(203)]
        answer = await rig.get("/v1/calls/export?format=json")
    assert [call["id"] for call in answer.json()] == made[::-1]


@pytest.mark.parametrize("form", ["csv", "json"])
async def test_an_export_that_fails_on_the_way_is_not_taken_for_a_whole_one(
    tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with api(tmp_path) as rig:
        for number in range(201):
            await rig.call(number)
        read, reads = rig.database.read, iter([True, False])

        def away_after_the_first() -> Any:
            if next(reads):
                return read()
            raise StoreUnavailable

        monkeypatch.setattr(rig.database, "read", away_after_the_first)
        with capture_logs() as lines, pytest.raises(httpx.RemoteProtocolError):
            await rig.get(f"/v1/calls/export?format={form}")
    assert [line["event"] for line in lines] == ["api incident", "api answer cut off"]


async def test_a_client_that_takes_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "SEND_S", 0.1)
    async with api(tmp_path) as rig:
        (rig.recordings / "a.wav").write_bytes(bytes(30_000_000))
        call_id = await rig.call(1, recording_state="kept", recording_path="a.wav")
        reader, writer = await asyncio.open_connection("127.0.0.1", int(rig.url.rpartition(":")[2]), limit=1)
        line = f"GET /v1/calls/{call_id}/recording HTTP/1.1"
        head = f"{line}\r\nHost: x\r\nAuthorization: Bearer {FIRST_KEY}\r\n\r\n"
        with capture_logs() as lines:
            writer.write(head.encode())
            async with asyncio.timeout(10):
                while not lines:  # noqa: ASYNC110 - nothing tells a test of a log line
                    await asyncio.sleep(0.02)
        writer.transport.abort()
        assert not reader.at_eof()
    assert (lines[0]["event"], lines[0]["reason"]) == ("api answer cut off", "TimeoutError")


async def test_a_recording_is_sent_whole_or_in_part(tmp_path: Path) -> None:
    async with api(tmp_path) as rig:
        content = bytes(range(256)) * 4
        (rig.recordings / "a.flac").write_bytes(content)
        call_id = await rig.call(1, recording_state="kept", recording_path="a.flac")
        path = f"/v1/calls/{call_id}/recording"
        whole = await rig.get(path)
        part = await rig.get(path, headers={"Range": "bytes=10-19"})
        past = await rig.get(path, headers={"Range": "bytes=5000-"})
        odd = await rig.get(path, headers={"Range": "bytes=20-10"})
        head = await rig.client.head(path)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, content, "audio/flac")
    assert whole.headers["content-disposition"] == f'attachment; filename="{call_id}.flac"'
    assert (part.status_code, part.content) == (206, content[10:20])
    assert part.headers["content-range"] == "bytes 10-19/1024"
    assert (past.status_code, past.json()["type"]) == (416, "/docs#problem-range-not-satisfiable")
    assert past.headers["content-range"] == "bytes */1024"
    assert (odd.status_code, odd.content) == (200, content)
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "1024")


@pytest.mark.parametrize(
    ("state", "path", "status"),
    [
        (None, None, 404),
        ("none", None, 404),
        ("erased", "a.wav", 404),
        ("kept", "missing.wav", 404),
        ("kept", "../gateway.db", 404),
        ("kept", "/etc/hostname", 404),
        ("kept", ".", 404),
        ("recording", "a.wav", 409),
        ("partial", "a.wav", 200),
    ],
)
async def test_a_recording_is_there_or_it_is_told_why_not(
    tmp_path: Path, state: str | None, path: str | None, status: int
) -> None:
    async with api(tmp_path) as rig:
        (rig.recordings / "a.wav").write_bytes(b"RIFF")
        call_id = await rig.call(1, recording_state=state, recording_path=path)
        answer = await rig.get(f"/v1/calls/{call_id}/recording")
    assert answer.status_code == status
