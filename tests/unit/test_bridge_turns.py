"""What is reported of the agent's turns: audio and words, heard and cut."""

from gateway.bridge.machine import Bridge
from gateway.bridge.report import TURNS_KEPT, CallReport, Ending, TurnReport
from gateway.bridge.turns import Turn, Turns
from gateway.ids import TurnId
from tests.unit.bridge_line import MS, World
from tests.unit.bridge_talk import INTERRUPTION, STOP, chunk, live, living, pcm, text

WORDS = "one two three four five six seven eight nine ten"


def words(bridge: Bridge) -> list[tuple[str, str]]:
    """What was heard and what was cut of each turn."""
    return [(turn.heard_text, turn.cut_text) for turn in bridge.report.turns]


def heard(name: str, ms: int) -> World:
    """A turn that has been heard to its end."""
    world = living()
    world.say(name, pcm(ms), final=True)
    world.pass_time((ms + 100) * MS)
    return world


def test_of_a_whole_turn_all_words_are_heard() -> None:
    world = living()
    world.write("a", WORDS, final=True)
    world.say("a", pcm(3000), final=True)
    world.pass_time(4000 * MS)
    assert words(world.bridge) == [(WORDS, "")]


def test_of_a_cut_turn_the_words_before_the_cut_are_heard() -> None:
    bridge = live()
    bridge.handle(text("a", WORDS), 0.0)
    bridge.handle(chunk("a", 1000, final=True), 0.0)
    bridge.handle(INTERRUPTION, 0.5)
    assert words(bridge) == [("one two three four five", "six seven eight nine ten")]


def test_of_a_turn_cut_while_it_was_generated_the_usual_rate_of_speech_tells() -> None:
    bridge = live()
    bridge.handle(text("a", WORDS), 0.0)
    bridge.handle(chunk("a", 900), 0.0)
    bridge.handle(INTERRUPTION, 0.9)
    assert words(bridge) == [("one two three", "four five six seven eight nine ten")]


def test_a_turn_is_cut_if_the_call_ends_before_all_its_words_were_spoken() -> None:
    world = living()
    world.write("a", WORDS, final=True)
    world.say("a", pcm(900))
    world.pass_time(2000 * MS)
    world.feed(STOP)
    (turn,) = world.bridge.report.turns
    assert (turn.cut, turn.heard_ms, turn.cut_text[-3:]) == (True, turn.spoken_ms, "ten")


def test_the_agents_own_rate_is_learnt_from_a_whole_turn() -> None:
    world = living()
    for name in ("a", "b"):
        world.write(name, WORDS, final=True)
        world.say(name, pcm(1000), final=name == "a")
        world.pass_time((1100 if name == "a" else 500) * MS)
    world.interrupt()
    assert words(world.bridge)[1] == ("one two three four five", "six seven eight nine ten")


def test_all_words_are_heard_if_the_audio_is_longer_than_they_take() -> None:
    bridge = live()
    bridge.handle(text("a", "one two"), 0.0)
    bridge.handle(chunk("a", 800), 0.0)
    bridge.handle(INTERRUPTION, 0.8)
    assert words(bridge) == [("one two", "")]


def test_nothing_is_heard_of_a_turn_of_which_no_audio_came() -> None:
    bridge = live()
    bridge.handle(text("a", WORDS), 0.0)
    bridge.handle(STOP, 1.0)
    assert words(bridge) == [("", WORDS)]


def test_a_turn_passed_over_for_the_next_was_not_heard() -> None:
    bridge = live()
    bridge.handle(text("a", "Never said."), 0.0)
    bridge.handle(chunk("b", 100), 0.1)
    assert words(bridge) == [("", "Never said.")]


def test_the_text_of_the_next_turn_does_not_end_the_one_being_spoken() -> None:
    world = living()
    world.say("a", pcm(100))
    world.write("b", "Next.", final=True)
    world.say("a", pcm(100), final=True)
    world.say("b", pcm(100), final=True)
    world.pass_time(1000 * MS)
    assert [(turn.turn_id, turn.spoken_ms, turn.heard_text) for turn in world.bridge.report.turns] == [
        ("a", 202.0, ""),
        ("b", 102.0, "Next."),
    ]


def test_text_that_comes_after_its_audio_was_heard_amends_the_report() -> None:
    world = heard("a", 200)
    assert world.write("a", "Too late?", final=True) == []
    assert words(world.bridge) == [("Too late?", "")]


def test_text_that_comes_after_its_turn_was_cut_amends_the_report() -> None:
    world = living()
    world.say("a", pcm(1000), final=True)
    world.pass_time(500 * MS)
    world.interrupt()
    world.write("a", WORDS, final=True)
    assert words(world.bridge) == [("one two three four five", "six seven eight nine ten")]


def test_text_that_comes_again_amends_nothing() -> None:
    world = heard("a", 200)
    for _ in range(2):
        world.write("a", "Once.", final=True)
    assert words(world.bridge) == [("Once.", "")]


def test_text_of_a_turn_cut_long_ago_is_dropped() -> None:
    bridge = live()
    bridge.handle(text("old", "Old."), 0.0)
    bridge.handle(INTERRUPTION, 0.1)
    for number in range(5):
        bridge.handle(text(f"t{number}", "Text."), 0.2)
        bridge.handle(INTERRUPTION, 0.3)
    bridge.handle(text("old", "Old and late."), 0.4)
    assert words(bridge)[0] == ("", "Old.")


def test_text_without_a_turns_name_belongs_to_the_turn_that_is_open() -> None:
    world = heard("", 200)
    world.write("", "Hello.", final=True)
    world.say("", pcm(200), final=True)
    world.pass_time(500 * MS)
    assert words(world.bridge) == [("", ""), ("Hello.", "")]


def test_drafts_replace_one_another_and_final_texts_follow_one_another() -> None:
    turn = Turn(TurnId("a"))
    for said, final in (("He", False), ("Hello", False), ("Hello.", True), ("Hello. How", False)):
        turn.say(said, final=final)
    assert turn.text == "Hello. How"
    turn.say("Hello. How are you?", final=True)
    assert turn.text == "Hello. How are you?"


def test_an_empty_final_text_makes_the_draft_final() -> None:
    turn = Turn(TurnId("a"))
    turn.say("Hello.", final=False)
    turn.say("", final=True)
    assert (turn.committed, turn.draft) == ("Hello.", "")


def test_a_text_without_end_is_bounded() -> None:
    turn = Turn(TurnId("a"))
    for number in range(300):
        turn.say(f"{number} " * 100, final=number % 2 == 0)
    assert len(turn.committed) + len(turn.draft) <= 40_000


def test_texts_that_are_never_spoken_do_not_silence_the_agent() -> None:
    bridge = live()
    for number in range(500):
        bridge.handle(text(f"t{number}", "Text."), 0.0)
    assert bridge.handle(chunk("a", 100), 0.1)


def test_turns_beyond_the_bound_of_what_may_wait_are_dropped() -> None:
    bridge = live()
    for number in range(70):
        bridge.handle(chunk(f"t{number}", 100, final=True), 0.0)
    assert bridge.handle(text("more", "Text."), 0.0) == []
    bridge.handle(STOP, 0.0)
    assert (len(bridge.report.turns), bridge.report.counts["late_chunks"]) == (64, 6)


def test_names_of_cut_turns_are_forgotten_in_the_end() -> None:
    names = Turns()
    for number in range(66):
        names.speak(TurnId(f"t{number}"))
        names.cut()
        names.over()
    assert (names.speak(TurnId("t65")), names.speak(TurnId("t0")) is None) == (None, False)


def test_a_report_keeps_the_newest_turns() -> None:
    report = CallReport()
    turns = [TurnReport(TurnId(f"t{n}"), 1.0, 1.0, 1.0, False, "", "") for n in range(TURNS_KEPT + 1)]
    for turn in turns:
        report.put_turn(turn)
    assert report.turns == turns[1:]
    report.put_turn(turns[1], instead_of=turns[0])
    assert report.turns == [*turns[2:], turns[1]]


def test_a_turns_report_prints_no_words() -> None:
    report = TurnReport(TurnId("a"), 1.0, 1.0, 1.0, False, "secret", "secret")
    assert "secret" not in repr(report)


def test_every_ending_says_who_ended_the_call() -> None:
    assert {ending.by for ending in Ending} == {
        "agent", "agent_failure", "api", "caller", "carrier", "drain", "gateway", "limit", "transfer",
    }  # fmt: skip
