"""What each event does to a call: the rules of its two legs, its tools and its endings."""

from gateway.bridge import events
from gateway.bridge.absences import Absences
from gateway.bridge.commands import Command, FallBack, HangUp, SendAudio, Tell
from gateway.bridge.continuity import ELSEWHERE
from gateway.bridge.events import Leg
from gateway.bridge.farewell import Finale, Leaving
from gateway.bridge.phases import AgentLeg, Phase
from gateway.bridge.report import CallerSaid, Ending
from gateway.bridge.requests import LEAVING
from gateway.errors import BridgeError, ToolError
from gateway.wire import agent_session, media_stream

# Kept at hand for each frame of audio: looking a member up in its enum costs more than the comparison.
_TALKING = (Phase.LIVE, Phase.DRAINING)
_OPEN = (Phase.JOINING, Phase.LIVE, Phase.DRAINING)
_JOINED = AgentLeg.JOINED


class Rules(Absences):
    """What is done about what happens. ``Bridge`` says what happens, and when."""

    _ended_early = False

    def _admit(self, now: float) -> list[Command]:
        if self._admitted_at is not None:
            raise BridgeError("a call is admitted once")
        self._admitted_at = now
        self._phase_deadline = now + self._limits.stream_timeout_s
        return self._join(self._take_up(), now)

    # The caller's leg

    def _start(self, event: media_stream.Start, now: float) -> list[Command]:
        if self._phase is Phase.PARKED:
            return self._resume(event, now)
        if self._phase is not Phase.WAITING:
            return self._account.count("second_start")
        if not self._caller.open(event, now):
            return self._end(FallBack(Ending.STREAM_GARBLED), "audio of an unknown kind", now)
        self._phase = Phase.JOINING
        self._phase_deadline = now + self._limits.join_timeout_s
        commands = self._speech.open(now)
        if self._agent is AgentLeg.LOST:
            return commands + self._be_sorry(Ending.AGENT_UNAVAILABLE, self.report.detail, now)
        if self._agent is AgentLeg.JOINING and self._history.lines():  # another process spoke with them
            self._await_agent(now)
        elif self._agent is AgentLeg.JOINING:
            self._await_agent(now, self._limits.start_noise_s, self._limits.start_phrase_s)
        else:
            self._go_live(now)
            self._expect_words(now)
        if self._agent is AgentLeg.ENDED:
            self._say_farewell(Finale.AGENT_ENDED, now)
        return commands

    def _caller_audio(self, event: media_stream.Media, now: float) -> list[Command]:
        if self._phase in _TALKING and self._agent is _JOINED:
            audio = self._caller.pass_on(event, now)
            return [SendAudio(audio)] if audio else []
        if self._agent is AgentLeg.JOINING and self._phase in _OPEN:
            self._caller.keep(event, now)
            return []
        self._caller.fresh(event, now)
        return self._account.count("media_for_nobody")

    # The agent's leg

    def _agent_writes(self, event: agent_session.ResponseText, now: float) -> list[Command]:
        if self._away in ELSEWHERE:
            return self._account.count("words_to_nobody")
        self._account.amend(self._speech.write(event))
        self._departure.extend(now)
        return []

    def _caller_said(self, event: agent_session.InputAudioTranscript) -> list[Command]:
        self._history.caller(event.text, final=event.is_final)
        return [Tell(CallerSaid(event.text))] if event.is_final and event.text else []

    def _agent_ended(self, now: float) -> list[Command]:
        if self._agent is not AgentLeg.JOINED:
            return self._agent_lost("the session ended before it started", now)
        if self._phase is Phase.LIVE and self._cut_short():
            return self._agent_lost("the session ended in the middle of a sentence", now)
        self._agent = AgentLeg.ENDED
        commands = self._speech.end(now)
        if self._phase is Phase.LIVE:
            self._say_farewell(Finale.AGENT_ENDED, now)
        return commands

    def _cut_short(self) -> bool:
        """Whether the session ended as no agent ends it, for the first time: with words still to come."""
        if self._ended_early or not (self._limits.recoveries and self._speech.unfinished):
            return False
        self._ended_early = True
        return True

    def _interrupt(self, now: float) -> list[Command]:
        if self._departure.announcing:  # the greeting of a machine is no reason to stop
            return []
        self._air.settle()
        self._filler.stop()
        self._talks_since = None
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
        if call.name not in LEAVING:
            return self._requests.start(call, now)
        desk.hold(call, now)
        try:
            leaving = self._requests.leave(call, live=self._phase is Phase.LIVE)
        except ToolError as error:
            return desk.refuse(call.id, error, now)
        self._leave(leaving, now)
        return []

    # What the shell asks for

    def _hang_up_asked(self, ending: Ending, now: float) -> list[Command]:
        """End the call at once, unless Twilio is taking it elsewhere."""
        leaving = self._departure.transferring and self._phase is not Phase.PARKED
        return [] if leaving else self._end(HangUp(ending), "", now)

    def _transfer_asked(self, event: events.TransferAsked, now: float) -> list[Command]:
        """Connect the caller to somebody once the agent's present words have been heard."""
        if self._phase is not Phase.LIVE:
            return self._account.count("transfers_out_of_place")
        self._leave(Leaving(Finale.TRANSFER, to=event.to), now)
        return []

    def _leave_message(self, event: events.LeaveMessage, now: float) -> list[Command]:
        """Say a message instead of whatever the agent says, and hang up when it has been heard."""
        if self._phase is not Phase.LIVE or not event.pcm:
            return self._account.count("messages_out_of_place")
        self._agent = AgentLeg.ENDED
        commands = self._speech.announce(event.pcm, event.text, now)
        self._say_farewell(Finale.MESSAGE, now)
        return commands

    # Endings

    def _stay(self, error: ToolError, now: float) -> list[Command]:
        """The call goes on after all."""
        self._go_live(now)
        return self._departure.cancel(error, now)

    def _depart(self, now: float) -> list[Command]:
        """End the call if it is saying farewell and the last words have been heard."""
        if self._phase is Phase.PARKED:
            return []
        if self._departure.overdue(now):
            return self._taken("Twilio did not answer in time", now)
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
