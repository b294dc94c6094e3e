"""The scripted people (and machines) at the other end. All times are emulated seconds."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import StrEnum

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.records import CallStatus

BEEP_S = 0.5
SILENCE_S = 1.2


class Outcome(StrEnum):
    """What becomes of a call that rings at somebody's."""

    ANSWER = "answer"
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    FAILED = "failed"
    CANCELED = "canceled"


STATUS_OF = {
    Outcome.ANSWER: CallStatus.COMPLETED,
    Outcome.BUSY: CallStatus.BUSY,
    Outcome.NO_ANSWER: CallStatus.NO_ANSWER,
    Outcome.FAILED: CallStatus.FAILED,
    Outcome.CANCELED: CallStatus.CANCELED,
}


@dataclass(frozen=True, slots=True)
class Machine:
    """An answering machine: it speaks its greeting from the answer on, and beeps or not.

    Attributes:
        greeting_s: How long the greeting is.
        beep: Whether a beep follows it.

    """

    greeting_s: float = 6.0
    beep: bool = True


@dataclass(frozen=True, slots=True)
class Callee:
    """How the called party of an outbound call behaves.

    Attributes:
        outcome: Whether the call is answered.
        after_s: How long it rings before that.
        answered_by: Verdict of answering machine detection: ``human``, ``machine_start``, ``fax``, ...
        amd_after_s: How long after the answer the verdict comes.
        talk: What the called party does once the call is answered; it may await ``call.stream()``.
        machine: A machine answers: it speaks, and the verdict is about it, not ``answered_by``.
        hang_up_after_s: How long after the answer the called party hangs up; None for never.
        sip_code: Told as ``SipResponseCode`` in place of the outcome's usual one.

    """

    outcome: Outcome = Outcome.ANSWER
    after_s: float = 1.0
    answered_by: str = "human"
    amd_after_s: float = 4.0
    talk: Callable[[Call], Awaitable[None]] | None = None
    machine: Machine | None = None
    hang_up_after_s: float | None = None
    sip_code: int | None = None

    def verdict(self, *, message_end: bool, timeout_s: float) -> tuple[str, float]:
        """Who answered, as detection has it, and how long after the answer it says so.

        Args:
            message_end: Whether it listens to the end of a machine's greeting (``DetectMessageEnd``).
            timeout_s: When it gives up.

        """
        answered_by, after_s = self._heard(message_end)
        return (answered_by, after_s) if after_s <= timeout_s else ("unknown", timeout_s)

    def _heard(self, message_end: bool) -> tuple[str, float]:
        machine = self.machine
        if machine is None:
            return self.answered_by, self.amd_after_s
        if not message_end:
            return "machine_start", self.amd_after_s
        if machine.beep:
            return "machine_end_beep", machine.greeting_s + BEEP_S
        return "machine_end_silence", machine.greeting_s + SILENCE_S


@dataclass(frozen=True, slots=True)
class DialOutcome:
    """What becomes of a ``<Dial>`` to a number.

    Attributes:
        outcome: Whether the second leg is answered.
        after_s: How long it rings before that.
        talk_s: How long the two then talk before the second party hangs up.
        presses: Keys pressed during the whisper (``<Number url>``); ``w`` waits half a second.
        declined: ``DialCallStatus`` where the whisper ends the leg; Twilio's documentation names none.
        sip_code: Told as ``SipResponseCode`` in place of the outcome's usual one.

    """

    outcome: Outcome = Outcome.ANSWER
    after_s: float = 1.0
    talk_s: float = 5.0
    presses: str = ""
    declined: CallStatus = CallStatus.NO_ANSWER
    sip_code: int | None = None
