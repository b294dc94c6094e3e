"""Documents: what opens a stream, and what follows when nobody is there to carry the call."""

import re

import pytest

from gateway.bridge.limits import Limits, ToolBook
from gateway.calls.documents import MOST_HOPS, Addresses, Documents, Sentences
from gateway.calls.plan import Parties, Plan, Words
from gateway.ids import E164, AgentId
from gateway.store.identifiers import CallId
from gateway.store.records import Direction

HUMAN, OTHER = E164("+14155550199"), E164("+14155550198")
CALL = CallId("call_01hzy3v4x5")
SENTENCES = Sentences("Wait.", "Sorry.", HUMAN)
STATIC = Documents(Addresses("wss://one.test/media", "https://one.test/stream"), SENTENCES)
ASKING = Documents(
    Addresses(
        "wss://one.test/media", "https://one.test/stream", "https://all.test/voice", "https://all.test/after"
    ),
    SENTENCES,
)


async def words() -> Words:
    return Words(agent_id=AgentId("agent"))


def plan(direction: Direction = Direction.INBOUND, fallback: E164 | None = None) -> Plan:
    return Plan(
        call_id=CALL,
        parties=Parties(direction, E164("+14155550123"), E164("+14155550100")),
        words=words,
        book=ToolBook({}),
        limits=Limits(),
        fallback_number=fallback,
        notice="This call is recorded.",
    )


def verbs(document: str | None) -> list[str]:
    """The verbs on the document's own level and below, with what they name."""
    return re.findall(r"<(?!Response|/|\?)(\w+)", document or "")


def test_without_others_the_fallback_stands_behind_the_stream() -> None:
    opening = STATIC.opening(plan(fallback=OTHER), "t")
    assert verbs(opening) == ["Say", "Connect", "Stream", "Parameter", "Say", "Dial", "Say", "Hangup"]
    assert OTHER in opening


def test_with_others_any_of_them_is_asked_what_comes_behind_the_stream() -> None:
    opening = ASKING.opening(plan(), "t")
    assert verbs(opening) == ["Say", "Connect", "Stream", "Parameter", "Redirect"]
    assert f"https://all.test/after?c={CALL}#" in opening


def test_a_stream_that_is_opened_again_has_no_notice() -> None:
    assert verbs(ASKING.reopening(plan(), "t")) == ["Connect", "Stream", "Parameter", "Redirect"]


@pytest.mark.parametrize(
    ("direction", "number", "expected"),
    [
        (Direction.INBOUND, None, ["Say", "Dial", "Say", "Hangup"]),
        (Direction.OUTBOUND, OTHER, ["Say", "Dial", "Say", "Hangup"]),
        (Direction.OUTBOUND, None, ["Say", "Hangup"]),  # nobody we called gets a person of ours unasked
    ],
)
def test_the_fallback_helps_callers_and_excuses_us_to_others(
    direction: Direction, number: E164 | None, expected: list[str]
) -> None:
    assert verbs(ASKING.fallback(plan(direction, number))) == expected


@pytest.mark.parametrize(
    ("direction", "number", "expected", "person"),
    [
        (Direction.INBOUND, None, ["Dial", "Say", "Hangup"], HUMAN),
        (Direction.OUTBOUND, OTHER, ["Dial", "Say", "Hangup"], OTHER),
        (Direction.OUTBOUND, None, ["Say", "Hangup"], None),
    ],
)
def test_a_caller_who_was_told_of_the_person_is_connected_without_another_word(
    direction: Direction, number: E164 | None, expected: list[str], person: E164 | None
) -> None:
    told = STATIC.fallback(plan(direction, number), said=True)
    assert (verbs(told), STATIC.person(plan(direction, number))) == (expected, person)
    assert "Wait." not in told


def test_a_caller_on_hold_hears_whole_pieces_of_music_and_comes_back() -> None:
    documents = Documents(
        Addresses("wss://one.test/m", "https://one.test/s", music="https://m.test", back="https://b.test"),
        SENTENCES,
    )
    held = documents.holding(plan(), 60)
    assert '<Play loop="19">https://m.test</Play>' in held  # 60.8 s
    assert f'<Redirect method="POST">https://b.test?c={CALL}#' in held
    assert verbs(held) == ["Play", "Redirect"]


def test_a_call_nothing_is_known_of_gets_the_usual_person() -> None:
    assert HUMAN in ASKING.fallback()


def test_a_call_is_passed_on_at_once_then_with_pauses_and_not_for_ever() -> None:
    asked = [ASKING.another(hops) for hops in range(MOST_HOPS + 1)]
    assert [verbs(document) for document in asked] == [
        *[["Redirect"]] * 2,
        *[["Pause", "Redirect"]] * (MOST_HOPS - 2),
        [],
    ]
    assert "https://all.test/voice?h=1#" in (asked[0] or "")
    assert f"https://all.test/after?c={CALL}&amp;h=3#" in (ASKING.onward(CALL, 2) or "")


def test_a_process_without_others_passes_nothing_on() -> None:
    assert STATIC.another(0) is None
    assert STATIC.onward(CALL, 0) is None
