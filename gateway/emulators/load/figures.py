"""What a load tells of the process that carried it."""

from dataclasses import dataclass, field

from gateway.emulators.load.calls import Load
from gateway.emulators.load.check import Check

_AGENT_SAMPLE = 2  # bytes; a sample of the line is one


@dataclass(frozen=True, slots=True)
class Delays:
    """How much later the sound of one way is heard than if the way took no time, in milliseconds."""

    p50: float
    p95: float
    p99: float
    max: float

    @classmethod
    def of(cls, checks: list[Check]) -> "Delays":
        """Put the delays of one way of all calls in order."""
        ordered = sorted(delay * 1000 for check in checks for delay in check.delays)
        if not ordered:
            return cls(*[float("inf")] * 4)
        p50, p95, p99 = (
            ordered[min(len(ordered) - 1, int(len(ordered) * share))] for share in (0.5, 0.95, 0.99)
        )
        return cls(p50, p95, p99, ordered[-1])


@dataclass(frozen=True, slots=True)
class Sound:
    """What came of the sound, in samples of both ways."""

    right: int
    """Came out where they belong."""
    lost: int
    misplaced: int

    @classmethod
    def of(cls, load: Load) -> "Sound":
        """Add up what the checks found, once all that was under way has come out."""
        ups, downs = [caller.up for caller in load.callers], [caller.down for caller in load.callers]
        ways = [(ups, _AGENT_SAMPLE), (downs, 1)]
        return cls(
            right=sum(check.checked // size for checks, size in ways for check in checks),
            lost=sum((check.missed + check.pending) // size for checks, size in ways for check in checks),
            misplaced=sum(check.misplaced // size for checks, size in ways for check in checks),
        )


@dataclass(frozen=True, slots=True)
class Marks:
    """Marks the gateway placed, and those returned to it when what precedes them was played."""

    placed: int
    returned: int


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of a load gave."""

    calls: int
    seconds: float
    up_ms: Delays
    """Caller to agent."""
    down_ms: Delays
    cpu_ms: float
    """Of the process under load until all sound has come out, for each call and second."""
    memory_kib: float | None
    """Of the process under load, for each call but the first, which warms it up."""
    load_busy: float
    """Share of its core the load took: above 0.8 the delays are its own."""
    sound: Sound
    marks: Marks
    under_runs: int
    """Times the caller heard nothing within a turn, since there was nothing to play."""
    calls_over: int
    """Calls that ended before they were hung up."""
    dropped: dict[str, int] = field(default_factory=dict)
    """What the gateway itself counted as dropped."""

    @property
    def flawless(self) -> bool:
        """Whether every sample came out, once and in its place, and no call ended by itself."""
        wrong = self.sound.lost, self.sound.misplaced, self.calls_over, *self.dropped.values()
        return self.sound.right > 0 and not any(wrong)
