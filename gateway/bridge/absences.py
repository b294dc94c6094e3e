"""The call outlives its stream: it is parked, and goes on when another stream brings the caller back.

Twilio takes a call out of its stream to dial somebody or to play something, and loses one now and then.
"""

from typing import assert_never

from gateway.audio.music import PHRASE_S
from gateway.bridge.commands import Command, FallBack, Release, Retrieve, Tell
from gateway.bridge.continuity import Continuity
from gateway.bridge.deadair import Owed
from gateway.bridge.events import TransferOver
from gateway.bridge.phases import AgentLeg, Phase
from gateway.bridge.report import Absence, CallParked, CallResumed, Ending
from gateway.errors import ToolError
from gateway.wire import media_stream

_DIGIT_S = 0.6
"""How long Twilio takes over a key."""
_ON_ITS_WAY_S = 2.0
"""How long a stream may take that Twilio was asked for: to ask once more would end it as it opens."""
_STREAMING = (Phase.JOINING, Phase.LIVE)


class Absences(Continuity):
    """What happens while the call is without a stream, and when it has one again."""

    _away_since = 0.0
    _retrieve_at: float | None = None
    _reopened_until = 0.0  # Twilio was asked for another stream, and ends this one before it
    _refused: ToolError | None = None  # what the agent is told when the caller is back

    def _stream_over(self, ending: Ending, detail: str, now: float) -> list[Command]:
        """Twilio says, or shows, that the stream is over."""
        if self._phase is Phase.PARKED:
            return []
        if (why := self._departure.absence) is not None:
            return self._park(why, now)
        lost = ending is Ending.STREAM_LOST or now < self._reopened_until
        if lost and self._phase in _STREAMING and self._limits.reattach_s:
            self.report.detail = detail
            return self._park(Absence.STREAM_LOST, now)
        if lost and (sorry := self._departure.sorry):  # Twilio says it then, from the beginning
            return self._end(FallBack(sorry), detail, now, told=True)
        return self._end(Release(ending), detail, now, told=True)

    def _call_over(self, detail: str, now: float) -> list[Command]:
        """The carrier says that the call is over."""
        done: list[Command] = []
        ending = Ending.CALLER_HUNG_UP
        if self._departure.absence is Absence.TRANSFER and not self._limits.transfer_wait_s:
            ending, done = Ending.TRANSFERRED, self._departure.succeed(now)
        return done + self._end(Release(ending), detail, now, told=True)

    def _park(self, why: Absence, now: float) -> list[Command]:
        if why is Absence.TRANSFER and not self._limits.transfer_wait_s:
            return self._departure.succeed(now) + self._end(Release(Ending.TRANSFERRED), "", now, told=True)
        self._phase, self._away, self._away_since = Phase.PARKED, why, now
        self._phase_deadline = now + self._longest_away_s(why)
        self._retrieve_at = self._missed_from(why, now)
        self._air.settle()
        self._filler.stop()
        self._speech.suspend(now)
        return [Tell(CallParked(why))]

    def _longest_away_s(self, why: Absence) -> float:
        match why:
            case Absence.TRANSFER:
                return self._limits.transfer_wait_s
            case Absence.DIGITS:
                return self._limits.reattach_s + _DIGIT_S * self._departure.digits
            case Absence.HOLD:
                return self._limits.reattach_s + self._on_hold_s
            case Absence.STREAM_LOST:
                return self._limits.reattach_s
            case _:
                assert_never(why)

    def _missed_from(self, why: Absence, now: float) -> float | None:
        """When Twilio is asked about a call that has not come back by itself."""
        if why not in (Absence.STREAM_LOST, Absence.HOLD):
            return None
        on_its_way_s = _ON_ITS_WAY_S if now < self._reopened_until else 0.0
        return now + self._on_hold_s + max(self._limits.retrieve_after_s, on_its_way_s)

    @property
    def _on_hold_s(self) -> float:
        """How long the music plays, at most: it is played to its end. 0 if the call is not on hold."""
        hold_s = self._departure.hold_s
        return hold_s + PHRASE_S if hold_s else 0.0

    def _taken(self, error: str | None, now: float) -> list[Command]:
        """Twilio took, or refused, what the call was to leave its stream for."""
        why = self._departure.absence
        if error is None:  # even if the answer was no longer waited for
            return [] if self._phase is Phase.PARKED else self._park(why or Absence.TRANSFER, now)
        if why is None:
            return self._account.count("late_transfer_results")
        if self._phase is Phase.PARKED:  # and yet the stream is gone
            self._refused = ToolError(error, code="transfer_failed")
            return []
        return self._come_back(error, now)

    def _come_back(self, error: str, now: float) -> list[Command]:
        """The call goes on in its stream after all."""
        if self._agent is not AgentLeg.JOINED:
            return self._be_sorry(Ending.AGENT_LOST, error, now)
        self._go_live(now)
        return self._departure.cancel(ToolError(error, code="transfer_failed"), now)

    def _transfer_over(self, event: TransferOver, now: float) -> list[Command]:
        """It is known whether the caller has somebody to talk to."""
        if self._away is not Absence.TRANSFER or self._phase is not Phase.PARKED:
            return self._account.count("late_transfer_results")
        if event.connected:
            return self._departure.succeed(now) + self._end(Release(Ending.TRANSFERRED), "", now)
        self._refused = ToolError(f"nobody took the call: {event.outcome}", code=event.outcome)
        self._phase_deadline = now + self._limits.reattach_s
        return []

    def _resume(self, start: media_stream.Start, now: float) -> list[Command]:
        """Another stream of the same call."""
        if not self._caller.open(start, now):
            return self._end(FallBack(Ending.STREAM_GARBLED), "audio of an unknown kind", now)
        why, self._away, self._retrieve_at = self._away, None, None
        told = Tell(CallResumed(why or Absence.STREAM_LOST, round((now - self._away_since) * 1000)))
        self._go_live(now)
        commands = [*self._answer_for(why, now), told, *self._speech.open(now)]
        if self._agent in (AgentLeg.ENDED, AgentLeg.LOST):
            if not self._recovery.again(now):
                return commands + self._be_sorry(Ending.AGENT_LOST, self.report.detail, now)
            return commands + self._rejoin(
                "the session ended while the caller was away", now, caller_waits=True
            )
        if self._agent is AgentLeg.JOINING:
            self._await_agent(now)
        elif self._speech.playout.idle:  # the line was dead before it was given up: it sounds alive at once
            self._air.owe(Owed.ANSWER, now)
            self._filler.begin(now, now + self._limits.answer_filler_s, yields=True)
        return commands

    def _answer_for(self, why: Absence | None, now: float) -> list[Command]:
        """Tell the agent what came of what it asked for."""
        error, self._refused = self._refused, None
        if why is Absence.TRANSFER or error is not None:
            return self._departure.cancel(error or ToolError("nobody took the call", code="no-answer"), now)
        return self._departure.succeed(now, stay=True)

    def _away_too_long(self, now: float) -> list[Command]:
        if self._away is Absence.TRANSFER and self._refused is None:  # nobody said that it had failed
            return self._departure.succeed(now) + self._end(Release(Ending.TRANSFERRED), "", now)
        return self._end(Release(Ending.STREAM_LOST), self.report.detail or "no stream came back", now)

    def _doubt(self, now: float) -> list[Command]:
        """Have Twilio asked, once in a pause, about a call whose stream brings no audio any more."""
        if not self._caller.suspect(now) or self._phase not in _STREAMING:
            return []
        self._reopened_until = now + self._limits.reattach_s
        return [Retrieve()]

    def _retrieve(self, now: float) -> list[Command]:
        """Have Twilio asked, once, for a call that did not come back by itself."""
        if self._retrieve_at is None or now < self._retrieve_at:
            return []
        self._retrieve_at = None
        return [Retrieve()]
