"""The waiting room: callers for whom there is no place yet, in the order in which they came.

Nobody waits for what a caller says while waiting: Twilio asks for every few seconds of it, and each request
is a sign of life. Who gives none for a while has gone.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.ids import CallSid

LOST_AFTER_S: Final = 20.0
"""Twilio asks again after each wait document, which lasts some five seconds."""
CALLED_FOR_S: Final = 8.0
"""How long a place is kept for who was called: Twilio asks for the next document at once."""
_MOST: Final = 1000
"""The most that a queue of Twilio's holds."""


class Move(StrEnum):
    """What a caller in the waiting room is to do."""

    WAIT = "wait"
    COME = "come"
    GO = "go"  # it has taken too long


@dataclass(frozen=True, slots=True)
class Turn:
    """What a caller in the waiting room is to do, and the place in line if it is news."""

    move: Move
    position: int | None = None


@dataclass(slots=True)
class _Guest:
    since: float
    seen_at: float
    told: int | None = None
    called_at: float | None = None


class WaitingRoom:
    """Who waits. At most ``size`` are let in, and none waits for longer than ``longest_s``."""

    def __init__(self, size: int, longest_s: float) -> None:
        self._size = size
        self._longest_s = longest_s
        self._guests: dict[CallSid, _Guest] = {}

    def waiting(self, now: float) -> int:
        """How many wait or are on their way in."""
        self._forget_the_lost(now)
        return len(self._guests)

    def enter(self, call_sid: CallSid, now: float) -> bool:
        """Let a caller in, if there is room, or let it stay, if it has not waited for too long."""
        guest = self._guests.get(call_sid)
        if guest is not None:
            guest.seen_at, guest.called_at = now, None
            return now - guest.since < self._longest_s
        if self.waiting(now) >= self._size:
            return False
        self._guests[call_sid] = _Guest(now, now)
        return True

    def before(self, call_sid: CallSid | None, now: float) -> int:
        """How many of those in the room have a place before this caller has."""
        self._forget_the_lost(now)
        guest = self._guests.get(call_sid) if call_sid is not None else None
        if guest is None:
            return len(self._guests)
        return sum(
            other is not guest and (other.called_at is not None or other.since < guest.since)
            for other in self._guests.values()
        )

    def turn(self, call_sid: CallSid, places: int, now: float, waited_s: float = 0.0) -> Turn:
        """What a caller who waits is to do now.

        Args:
            call_sid: Who asks. One that is not known waits all the same: another process let it in.
            places: How many calls could be taken now, those who were called not considered.
            now: The time.
            waited_s: How long Twilio says that it has waited.
        """
        guest = self._guests.get(call_sid)
        if guest is None:
            if self.waiting(now) >= _MOST:
                return Turn(Move.GO)
            guest = self._guests[call_sid] = _Guest(now - waited_s, now)
        guest.seen_at = now
        before = self.before(call_sid, now)
        if guest.called_at is not None or before < places:
            guest.called_at = now if guest.called_at is None else guest.called_at
            return Turn(Move.COME)
        if now - guest.since >= self._longest_s:
            return Turn(Move.GO)
        news = before + 1 if guest.told != before + 1 else None
        guest.told = before + 1
        return Turn(Move.WAIT, news)

    def leave(self, call_sid: CallSid, now: float) -> float | None:
        """A caller leaves, to an agent or for good; how long it waited, or ``None`` if it did not wait."""
        guest = self._guests.pop(call_sid, None)
        return None if guest is None else now - guest.since

    def _forget_the_lost(self, now: float) -> None:
        lost = [
            call_sid
            for call_sid, guest in self._guests.items()
            if now - guest.seen_at > LOST_AFTER_S
            or (guest.called_at is not None and now - guest.called_at > CALLED_FOR_S)
        ]
        for call_sid in lost:
            del self._guests[call_sid]
