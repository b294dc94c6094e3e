"""Events customers are told of: the same bytes every time, below a size, as the reference page says."""

import json
import re
import typing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.store.records import Direction, Status
from gateway.wire import events_out
from gateway.wire.events_out import (
    LARGEST_EVENT,
    CallEnded,
    CallFacts,
    CallOptedOut,
    CallStarted,
    EndedFacts,
    Event,
    OptOutFacts,
    body,
    document,
)

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "events.md").read_text(encoding="utf-8")
KINDS: tuple[type[msgspec.Struct], ...] = typing.get_args(Event)


def ended(metadata: Any = None, **changes: Any) -> CallEnded:
    facts = EndedFacts(
        call_id="call_1",
        direction="inbound",
        from_number="+14155550100",
        to_number="+14155550111",
        agent_id="agent-1",
        status="completed",
        ending="caller_hung_up",
        ended_by="caller",
        ended_at=AT,
        duration_ms=61_000,
        metadata={} if metadata is None else metadata,
    )
    return CallEnded(id="msg_1", timestamp=AT, data=msgspec.structs.replace(facts, **changes))


def test_an_event_says_what_happened_to_which_call() -> None:
    event = CallStarted(
        id="msg_1",
        timestamp=AT,
        data=CallFacts(
            call_id="call_1", direction="outbound", from_number="+14155550100", status="dialing",
            metadata={"order": 7},
        ),
    )  # fmt: skip
    assert json.loads(body(document(event))) == {
        "type": "call.started",
        "id": "msg_1",
        "timestamp": "2026-03-01T12:00:00Z",
        "data": {
            "call_id": "call_1",
            "call_sid": None,
            "direction": "outbound",
            "from": "+14155550100",
            "to": None,
            "agent_id": None,
            "status": "dialing",
            "metadata": {"order": 7},
            "metadata_dropped": False,
        },
    }


def test_a_document_that_rested_in_a_database_becomes_the_same_bytes() -> None:
    stored = document(ended({"b": [1, {"z": 1, "a": 2}], "a": "Zoë"}))

    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: shuffled(value[key]) for key in sorted(value, reverse=True)}
        return [shuffled(each) for each in value] if isinstance(value, list) else value

    assert list(shuffled(stored)) != list(stored)
    assert body(shuffled(stored)) == body(stored) == body(json.loads(body(stored)))


@pytest.mark.parametrize(
    "metadata",
    [{"a": "x" * 17_000}, {"a": "\ud800"}, {"a": object()}, {1: {2, 3}, "b": b"\xff", "c": lambda: 0}],
    ids=["too much", "half a character", "an object", "a function"],
)
def test_metadata_that_can_not_be_sent_is_left_out(metadata: dict[str, Any]) -> None:
    data = document(ended(metadata))["data"]
    assert (data["metadata"], data["metadata_dropped"]) == ({}, True)
    assert data["call_id"] == "call_1"


def test_metadata_that_never_ends_is_left_out() -> None:
    deep: dict[str, Any] = {}
    deep["again"] = deep
    assert document(ended(deep))["data"]["metadata_dropped"] is True


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(st.dictionaries(st.text(), _json), st.text(max_size=2000))
def test_whatever_it_holds_an_event_is_json_of_a_bounded_size(metadata: dict[str, Any], text: str) -> None:
    event = ended(metadata, ending=text, ended_by=text, answered_by=text, agent_id=text, call_sid=text)
    sent = body(document(event))
    assert len(sent) <= LARGEST_EVENT
    assert json.loads(sent)["type"] == "call.ended"


def test_texts_at_their_longest_still_fit() -> None:
    worst = "\x01" * 10_000
    names = (
        "call_id",
        "call_sid",
        "from_number",
        "to_number",
        "agent_id",
        "ending",
        "ended_by",
        "answered_by",
    )
    event = ended({"a": "x" * 16_000}, **dict.fromkeys(names, worst))
    assert 16_000 < len(body(document(event))) <= LARGEST_EVENT


def test_an_event_shows_no_number_in_a_log() -> None:
    event = CallOptedOut(
        id="msg_1",
        timestamp=AT,
        data=OptOutFacts(
            call_id="call_1", direction="inbound", status="in_progress", number="+14155550100",
            opted_out_by="keypad", opted_out_at=AT,
        ),
    )  # fmt: skip
    assert "+1415" not in repr(event)


def test_words_are_those_the_records_use() -> None:
    assert set(typing.get_args(events_out.Direction)) == {each.value for each in Direction}
    assert set(typing.get_args(events_out.Status)) == {each.value for each in Status}


def sections() -> dict[str, set[str]]:
    """The fields the page has in a table, by heading."""
    parts = re.split(r"(?m)^## ", PAGE)[1:]
    return {
        part.partition("\n")[0].strip("` "): set(re.findall(r"(?m)^\| `(\w+)` \|", part)) for part in parts
    }


def fields(kind: type[msgspec.Struct]) -> set[str]:
    data = typing.get_type_hints(kind)["data"]
    return {field.encode_name for field in msgspec.structs.fields(data)}


def test_the_page_has_the_fields_of_every_event() -> None:
    common = {field.encode_name for field in msgspec.structs.fields(CallFacts)}
    told = {name: found for name, found in sections().items() if name.startswith("call.")}
    assert sections()["What every event says"] == common | {"type", "id", "timestamp", "data"}
    assert told == {kind.__struct_config__.tag: fields(kind) - common for kind in KINDS}


def test_the_page_has_the_words_fields_may_hold() -> None:
    words = (events_out.Direction, events_out.Status, events_out.OptOutBy)
    missing = [word for each in words for word in typing.get_args(each) if f"`{word}`" not in PAGE]
    assert missing == []
