"""One call. Feed one event; carry out all of its commands, in order, before the next. Time is an argument."""

from typing import assert_never

from gateway.bridge import events
from gateway.bridge.account import Account
from gateway.bridge.caller import CallerLeg
from gateway.bridge.commands import Command, FallBack, Final, HangUp, JoinAgent, Release, SendAudio, Tell
from gateway.bridge.events import Event, Leg
from gateway.bridge.farewell import Departure, Finale
from gateway.bridge.health import Health
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.phases import AgentLeg, Phase
from gateway.bridge.report import CallReport, Ending, Joined
from gateway.bridge.requests import END_CALL, TRANSFER_CALL, Requests
from gateway.bridge.speech import AgentSpeech
from gateway.errors import BridgeError, ToolError
from gateway.wire import agent_session, media_stream
from gateway.wire.agent_session import InputAudioTranscript as CallerUnderstood
from gateway.wire.agent_session import ResponseAudio
from gateway.wire.media_stream import Media

# Kept at hand for each frame of audio: looking a member up in its enum costs more than the comparison.
_TALKING = (Phase.LIVE, Phase.DRAINING)
_JOINED = AgentLeg.JOINED


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
        self._departure = Departure(limits, self._speech, self._requests.desk)
        self._phase_deadline: float | None = None
        self._deadline: float | None = None
        self._admitted_at: float | None = None
        self._account = Account(self._caller, self._speech, self._requests.desk)

    @property
    def report(self) -> CallReport:
        """What is known of the call."""
        return self._account.report

    @property
    def deadline(self) -> float | None:
        """Call ``handle(None, now)`` then, if nothing happens before."""
        return self._deadline

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
        due = self._deadline
        if isinstance(event, ResponseAudio) and due and now < due and self._speech.gather(event, now):
            return []
        if self._over:
            return self._account.count("after_the_end")
        commands = self._take(event, now)
        if self._is_due(now):
            # Whatever is due by now, so that no deadline lies in the past. Twice, because a call that is not
            # transferred after all may have passed its limit meanwhile.
            for step in (self._tick, self._depart, self._tick):
                commands += [] if self._over else step(now)
            self._deadline = self._next_deadline()
        commands += self._account.tell(self._speech.over())
        return commands

    def _is_due(self, now: float) -> bool:
        """Move the deadline; whether it has come."""
        self._deadline = self._next_deadline()
        return self._deadline is not None and self._deadline <= now

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
                return self._account.count("unknown_caller_messages")
            case _:
                assert_never(event)

    def _take_agent(self, event: agent_session.Message, now: float) -> list[Command]:
        gone = self._agent in (AgentLeg.ENDED, AgentLeg.LOST)
        if gone and not isinstance(event, agent_session.Interruption):
            return self._account.count("messages_after_the_session")
        match event:
            case agent_session.ResponseAudio():
                commands = self._speech.say(event, now)
                self._departure.extend(now)
                return commands
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
            case agent_session.SpeechStarted() | agent_session.SpeechStopped() | CallerUnderstood():
                return []
            case agent_session.Unknown():
                return self._account.count("unknown_agent_messages")
            case _:
                assert_never(event)

    def _take_shell(self, event: events.ShellEvent, now: float) -> list[Command]:
        match event:
            case events.Admitted():
                return self._admit(now)
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

    def _admit(self, now: float) -> list[Command]:
        if self._admitted_at is not None:
            raise BridgeError("a call is admitted once")
        self._admitted_at = now
        self._phase_deadline = now + self._limits.stream_timeout_s
        return [JoinAgent()]

    # The caller's leg

    def _start(self, event: media_stream.Start, now: float) -> list[Command]:
        if self._phase is not Phase.WAITING:
            return self._account.count("second_start")
        if not self._caller.open(event, now):
            return self._end(FallBack(Ending.STREAM_GARBLED), "audio of an unknown kind", now)
        if self._agent is AgentLeg.LOST:
            return self._end(FallBack(Ending.AGENT_UNAVAILABLE), self.report.detail, now)
        self._phase = Phase.JOINING
        self._phase_deadline = now + self._limits.join_timeout_s
        if self._agent is not AgentLeg.JOINING:
            self._go_live(now)
        commands = self._speech.open(now)
        if self._agent is AgentLeg.ENDED:
            self._say_farewell(Finale.AGENT_ENDED, now)
        return commands

    def _caller_audio(self, event: media_stream.Media, now: float) -> list[Command]:
        if self._phase in _TALKING and self._agent is _JOINED:
            audio = self._caller.convert(event, now)
            return [SendAudio(audio)] if audio else []
        if self._phase is Phase.JOINING:
            self._caller.keep(event, now)
            return []
        self._caller.fresh(event, now)
        return self._account.count("media_for_nobody")

    def _caller_gone(self, ending: Ending, detail: str, now: float) -> list[Command]:
        done: list[Command] = []
        if self._departure.transferring:  # which takes the call out of its stream
            ending, done = Ending.TRANSFERRED, self._departure.succeed(now)
        return done + self._end(Release(ending), detail, now, told=True)

    # The agent's leg

    def _agent_joined(self, event: agent_session.SessionStarted, now: float) -> list[Command]:
        if self._agent is not AgentLeg.JOINING:
            return self._account.count("second_session_started")
        self._agent = AgentLeg.JOINED
        self.report.session_id = event.id
        joined = Tell(Joined((now - (self._admitted_at or 0.0)) * 1000.0))
        if self._phase is not Phase.JOINING:
            return [joined]
        self._go_live(now)
        early = self._caller.kept()
        return [SendAudio(early), joined] if early else [joined]

    def _go_live(self, now: float) -> None:
        self._phase = Phase.LIVE
        self._phase_deadline = now - self._caller.open_s(now) + self._limits.max_call_s

    def _agent_writes(self, event: agent_session.ResponseText, now: float) -> list[Command]:
        self._account.amend(self._speech.write(event))
        self._departure.extend(now)
        return []

    def _agent_ended(self, now: float) -> list[Command]:
        if self._agent is not AgentLeg.JOINED:
            return self._agent_lost("the session ended before it started", now)
        self._agent = AgentLeg.ENDED
        commands = self._speech.end(now)
        if self._phase is Phase.LIVE:
            self._say_farewell(Finale.AGENT_ENDED, now)
        return commands

    def _agent_lost(self, reason: str, now: float) -> list[Command]:
        if self._agent in (AgentLeg.ENDED, AgentLeg.LOST):
            return []
        self._agent = AgentLeg.LOST
        self.report.detail = reason
        if self._phase is Phase.JOINING:
            return self._end(FallBack(Ending.AGENT_UNAVAILABLE), reason, now)
        commands = self._speech.end(now)
        if self._phase is Phase.LIVE:
            self._say_farewell(Finale.AGENT_LOST, now)
        return commands

    def _interrupt(self, now: float) -> list[Command]:
        commands = self._speech.interrupt(now)
        if self._departure.revocable and self._agent is AgentLeg.JOINED:
            error = ToolError("the caller spoke before the end: the call goes on", code="caller_interrupted")
            commands += self._stay(error, now)
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
        self._phase = Phase.DRAINING
        self._departure.begin(Finale.TRANSFER if to else Finale.END_CALL, now, call, to)
        return []

    def _transferred(self, error: str | None, now: float) -> list[Command]:
        if error is None:  # even if the answer was no longer waited for
            return self._departure.succeed(now) + self._end(Release(Ending.TRANSFERRED), "", now)
        if not self._departure.transferring:
            return self._account.count("late_transfer_results")
        if self._agent is not AgentLeg.JOINED:
            return self._end(FallBack(Ending.AGENT_LOST), error, now)
        return self._stay(ToolError(error, code="transfer_failed"), now)

    # Endings

    def _say_farewell(self, finale: Finale, now: float) -> None:
        """Let the last words be heard; then do what ``finale`` says."""
        self._phase = Phase.DRAINING
        self._departure.begin(finale, now)

    def _stay(self, error: ToolError, now: float) -> list[Command]:
        """The call goes on after all."""
        self._go_live(now)
        return self._departure.cancel(error, now)

    def _depart(self, now: float) -> list[Command]:
        """End the call if it is saying farewell and the last words have been heard."""
        if self._departure.overdue(now):
            return self._transferred("Twilio did not answer in time", now)
        there = self._agent is AgentLeg.JOINED
        commands, final = self._departure.depart(now, agent_there=there)
        return commands + self._end(final, self.report.detail, now) if final else commands

    def _malformed(self, leg: Leg, now: float) -> list[Command]:
        self._account.count(f"malformed_{leg}_messages")
        if not self._health.unusable(leg, now):
            return []
        if leg is Leg.AGENT:
            return self._agent_lost("too many malformed messages", now)
        return self._end(FallBack(Ending.STREAM_GARBLED), "too many malformed messages", now)

    def _end(self, final: Final, detail: str, now: float, *, told: bool = False) -> list[Command]:
        """Close every account, then do the one thing that ends the call; ``told`` if the caller's leg did."""
        self._phase = Phase.OVER
        return self._account.close(final, detail, now, told=told)

    # Time

    def _tick(self, now: float) -> list[Command]:
        bound = self._phase_bound
        if bound is not None and now >= bound:
            return self._phase_over(now)
        if self._caller.silent(now):
            return self._end(FallBack(Ending.STREAM_SILENT), "no audio from Twilio", now)
        return self._speech.tick(now) + self._requests.tick(now, self._speech.playout.quiet_since)

    def _phase_over(self, now: float) -> list[Command]:
        if self._phase is Phase.WAITING:
            return self._end(Release(Ending.NO_STREAM), "no stream came", now)
        if self._phase is Phase.JOINING:
            return self._end(FallBack(Ending.AGENT_UNAVAILABLE), "the agent did not join in time", now)
        if self._phase is Phase.LIVE:
            self._say_farewell(Finale.TIME_LIMIT, now)
            self._phase_deadline = now + self._limits.last_sentence_s
            return []
        return self._end(HangUp(Ending.TIME_LIMIT), "", now)

    @property
    def _phase_bound(self) -> float | None:
        """When the phase must be over; hanging up while Twilio transfers the call would end it over there."""
        return None if self._departure.transferring else self._phase_deadline

    def _next_deadline(self) -> float | None:
        if self._over:
            return None
        times = [
            self._phase_bound,
            self._caller.check_at,
            self._requests.deadline(self._speech.playout.quiet_since),
            self._speech.deadline,
            self._departure.due_at(agent_there=self._agent is _JOINED),
        ]
        return min([at for at in times if at is not None], default=None)
