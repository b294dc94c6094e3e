"""Checks what comes out of one way of a call against what must come out: what, in which order, how late.

Late is what is heard later than it would be if the way took no time. Sound that arrives while there is other
sound to play is not late.
"""

import math
from collections import deque
from dataclasses import dataclass
from typing import Final, Protocol

_FRAME: Final = 160
"""Both ways, every piece that is expected is a whole number of so many bytes, but for the end of a turn."""
_SLACK_SHARE: Final = 0.1
"""A way that is only counted has carried a piece when no more of it is missing: resamplers hold some back."""


@dataclass(slots=True)
class Piece:
    """Sound that must come out, and whether a turn begins with it."""

    sound: bytes
    due: float
    """When the last of it would have been heard if the way took no time."""
    opens: bool = False


class Check(Protocol):
    """Is told what is sent, and what came out."""

    delays: list[float]
    """How late each piece that came out since ``forget`` was heard, in seconds."""
    missed: int
    misplaced: int
    checked: int

    @property
    def pending(self) -> int:
        """Bytes that have not come out."""

    @property
    def opening(self) -> bool:
        """Whether what comes out next begins a turn."""

    def expect(self, piece: Piece) -> None:
        """Take what must come out, behind everything before it."""

    def take(self, sound: bytes, until: float) -> None:
        """Take what came out, and when the last of it is heard."""


class Exact:
    """Every byte must come out as it must be, once and in order. Counts are bytes, of the whole run.

    ``bytes_per_s`` is the pace at which sound is heard; without one it is heard as it arrives.
    """

    def __init__(self, bytes_per_s: float = math.inf) -> None:
        self._bytes_per_s = bytes_per_s
        self._pieces: deque[Piece] = deque()
        self._done = 0  # bytes of the first piece that have come out
        self.delays: list[float] = []
        self.missed = 0
        self.misplaced = 0
        self.checked = 0

    @property
    def pending(self) -> int:
        """Bytes that have not come out."""
        return sum(len(piece.sound) for piece in self._pieces) - self._done

    @property
    def opening(self) -> bool:
        """Whether what comes out next begins a turn."""
        return bool(self._pieces) and self._pieces[0].opens and not self._done

    def expect(self, piece: Piece) -> None:
        """Take what must come out, behind everything before it."""
        self._pieces.append(piece)

    def take(self, sound: bytes, until: float) -> None:
        """Take what came out, and when the last of it is heard."""
        pieces = self._pieces
        if not self._done and pieces and sound == pieces[0].sound:  # nearly always
            self.checked += len(sound)
            self.delays.append(until - pieces.popleft().due)
        elif self._matches(sound):
            self.checked += len(sound)
            self._advance(len(sound), until)
        else:
            self._search(sound, until)

    def _matches(self, sound: bytes) -> bool:
        at, begin = 0, self._done
        for piece in self._pieces:
            part = piece.sound[begin : begin + len(sound) - at]
            if sound[at : at + len(part)] != part:
                return False
            at, begin = at + len(part), 0
            if at == len(sound):
                return True
        return False

    def _advance(self, size: int, until: float) -> None:
        self._done += size
        while self._pieces and self._done >= len(self._pieces[0].sound):
            piece = self._pieces.popleft()
            self._done -= len(piece.sound)
            self.delays.append(until - self._done / self._bytes_per_s - piece.due)

    def _search(self, sound: bytes, until: float) -> None:
        """Find whether something is missing before this, or else this has no business here."""
        left = b"".join(piece.sound for piece in self._pieces)[self._done :]
        at = left.find(sound) if sound else 0
        if at < 0:
            self.misplaced += len(sound)
            return
        self.missed += at
        self.checked += len(sound)
        self._advance(at + len(sound), until)


class Counted:
    """Whatever comes out is taken for what is expected, as long as there is as much of it."""

    def __init__(self, bytes_per_s: float = math.inf) -> None:
        self._bytes_per_s = bytes_per_s
        self._pieces: deque[tuple[int, float, bool]] = deque()
        self._have = 0
        self.delays: list[float] = []
        self.missed = 0
        self.misplaced = 0
        self.checked = 0

    @property
    def pending(self) -> int:
        """Bytes that have not come out."""
        return sum(size for size, _, _ in self._pieces)

    @property
    def opening(self) -> bool:
        """Whether what comes out next begins a turn."""
        return bool(self._pieces) and self._pieces[0][2]

    def expect(self, piece: Piece) -> None:
        """Take what must come out; the end of a turn, which only a filter yields, is not counted."""
        size = len(piece.sound) - len(piece.sound) % _FRAME
        self._pieces.append((size, piece.due, piece.opens))

    def take(self, sound: bytes, until: float) -> None:
        """Take what came out, and when the last of it is heard."""
        self._have += len(sound)
        pieces = self._pieces
        while pieces and self._have >= pieces[0][0] * (1 - _SLACK_SHARE):
            size, due, _ = pieces.popleft()
            self._have -= size
            self.checked += size
            self.delays.append(until - max(0.0, self._have) / self._bytes_per_s - due)
