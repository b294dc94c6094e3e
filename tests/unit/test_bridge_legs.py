"""The two legs: who comes first, who is late, who talks nonsense, who falls silent."""

from collections.abc import Callable

import pytest

from gateway.bridge import events
from gateway.bridge.commands import FallBack, HangUp, JoinAgent, Play, Release, SendAudio, Tell
from gateway.bridge.limits import ToolBook
from gateway.bridge.machine import Bridge
from gateway.bridge.report import Ending, Joined
from gateway.errors import BridgeError
from gateway.ids import CallSid, SessionId, StreamSid
from gateway.wire import agent_session, media_stream
from tests.unit.bridge_line import PLAIN, START, STARTED, plain
from tests.unit.bridge_talk import (
    ENDED,
    LOST,
    STOP,
    acts,
    admitted,
    answer,
    chunk,
    joining,
    key,
    live,
    mark,
    played_ms,
    tool,
)


def frame(number: int, fill: int = 255, size: int = 160) -> media_stream.Media:
    """A frame of the caller's."""
    return media_stream.Media(bytes([fill]) * size, number)


def sent(done: list[object]) -> int:
    """Bytes of caller audio sent to the agent."""
    return sum(len(command.audio) for command in done if isinstance(command, SendAudio))


def test_a_call_that_is_taken_has_its_agent_join_at_once() -> None:
    bridge = Bridge(PLAIN, ToolBook({}))
    assert bridge.handle(events.Admitted(), 5.0) == [JoinAgent()]
    assert bridge.deadline == 20.0


def test_a_call_is_taken_once() -> None:
    with pytest.raises(BridgeError):
        admitted().handle(events.Admitted(), 1.0)


def test_a_bridge_without_a_call_waits_for_nothing() -> None:
    bridge = Bridge(PLAIN, ToolBook({}))
    assert (bridge.handle(None, 1.0), bridge.deadline) == ([], None)


def test_a_stream_that_never_comes_ends_the_call() -> None:
    bridge = admitted()
    assert bridge.handle(None, 15.0) == [Release(Ending.NO_STREAM)]
    assert bridge.deadline is None


def test_an_agent_that_never_joins_has_the_caller_fall_back() -> None:
    bridge = joining()
    assert bridge.deadline == 2.5
    assert bridge.handle(None, 2.5) == [FallBack(Ending.AGENT_UNAVAILABLE)]


def test_an_agent_that_joins_late_but_before_the_timer_is_welcome() -> None:
    assert joining().handle(STARTED, 2.6) == [Tell(Joined(2600.0))]


def test_the_newest_second_the_caller_spoke_before_the_agent_came_is_sent_when_it_joins() -> None:
    bridge = joining()
    for number in range(1, 101):
        assert bridge.handle(frame(number, fill=number), number * 0.02) == []
    done = bridge.handle(STARTED, 2.1)
    assert sent(list(done)) == 8000
    assert done[25:] == [Tell(Joined(2100.0))]


def test_early_audio_and_what_follows_are_sent_as_if_the_agent_had_been_there() -> None:
    early, late = joining(), live()
    for number in range(1, 4):
        early.handle(frame(number, fill=number * 50), 0.1)
    done = [*early.handle(STARTED, 0.2), *early.handle(frame(4, fill=9), 0.2)]
    told = [late.handle(frame(n, fill=f), 0.1) for n, f in ((1, 50), (2, 100), (3, 150), (4, 9))]
    audio = [command.audio for command in done if isinstance(command, SendAudio)]
    assert b"".join(audio) == b"".join(c.audio for part in told for c in part if isinstance(c, SendAudio))


def test_empty_early_frames_take_no_room() -> None:
    bridge = joining()
    for number in range(1, 1000):
        bridge.handle(frame(number, size=0), 0.1)
    assert bridge._caller._early == type(bridge._caller._early)()


def test_audio_of_the_caller_goes_to_the_agent_at_once() -> None:
    done = live().handle(frame(1), 0.1)
    assert sent(list(done)) == len(acts(done)) * 160 == 160


@pytest.mark.parametrize("taken", [live, joining])
def test_a_frame_that_comes_twice_is_taken_once(taken: Callable[[], Bridge]) -> None:
    bridge = taken()
    for number in (7, 7, 0, 0, 8):
        bridge.handle(frame(number), 0.1)
    bridge.handle(STOP, 1.0)
    assert bridge.report.counts["duplicate_media"] == 1


def test_audio_of_the_caller_for_nobody_is_counted() -> None:
    bridge = admitted()
    for event, at in ((frame(1), 0.0), (START, 0.1), (STARTED, 0.2), (ENDED, 0.3), (frame(2), 0.4)):
        bridge.handle(event, at)
    assert bridge.report.counts["media_for_nobody"] == 2


def test_an_agent_that_was_there_first_is_live_when_the_stream_opens() -> None:
    bridge = admitted()
    assert bridge.handle(STARTED, 0.4) == [Tell(Joined(400.0))]
    assert (bridge.handle(START, 1.0), sent(list(bridge.handle(frame(1), 1.1)))) == ([], 160)


def test_an_agent_starts_once() -> None:
    bridge = live()
    assert bridge.handle(agent_session.SessionStarted(SessionId("other")), 1.0) == []
    assert (bridge.report.session_id, bridge.report.counts["second_session_started"]) == ("session", 1)


def test_a_stream_starts_once() -> None:
    bridge = live()
    assert bridge.handle(START, 1.0) == []
    assert bridge.report.counts["second_start"] == 1


@pytest.mark.parametrize(("encoding", "rate"), [("audio/x-l16", 8000), ("audio/x-mulaw", 16000)])
def test_audio_of_an_unknown_kind_has_the_caller_fall_back(encoding: str, rate: int) -> None:
    start = media_stream.Start(StreamSid("MZ1"), CallSid("CA1"), encoding=encoding, sample_rate=rate)
    assert admitted().handle(start, 1.0) == [FallBack(Ending.STREAM_GARBLED)]


@pytest.mark.parametrize(
    "event",
    [
        media_stream.Connected(),
        agent_session.SpeechStarted(),
        agent_session.SpeechStopped(),
        agent_session.InputAudioTranscript("hello"),
    ],
)
def test_what_needs_nothing_done_is_passed_over(event: events.Event) -> None:
    bridge = live()
    assert (bridge.handle(event, 1.0), dict(bridge.report.counts)) == ([], {})


def test_unknown_messages_are_counted_for_each_leg() -> None:
    bridge = live()
    for event in (media_stream.Unknown("new"), agent_session.Unknown("new"), agent_session.Unknown("newer")):
        assert bridge.handle(event, 1.0) == []
    assert bridge.report.counts == {"unknown_caller_messages": 1, "unknown_agent_messages": 2}


@pytest.mark.parametrize(
    ("leg", "final"),
    [(events.Leg.CALLER, FallBack(Ending.STREAM_GARBLED)), (events.Leg.AGENT, FallBack(Ending.AGENT_LOST))],
)
def test_a_leg_that_talks_nothing_but_nonsense_is_given_up(leg: events.Leg, final: FallBack) -> None:
    bridge = live()
    for number in range(20):
        assert bridge.handle(events.Malformed(leg), number * 0.1) == []
    assert bridge.handle(events.Malformed(leg), 9.9) == [final]
    assert bridge.report.detail == "too many malformed messages"


def test_nonsense_now_and_then_is_counted_for_each_leg() -> None:
    bridge = live()
    for number in range(60):
        bridge.handle(frame(number + 1), number * 0.51)
        bridge.handle(events.Malformed(list(events.Leg)[number % 2]), number * 0.51)
    assert bridge.report.counts == {"malformed_caller_messages": 30, "malformed_agent_messages": 30}


def test_a_stream_that_falls_silent_has_the_caller_fall_back() -> None:
    bridge = live()
    bridge.handle(frame(1), 4.0)
    assert (bridge.handle(None, 10.0), bridge.deadline) == ([], 14.0)
    assert bridge.handle(None, 14.0) == [FallBack(Ending.STREAM_SILENT)]


def test_the_longest_call_is_counted_from_the_opening_of_the_stream() -> None:
    bridge = admitted(plain(max_call_s=60.0, media_gap_s=100.0))
    bridge.handle(START, 1.0)
    bridge.handle(STARTED, 3.0)
    assert bridge.deadline == 61.0
    assert bridge.handle(None, 61.0) == []  # a word may be on its way
    assert bridge.handle(None, 61.4) == [HangUp(Ending.TIME_LIMIT)]
    assert bridge.report.connected_ms == 60_400


@pytest.mark.parametrize(
    ("event", "ending", "detail"),
    [
        (STOP, Ending.CALLER_HUNG_UP, "stop"),
        (events.CallerLost("closed"), Ending.STREAM_LOST, "closed"),
        (events.CarrierEnded("busy"), Ending.CALLER_HUNG_UP, "busy"),
    ],
)
@pytest.mark.parametrize("taken", [admitted, joining, live])
def test_a_caller_who_is_gone_ends_the_call_once(
    event: events.Event, ending: Ending, detail: str, taken: Callable[[], Bridge]
) -> None:
    bridge = taken()
    assert bridge.handle(event, 1.0) == [Release(ending)]
    assert (bridge.report.ending, bridge.report.detail, bridge.handle(event, 1.0)) == (ending, detail, [])


def test_a_process_that_must_stop_hands_the_call_on() -> None:
    bridge = live()
    bridge.handle(tool("lookup"), 0.0)
    assert bridge.handle(events.HandOver(), 1.0)[-1] == FallBack(Ending.HANDED_OVER)


def test_nothing_follows_the_end() -> None:
    bridge = live()
    bridge.handle(STOP, 1.0)
    late: list[events.Event | None] = [
        frame(1),
        chunk("a", 100),
        tool("lookup"),
        key("1"),
        mark("g0.1"),
        LOST,
        ENDED,
        None,
        START,
    ]
    assert [bridge.handle(event, 2.0) for event in late] == [[]] * len(late)
    assert bridge.report.counts["after_the_end"] == 8


def test_commands_print_sizes_and_no_audio() -> None:
    bridge = live()
    play = next(c for c in bridge.handle(chunk("a", 20), 0.0) if isinstance(c, Play))
    assert (repr(play), repr(SendAudio(bytes(160)))) == ("Play(160 bytes)", "SendAudio(160 bytes)")
    assert repr(answer("c1", secret=1)) == "AnswerTool('c1', 12 characters)"


def test_an_agent_may_speak_before_it_says_that_it_is_there() -> None:
    assert played_ms(joining().handle(chunk("a", 100, final=True), 0.1)) == 102
