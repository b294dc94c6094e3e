"""What was said and done in a call, for an agent that has to take it up."""

from gateway.bridge.errands import Errands
from gateway.bridge.history import History, Line, ToolTrace, Voice
from gateway.bridge.report import TurnReport
from gateway.ids import ToolCallId, TurnId
from gateway.wire.agent_session import JSON, ToolCall


def turn(name: str, heard: str) -> TurnReport:
    return TurnReport(TurnId(name), 1.0, 1.0, 1.0, cut=False, heard_text=heard, cut_text="")


def call(name: str, call_id: str = "c1", **arguments: JSON) -> ToolCall:
    return ToolCall(ToolCallId(call_id), name, arguments)


def test_lines_are_kept_in_order_behind_those_of_before() -> None:
    history = History([Line(Voice.AGENT, "Hello.")])
    history.caller("I want", final=False)
    history.caller("I want tea.", final=True)
    history.agent(turn("t1", "Green or"))
    history.caller("", final=True)
    assert history.lines(["black?", ""]) == (
        Line(Voice.AGENT, "Hello."),
        Line(Voice.CALLER, "I want tea."),
        Line(Voice.AGENT, "Green or"),
        Line(Voice.AGENT, "black?"),
    )


def test_what_becomes_known_of_a_turn_later_takes_its_place() -> None:
    history = History()
    history.agent(turn("t1", "Green or"))
    history.agent(turn("t1", "Green or black?"))
    history.agent(turn("", "One."))
    history.agent(turn("", "Two."))
    history.agent(turn("t2", ""))
    assert [line.text for line in history.lines()] == ["Green or black?", "One.", "Two."]


def test_what_the_caller_is_just_saying_is_known_apart() -> None:
    history = History()
    history.caller("My name", final=False)
    assert history.lines() == ()
    assert [line.text for line in history.interim] == ["My name"]
    history.caller("My name is Ada.", final=True)
    assert list(history.interim) == []


def test_tools_leave_traces() -> None:
    errands = Errands()
    errands.begin(call("look", "c1", at="x" * 3000))
    errands.begin(call("wait", "c2"))
    errands.end(ToolCallId("c1"), "y" * 3000, 1.0, answered=True)
    look, wait = errands.traces()
    assert (look.name, len(look.arguments), look.output) == ("look", 2000, "y" * 2000)
    assert wait == ToolTrace("wait", "{}", None)


def test_a_result_nobody_heard_answers_the_same_question_once() -> None:
    errands = Errands()
    errands.begin(call("look", "c1", at="here"))
    errands.end(ToolCallId("c1"), "found", 1.0, answered=False)
    assert errands.result(call("look", "c2", at="there"), 2.0) is None
    assert errands.result(call("look", "c2", at="here"), 2.0) == "found"
    assert errands.result(call("look", "c3", at="here"), 2.0) is None


def test_an_old_result_and_one_that_was_heard_answer_nothing() -> None:
    errands = Errands()
    errands.begin(call("look", "c1"))
    assert errands.result(call("look", "c2"), 1.0) is None
    errands.end(ToolCallId("c1"), "found", 1.0, answered=False)
    errands.end(ToolCallId("c1"), "again", 1.0, answered=False)
    assert errands.result(call("look", "c2"), 62.0) is None
    errands.begin(call("look", "c3"))
    errands.end(ToolCallId("c3"), "told", 70.0, answered=True)
    assert errands.result(call("look", "c4"), 71.0) is None
