"""Whether a new call is taken. Calls that are live never pay for one more."""

from dataclasses import dataclass
from enum import StrEnum

from gateway.ids import CallSid
from gateway.policy.lateness import Lateness
from gateway.policy.waiting import WaitingRoom


class Refusal(StrEnum):
    """Why a new call is not taken."""

    DRAINING = "draining"
    FULL = "full"
    STOPPED = "stopped"  # the process stood still for so long that it has to ask what is still its own
    LATE = "late"  # frames of the calls there are come too late
    DESCRIPTORS = "descriptors"  # sockets and files are about to run out


@dataclass(frozen=True, slots=True)
class Terms:
    """How much a process takes on."""

    max_calls: int
    late_s: float = 0.04  # 0: however late
    descriptors: float = 0.85  # of those a process may have open
    queue_max: int = 20
    queue_wait_s: float = 60.0


class Admission:
    """Weighs new calls against those there are."""

    def __init__(self, terms: Terms) -> None:
        self._terms = terms
        self._late = False
        self.lateness = Lateness()
        self.room = WaitingRoom(terms.queue_max, terms.queue_wait_s)
        self.descriptors = 0.0
        """The share of descriptors in use."""

    def refusal(self, call_sid: CallSid | None, taken: int, now: float) -> Refusal | None:
        """Why one more call is not taken besides ``taken``; those who have waited longer come first."""
        before = self.room.before(call_sid, now)
        return self._strained(taken, now) or (
            Refusal.FULL if taken + before >= self._terms.max_calls else None
        )

    def places(self, taken: int, now: float) -> int:
        """How many more calls could be taken."""
        return 0 if self._strained(taken, now) else max(0, self._terms.max_calls - taken)

    def _strained(self, taken: int, now: float) -> Refusal | None:
        if self.descriptors >= self._terms.descriptors:
            return Refusal.DESCRIPTORS
        limit_s = self._terms.late_s
        self._late = limit_s > 0 and self.lateness.late(limit_s, now, already=self._late)
        # Without calls there is nobody to protect, and whatever makes frames late is not ours.
        return Refusal.LATE if self._late and taken else None
