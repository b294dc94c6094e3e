"""Webhooks of what happens in calls: the right one, once, to the right address."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from gateway.calls.facts import Facts, Kind, OptOutFact, RecordingFact, tell_nobody
from gateway.ids import E164, AgentId, CallSid
from gateway.services.happenings import Happenings
from gateway.store.identifiers import CallId
from gateway.store.records import Direction, Json, Outgoing, Status
from gateway.wire import events_out

AT = datetime(2026, 3, 1, 12, 1, 4, tzinfo=UTC)
URL = "https://hooks.example.com/calls"
FACTS = Facts(
    call_id=CallId("call_1"),
    at=AT,
    direction=Direction.INBOUND,
    status=Status.COMPLETED,
    call_sid=CallSid("CA1"),
    caller=E164("+14155550123"),
    called=E164("+14155550100"),
    agent_id=AgentId("agent-1"),
    ending="caller_hung_up",
    ended_by="caller",
    answered_by="human",
    started_at=AT - timedelta(seconds=64),
    answered_at=AT - timedelta(seconds=61),
    ended_at=AT,
    ring_ms=3000.4,
    first_audio_ms=839.6,
    duration_ms=61_000.0,
    recording=RecordingFact("https://gateway.example.com/v1/recordings/call_1", 60_999.5, 487_996, True),
    opt_out=OptOutFact(E164("+14155550123"), "speech"),
    metadata={"order": "1234"},
)
COMMON: Json = {
    "call_id": "call_1",
    "call_sid": "CA1",
    "direction": "inbound",
    "from": "+14155550123",
    "to": "+14155550100",
    "agent_id": "agent-1",
    "status": "completed",
    "metadata": {"order": "1234"},
    "metadata_dropped": False,
}
OWN: dict[str, Json] = {
    Kind.STARTED: {},
    Kind.ANSWERED: {"answered_at": "2026-03-01T12:00:03Z", "answered_by": "human", "ring_ms": 3000},
    Kind.ENDED: {
        "ending": "caller_hung_up",
        "ended_by": "caller",
        "answered_by": "human",
        "started_at": "2026-03-01T12:00:00Z",
        "answered_at": "2026-03-01T12:00:03Z",
        "ended_at": "2026-03-01T12:01:04Z",
        "ring_ms": 3000,
        "first_audio_ms": 840,
        "duration_ms": 61_000,
    },
    Kind.RECORDING_READY: {
        "recording_url": "https://gateway.example.com/v1/recordings/call_1",
        "recording_ms": 61_000,
        "recording_bytes": 487_996,
        "partial": True,
    },
    Kind.OPTED_OUT: {
        "number": "+14155550123",
        "opted_out_by": "speech",
        "opted_out_at": "2026-03-01T12:01:04Z",
    },
}


def made(kind: str, facts: Facts = FACTS, url: str | None = URL) -> Outgoing:
    outgoing = Happenings(url)(kind, facts)
    assert outgoing is not None
    return outgoing


@pytest.mark.parametrize("kind", Kind)
def test_an_event_says_what_is_known(kind: Kind) -> None:
    outgoing = made(kind)
    assert json.loads(events_out.body(outgoing.payload)) == {
        "type": kind.value,
        "id": outgoing.id,
        "timestamp": "2026-03-01T12:01:04Z",
        "data": COMMON | OWN[kind],
    }
    assert (outgoing.event_type, outgoing.at, outgoing.call_id) == (kind.value, AT, "call_1")


@pytest.mark.parametrize("kind", Kind)
def test_the_same_happening_told_twice_has_one_key(kind: Kind) -> None:
    assert made(kind).dedupe_key == made(kind, replace(FACTS, at=AT + timedelta(1))).dedupe_key
    assert made(kind).dedupe_key == f"call_1/{kind.value}"


def test_a_call_may_have_an_address_of_its_own() -> None:
    own = replace(FACTS, callback_url="https://own.example.com/")
    assert [
        made(Kind.ENDED, facts, url).endpoint for facts, url in ((FACTS, URL), (own, URL), (own, None))
    ] == [
        URL,
        "https://own.example.com/",
        "https://own.example.com/",
    ]


@pytest.mark.parametrize("tell", [Happenings(None), Happenings(""), tell_nobody])
def test_without_an_address_nothing_is_made(tell: Happenings) -> None:
    assert tell(Kind.ENDED, FACTS) is None


@pytest.mark.parametrize(
    ("kind", "facts"),
    [
        ("call.unheard_of", FACTS),
        (Kind.RECORDING_READY, replace(FACTS, recording=None)),
        (Kind.OPTED_OUT, replace(FACTS, opt_out=None)),
    ],
)
def test_what_can_not_be_told_is_not_made_and_nothing_is_raised(kind: str, facts: Facts) -> None:
    assert Happenings(URL)(kind, facts) is None


@pytest.mark.parametrize("word", ["anonymous", "Restricted", "", "+", "+1415x"])
def test_a_withheld_number_is_null(word: str) -> None:
    data = made(Kind.STARTED, replace(FACTS, caller=E164(word))).payload["data"]
    assert isinstance(data, dict)
    assert data["from"] is None


def test_an_event_is_told_though_little_is_known() -> None:
    little = Facts(call_id=CallId("call_2"), at=AT, direction=Direction.OUTBOUND, status=Status.NO_ANSWER)
    for kind in (Kind.STARTED, Kind.ANSWERED, Kind.ENDED):
        data = made(kind, little).payload["data"]
        assert isinstance(data, dict)
        assert data["from"] is None


def test_no_number_and_no_address_shows_in_the_text_of_facts() -> None:
    shown = repr(replace(FACTS, callback_url="https://own.example.com/secret"))
    assert "5550123" not in shown
    assert "secret" not in shown
    assert "order" not in shown
