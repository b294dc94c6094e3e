"""The first seconds of a call whose stream is open before its agent is there."""

from dataclasses import replace

import pytest

from gateway.bridge.commands import Play
from gateway.bridge.history import Line, Past, Voice
from gateway.bridge.report import SilenceFilled
from tests.unit.bridge_drive import CALM, Drive, start, started

SAID = (Line(Voice.AGENT, "Your order has left the house."),)


@pytest.mark.parametrize("joined_after_s", [0.1, 0.6, 0.9])
def test_before_a_greeting_that_is_only_a_little_late_nothing_is_said(joined_after_s: float) -> None:
    drive = Drive(replace(CALM, agent_greets=True), open_line=False)
    drive.feed(start())
    drive.wait(joined_after_s)
    drive.feed(started())
    drive.wait(1.4 - joined_after_s)
    drive.say("one", "Good morning.", 500)
    drive.wait(1.0)
    assert drive.told(SilenceFilled) == []


def test_a_greeting_that_does_not_come_is_made_up_for_with_words_after_a_second_and_a_half() -> None:
    drive = Drive(replace(CALM, agent_greets=True), open_line=False)
    drive.feed(start())
    drive.wait(0.4)
    drive.feed(started())
    drive.wait(2.0)
    assert [drive.when(Play), drive.heard(0x10)[0]] == pytest.approx([1.0, 1.5])


def test_a_caller_of_another_process_hears_at_once_that_somebody_is_there() -> None:
    drive = Drive(past=Past(SAID), open_line=False)
    drive.feed(start())
    drive.wait(1.0)
    assert [drive.when(Play), drive.heard(0x10)[0]] == pytest.approx([0.0, 0.45])
