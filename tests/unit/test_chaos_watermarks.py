"""Whose sound is this: known wherever it begins, whatever surrounds it, and never for somebody else's."""

from gateway.emulators.chaos.watermarks import NOBODY, Watermarks, agent_voice, caller_voice

AGENTS = {number: agent_voice(number) for number in (1, 2)}
SILENCE = b"\xff" * 800


def known() -> Watermarks:
    marks = Watermarks(1)
    for number, voice in AGENTS.items():
        marks.add(number, voice.heard)
    return marks


def test_a_stretch_is_known_wherever_it_begins() -> None:
    sound = SILENCE + AGENTS[2].heard[1234:1634] + SILENCE
    heard = known().heard_in(sound)
    assert list(heard) == [2]
    assert abs(heard[2] - 400) <= 12


def test_it_goes_on_past_its_second() -> None:
    assert set(known().by_frame((AGENTS[1].heard * 2)[7000:9080], 160).tolist()) == {1}


def test_a_few_foreign_milliseconds_are_found() -> None:
    mixed = AGENTS[1].heard[:4000] + AGENTS[2].heard[100:140] + AGENTS[1].heard[4000:]
    assert set(known().heard_in(mixed)) == {1, 2}


def test_what_nobody_said_is_nobodys() -> None:
    assert known().heard_in(SILENCE + agent_voice(3).heard) == {}


def test_what_is_forgotten_is_known_no_longer() -> None:
    marks = known()
    marks.forget(1)
    assert set(marks.by_frame(AGENTS[1].heard, 160).tolist()) == {NOBODY}


def test_a_caller_is_known_at_the_agents_end() -> None:
    marks = Watermarks(2)
    marks.add(5, caller_voice(5).heard)
    assert list(marks.heard_in(bytes(960) + caller_voice(5).heard[4800:9600])) == [5]


def test_a_stretch_of_a_voice_goes_round() -> None:
    voice = AGENTS[1]
    assert voice.stretch(100, len(voice.sent) - 50) == voice.sent[-50:] + voice.sent[:50]
