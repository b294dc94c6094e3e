"""Scripts and behaviours: what they accept, and how they refuse the rest."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from gateway.emulators.vatel.behaviour import Behaviour, load_behaviour, nth, parse_behaviour
from gateway.emulators.vatel.hearing import Listening
from gateway.emulators.vatel.script import (
    Branch,
    End,
    Goto,
    Listen,
    Pause,
    Say,
    Script,
    ScriptError,
    Step,
    Tool,
    load,
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "talk.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_demonstration_loads_and_calls_its_tools_in_order() -> None:
    script = load()
    assert script.name == "demo"
    tools = [step.name for step in script.steps if isinstance(step, Tool)]
    assert tools == ["collect_digits", "lookup_order", "end_call"]


def test_a_file_with_every_step_becomes_the_script_it_says(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        limit_s = 60
        [listening]
        silence_ms = 400
        [[steps]]
        do = "say"
        text = "Hi"
        interruptible = false
        [[steps]]
        do = "listen"
        label = "again"
        hears = "What?"
        timeout_s = 3
        reprompt = "Still there?"
        attempts = 2
        otherwise = "end"
        [[steps]]
        do = "tool"
        name = "look"
        arguments = { a = 1 }
        branches = [{ contains = "no", goto = "again" }]
        [[steps]]
        do = "pause"
        seconds = 0.5
        [[steps]]
        do = "goto"
        to = "again"
        [[steps]]
        do = "end"
        """,
    )
    listen = Listen(
        label="again", hears="What?", timeout_s=3, reprompt="Still there?", attempts=2, otherwise="end"
    )
    assert load(path) == Script(
        name="talk",
        limit_s=60,
        listening=Listening(silence_ms=400),
        steps=(
            Say(text="Hi", interruptible=False),
            listen,
            Tool(name="look", arguments={"a": 1}, branches=(Branch(contains="no", goto="again"),)),
            Pause(seconds=0.5),
            Goto(to="again"),
            End(),
        ),
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("steps = 3", r"talk: a script has \[\[steps\]\]"),
        ("steps = []", "talk: a script has 1 to 1000 steps, not 0"),
        ("steps = [3]", "talk: step 1: must be a table"),
        ("nonsense", "talk.toml: not TOML"),
        ('steps = [{do = "sing"}]', "step 1: 'do' must be one of say, listen, .*, not 'sing'"),
        ('steps = [{do = "say", txt = "Hi"}]', r"step 1 \(say\): unknown key 'txt'; known are clip, "),
        ('steps = [{do = "say"}]', r"step 1 \(say\): needs a text or a clip"),
        ('steps = [{do = "say", clip = "x"}]', r"step 1 \(say\): no clip 'x'; there are agent-"),
        ('steps = [{do = "pause"}]', r"step 1 \(pause\): seconds is missing"),
        ('steps = [{do = "pause", seconds = 0}]', "a wait is more than 0 and at most 3600 seconds, not 0"),
        (
            'steps = [{do = "pause", seconds = "1"}]',
            r"step 1 \(pause\): seconds: Expected `float`, got `str`",
        ),
        ('steps = [{do = "listen", attempts = 0}]', "attempts must be at least 1"),
        ('steps = [{do = "listen", otherwise = "x"}]', "no step has the label 'x'"),
        ('steps = [{do = "tool", name = ""}]', r"step 1 \(tool\): needs a name"),
        ('steps = [{do = "tool", name = "t", branches = 1}]', r"branches: Expected `array`, got `int`"),
        ('steps = [{do = "tool", name = "t", branches = [{goto = "x"}]}]', "branch: contains is missing"),
        (
            'steps = [{do = "tool", name = "t", branches = [{contains = "a", goto = "x"}]}]',
            "no step has the label 'x'",
        ),
        ('steps = [{do = "goto", to = "x"}]', r"step 1 \(goto\): no step has the label 'x'"),
        (
            'steps = [{do = "end", label = "a"}, {do = "end", label = "a"}]',
            "label 'a' is there more than once",
        ),
        ('limit = 1\nsteps = [{do = "end"}]', "talk: unknown key 'limit'; known are limit_s, name"),
        ('listening = 1\nsteps = [{do = "end"}]', "talk: listening: must be a table"),
    ],
)
def test_a_script_that_cannot_be_used_is_refused_with_the_place(
    tmp_path: Path, text: str, complaint: str
) -> None:
    with pytest.raises(ScriptError, match=complaint):
        load(written(tmp_path, text))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ScriptError, match=r"nowhere.toml: No such file"):
        load(tmp_path / "nowhere.toml")


def test_a_script_made_in_python_is_held_to_the_same_rules() -> None:
    with pytest.raises(ScriptError, match="script: a script has 1 to 1000 steps, not 0"):
        Script(steps=())


def test_labels_are_found_and_end_is_behind_the_last_step() -> None:
    steps: tuple[Step, ...] = (Say(text="a"), End(label="over"))
    assert Script(steps=steps).find("over") == 1
    assert Script(steps=steps).find("end") == 2


def test_a_behaviour_is_read_from_options() -> None:
    options = [
        "never_start",
        "audio_factor=5",
        'garbage=[[1.5, "{"]]',
        "token_body=<html>",
        "token_status=503",
    ]
    assert parse_behaviour(options) == Behaviour(
        never_start=True, audio_factor=5, garbage=((1.5, "{"),), token_body="<html>", token_status=503
    )


def test_a_behaviour_is_read_from_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, "close_after_s = 2\nclose_code = 4000\n")
    assert load_behaviour(path) == Behaviour(close_after_s=2, close_code=4000)


@pytest.mark.parametrize(
    ("option", "complaint"),
    [
        ("nonsense=1", "behaviour: unknown key 'nonsense'"),
        ("chunk_ms=0", "chunk_ms is 1 to 10000, not 0"),
        ("token_status=99", "token_status is 200 to 599, not 99"),
        ("refuse_connection=200", "refuse_connection is 400 to 599, not 200"),
        ("close_code=5000", "close_code is 1000 to 4999, not 5000"),
        ("flood=-1", "flood cannot be negative"),
        ("flood=much", "behaviour: flood: Expected `int`, got `str`"),
    ],
)
def test_a_behaviour_out_of_range_is_refused(option: str, complaint: str) -> None:
    with pytest.raises(ScriptError, match=complaint):
        parse_behaviour([option])


def test_a_plan_serves_each_session_and_its_last_entry_the_rest() -> None:
    assert [nth(("a", "b"), number) for number in range(4)] == ["a", "b", "b", "b"]


def test_misbehaviour_wears_off_after_its_times() -> None:
    assert [Behaviour(token_status=503, token_times=2).token_misbehaves(n) for n in range(3)] == [
        True,
        True,
        False,
    ]
    assert [Behaviour(refuse_connection=503, refuse_times=1).connection_refused(n) for n in range(2)] == [
        True,
        False,
    ]
    no_faults: dict[str, Any] = {"earlier": 0}
    assert not Behaviour().token_misbehaves(**no_faults)
    assert not Behaviour().connection_refused(**no_faults)


REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "emulator-vatel.md"


def test_the_script_in_the_reference_is_one(tmp_path: Path) -> None:
    example = REFERENCE.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    assert len(load(written(tmp_path, example)).steps) == 6


@pytest.mark.parametrize("kind", [Behaviour, Say, Listen, Tool, Pause, Goto, Script, Listening])
def test_the_reference_lists_every_key(kind: type[Any]) -> None:
    text = REFERENCE.read_text(encoding="utf-8")
    unlisted = {"steps", "listening", "label"}
    missing = [
        entry.name
        for entry in dataclasses.fields(kind)
        if entry.name not in unlisted and f"`{entry.name}`" not in text and f".{entry.name}`" not in text
    ]
    assert missing == []
