"""What was pressed on a call stands nowhere in its record."""

import pytest

from gateway.calls.pressed import PressedKeys
from gateway.ids import ToolCallId
from gateway.wire.agent_session import JSON, ToolCall


def collected(output: str, name: str = "collect_digits") -> PressedKeys:
    pressed = PressedKeys()
    pressed.learn(asked(name), output)
    return pressed


def asked(name: str, **arguments: JSON) -> ToolCall:
    return ToolCall(ToolCallId("c1"), name, arguments)


PIN = collected('{"digits":"4711","ended_by":"max_digits"}')


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("4711", "****"),
        (4711, "****"),
        ("order 4711!", "order ****!"),
        ({"code": ["4711", 1, None]}, {"code": ["****", 1, None]}),
        ("14711", "14711"),
        (14711, 14711),
        (47.11, 47.11),
    ],
)
def test_keys_are_stars_wherever_a_tool_was_given_them(given: JSON, written: JSON) -> None:
    assert PIN.arguments(asked("lookup", code=given)) == {"code": written}


def test_keys_are_stars_in_what_was_said_and_answered() -> None:
    assert PIN.hide("Your code is 4711.") == "Your code is ****."
    assert PIN.output(asked("lookup"), '{"order":"4711"}') == '{"order":"****"}'


def test_the_longest_of_what_was_pressed_is_hidden_first() -> None:
    pressed = collected('{"digits":"12#"}')
    pressed.learn(asked("collect_digits"), '{"digits":"12#34"}')
    pressed.learn(asked("collect_digits"), '{"digits":"12#34"}')
    assert pressed.hide("12#34 and 12#") == "***** and ***"


def test_the_collection_itself_shows_how_many_keys_there_were() -> None:
    call, output = asked("collect_digits", max_digits=1), '{"digits":"7","ended_by":"max_digits"}'
    pressed = collected(output)
    assert pressed.output(call, output) == '{"digits":"*","ended_by":"max_digits"}'
    assert pressed.hide("You chose 7.") == "You chose 7."  # from a menu


def test_keys_the_agent_presses_are_stars() -> None:
    call = asked("send_digits", digits="12ww34#", why="the extension")
    assert PressedKeys().arguments(call) == {"digits": "*******", "why": "the extension"}


@pytest.mark.parametrize("output", ["", "nonsense", "[]", '{"error":"timeout"}', '{"digits":5}'])
def test_what_collects_nothing_hides_nothing(output: str) -> None:
    pressed = collected(output)
    assert pressed.hide("4711") == "4711"
    assert pressed.arguments(asked("lookup", code="4711")) == {"code": "4711"}


def test_another_tool_that_speaks_of_digits_hides_nothing() -> None:
    pressed = collected('{"digits":"4711"}', name="lookup")
    assert pressed.output(asked("lookup"), '{"digits":"4711"}') == '{"digits":"4711"}'
