"""What is being spoken is accounted for on its way: whoever takes the call over knows what was heard."""

from gateway.bridge.commands import JoinAgent
from gateway.bridge.history import Line, Past, Voice
from gateway.bridge.report import TurnReport, TurnUnderway
from tests.unit.bridge_drive import CALM, Drive

WORDS = "Your order has left the house and will be with you on Monday before noon, if all goes well."


def accounts(drive: Drive) -> list[TurnReport]:
    return [note.turn for note in drive.told(TurnUnderway)]


def test_a_turn_is_accounted_for_when_it_begins_and_once_a_second_and_no_more_when_it_is_over() -> None:
    drive = Drive()
    drive.say("one", WORDS, 3500)
    drive.wait(3.3)
    first, *others = [round(report.heard_ms, -2) for report in accounts(drive)]
    assert first <= 300
    assert [each - first for each in others] == [1000, 2000, 3000]
    drive.wait(2.0)
    assert len(accounts(drive)) == 4
    assert [report.heard_text for report in drive.told(TurnReport)] == [WORDS]


def test_the_account_has_what_was_heard_and_what_was_not() -> None:
    drive = Drive()
    drive.say("one", WORDS, 4000)
    drive.wait(2.4)
    account = accounts(drive)[-1]
    assert account.cut
    assert WORDS.startswith(account.heard_text)
    assert f"{account.heard_text} {account.cut_text}" == WORDS
    assert len(WORDS) * 0.3 < len(account.heard_text) < len(WORDS) * 0.6


def test_sound_without_words_is_not_accounted_for() -> None:
    drive = Drive()
    drive.say("one", "", 3000)
    drive.wait(3.5)
    assert accounts(drive) == []


def test_an_agent_that_takes_up_a_call_of_another_process_is_told_where_it_was_cut_off() -> None:
    lines = (Line(Voice.CALLER, "Where is it?"), Line(Voice.AGENT, "Your order has left"))
    told = [
        drive.all(JoinAgent)[0].past
        for drive in (
            Drive(CALM, past=Past(lines, unheard="the house."), open_line=False),
            Drive(CALM, past=Past(lines[:1], unheard="the house."), open_line=False),
        )
    ]
    assert told == [Past(lines, unheard="the house."), Past(lines[:1], caller_waits=True)]
