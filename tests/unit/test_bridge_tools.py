"""Tools: each call is answered exactly once; keys are collected as a caller presses them."""

import pytest

from gateway.bridge.commands import AnswerTool, Command, RunTool, Tell
from gateway.bridge.events import ToolFinished
from gateway.bridge.limits import ToolBook
from gateway.bridge.machine import Bridge
from gateway.bridge.report import OptedOut, ToolAnswered
from gateway.ids import E164, ToolCallId
from gateway.wire.agent_session import JSON, ToolCall
from tests.unit.bridge_line import MS, SECOND, World, plain
from tests.unit.bridge_talk import (
    STOP,
    acts,
    answer,
    answers,
    chunk,
    key,
    live,
    living,
    pcm,
    refusal,
    told,
    tool,
)

MANY = ToolBook({"lookup": 10.0})
FEW = plain(tools_at_once=2, tools_queued=2, media_gap_s=100.0)
OVER = "the call is over"


def finished(call_id: str, output: str = "{}", *, failed: bool = False) -> ToolFinished:
    """A tool ran to its end."""
    return ToolFinished(ToolCallId(call_id), output, failed)


def crowded() -> Bridge:
    """Two tools run and two are queued, since 0 s."""
    bridge = live(FEW, MANY)
    for number in range(1, 5):
        bridge.handle(tool("lookup", f"c{number}"), 0.0)
    return bridge


def digits(pressed: str, ended_by: str, call_id: str = "c1") -> list[AnswerTool]:
    """What a collection answers."""
    return [answer(call_id, digits=pressed, ended_by=ended_by)]


def press(bridge: Bridge, keys: str, at: float) -> list[Command]:
    """The caller presses keys."""
    return [command for digit in keys for command in bridge.handle(key(digit), at)]


def collecting(**arguments: JSON) -> Bridge:
    """A collection that runs since 0 s."""
    bridge = live()
    bridge.handle(tool("collect_digits", **arguments), 0.0)
    return bridge


def test_a_tool_is_run_with_its_time_and_its_result_is_the_answer() -> None:
    bridge, call = live(), tool("lookup", order="7")
    assert (bridge.handle(call, 0.0), bridge.deadline) == ([RunTool(call, 10.0)], 10.0)
    done = bridge.handle(finished("c1", '{"ok":1}'), 0.5)
    assert done == [AnswerTool(ToolCallId("c1"), '{"ok":1}'), Tell(ToolAnswered("lookup", "ok", 500.0))]


def test_a_failure_of_a_tool_is_its_answer() -> None:
    bridge = live()
    bridge.handle(tool("lookup"), 0.0)
    assert bridge.handle(finished("c1", failed=True), 0.5)[1] == Tell(ToolAnswered("lookup", "failed", 500.0))


def test_a_tool_that_takes_too_long_is_answered_and_its_late_result_dropped() -> None:
    bridge = live()
    bridge.handle(tool("order"), 0.0)
    assert answers(bridge.handle(None, 4.0)) == [refusal("c1", "timeout", "the tool took too long")]
    assert bridge.handle(finished("c1"), 4.1) == []
    bridge.handle(STOP, 5.0)
    assert bridge.report.counts["late_tool_results"] == 1


def test_the_tool_that_runs_out_of_time_first_is_the_next_to_be_looked_at() -> None:
    bridge = live()
    for name in ("lookup", "order"):
        bridge.handle(tool(name, name), 0.0)
    assert bridge.deadline == 4.0


UNKNOWN = ("unknown_tool", "there is no tool nonsense")


def test_an_unknown_tool_is_refused() -> None:
    done = live().handle(tool("nonsense"), 0.0)
    assert acts(done) == [refusal("c1", *UNKNOWN)]


@pytest.mark.parametrize("state", [0.0, 0.5], ids=["running", "answered"])
@pytest.mark.parametrize("name", ["lookup", "end_call", "collect_digits"])
def test_a_tool_call_that_comes_twice_is_ignored(name: str, state: float) -> None:
    bridge = live()
    bridge.handle(tool("lookup"), 0.0)
    if state:
        bridge.handle(finished("c1"), state)
    assert bridge.handle(tool(name), 1.0) == []
    bridge.handle(STOP, 1.0)
    assert bridge.report.counts["repeated_tool_calls"] == 1


def test_a_queued_tool_call_that_comes_twice_is_ignored() -> None:
    bridge = crowded()
    assert bridge.handle(tool("lookup", "c4"), 1.0) == []


def test_a_tool_beyond_those_at_once_waits_for_one_to_end() -> None:
    bridge = crowded()
    assert acts(bridge.handle(finished("c2"), 1.0)) == [answer("c2"), RunTool(tool("lookup", "c3"), 10.0)]


def test_tools_that_run_out_of_time_make_room_too() -> None:
    bridge = crowded()
    done = acts(bridge.handle(None, 10.0))
    assert [command for command in done if isinstance(command, RunTool)] == [
        RunTool(tool("lookup", "c3"), 10.0),
        RunTool(tool("lookup", "c4"), 10.0),
    ]


def test_a_tool_beyond_the_queue_is_refused_and_starts_no_other() -> None:
    done = crowded().handle(tool("lookup", "c5"), 1.0)
    assert acts(done) == [refusal("c5", "too_many", "too many tools are running")]


@pytest.mark.parametrize(("output", "fits"), [("x" * 10, True), ("x" * 11, False), ("\u20ac" * 4, False)])
def test_an_output_larger_than_allowed_in_bytes_is_replaced(output: str, fits: bool) -> None:
    bridge = live(plain(tool_output_bytes=10))
    bridge.handle(tool("lookup"), 0.0)
    large = refusal("c1", "too_large", "the tool's answer is too large")
    assert answers(bridge.handle(finished("c1", output), 0.1)) == [
        AnswerTool(ToolCallId("c1"), output) if fits else large
    ]


def test_every_open_tool_call_is_answered_when_the_call_is_over() -> None:
    bridge = crowded()
    bridge.handle(tool("collect_digits", "keys"), 0.0)
    done = answers(bridge.handle(STOP, 1.0))
    assert done == [refusal(name, "call_over", OVER) for name in ("c1", "c2", "keys", "c3", "c4")]


def test_what_the_bridge_answers_itself_is_told_whole_for_the_record() -> None:
    bridge = live()
    [note] = told(bridge.handle(tool("nonsense"), 0.0))
    assert isinstance(note, ToolAnswered)
    assert (note.call, note.output) == (tool("nonsense"), refusal("c1", *UNKNOWN).output)
    bridge.handle(tool("lookup", "c2"), 0.0)
    [note] = told(bridge.handle(finished("c2"), 0.5))
    assert isinstance(note, ToolAnswered)
    assert (note.call, note.output) == (None, "")  # who ran it has written it down


# Keys


@pytest.mark.parametrize(
    ("arguments", "keys", "pressed", "ended_by"),
    [
        ({}, "12#", "12", "finish_key"),
        ({"finish_on": "*"}, "1#2*", "1#2", "finish_key"),
        ({"max_digits": 3}, "123", "123", "max_digits"),
        ({"max_digits": "3", "finish_on": ""}, "1*#", "1*#", "max_digits"),
        ({"max_digits": 2.0}, "AB", "AB", "max_digits"),
        ({}, "1" * 64, "1" * 64, "max_digits"),
    ],
)
def test_keys_are_collected_until_there_are_enough(
    arguments: dict[str, JSON], keys: str, pressed: str, ended_by: str
) -> None:
    bridge = collecting(**arguments)
    assert answers(press(bridge, keys[:-1], 0.5)) == []
    assert answers(press(bridge, keys[-1], 1.0)) == digits(pressed, ended_by)


@pytest.mark.parametrize("timeout_s", [2, 2.0, "2"])
def test_a_collection_ends_for_want_of_keys(timeout_s: JSON) -> None:
    bridge = collecting(timeout_s=timeout_s)
    press(bridge, "1", 1.5)
    assert bridge.deadline == 3.5
    assert answers(bridge.handle(None, 3.5)) == digits("1", "timeout")


def asking(timeout_s: JSON) -> World:
    """The agent calls the tool while its question of 2 s is played."""
    world = living()
    world.say("a", pcm(1998), final=True)
    world.feed(tool("collect_digits", timeout_s=timeout_s))
    return world


@pytest.mark.parametrize("timeout_s", [1, 0.000001])
def test_the_wait_for_a_key_begins_when_the_question_was_heard(timeout_s: JSON) -> None:
    world = asking(timeout_s)
    world.pass_time(1999 * MS)
    assert answers(world.log) == []
    world.pass_time(SECOND + 10 * MS)
    assert answers(world.log) == digits("", "timeout")


def test_keys_pressed_shortly_before_they_are_asked_for_count() -> None:
    bridge = live()
    press(bridge, "9", 0.9)
    press(bridge, "12", 1.0)
    assert answers(bridge.handle(tool("collect_digits", max_digits=2), 4.0)) == digits("12", "max_digits")


def test_keys_typed_ahead_begin_a_collection_that_goes_on() -> None:
    bridge = live()
    press(bridge, "12", 1.0)
    assert bridge.handle(tool("collect_digits"), 2.0) == []
    assert answers(press(bridge, "3#", 3.0)) == digits("123", "finish_key")


@pytest.mark.parametrize(
    ("keys", "first"), [("12#34#", {}), ("12#34#", {"max_digits": 2}), ("1234#", {"max_digits": 2})]
)
def test_keys_typed_ahead_of_two_questions_answer_both(keys: str, first: dict[str, JSON]) -> None:
    bridge = live()
    press(bridge, keys, 1.0)
    ended_by = "max_digits" if first else "finish_key"
    assert answers(bridge.handle(tool("collect_digits", **first), 1.5)) == digits("12", ended_by)
    assert answers(bridge.handle(tool("collect_digits", "c2"), 2.0)) == digits("34", "finish_key", "c2")


@pytest.mark.parametrize(
    ("keys", "at", "done"),
    [
        ("#", 1.0, []),
        ("#", 3.6, digits("", "finish_key", "c2")),
        ("5#", 1.0, digits("5", "finish_key", "c2")),
    ],
)
def test_a_finish_key_after_the_last_digit_does_not_answer_the_next_question(
    keys: str, at: float, done: list[AnswerTool]
) -> None:
    bridge = collecting(max_digits=1)
    press(bridge, "1", 0.5)
    press(bridge, keys, at)
    assert answers(bridge.handle(tool("collect_digits", "c2"), at)) == done


def test_a_key_is_waited_for_no_longer_because_a_tool_runs() -> None:
    bridge = collecting(timeout_s=3)
    bridge.handle(tool("lookup", "c2"), 0.0)
    assert bridge.deadline == 3.0


def test_one_collection_runs_at_a_time() -> None:
    done = collecting().handle(tool("collect_digits", "c2"), 1.0)
    assert answers(done) == [refusal("c2", "busy", "digits are being collected already")]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"max_digits": value}, "max_digits must be a whole number from 1 to 64")
        for value in (0, 65, -1, 1.5, True, "x", "1000000", [1])
    ]
    + [
        ({"timeout_s": value}, "timeout_s must be a number of seconds up to 120")
        for value in (0, -1, 121, "x", "nan", "inf", True, [1])
    ]
    + [({"finish_on": value}, "finish_on must be keys of 0-9, *, # or empty") for value in ("x", 1, ["#"])],
)
def test_bad_arguments_are_refused_and_nothing_is_collected(arguments: dict[str, JSON], message: str) -> None:
    bridge = live()
    done = answers(bridge.handle(tool("collect_digits", **arguments), 0.0))
    assert done == [refusal("c1", "invalid_arguments", message)]
    assert bridge.handle(tool("collect_digits", "c2"), 0.0) == []


def test_keys_nobody_asks_for_are_bounded_and_forgotten() -> None:
    bridge = live()
    press(bridge, "1" * 1000, 1.0)
    assert (len(bridge._requests._digits._ahead), bridge.handle(tool("collect_digits"), 4.1)) == (64, [])


def test_a_caller_who_presses_a_key_while_the_agent_speaks_is_heard_out() -> None:
    world = asking(1)
    world.pass_time(500 * MS)
    assert answers([*world.feed(key("7")), *world.feed(key("#"))]) == digits("7", "finish_key")
    assert world.feed(chunk("b", 0)) == []


def test_a_caller_who_wants_no_more_calls_is_told_of_and_the_agent_answered() -> None:
    done = live().handle(tool("opt_out"), 0.0)
    assert answers(done) == [answer("c1", ok=True)]
    assert OptedOut() in told(done)


@pytest.mark.parametrize("name", ["lookup", "transfer_call", "collect_digits"])
def test_arguments_that_can_not_be_read_are_answered_with_an_error(name: str) -> None:
    bridge = live(FEW, ToolBook({"lookup": 10.0}, (E164("+14155550100"),)))
    call = ToolCall(ToolCallId("c1"), name, readable=False)
    assert answers(bridge.handle(call, 0.0)) == [
        refusal("c1", "invalid_arguments", "the arguments can't be read")
    ]


@pytest.mark.parametrize(
    ("output", "outcome"),
    [
        ('{"error": "timeout", "message": "-"}', "timeout"),
        ('{"error": "http_error"}', "http_error"),
        ('{"error": "a word of the tool\'s own"}', "failed"),
        ('{"error": 5}', "failed"),
        ("\ud800", "failed"),
    ],
)
def test_a_failure_is_counted_by_its_code(output: str, outcome: str) -> None:
    bridge = live(FEW, MANY)
    bridge.handle(tool("lookup"), 0.0)
    [note] = told(bridge.handle(finished("c1", output, failed=True), 1.0))
    assert note == ToolAnswered("lookup", outcome, 1000.0)
