"""One call. Feed one event; carry out all of its commands, in order, before the next. Time is an argument."""

from typing import assert_never

from gateway.audio.clips import Clips
from gateway.bridge import events
from gateway.bridge.commands import Command, FallBack, HangUp, Release, Tell
from gateway.bridge.deadlines import earliest
from gateway.bridge.events import Event
from gateway.bridge.farewell import Finale
from gateway.bridge.history import Past
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.phases import AgentLeg, Phase
from gateway.bridge.report import Ending, TurnUnderway
from gateway.bridge.rules import Rules
from gateway.wire import agent_session, media_stream
from gateway.wire.agent_session import InputAudioTranscript as CallerUnderstood
from gateway.wire.agent_session import ResponseAudio
from gateway.wire.media_stream import Media

_JOINED = AgentLeg.JOINED


class Bridge(Rules):
    """One call: a caller's leg, an agent's leg, and what passes between."""

    def __init__(
        self, limits: Limits, book: ToolBook, clips: Clips | None = None, past: Past | None = None
    ) -> None:
        super().__init__(limits, book, clips, past)
        self._greets = limits.agent_greets
        self.deadline: float | None = None
        """Call ``handle(None, now)`` then, if nothing happens before."""

    @property
    def unheard_ms(self) -> float:
        """Agent audio at Twilio that the caller has not heard: the playout lead."""
        return self._speech.playout.unheard_ms

    @property
    def _over(self) -> bool:
        return self._phase is Phase.OVER

    def handle(self, event: Event | None, now: float) -> list[Command]:
        """Take one event, or ``None`` when the deadline has come; return what to do, in order."""
        if isinstance(event, Media):  # fifty a second each way, and no deadline moves with them
            return self._caller_audio(event, now)
        due = self.deadline
        if isinstance(event, ResponseAudio) and due and now < due:
            flush = self._speech.gather(event, now)
            if flush is not None:
                self.deadline = min(due, flush)
                return []
        if self._over:
            return self._account.count("after_the_end")
        commands = self._take(event, now)
        if self._is_due(now):
            # Whatever is due by now, so that no deadline lies in the past. Twice, because a call that is not
            # transferred after all may have passed its limit meanwhile.
            for step in (self._tick, self._break_silence, self._depart, self._tick):
                commands += [] if self._over else step(now)
            self.deadline = self._next_deadline()
        if over := self._speech.over():
            commands += self._account.tell(over)
        return commands

    def _is_due(self, now: float) -> bool:
        """Move the deadline; whether it has come."""
        self._watch(now)
        self.deadline = self._next_deadline()
        return self.deadline is not None and self.deadline <= now

    def _take(self, event: events.Signal | None, now: float) -> list[Command]:
        if event is None:
            return []
        if isinstance(event, events.CallerSignal):
            return self._take_caller(event, now)
        if isinstance(event, agent_session.Message):
            return self._take_agent(event, now)
        return self._take_shell(event, now)

    def _take_caller(self, event: events.CallerSignal, now: float) -> list[Command]:
        match event:
            case media_stream.Mark(name=name):
                return self._speech.mark(name, now) + self._underway()
            case media_stream.Dtmf():
                return self._requests.press(event, now) if self._caller.press(now) else []
            case media_stream.Start():
                return self._start(event, now)
            case media_stream.Stop():
                return self._stream_over(Ending.CALLER_HUNG_UP, "stop", now)
            case media_stream.Connected():
                return []
            case media_stream.Unknown():
                return self._account.count("unknown_caller_messages")
            case _:
                assert_never(event)

    def _underway(self) -> list[Command]:
        """Account now and then for what is being said: the process may be gone before it was."""
        return [Tell(TurnUnderway(report)) for report in self._speech.underway()]

    def _take_agent(self, event: agent_session.Message, now: float) -> list[Command]:
        gone = self._agent in (AgentLeg.ENDED, AgentLeg.LOST)
        if gone and not isinstance(event, agent_session.Interruption):
            return self._account.count("messages_after_the_session")
        self._agent_heard_at = now
        match event:
            case agent_session.ResponseAudio():
                return self._agent_says(event, now)
            case agent_session.ResponseText():
                return self._agent_writes(event, now)
            case agent_session.Interruption():
                return self._interrupt(now)
            case agent_session.ToolCall():
                return self._tool_call(event, now)
            case agent_session.SessionStarted():
                return self._agent_joined(event, now)
            case agent_session.SessionEnded():
                return self._agent_ended(now)
            case CallerUnderstood():
                return self._caller_said(event)
            case agent_session.SpeechStopped():
                self._caller_waits(now)
                return []
            case agent_session.SpeechStarted():
                self._caller_speaks()
                return []
            case agent_session.Unknown():
                return self._account.count("unknown_agent_messages")
            case _:
                assert_never(event)

    def _take_shell(self, event: events.ShellEvent, now: float) -> list[Command]:
        if isinstance(event, events.Order):
            return self._take_order(event, now)
        match event:
            case events.Admitted():
                return self._admit(now)
            case events.CallerLost(reason=reason):
                return self._stream_over(Ending.STREAM_LOST, reason, now)
            case events.CarrierEnded(status=status):
                return self._call_over(status, now)
            case events.AgentLost(reason=reason, final=final):
                return self._agent_lost(reason, now, final=final)
            case events.AgentDoubted():
                return self._doubt_agent(now)
            case events.Briefed(greets=greets):
                self._greets = greets
                return []
            case events.ToolFinished():
                return self._requests.finished(event, now)
            case events.TransferFinished(error) | events.DigitsTaken(error) | events.HoldTaken(error):
                return self._taken(error, now)
            case events.TransferOver():
                return self._transfer_over(event, now)
            case events.Malformed(leg=leg):
                return self._malformed(leg, now)
            case _:
                assert_never(event)

    def _take_order(self, event: events.Order, now: float) -> list[Command]:
        match event:
            case events.HangUpAsked(ending=ending):
                return self._hang_up_asked(ending, now)
            case events.TransferAsked():
                return self._transfer_asked(event, now)
            case events.LeaveMessage():
                return self._leave_message(event, now)
            case events.HandOver():
                return self._end(FallBack(Ending.HANDED_OVER), "", now)
            case events.TakenOver():
                return self._end(Release(Ending.TAKEN_OVER), "", now)
            case _:
                assert_never(event)

    # Time

    def _tick(self, now: float) -> list[Command]:
        bound = self._phase_bound
        if bound is not None and now >= bound:
            return self._phase_over(now)
        if self._phase is Phase.PARKED:
            return self._retrieve(now) + self._requests.desk.tick(now)
        if self._caller.silent(now):
            return self._end(FallBack(Ending.STREAM_SILENT), "no audio from Twilio", now)
        done = self._speech.tick(now) + self._requests.tick(now, self._speech.playout.quiet_since)
        return self._doubt(now) + done

    def _phase_over(self, now: float) -> list[Command]:
        if self._phase is Phase.WAITING:
            return self._end(Release(Ending.NO_STREAM), "no stream came", now)
        if self._phase is Phase.JOINING:
            return self._be_sorry(Ending.AGENT_UNAVAILABLE, "the agent did not join in time", now)
        if self._phase is Phase.LIVE:
            self._say_farewell(Finale.TIME_LIMIT, now)
            self._phase_deadline = now + self._limits.last_sentence_s
            return []
        if self._phase is Phase.PARKED:
            return self._away_too_long(now)
        return self._end(HangUp(Ending.TIME_LIMIT), "", now)

    @property
    def _phase_bound(self) -> float | None:
        """When the phase must be over; hanging up while Twilio transfers the call would end it over there."""
        leaving = self._departure.transferring and self._phase is not Phase.PARKED
        return None if leaving else self._phase_deadline

    def _next_deadline(self) -> float | None:
        if self._over:
            return None
        if self._phase is Phase.PARKED:
            return earliest(self._phase_bound, self._retrieve_at, self._requests.desk.deadline)
        return earliest(
            self._phase_bound,
            self._caller.check_at,
            self._caller.suspect_at,
            self._requests.deadline(self._speech.playout.quiet_since),
            self._speech.deadline,
            self._departure.due_at(agent_there=self._agent is _JOINED),
            self._watch_deadline(),
        )
