"""The store's pure parts: addresses, identifiers, tidying, and the queue in memory."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.errors import SettingsError
from gateway.store import address, describe, identifiers, tidy
from gateway.store.delivery import Entry
from gateway.store.identifiers import made_at, new_call
from gateway.store.queue import Bounds, Queue
from gateway.store.records import CallChange, Json


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("sqlite:///gateway.db", "sqlite+aiosqlite:///gateway.db"),
        (" sqlite:////var/lib/gateway.db ", "sqlite+aiosqlite:////var/lib/gateway.db"),
        ("postgresql://u:p@db.example.com/calls", "postgresql+psycopg://u:***@db.example.com/calls"),
        ("postgres://db.example.com:5433/calls", "postgresql+psycopg://db.example.com:5433/calls"),
        ("postgresql+psycopg2://db/calls", "postgresql+psycopg://db/calls"),
        ("postgresql://u@/calls?host=/run/pg", "postgresql+psycopg://u@/calls?host=%2Frun%2Fpg"),
    ],
)
def test_addresses_get_the_drivers_that_do_not_block(written: str, meant: str) -> None:
    assert str(address.parse(written)) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "gateway.db",
        "mysql://u:hidden@db/calls",
        "sqlite://",
        "sqlite:///:memory:",
        "sqlite://gateway.db",
        "postgresql://u:hidden@db",
        "postgresql://u:hidden@db:port/x",
        "nonsense://x",
    ],
)
def test_other_addresses_are_refused_in_one_line_that_shows_no_password(written: str) -> None:
    with pytest.raises(SettingsError, match=r"^DATABASE_URL: [^\n]+\.$") as caught:
        address.parse(written)
    assert "hidden" not in str(caught.value)


def test_identifiers_sort_as_they_were_made() -> None:
    made = [new_call() for _ in range(5000)]
    assert made == sorted(set(made))
    assert made_at(made[0]) is not None


@given(text=some.text())
def test_no_text_upsets_the_reading_of_an_identifier(text: str) -> None:
    assert made_at(text) is None or made_at(text)


def test_an_identifier_of_the_far_future_has_no_time() -> None:
    assert made_at("call_" + "z" * 26) is None


def test_each_kind_of_identifier_has_its_prefix() -> None:
    makers = (new_call, identifiers.new_intent, identifiers.new_key, identifiers.new_message)
    assert [make().partition("_")[0] for make in makers] == ["call", "dial", "key", "msg"]


VALUES = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(some.characters(codec=None)),
    lambda inner: some.lists(inner) | some.dictionaries(some.text(some.characters(codec=None)), inner),
)


@given(value=VALUES)
def test_whatever_is_tidied_is_json_that_databases_take(value: object) -> None:
    text = json.dumps(tidy.document(value), allow_nan=False, ensure_ascii=False)
    assert "\\u0000" not in text
    text.encode("utf-8")


@given(value=some.text(some.characters(codec="utf-8", exclude_characters="\0"), max_size=100))
def test_good_text_is_left_alone(value: str) -> None:
    assert tidy.text(value) == value


def summary(text: str) -> CallChange:
    return CallChange(call_id=new_call(), summary=text)


def test_the_queue_holds_so_many_entries() -> None:
    queue = Queue(Bounds(entries=2))
    assert [queue.put([summary("x")]) for _ in range(3)] == [True, True, False]


def test_the_queue_holds_so_many_bytes_and_counts_them_down() -> None:
    queue = Queue(Bounds(bytes=400))
    assert [queue.put([summary("x" * 100)]) for _ in range(3)] == [True, True, False]
    queue.forget(1)
    assert queue.put([summary("x" * 100)])


def test_an_endless_entry_is_cut_or_refused_never_kept() -> None:
    queue = Queue(Bounds(entry_bytes=20_000))
    assert queue.put([summary("x" * 1_000_000)])
    assert len(queue.peek(1, 1)[0]) < 20_000
    assert not queue.put([summary("x" * 1_000_000) for _ in range(2)])


def test_forgetting_twice_forgets_once() -> None:
    queue = Queue(Bounds())
    for text in "abc":
        queue.put([summary(text)])
    assert [queue.forget(2), queue.forget(2), queue.first, len(queue)] == [2, 0, 3, 1]


def test_what_is_put_in_can_not_change_any_more() -> None:
    attached: Json = {"a": 1}
    queue = Queue(Bounds())
    queue.put([CallChange(call_id=new_call(), metadata=attached)])
    before = queue.peek(1, 1)
    attached["a"] = 2
    assert queue.peek(1, 1) == before


def test_a_record_shows_no_words_in_a_log() -> None:
    assert "secret" not in repr(Entry(1, [summary("secret")]))


def test_the_reference_page_says_what_the_tables_are() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "store.md"
    assert page.read_text(encoding="utf-8") == describe.page()
