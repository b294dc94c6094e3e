"""The agent's session comes, goes, comes again: what the caller hears then, and what the next one is told."""

from typing import Final

from gateway.audio.clips import ClipName
from gateway.bridge.commands import Command, FallBack, HangUp, JoinAgent, SendAudio, Tell
from gateway.bridge.core import Core
from gateway.bridge.deadair import Owed
from gateway.bridge.deadlines import earliest
from gateway.bridge.events import Leg
from gateway.bridge.farewell import Finale, Leaving
from gateway.bridge.history import Past, Voice
from gateway.bridge.phases import AgentLeg, Phase
from gateway.bridge.report import Absence, AgentBack, AgentMissed, Ending, Joined, SilenceFilled
from gateway.wire.agent_session import ResponseAudio, SessionStarted

_VOICED_MS: Final = 600.0
"""The caller was heard by us for so long, and the agent's session took no notice: it may be dead."""
_WORD_MS: Final = 200.0
"""The shortest word."""
_DARK_S: Final = 1.0
"""And is silent since."""
_PATIENT_S: Final = 2.5
"""Nobody waits for a word while it is for the caller to speak: one is said only if that lasts."""
_NOT_NOW: Final = (Phase.DRAINING, Phase.PARKED)
"""No agent is called for a call that is leaving, nor for one without its caller."""

ELSEWHERE: Final = (Absence.TRANSFER, Absence.HOLD)
"""The caller hears somebody else's telephone ring, or music: what is said meanwhile would come too late."""


class Continuity(Core):
    """Keeps an agent on the call, and the line from falling silent."""

    _joined_at = 0.0
    _agent_heard_at = 0.0  # any message at all
    _noticed_at = -1.0
    _doubted = False
    _look_at: float | None = None
    _talks_since: float | None = None
    _greets = False
    _spoke = False  # this session has been heard from
    _interrupted = False  # were the agent lost now, it would be in the middle of the caller's words
    _told: Past | None = None
    _missing = False  # it was told that the agent is lost, and none is back
    _away: Absence | None = None  # why the stream is gone, while it is

    def _join(self, past: Past | None, now: float) -> list[Command]:
        self._agent = AgentLeg.JOINING
        self._told = past
        self._recovery.begin(now)
        return [JoinAgent(past)]

    def _take_up(self) -> Past | None:
        """What the first agent is told of a call that began elsewhere; nothing of one that begins here."""
        lines = self._history.lines()
        if not lines:
            return None
        waits = lines[-1].voice is Voice.CALLER
        unheard = "" if waits else self._cut_off
        return Past(lines, self._requests.desk.traces(), unheard, caller_waits=waits)

    def _await_agent(self, now: float, noise_s: float | None = None, phrase_s: float | None = None) -> None:
        """The caller is on the line, and no agent is: let them hear that they are not alone."""
        limits = self._limits
        self._recovery.waits(now)
        quiet = now if self._filler.running else max(now, self._speech.playout.plays_until)
        self._filler.begin(
            quiet + (limits.gap_noise_s if noise_s is None else noise_s),
            quiet + (limits.gap_phrase_s if phrase_s is None else phrase_s),
        )

    def _agent_joined(self, event: SessionStarted, now: float) -> list[Command]:
        if self._agent is not AgentLeg.JOINING:
            return self._account.count("second_session_started")
        self._agent, self._missing, self._spoke = AgentLeg.JOINED, False, False
        self._joined_at = self._agent_heard_at = now
        first, self.report.session_id = self.report.session_id is None, event.id
        gap_s = self._recovery.joined(now)
        told: list[Command] = [
            Tell(Joined((now - (self._admitted_at or 0.0)) * 1000.0))
            if first
            else Tell(AgentBack(self._recovery.epoch, round(gap_s * 1000)))
        ]
        if self._phase in (Phase.WAITING, Phase.PARKED):
            return told
        if self._phase is Phase.JOINING:
            self._go_live(now)
        self._expect_words(now)
        return [*(SendAudio(piece) for piece in self._caller.kept()), *told]

    def _expect_words(self, now: float) -> None:
        """The agent is on the line: will it speak by itself?"""
        self._look_at = now + self._limits.look_every_s
        if self._spoke or self._speech.repeating:  # it has, as far as it knows; the caller is to answer
            self._filler.stop()
        elif self._greets or (self._told is not None and (self._told.lines or self._told.unheard)):
            self._air.owe(Owed.GREETING, now)
        else:
            self._filler.stop()

    def _agent_lost(self, reason: str, now: float, *, final: bool = False) -> list[Command]:
        if self._agent in (AgentLeg.ENDED, AgentLeg.LOST):
            return []
        self.report.detail = reason
        commands: list[Command] = []
        # What the caller was just saying goes with the session: the next one must take it up.
        waits = self._interrupted or self._unnoticed or self._air.owed in (Owed.ANSWER, Owed.NOTICE)
        self._interrupted = False
        if self._agent is AgentLeg.JOINED:
            leaving = self._phase is Phase.DRAINING  # and so are its last words, as far as they came
            commands += self._speech.end(now) if leaving else self._speech.break_off(now)
        self._air.settle()
        self._agent = AgentLeg.LOST
        if self._phase not in _NOT_NOW and not final and self._recovery.again(now):
            return commands + self._rejoin(reason, now, caller_waits=waits)
        self._recovery.stop(now)
        self._filler.stop()
        if self._phase is Phase.PARKED and not final:
            return commands  # another one is called when the caller is back
        return commands + self._go_without(reason, now)

    @property
    def _unnoticed(self) -> bool:
        """Whether the caller has said something, a "yes" perhaps, since the session last gave a sign."""
        silent = self._noticed_at == self._agent_heard_at
        return silent and self._caller.voiced_ms >= _WORD_MS

    def _go_without(self, reason: str, now: float) -> list[Command]:
        """There will be no agent any more."""
        match self._phase:
            case Phase.JOINING:
                return self._be_sorry(Ending.AGENT_UNAVAILABLE, reason, now)
            case Phase.PARKED:
                return self._end(FallBack(Ending.AGENT_LOST), reason, now)
            case Phase.LIVE:
                return self._be_sorry(Ending.AGENT_LOST, reason, now)
        return []

    def _be_sorry(self, ending: Ending, reason: str, now: float) -> list[Command]:
        """Say behind the last words that no agent can be had; what has no voice of ours, Twilio says."""
        self.report.detail, self._agent = reason, AgentLeg.LOST
        self._recovery.stop(now)
        person = self._limits.person_behind
        name = ClipName.SORRY_TRANSFER if person else ClipName.SORRY_GOODBYE
        clip, last_words_s = self._clips.get(name), self._speech.playout.remaining_s(now)
        if clip and last_words_s <= self._limits.last_sentence_s:
            self._go_live(now)
            commands = [*self._speech.fill(clip, now), Tell(SilenceFilled(name.value))]
            self._leave(Leaving(Finale.SORRY, last=FallBack(ending, True) if person else HangUp(ending)), now)
            return commands
        if self._phase is not Phase.LIVE:
            return self._end(FallBack(ending), reason, now)
        self._say_farewell(Finale.AGENT_LOST, now)
        return []

    def _rejoin(
        self, reason: str, now: float, *, caller_waits: bool = False, planned: bool = False
    ) -> list[Command]:
        """Call another session, and tell it what the call has come to. A loss is told of once."""
        if self.report.session_id is None:
            commands = self._join(self._take_up(), now)
            if self._phase is Phase.JOINING:
                self._await_agent(now)
        else:
            past = self._past(caller_waits=caller_waits)
            self._requests.orphan()
            self._health.reset(Leg.AGENT)
            self._speech.renew(self._recovery.epoch, repeating=bool(past.repeat))
            commands = self._join(past, now)
            if not (planned or self._missing):
                self._missing = True
                commands.append(Tell(AgentMissed(self._recovery.epoch, reason)))
            if self._phase is Phase.LIVE:
                self._await_agent(now, phrase_s=_PATIENT_S if past.repeat else None)
        return commands

    def _past(self, *, caller_waits: bool) -> Past:
        """What the next agent is told."""
        heard, unheard = self._speech.outlook()
        lines = self._history.lines(heard)
        repeat = ""
        if lines and lines[-1].voice is Voice.AGENT and not (unheard or caller_waits):
            repeat, lines = lines[-1].text, lines[:-1]
        return Past(
            lines=(*lines, *self._history.interim),
            tools=self._requests.desk.traces(),
            unheard=unheard,
            caller_waits=caller_waits,
            repeat=repeat,
        )

    # Silence while the session is up

    def _agent_says(self, event: ResponseAudio, now: float) -> list[Command]:
        """Agent audio came."""
        if self._away in ELSEWHERE:
            return self._account.count("words_to_nobody")
        unheard = self._speech.repeats(event.turn_id)  # its last chunk, too, answers nobody
        commands = self._speech.say(event, now)
        self._departure.extend(now)
        self._spoke = self._spoke or bool(event.audio)
        if event.audio and not unheard:
            self._caller_answered(now)
        return commands

    def _caller_answered(self, now: float) -> None:
        self._air.settle()
        self._filler.stop()
        if self._talks_since is None:
            self._talks_since = now

    def _caller_speaks(self) -> None:
        """It is for the caller to speak, and they do."""
        self._interrupted = True
        self._air.settle()
        self._filler.give_way()
        self._talks_since = None

    def _caller_waits(self, now: float) -> None:
        """The caller has spoken, and stopped."""
        self._interrupted = False
        self._speech.caller_stopped(now)
        self._talks_since = None
        if self._attentive and self._speech.playout.remaining_s(now) < _DARK_S:
            self._air.owe(Owed.ANSWER, now)

    @property
    def _attentive(self) -> bool:
        """Whether the agent is to answer the caller."""
        live = self._phase is Phase.LIVE and self._agent is AgentLeg.JOINED
        return live and not self._requests.collecting

    def _watch(self, now: float) -> None:
        """See from the state of the call what the agent owes, where no message tells."""
        if not self._attentive:
            self._air.settle()
            return
        desk, air, playout = self._requests.desk, self._air, self._speech.playout
        if desk.busy and air.owed is not Owed.TOOL:
            air.owe(Owed.TOOL, now)
        elif air.owed is Owed.TOOL and not desk.busy:
            air.owe(Owed.ANSWER, now)
        elif playout.idle and air.owed is Owed.NOTHING:
            if self._speech.unfinished:
                air.owe(Owed.REST, now)
            elif self._speech.promised and not self._interrupted:
                air.owe(Owed.HOPED, now)
        if playout.idle:
            self._talks_since = None

    def _watch_deadline(self) -> float | None:
        """When silence has lasted long enough for something to be done."""
        due = earliest(self._recovery.deadline, self._filler.deadline)
        if not self._attentive:
            return due
        return earliest(due, self._noise_at, self._air.lost_at(), self._look_at, self._talked_out_at)

    @property
    def _noise_at(self) -> float | None:
        """When a line that has fallen silent is to sound alive again."""
        quiet = self._speech.playout.quiet_since
        return None if quiet is None or self._filler.running else self._air.noise_at(quiet)

    @property
    def _talked_out_at(self) -> float | None:
        return None if self._talks_since is None else self._talks_since + self._limits.longest_talk_s

    def _break_silence(self, now: float) -> list[Command]:
        """Do what is due."""
        if (due := self._recovery.deadline) is not None and now >= due:
            return self._try_again(now)
        if self._attentive:
            if (due := self._air.lost_at()) is not None and now >= due:
                return self._agent_lost("the agent says nothing", now)
            if (due := self._talked_out_at) is not None and now >= due:
                self._account.count("agents_talking_on")
                return self._speech.interrupt(now) + self._agent_lost("the agent speaks on and on", now)
            if (due := self._noise_at) is not None and now >= due:
                self._filler.begin(now, due + self._air.noise_ahead_s, yields=True)
            if self._look_at is not None and now >= self._look_at:
                self._look_at = now + self._limits.look_every_s
                self._listen(now)
                if self._may_renew(now):
                    return self._renew(now)
        return self._filler.tick(now)

    def _try_again(self, now: float) -> list[Command]:
        """The session did not start in time."""
        return self._agent_lost("the agent did not join in time", now)

    def _listen(self, now: float) -> None:
        """Notice a caller whom the agent's session does not notice."""
        if self._noticed_at != self._agent_heard_at:  # whatever the agent said, it is alive
            self._noticed_at = self._agent_heard_at
            self._caller.reset_voiced()
            self._doubted = False
            return
        voiced_at, telling_ms = self._caller.voiced_at, _WORD_MS if self._doubted else _VOICED_MS
        if voiced_at is None or self._air.owed is not Owed.NOTHING or self._caller.voiced_ms < telling_ms:
            return
        if now - voiced_at > _DARK_S:
            self._air.owe(Owed.NOTICE, voiced_at)

    def _doubt_agent(self, now: float) -> list[Command]:
        """The session may be dead: the shortest word of the caller's is one that nobody heard."""
        if self._attentive and self._noticed_at == self._agent_heard_at:
            self._doubted = True
            self._listen(now)
            playout = self._speech.playout
            if self._air.owed in (Owed.NOTHING, Owed.HOPED) and self._speech.promised and playout.idle:
                self._air.owe(Owed.REST, playout.idle_since)
        return []

    def _may_renew(self, now: float) -> bool:
        """Whether the session is so old that a new one should be had while nobody would notice."""
        if now - self._joined_at < self._limits.session_s or self._air.owed is not Owed.NOTHING:
            return False
        return self._speech.playout.idle and not self._requests.desk.busy

    def _renew(self, now: float) -> list[Command]:
        past = self._past(caller_waits=False)
        if not past.repeat:  # the new agent would have to say something
            return []
        self._recovery.renew()
        return self._rejoin("the session is old", now, planned=True)
