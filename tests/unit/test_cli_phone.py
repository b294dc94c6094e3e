"""The softphone's own decisions: where addresses lead, what the usual call is, and the caller's scripts."""

from pathlib import Path

import pytest

from gateway.cli import caller, phone
from gateway.cli.caller import CallerScriptError, HangUp, Hear, Listen, Pause, Press, Say
from gateway.emulators.twilio.detour import detour

PUBLIC = "https://gateway.example.com/base"
HERE = "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    ("address", "reached"),
    [
        (f"{PUBLIC}/twilio/voice", f"{HERE}/twilio/voice"),
        (f"{PUBLIC}?a=b", f"{HERE}?a=b"),
        (PUBLIC, HERE),
        ("wss://gateway.example.com/base/twilio/media", "ws://127.0.0.1:8080/twilio/media"),
        (f"{PUBLIC}ment/twilio/voice", f"{PUBLIC}ment/twilio/voice"),
        ("https://elsewhere.example.com/x", "https://elsewhere.example.com/x"),
    ],
)
def test_only_what_lies_below_the_public_address_is_led_elsewhere(address: str, reached: str) -> None:
    assert detour(PUBLIC, HERE)(address) == reached


def test_without_another_address_nothing_is_led_elsewhere() -> None:
    assert detour(PUBLIC, PUBLIC)(f"{PUBLIC}/twilio/voice") == f"{PUBLIC}/twilio/voice"


def test_the_usual_call_hears_the_greeting_and_the_answer() -> None:
    answer = Listen(silence_s=2.0, timeout_s=30.0)
    assert phone.steps(None, "") == (Listen(), HangUp())
    assert phone.steps(Say(text="Roses?"), "1#") == (
        Listen(),
        Say(text="Roses?"),
        Press(keys="1#"),
        answer,
        HangUp(),
    )


def written(folder: Path, text: str) -> Path:
    path = folder / "caller.toml"
    path.write_text(text)
    return path


def test_a_script_has_six_kinds_of_steps(tmp_path: Path) -> None:
    steps = [
        'do = "listen"\nsilence_s = 0.5',
        'do = "say"\nclip = "caller-hours"',
        'do = "say"\nfile = "question.wav"',
        'do = "hear"\nseconds = 2',
        'do = "press"\nkeys = "12w#"',
        'do = "pause"\nseconds = 1.5',
        'do = "hang_up"',
    ]
    text = "".join(f"[[steps]]\n{step}\n" for step in steps)
    assert caller.load(written(tmp_path, text)) == (
        Listen(silence_s=0.5),
        Say(clip="caller-hours"),
        Say(file=str(tmp_path / "question.wav")),
        Hear(seconds=2.0),
        Press(keys="12w#"),
        Pause(seconds=1.5),
        HangUp(),
    )


@pytest.mark.parametrize(
    ("step", "complaint"),
    [
        ('do = "shout"', "step 2: 'do' must be one of say, listen"),
        ('do = "say"', "step 2 (say): needs one of clip, file and text"),
        ('do = "say"\ntext = "a"\nclip = "caller-hello"', "step 2 (say): needs one of"),
        ('do = "say"\nclip = "nobody"', "step 2 (say): no clip 'nobody'"),
        ('do = "say"\nwords = "a"', "step 2 (say): unknown key 'words'"),
        ('do = "say"\ntext = 1', "step 2 (say): text: Expected `str`"),
        ('do = "press"\nkeys = "1x"', "step 2 (press): keys are 0-9"),
        ('do = "press"', "step 2 (press): keys is missing"),
        ('do = "pause"\nseconds = 0', "step 2 (pause): a wait is more than 0"),
        ('do = "hear"\nseconds = -1', "step 2 (hear): a wait is more than 0"),
        ('do = "listen"\nsilence_s = 1e9', "step 2 (listen): a wait is more than 0"),
    ],
)
def test_a_bad_step_is_named_with_its_key(tmp_path: Path, step: str, complaint: str) -> None:
    path = written(tmp_path, f'[[steps]]\ndo = "hang_up"\n[[steps]]\n{step}\n')
    with pytest.raises(CallerScriptError) as caught:
        caller.load(path)
    assert complaint in str(caught.value)
    assert "softphone" in caught.value.remedy


@pytest.mark.parametrize("text", ["", "steps = 1", "a = 1\n[[steps]]\ndo = 'hang_up'", "steps = [1]", "="])
def test_a_file_that_is_no_script_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(CallerScriptError):
        caller.load(written(tmp_path, text))
