"""What each event does to a call: the rules of its two legs, its tools and its endings."""

from gateway.bridge import events
from gateway.bridge.account import Account
from gateway.bridge.caller import CallerLeg
from gateway.bridge.commands import Command, FallBack, Final, HangUp, JoinAgent, Release, SendAudio, Tell
from gateway.bridge.events import Leg
from gateway.bridge.farewell import Departure, Finale
from gateway.bridge.health import Health
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.phases import AgentLeg, Phase
from gateway.bridge.report import CallerSaid, CallReport, Ending, Joined
from gateway.bridge.requests import END_CALL, TRANSFER_CALL, Requests
from gateway.bridge.speech import AgentSpeech
from gateway.errors import BridgeError, ToolError
from gateway.wire import agent_session, media_stream

# Kept at hand for each frame of audio: looking a member up in its enum costs more than the comparison.
_TALKING = (Phase.LIVE, Phase.DRAINING)
_JOINED = AgentLeg.JOINED


class Rules:
    """The state of one call, and what is done about what happens. ``Bridge`` says what happens, and when."""

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
        self._admitted_at: float | None = None
        self._account = Account(self._caller, self._speech, self._requests.desk)

    @property
    def report(self) -> CallReport:
        """What is known of the call."""
        return self._account.report

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

    def _caller_said(self, event: agent_session.InputAudioTranscript) -> list[Command]:
        return [Tell(CallerSaid(event.text))] if event.is_final and event.text else []

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
        if self._departure.announcing:  # the greeting of a machine is no reason to stop
            return []
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

    # What the shell asks for

    def _hang_up_asked(self, ending: Ending, now: float) -> list[Command]:
        """End the call at once, unless Twilio is taking it elsewhere."""
        return [] if self._departure.transferring else self._end(HangUp(ending), "", now)

    def _transfer_asked(self, event: events.TransferAsked, now: float) -> list[Command]:
        """Connect the caller to somebody once the agent's present words have been heard."""
        if self._phase is not Phase.LIVE:
            return self._account.count("transfers_out_of_place")
        self._phase = Phase.DRAINING
        self._departure.begin(Finale.TRANSFER, now, None, event.to)
        return []

    def _leave_message(self, event: events.LeaveMessage, now: float) -> list[Command]:
        """Say a message instead of whatever the agent says, and hang up when it has been heard."""
        if self._phase is not Phase.LIVE or not event.pcm:
            return self._account.count("messages_out_of_place")
        self._agent = AgentLeg.ENDED
        commands = self._speech.announce(event.pcm, now)
        self._say_farewell(Finale.MESSAGE, now)
        return commands

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
