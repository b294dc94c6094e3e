"""One call: a caller's leg, an agent's leg, and what passes between.

Feed one event; carry out all of its commands, in order, before the next. Time is an argument.
"""

from typing import assert_never

from gateway.bridge import events
from gateway.bridge.caller import CallerLeg
from gateway.bridge.commands import (
    Command,
    FallBack,
    Final,
    HangUp,
    JoinAgent,
    Release,
    SendAudio,
    Tell,
    Transfer,
)
from gateway.bridge.events import Event, Leg
from gateway.bridge.farewell import Farewell, Finale
from gateway.bridge.health import Health
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.phases import AgentLeg, Phase
from gateway.bridge.report import CallReport, Ending, Joined, TurnReport
from gateway.bridge.requests import END_CALL, TRANSFER_CALL, Requests
from gateway.bridge.speech import AgentSaid, AgentSpeech
from gateway.errors import ToolError
from gateway.ids import E164, ToolCallId
from gateway.wire import agent_session, media_stream
from gateway.wire.agent_session import InputAudioTranscript as CallerUnderstood


class Bridge:
    """One call: a caller's leg, an agent's leg, and what passes between."""

    def __init__(self, limits: Limits, book: ToolBook) -> None:
        self._limits = limits
        self._phase = Phase.WAITING
        self._agent = AgentLeg.JOINING
        self._caller = CallerLeg(limits)
        self._speech = AgentSpeech(limits)
        self._requests = Requests(limits, book)
        self._health = Health(limits)
        self._farewell: Farewell | None = None
        self._phase_deadline: float | None = None
        self._deadline: float | None = None
        self._admitted_at = 0.0
        self.report = CallReport()

    @property
    def deadline(self) -> float | None:
        """Call ``handle(None, now)`` then, if nothing happens before."""
        return self._deadline

    @property
    def unheard_ms(self) -> float:
        """Agent audio at Twilio that the caller has not heard: the playout lead."""
        return self._speech.playout.unheard_ms

    def handle(self, event: Event | None, now: float) -> list[Command]:
        """Take one event, or ``None`` when the deadline has come; return what to do, in order."""
        if isinstance(event, media_stream.Media):  # fifty a second, and no deadline moves with them
            return self._caller_audio(event, now)
        if self._phase is Phase.OVER:
            self.report.counts["after_the_end"] += 1
            return []
        if event is None:
            commands = self._tick(now)
        elif isinstance(event, media_stream.Message):
            commands = self._take_caller(event, now)
        elif isinstance(event, agent_session.Message):
            commands = self._take_agent(event, now)
        else:
            commands = self._take_shell(event, now)
        commands += self._tell(self._speech.over()) + self._depart(now)
        self._deadline = self._next_deadline()
        return commands

    def _take_caller(self, event: media_stream.Message, now: float) -> list[Command]:
        match event:
            case media_stream.Media():
                return self._caller_audio(event, now)
            case media_stream.Mark(name=name):
                return self._speech.mark(name, now)
            case media_stream.Dtmf():
                return self._requests.press(event, now)
            case media_stream.Start():
                return self._start(event, now)
            case media_stream.Stop():
                return self._caller_gone(Ending.CALLER_HUNG_UP, "stop", now)
            case media_stream.Connected():
                return []
            case media_stream.Unknown():
                return self._count("unknown_caller_messages")
            case _:
                assert_never(event)

    def _take_agent(self, event: agent_session.Message, now: float) -> list[Command]:
        match event:
            case agent_session.ResponseAudio() | agent_session.ResponseText():
                return self._agent_speaks(event, now)
            case agent_session.Interruption():
                return self._interrupt(now)
            case agent_session.ToolCall():
                return self._tool_call(event, now)
            case agent_session.SessionStarted():
                return self._agent_joined(event, now)
            case agent_session.SessionEnded():
                return self._agent_ended(now)
            case agent_session.SpeechStarted() | agent_session.SpeechStopped() | CallerUnderstood():
                return []
            case agent_session.Unknown():
                return self._count("unknown_agent_messages")
            case _:
                assert_never(event)

    def _take_shell(self, event: events.ShellEvent, now: float) -> list[Command]:
        match event:
            case events.Admitted():
                self._admitted_at = now
                self._phase_deadline = now + self._limits.stream_timeout_s
                return [JoinAgent()]
            case events.CallerLost(reason=reason):
                return self._caller_gone(Ending.STREAM_LOST, reason, now)
            case events.CarrierEnded(status=status):
                return self._caller_gone(Ending.CALLER_HUNG_UP, status, now)
            case events.AgentLost(reason=reason):
                return self._agent_lost(reason, now)
            case events.ToolFinished():
                return self._requests.finished(event, now)
            case events.TransferFinished(error=error):
                return self._transferred(error, now)
            case events.Malformed(leg=leg):
                return self._malformed(leg, now)
            case events.HandOver():
                return self._end(FallBack(Ending.HANDED_OVER), "", now)
            case _:
                assert_never(event)

    # The caller's leg

    def _start(self, event: media_stream.Start, now: float) -> list[Command]:
        if self._phase is not Phase.WAITING:
            return self._count("second_start")
        if not self._caller.open(event, now):
            return self._end(FallBack(Ending.STREAM_GARBLED), "audio of an unknown kind", now)
        if self._agent is AgentLeg.LOST:
            return self._end(FallBack(Ending.AGENT_UNAVAILABLE), self.report.detail, now)
        self._phase = Phase.JOINING
        self._phase_deadline = now + self._limits.join_timeout_s
        if self._agent is AgentLeg.JOINED:
            self._go_live(now)
        commands = self._speech.open(now)
        if self._agent is AgentLeg.ENDED:
            self._say_farewell(Finale.AGENT_ENDED, now)
        return commands

    def _caller_audio(self, event: media_stream.Media, now: float) -> list[Command]:
        if self._phase in (Phase.LIVE, Phase.DRAINING) and self._agent is AgentLeg.JOINED:
            audio = self._caller.convert(event, now)
            return [SendAudio(audio)] if audio else []
        if self._phase is Phase.JOINING:
            self._caller.keep(event, now)
            return []
        self._caller.fresh(event, now)
        return self._count("media_for_nobody")

    def _caller_gone(self, ending: Ending, detail: str, now: float) -> list[Command]:
        if self._farewell and self._farewell.asked:  # a transfer takes the call out of its stream
            ending = Ending.TRANSFERRED
        return self._end(Release(ending), detail, now)

    # The agent's leg

    def _agent_joined(self, event: agent_session.SessionStarted, now: float) -> list[Command]:
        if self._agent is not AgentLeg.JOINING:
            return self._count("second_session_started")
        self._agent = AgentLeg.JOINED
        self.report.session_id = event.id
        joined = Tell(Joined((now - self._admitted_at) * 1000.0))
        if self._phase is not Phase.JOINING:
            return [joined]
        self._go_live(now)
        early = self._caller.kept()
        return [SendAudio(early), joined] if early else [joined]

    def _go_live(self, now: float) -> None:
        self._phase = Phase.LIVE
        self._phase_deadline = (self._caller.opened_at or now) + self._limits.max_call_s

    def _agent_speaks(self, event: AgentSaid, now: float) -> list[Command]:
        if self._agent in (AgentLeg.ENDED, AgentLeg.LOST):
            return self._count("speech_after_the_session")
        commands = self._speech.say(event, now)
        if self._farewell:
            self._farewell.extend(now, self._speech.playout.remaining_s(now))
        return commands

    def _agent_ended(self, now: float) -> list[Command]:
        if self._agent is not AgentLeg.JOINED:
            return self._agent_lost("the session ended before it started", now)
        self._agent = AgentLeg.ENDED
        if self._phase is Phase.LIVE:
            self._say_farewell(Finale.AGENT_ENDED, now)
        return []

    def _agent_lost(self, reason: str, now: float) -> list[Command]:
        if self._agent in (AgentLeg.ENDED, AgentLeg.LOST):
            return []
        self._agent = AgentLeg.LOST
        self.report.detail = reason
        if self._phase is Phase.JOINING:
            return self._end(FallBack(Ending.AGENT_UNAVAILABLE), reason, now)
        if self._phase is Phase.LIVE:
            self._say_farewell(Finale.AGENT_LOST, now)
        return []

    def _interrupt(self, now: float) -> list[Command]:
        commands = self._speech.interrupt(now)
        farewell = self._farewell
        if farewell and farewell.finale is Finale.END_CALL and self._agent is AgentLeg.JOINED:
            error = ToolError("the caller spoke before the end: the call goes on", code="caller_interrupted")
            commands += self._answer(farewell, error, now)
            self._stay(now)
        return commands

    # What the agent asks for

    def _tool_call(self, call: agent_session.ToolCall, now: float) -> list[Command]:
        desk = self._requests.desk
        if desk.known(call.id):
            return []
        if call.name not in (END_CALL, TRANSFER_CALL):
            return self._requests.start(call, now)
        desk.hold(call, now)
        try:
            to = self._requests.leave(call, live=self._phase is Phase.LIVE)
        except ToolError as error:
            return desk.refuse(call.id, error, now)
        self._say_farewell(Finale.TRANSFER if to else Finale.END_CALL, now, call.id, to)
        return []

    def _answer(self, farewell: Farewell, error: ToolError | None, now: float) -> list[Command]:
        """Answer the tool call that began a farewell."""
        if farewell.call_id is None:
            return []
        desk = self._requests.desk
        return desk.refuse(farewell.call_id, error, now) if error else desk.succeed(farewell.call_id, now)

    def _transferred(self, error: str | None, now: float) -> list[Command]:
        farewell = self._farewell
        if farewell is None or not farewell.asked:
            return self._count("late_transfer_results")
        if error is None:
            return self._answer(farewell, None, now) + self._end(Release(Ending.TRANSFERRED), "", now)
        if self._agent is not AgentLeg.JOINED:
            return self._end(FallBack(Ending.AGENT_LOST), error, now)
        self._stay(now)
        return self._answer(farewell, ToolError(error, code="transfer_failed"), now)

    # Endings

    def _say_farewell(
        self, finale: Finale, now: float, call_id: ToolCallId | None = None, to: E164 | None = None
    ) -> None:
        """Let the last words be heard; then do what ``finale`` says."""
        limits, remaining_s = self._limits, self._speech.playout.remaining_s(now)
        bound_s = remaining_s + limits.drain_extra_s
        if finale is Finale.AGENT_LOST:
            bound_s = limits.lost_agent_drain_s
        self._farewell = Farewell(finale, limits, now, now + bound_s, active_at=now, call_id=call_id, to=to)
        self._phase = Phase.DRAINING
        self._phase_deadline = None

    def _stay(self, now: float) -> None:
        """The call goes on after all."""
        self._farewell = None
        self._go_live(now)

    def _depart(self, now: float) -> list[Command]:
        """End the call if it is saying farewell and the last words have been heard."""
        farewell = self._farewell
        over = self._phase is Phase.OVER
        if over or farewell is None or farewell.asked or now < self._due_at(farewell):
            return []
        match farewell.finale:
            case Finale.AGENT_ENDED:
                return self._end(HangUp(Ending.AGENT_ENDED), "", now)
            case Finale.AGENT_LOST:
                return self._end(FallBack(Ending.AGENT_LOST), self.report.detail, now)
            case Finale.END_CALL:
                return self._answer(farewell, None, now) + self._end(HangUp(Ending.AGENT_HUNG_UP), "", now)
            case Finale.TRANSFER:
                farewell.asked = True
                return [Transfer(farewell.to)] if farewell.to else []
            case _:
                assert_never(farewell.finale)

    def _due_at(self, farewell: Farewell) -> float:
        speech = self._speech
        there = self._agent is AgentLeg.JOINED
        return farewell.due_at(idle=speech.playout.idle, speaking=speech.speaking, agent_there=there)

    def _malformed(self, leg: Leg, now: float) -> list[Command]:
        self._count(f"malformed_{leg}_messages")
        if not self._health.unusable(leg, now):
            return []
        if leg is Leg.AGENT:
            return self._agent_lost("too many malformed messages", now)
        return self._end(FallBack(Ending.STREAM_GARBLED), "too many malformed messages", now)

    def _end(self, final: Final, detail: str, now: float) -> list[Command]:
        """Close every account, then do the one thing that ends the call."""
        self._phase = Phase.OVER
        commands = self._requests.desk.close(now) + self._tell(self._speech.finish(now))
        self.report.close(final.ending, detail, self._caller.open_s(now), self._speech.first_audio_ms)
        for part in (self._caller, self._speech, self._requests.desk):
            self.report.counts.update(part.counts())
        return [*commands, final]

    def _tell(self, turns: list[TurnReport]) -> list[Command]:
        for turn in turns:
            self.report.add_turn(turn)
        return [Tell(turn) for turn in turns]

    def _count(self, what: str) -> list[Command]:
        self.report.counts[what] += 1
        return []

    # Time

    def _tick(self, now: float) -> list[Command]:
        if self._phase_deadline is not None and now >= self._phase_deadline:
            return self._phase_over(now)
        if self._caller.silent(now):
            return self._end(FallBack(Ending.STREAM_SILENT), "no audio from Twilio", now)
        playout = self._speech.playout
        return playout.tick(now) + self._requests.tick(now, playout.idle_since if playout.idle else None)

    def _phase_over(self, now: float) -> list[Command]:
        if self._phase is Phase.WAITING:
            return self._end(Release(Ending.NO_STREAM), "no stream came", now)
        if self._phase is Phase.JOINING:
            return self._end(FallBack(Ending.AGENT_UNAVAILABLE), "the agent did not join in time", now)
        return self._end(HangUp(Ending.TIME_LIMIT), "", now)

    def _next_deadline(self) -> float | None:
        if self._phase is Phase.OVER:
            return None
        times = [self._phase_deadline, self._caller.check_at, self._requests.deadline]
        times.append(self._speech.playout.deadline)
        if self._farewell and not self._farewell.asked:
            times.append(self._due_at(self._farewell))
        return min((at for at in times if at is not None), default=None)
