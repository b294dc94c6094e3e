"""Whatever the peers do, in whatever order: what must hold in every call."""

from collections import Counter

import hypothesis.strategies as st
from hypothesis import HealthCheck, Phase, assume, event, settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from gateway.bridge import commands, events
from gateway.bridge.report import Ending, RoundTrip
from gateway.ids import MarkName, ToolCallId
from gateway.wire import agent_session, media_stream
from tests.unit.bridge_line import MS, NUMBER, SECOND, START, STARTED, Path, World, plain

FRAME = 160
TAIL = 16
SPEECH = bytes(range(1, 256)) * 1600  # 8.5 s of something loud that is never twice the same at a turn's place
TOOLS = ["lookup", "order", "nonsense", "collect_digits", "end_call", "transfer_call"]
PATHS = st.builds(
    Path,
    down=st.integers(0, 250 * MS),
    up=st.integers(0, 250 * MS),
    lost=st.sampled_from([lambda _: False, lambda _: False, lambda _: True, lambda n: n % 3 == 0]),
    late=st.sampled_from([0, 0, 0, 0, 300 * MS, 2 * SECOND]),
)
SIZES = st.one_of(st.integers(0, 700), st.integers(0, 96_000))


class Call(RuleBasedStateMachine):
    """One call, with an agent, a caller and a shell that do as they please."""

    @initialize(
        path=PATHS,
        lead_ms=st.sampled_from([1000, 1000, 400, 130, 10]),
        live=st.sampled_from([True, True, True, False]),
        patience=st.integers(0, 40),
    )
    def begin(self, path: Path, lead_ms: int, live: bool, patience: int) -> None:
        self.world = World(plain(playout_lead_ms=lead_ms), path=path)
        self.world.media_every = 2 * SECOND
        self.lead = max(FRAME, lead_ms * MS // FRAME * FRAME)
        self.asked: Counter[str] = Counter()
        self.answered: Counter[str] = Counter()
        self.running: list[str] = []
        self.transfers = 0
        self.started = live
        self.patience = patience  # steps before anybody thinks of ending the call
        self.truth_kept = not path.late  # else a returned mark does not tell the time exactly
        self.world.on_commands = self.look
        self.world.feed(events.Admitted())
        if live:
            self.world.feed(START)
            self.world.feed(STARTED)

    # What must hold of each batch of commands

    def look(self, done: list[commands.Command]) -> None:
        for command in done:
            if isinstance(command, commands.AnswerTool):
                self.answered[command.call_id] += 1
                assert self.answered[command.call_id] == self.asked[command.call_id] == 1
                self.running = [name for name in self.running if name != command.call_id]
            elif isinstance(command, commands.RunTool):
                self.running.append(command.call.id)
            elif isinstance(command, commands.Transfer):
                self.transfers += 1
                self.all_was_heard()
            elif isinstance(command, commands.SendAudio):
                assert len(command.audio) <= SECOND
            elif isinstance(command, commands.HangUp):
                self.hung_up(command)

    def hung_up(self, command: commands.HangUp) -> None:
        if command.ending in (Ending.AGENT_ENDED, Ending.AGENT_HUNG_UP):
            self.all_was_heard()

    def all_was_heard(self) -> None:
        for turn in self.world.turns.values():
            if not turn.cut:
                assert self.world.heard_by_arrival(turn.name) == turn.given

    # The caller

    @rule(ms=st.integers(0, 3000))
    def time_passes(self, ms: int) -> None:
        self.world.pass_time(ms * MS)

    @rule()
    @precondition(lambda self: not self.started)
    def stream_starts(self) -> None:
        self.started = True
        self.world.feed(START)

    @rule()
    @precondition(lambda self: self.started)
    def stream_starts_twice(self) -> None:
        self.world.feed(START)

    @rule(digit=st.sampled_from("0123456789*#"))
    def caller_presses(self, digit: str) -> None:
        self.world.later(media_stream.Dtmf(digit))

    @rule(size=st.sampled_from([0, 1, 160, 161, 8000]), sequence=st.integers(0, 3))
    def caller_speaks(self, size: int, sequence: int) -> None:
        self.world.feed(media_stream.Media(bytes(size), sequence))

    @rule(name=st.sampled_from(["g0.0", "g0.1", "g0.2", "g1.1", "g2.9", "x", "g0.", "g0.99999999999999"]))
    @precondition(lambda self: self.started)
    def a_strange_mark_comes(self, name: str) -> None:
        # None that this generation placed: coming early it would be a lie about what was heard.
        placed = {c.name for c in self.world.log if isinstance(c, commands.PlaceMark)}
        assume(name not in placed or not name.startswith(self.generation()))
        heard = self.world.bridge.unheard_ms
        self.world.feed(media_stream.Mark(MarkName(name)))
        assert self.world.final or self.world.bridge.unheard_ms >= heard

    def generation(self) -> str:
        names = [c.name for c in self.world.log if isinstance(c, commands.PlaceMark)]
        return names[-1].partition(".")[0] + "." if names else "g0."

    @rule(leg=st.sampled_from(events.Leg), count=st.integers(1, 12))
    @precondition(lambda self: self.patience < 0)
    def nonsense_comes(self, leg: events.Leg, count: int) -> None:
        if leg is events.Leg.AGENT:
            assume(not self.world.sounding)
        for _ in range(count):
            self.world.feed(events.Malformed(leg))
        if self.world.bridge.report.detail == "too many malformed messages":
            self.world.agent_gone = True

    @rule(
        message=st.sampled_from(
            [media_stream.Connected(), media_stream.Unknown("new"), agent_session.Unknown("n")]
        )
    )
    def something_unknown_comes(
        self, message: media_stream.Connected | media_stream.Unknown | agent_session.Unknown
    ) -> None:
        self.world.feed(message)

    # The agent

    @rule()
    def session_starts(self) -> None:
        self.world.feed(STARTED)

    @rule(size=SIZES, final=st.booleans(), again=st.booleans())
    def agent_speaks(self, size: int, final: bool, again: bool) -> None:
        names = list(self.world.turns)
        name = names[-1] if names and again and not self.world.turns[names[-1]].past else f"t{len(names)}"
        at = sum(len(piece) for turn in self.world.turns.values() for piece in turn.pieces) % 10_007
        self.world.say(name, SPEECH[at : at + size], final=final)

    @rule(back=st.integers(1, 4), size=SIZES, final=st.booleans())
    def a_late_chunk_comes(self, back: int, size: int, final: bool) -> None:
        names = [name for name, turn in self.world.turns.items() if turn.past]
        assume(len(names) >= back)
        self.world.say(names[-back], SPEECH[:size], final=final)

    @rule(back=st.integers(0, 3), text=st.text("ab ", max_size=40), final=st.booleans())
    def agent_writes(self, back: int, text: str, final: bool) -> None:
        names = [*self.world.turns, f"t{len(self.world.turns)}"]
        self.world.write(names[max(0, len(names) - 1 - back)], text, final=final)

    @rule()
    def caller_barges_in(self) -> None:
        self.world.interrupt()

    @rule(pauses_ms=st.lists(st.integers(0, 900), min_size=2, max_size=4), final=st.booleans())
    def they_talk_across_each_other(self, pauses_ms: list[int], final: bool) -> None:
        for pause_ms in pauses_ms:
            self.world.say(f"t{len(self.world.turns)}", SPEECH[:48_000], final=final)
            self.world.pass_time(pause_ms * MS)
            self.world.interrupt()

    @rule(ms=st.integers(300, 900))
    @precondition(lambda self: self.started and self.patience < 0)
    def caller_hangs_up_in_mid_word(self, ms: int) -> None:
        self.world.say(f"t{len(self.world.turns)}", SPEECH[:48_000])
        self.world.pass_time(ms * MS)
        self.caller_hangs_up(media_stream.Stop())

    @rule(
        number=st.integers(0, 12),
        name=st.sampled_from(TOOLS),
        to=st.sampled_from([None, NUMBER, "+15550666"]),
    )
    def agent_calls_a_tool(self, number: int, name: str, to: str | None) -> None:
        call_id = f"{name}-{number}"
        arguments: dict[str, agent_session.JSON] = {"to": to} if to else {}
        if not self.world.agent_gone and not self.world.final:
            self.asked[call_id] = 1
        self.world.feed(agent_session.ToolCall(ToolCallId(call_id), name, arguments))

    @rule(number=st.integers(13, 20), ms=st.integers(0, 4000))
    def agent_transfers(self, number: int, ms: int) -> None:
        self.agent_calls_a_tool(number, "transfer_call", None)
        self.world.pass_time(ms * MS)

    @rule(failed=st.booleans())
    def a_tool_finishes(self, failed: bool) -> None:
        name = self.running[0] if self.running else "lookup-late"
        self.world.feed(events.ToolFinished(ToolCallId(name), "{}", failed))

    @rule(lost=st.booleans())
    @precondition(lambda self: self.patience < 0)
    def session_ends(self, lost: bool) -> None:
        how = events.AgentLost("broken") if lost else agent_session.SessionEnded()
        self.world.end_session(how)

    # The shell

    @rule(taken=st.booleans())
    @precondition(lambda self: self.transfers)
    def twilio_answers_the_transfer(self, taken: bool) -> None:
        self.transfers -= 1
        if taken:
            self.world.line.ended = True
            self.truth_kept = False
        self.world.feed(events.TransferFinished(None if taken else "busy"))

    @rule(
        how=st.sampled_from(
            [media_stream.Stop(), events.CallerLost("closed"), events.CarrierEnded("completed")]
        )
    )
    @precondition(lambda self: self.started and self.patience < 0)
    def caller_hangs_up(self, how: media_stream.Stop | events.CallerLost | events.CarrierEnded) -> None:
        world = self.world
        world.pass_time(0)
        world.line.ended = True
        if not any(isinstance(c, commands.Tell) and isinstance(c.note, RoundTrip) for c in world.log):
            self.truth_kept = False  # how long ago that was can't be known yet
        if world.cut_at is not None and world.now - world.cut_at <= world.path.down:
            self.truth_kept = False  # the call ended before the clear was there
        world.later(how)
        world.pass_time(world.path.up)
        assert world.final
        if world.bridge._speech.playout.marks_missing:
            self.truth_kept = False  # what was given up as heard by the clock is not taken back

    @rule()
    @precondition(lambda self: self.patience < 0)
    def the_process_must_stop(self) -> None:
        self.world.feed(events.HandOver())

    @invariant()
    def patience_wears_thin(self) -> None:
        if hasattr(self, "world"):
            self.patience -= 1

    @invariant()
    def twilio_never_holds_more_than_the_lead(self) -> None:
        if hasattr(self, "world"):
            assert self.world.line.most_queued <= self.lead

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        if not world.final:
            world.end_session(events.AgentLost("gone"))
            world.pass_time(20 * SECOND)
        assert world.final, "the call never ends"
        world.pass_time(SECOND)
        finals = [
            c for c in world.log if isinstance(c, commands.HangUp | commands.FallBack | commands.Release)
        ]
        assert finals == [world.final]
        assert world.log.count(commands.JoinAgent()) == 1
        assert self.answered == self.asked
        self.books_are_true()
        event(f"ended: {world.final.ending}, truth kept: {self.truth_kept}")

    def books_are_true(self) -> None:
        world = self.world
        reports = world.reports()
        for turn in world.turns.values():
            assert turn.whole.startswith(bytes(turn.sent))
            if not turn.given or (turn.given == TAIL and turn.name not in reports):
                continue
            report = reports[turn.name]
            assert turn.given - report.spoken_ms * MS in (
                0,
                TAIL,
            )  # a call that ends does not flush the filter
            assert report.proved_ms <= report.heard_ms <= len(turn.sent) / MS
            # Of a turn that is not over, words may be missing that were written and never spoken.
            assert report.cut == (report.heard_ms < report.spoken_ms or turn.cut or bool(report.cut_text))
            if self.truth_kept:
                assert abs(report.heard_ms * MS - world.line.heard_of[turn.name]) <= FRAME


Call.TestCase.settings = settings(
    max_examples=120,
    stateful_step_count=50,
    deadline=None,
    report_multiple_bugs=False,
    phases=[Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink],
    suppress_health_check=list(HealthCheck),
)
TestAnyCall = Call.TestCase
