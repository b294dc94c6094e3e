"""What can happen to a connection, and to the bytes of one direction. Pure: time and chance are told."""

import random
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from gateway.emulators.vatel.script import ScriptError

PORTION_S: Final = 0.05
"""A slow link passes its bytes on in portions of so long."""


class Kind(StrEnum):
    """What happens."""

    REFUSE = "refuse"  # nobody listens; what is connected stays
    DELAY = "delay"  # bytes come later
    BLACK_HOLE = "black_hole"  # connections are taken and kept, and nothing passes, not even their end
    RESET = "reset"  # both ends are told that the connection was reset
    HALF_CLOSE = "half_close"  # one direction ends properly, the other goes on
    BANDWIDTH = "bandwidth"  # bytes come slowly
    CUT = "cut"  # reset after so many more bytes
    GARBAGE = "garbage"  # other bytes come, as many


class Way(StrEnum):
    """Which direction ails: up is from the one who connected."""

    UP = "up"
    DOWN = "down"
    BOTH = "both"

    def covers(self, way: "Way") -> bool:
        """Whether a direction is meant."""
        return self in (Way.BOTH, way)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that happens to a link.

    Attributes:
        kind: What.
        way: To which direction; refusals and resets are of both.
        delay_s: How much later bytes come (delay).
        jitter_s: Up to so much later still, at random; order is kept.
        bytes_per_s: How fast bytes pass (bandwidth).
        after_bytes: How many more bytes pass before the reset (cut).
        seed: Of the jitter and the garbage.

    Raises:
        ScriptError: A value is out of its range.

    """

    kind: Kind
    way: Way = Way.BOTH
    delay_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: int = 1_000
    after_bytes: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.delay_s, self.jitter_s, self.after_bytes) < 0:
            raise ScriptError(f"fault {self.kind}: delays and byte counts cannot be negative")
        if self.bytes_per_s < 1:
            raise ScriptError(f"fault {self.kind}: bytes_per_s is at least 1")


@dataclass(frozen=True, slots=True)
class Portion:
    """Bytes to be passed on, not before their time."""

    due: float
    data: bytes = field(repr=False)


class Shaper:
    """What becomes of the bytes of one direction."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._fault: Fault | None = None
        self._random = random.Random(0)  # noqa: S311 - repeatable ailments are the purpose
        self._last = 0.0
        self._left = 0
        self.cut = False
        self.swallowed = 0

    @property
    def fault(self) -> Fault | None:
        """What ails this direction."""
        return self._fault

    @fault.setter
    def fault(self, fault: Fault | None) -> None:
        self._fault = fault if fault is not None and fault.way.covers(self._way) else None
        if self._fault is not None:
            self._random.seed(f"{self._fault.seed}:{self._way}")
            self._left = self._fault.after_bytes

    @property
    def passing(self) -> bool:
        """Whether bytes pass at once and as they are."""
        return self._fault is None or self._fault.kind in (Kind.REFUSE, Kind.RESET, Kind.HALF_CLOSE)

    @property
    def swallows(self) -> bool:
        """Whether nothing passes, nor word of an end."""
        return self._fault is not None and self._fault.kind is Kind.BLACK_HOLE

    def feed(self, data: bytes, now: float) -> list[Portion]:
        """Take bytes; return what is to be passed on, and when, in order."""
        fault = self._fault
        if fault is None or self.passing:
            return [self._portion(data, now)]
        match fault.kind:
            case Kind.BLACK_HOLE:
                self.swallowed += len(data)
                return []
            case Kind.DELAY:
                return [self._portion(data, now + fault.delay_s + self._random.random() * fault.jitter_s)]
            case Kind.BANDWIDTH:
                return self._trickle(data, now, fault.bytes_per_s)
            case Kind.CUT:
                return self._until_cut(data, now)
            case _:
                return [self._portion(self._random.randbytes(len(data)), now)]

    def _portion(self, data: bytes, due: float) -> Portion:
        self._last = max(self._last, due)
        return Portion(self._last, data)

    def _trickle(self, data: bytes, now: float, bytes_per_s: int) -> list[Portion]:
        size = max(1, round(bytes_per_s * PORTION_S))
        parts = [data[at : at + size] for at in range(0, len(data), size)]
        return [self._portion(part, max(self._last, now) + len(part) / bytes_per_s) for part in parts]

    def _until_cut(self, data: bytes, now: float) -> list[Portion]:
        passed, self._left = data[: self._left], max(0, self._left - len(data))
        self.cut = len(passed) < len(data) or not self._left
        return [self._portion(passed, now)] if passed else []
