"""What to do when a machine picks up: hang up, leave one message, or go on.

Nothing here waits for a verdict before the agent may speak: a person is greeted at once, and decisions come
only when evidence does. Evidence is Twilio's asynchronous detection, late or never, and what the callee says.
https://www.twilio.com/docs/voice/answering-machine-detection
"""

from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from typing import Final, TypeAlias, assert_never

from gateway.policy.phrases import Said, said

_KEPT: Final = 400  # characters of what was said before, in which a phrase may have begun
_LONGEST: Final = 2000  # characters of one transcript


class Mode(StrEnum):
    """What is wanted of a call that a machine answers."""

    OFF = "off"
    HANG_UP = "hang_up"
    LEAVE_MESSAGE = "leave_message"
    CONTINUE = "continue"


class AnsweredBy(StrEnum):
    """Twilio's verdicts."""

    HUMAN = "human"
    MACHINE_START = "machine_start"
    MACHINE_END_BEEP = "machine_end_beep"
    MACHINE_END_SILENCE = "machine_end_silence"
    MACHINE_END_OTHER = "machine_end_other"
    FAX = "fax"
    UNKNOWN = "unknown"

    @classmethod
    def _missing_(cls, value: object) -> "AnsweredBy":
        return cls.UNKNOWN


class Decision(Enum):
    """What is to be done now."""

    HANG_UP = auto()
    LEAVE_MESSAGE = auto()  # the greeting is over: say the message, then end the call
    CONTINUE = auto()  # it is known who answered, and the conversation goes on


@dataclass(frozen=True, slots=True)
class Verdict:
    """Twilio's detection came to a result."""

    answered_by: AnsweredBy


@dataclass(frozen=True, slots=True)
class Heard:
    """What the callee was understood to say; an interim text is repeated, and refined, until it is final."""

    text: str = field(repr=False)
    final: bool = True


@dataclass(frozen=True, slots=True)
class SpeechBegan:
    """The callee begins to speak, or the machine to play its greeting."""


@dataclass(frozen=True, slots=True)
class SpeechEnded:
    """The callee stopped speaking."""


Event: TypeAlias = Verdict | Heard | SpeechBegan | SpeechEnded


@dataclass(frozen=True, slots=True)
class Patience:
    """How long is watched and waited, in seconds."""

    watch_s: float = 30.0  # after the answer; later, what is said is conversation
    verdict_s: float = 75.0  # after the answer; Twilio's own limit is 59 s
    quiet_s: float = 1.5  # a greeting is over after so much silence
    wait_s: float = 30.0  # for the end of a greeting, from when the machine was known


class _Phase(Enum):
    WATCHING = auto()  # nothing is known
    HUMAN = auto()  # Twilio says so; a machine may still give itself away
    GREETING = auto()  # a machine, and its greeting is not over
    DONE = auto()


class MachineWatch:
    """One answered call: feed what happens, do what it returns.

    At most one of ``HANG_UP`` and ``LEAVE_MESSAGE`` ever comes, once, and nothing after it. ``CONTINUE``
    comes at most once.

    Args:
        mode: What is wanted.
        answered_at: When the call was answered, in seconds of the caller's clock.
        patience: How long is watched and waited.
    """

    def __init__(self, mode: Mode, answered_at: float, patience: Patience | None = None) -> None:
        self._mode = mode
        self._answered_at = answered_at
        self._patience = patience or Patience()
        self._phase = _Phase.DONE if mode is Mode.OFF else _Phase.WATCHING
        self._speaking = False
        self._quiet_since = answered_at
        self._give_up_at = answered_at  # in GREETING: when the message is left whatever is heard
        self._said = ""
        self._screened = False
        self.answered_by = AnsweredBy.UNKNOWN
        """Who answered, as far as is known: for the report."""

    @property
    def waiting(self) -> bool:
        """Whether a machine plays its greeting, so that nothing should be said to it yet."""
        return self._phase is _Phase.GREETING

    @property
    def deadline(self) -> float | None:
        """When to call ``handle(None, now)`` if nothing happens."""
        if self._phase is not _Phase.GREETING:
            return None
        if self._speaking:
            return self._give_up_at
        return min(self._give_up_at, self._quiet_since + self._patience.quiet_s)

    def handle(self, event: Event | None, now: float) -> Decision | None:
        """Take what happened; the decision, if there is one. ``None`` as event: time has passed."""
        if self._phase is _Phase.DONE:
            return None
        match event:
            case Verdict(answered_by=answered_by):
                decision = self._judge(answered_by, now)
            case Heard(text=text, final=final):
                decision = self._hear(text[:_LONGEST], final, now)
            case SpeechBegan():
                self._speaking = True
                decision = None
            case SpeechEnded():
                self._speaking, self._quiet_since = False, now
                decision = None
            case None:
                decision = None
            case _:
                assert_never(event)
        due = self.deadline
        if decision is None and due is not None and now >= due:
            decision = Decision.LEAVE_MESSAGE
        if decision in (Decision.HANG_UP, Decision.LEAVE_MESSAGE):
            self._phase = _Phase.DONE
        return decision

    def _judge(self, answered_by: AnsweredBy, now: float) -> Decision | None:
        if now > self._answered_at + self._patience.verdict_s:
            return None
        match answered_by:
            case AnsweredBy.UNKNOWN:
                return None
            case AnsweredBy.HUMAN:
                return self._human()
            case AnsweredBy.FAX:
                self.answered_by = answered_by
                return self._go_on() if self._mode is Mode.CONTINUE else Decision.HANG_UP
            case AnsweredBy.MACHINE_START:
                return None if self._screened else self._machine(answered_by, now)
            case AnsweredBy.MACHINE_END_BEEP | AnsweredBy.MACHINE_END_SILENCE | AnsweredBy.MACHINE_END_OTHER:
                return None if self._screened else self._greeting_over(answered_by, now)
            case _:
                assert_never(answered_by)

    def _human(self) -> Decision | None:
        """Nothing is left to find out, unless a machine was heard already: its words outweigh the verdict."""
        if self._phase is not _Phase.WATCHING:
            return None
        self._phase = _Phase.HUMAN
        self.answered_by = AnsweredBy.HUMAN
        return Decision.CONTINUE

    def _greeting_over(self, answered_by: AnsweredBy, now: float) -> Decision | None:
        decision = self._machine(answered_by, now)
        return Decision.LEAVE_MESSAGE if self._phase is _Phase.GREETING else decision

    def _machine(self, answered_by: AnsweredBy, now: float) -> Decision | None:
        known, self.answered_by = self._phase is _Phase.GREETING, answered_by
        if known:
            return None
        if self._mode is Mode.LEAVE_MESSAGE:
            self._phase = _Phase.GREETING
            self._quiet_since = now
            self._give_up_at = now + self._patience.wait_s
            return None
        return self._go_on() if self._mode is Mode.CONTINUE else Decision.HANG_UP

    def _go_on(self) -> Decision | None:
        told, self._phase = self._phase is _Phase.HUMAN, _Phase.DONE
        return None if told else Decision.CONTINUE

    def _hear(self, text: str, final: bool, now: float) -> Decision | None:
        if self._phase is not _Phase.GREETING and now > self._answered_at + self._patience.watch_s:
            return None
        words = f"{self._said} {text}"
        if final:
            self._said = words[-_KEPT:]
        found = said(words)
        if found.screened:
            self._screen()
            return None
        if self._phase is _Phase.GREETING:
            self._quiet_since = now  # words are known only after they were spoken, but not long after
            return Decision.HANG_UP if found.full else None
        return self._weigh(found, now)

    def _screen(self) -> None:
        """A telephone asks who is calling: the agent should tell. Twilio may take it for a machine."""
        self._screened = True
        self._said = ""
        if self._phase is _Phase.GREETING:
            self._phase = _Phase.WATCHING
            self.answered_by = AnsweredBy.UNKNOWN

    def _weigh(self, found: Said, now: float) -> Decision | None:
        """Whether a machine spoke. To contradict Twilio's word for a person, it must be sure."""
        undecided = self._phase is _Phase.WATCHING
        enough = found.sure or (undecided and len(found.likely) > 1)
        if found.full and undecided:
            self.answered_by = AnsweredBy.MACHINE_START
            return self._go_on() if self._mode is Mode.CONTINUE else Decision.HANG_UP
        return self._machine(AnsweredBy.MACHINE_START, now) if enough else None
