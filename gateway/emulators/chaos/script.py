"""A fault script: what happens to which link of a call, and when. Written in Python, or read from TOML."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from gateway.emulators.chaos.faults import Fault, Kind, Way
from gateway.emulators.chaos.knocks import Knock
from gateway.emulators.chaos.process_faults import Blow
from gateway.emulators.vatel.script import ScriptError, build, read_toml

MOST_FAULTS: Final = 100


class Link(StrEnum):
    """Between whom."""

    CALLER = "caller"  # Twilio's media stream to the gateway
    WEBHOOKS = "webhooks"  # Twilio's requests to the gateway
    AGENT = "agent"  # the gateway's session at Vatel
    VATEL = "vatel"  # the gateway's requests to Vatel
    TWILIO = "twilio"  # the gateway's requests to Twilio
    TOOLS = "tools"  # the gateway's requests to tools
    EVENTS = "events"  # the gateway's requests to receivers of events
    PROCESS = "process"  # the gateway itself, and its files
    DOORS = "doors"  # what strangers send to it


PREFIX: Final = {Link.CALLER: "GET /twilio/media", Link.WEBHOOKS: "POST ", Link.AGENT: "GET /v1/connection",
                 Link.VATEL: "POST "}  # fmt: skip
"""The first bytes of a link's connections, where another link shares its port."""


STREAM: Final = "$STREAM"
"""Stands for the stream's name in what a caller's line sends."""


class Phase(StrEnum):
    """Where a call is."""

    BEFORE_START = "before_session_started"
    GREETING = "greeting"
    CALLER_SPEAKING = "caller_speaking"
    AGENT_SPEAKING = "agent_speaking"
    TOOL_PENDING = "tool_pending"


class Act(StrEnum):
    """What the agent's service itself may do to a session, besides what can happen to any link."""

    CLOSE = "close"  # the socket, with a code
    END = "end"  # session_ended
    SILENCE = "silence"  # the agent says nothing any more
    TEXT = "text"  # so many raw messages are sent


def _faults(link: Link) -> list[str]:
    """What can happen to a link."""
    match link:
        case Link.PROCESS:
            return [*Blow]
        case Link.DOORS:
            return [*Knock]
        case Link.AGENT:
            return [*Kind, *Act]
        case Link.CALLER:
            return [*Kind, Act.TEXT]
        case _:
            return [*Kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """One thing that happens to a call.

    Attributes:
        link: To which of its links.
        fault: What: one of ``Kind``, or of ``Act`` for the link ``agent`` (``text`` for ``caller`` too);
            the links ``process`` and ``doors`` have faults of their own: ``Blow`` and ``Knock``.
        way: To which direction.
        delay_s: How much later bytes come (delay).
        jitter_s: Up to so much later still.
        bytes_per_s: How fast bytes pass (bandwidth).
        after_bytes: How many bytes pass before the reset (cut).
        code: With which code the session is closed (close).
        text: The message that is sent (text).
        times: How many of them.
        at_s: When: so long after the call was placed; by default at once.
        after_exchange: When: once the caller has spoken so many times, after ``at_s``.
        phase: When: as soon as the call is in this phase, after all that.
        later_s: So much later still.
        for_s: How long it lasts; by default to the end of the call.
        seed: Of the chance in it.

    Raises:
        ScriptError: They do not go together.

    """

    link: Link
    fault: str
    way: Way = Way.BOTH
    delay_s: float = 0.0
    jitter_s: float = 0.0
    bytes_per_s: int = 1_000
    after_bytes: int = 0
    code: int = 1011
    text: str = "{"
    times: int = 1
    at_s: float = 0.0
    after_exchange: int = 0
    phase: Phase | None = None
    later_s: float = 0.0
    for_s: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        known = _faults(self.link)
        if self.fault not in known:
            raise ScriptError(f"{self.link}: fault is one of {', '.join(known)}, not {self.fault!r}")
        if (
            min(self.at_s, self.later_s, self.for_s or 0.0, self.after_exchange) < 0
            or not 1 <= self.times <= 10_000
        ):
            raise ScriptError(f"{self.link} {self.fault}: times cannot be negative, nor more than 10,000")
        if self.fault in list(Kind):
            _ = self.as_fault()

    @property
    def act(self) -> Act | None:
        """What the agent's service does, if it is not the link that fails."""
        return Act(self.fault) if self.fault in list(Act) else None

    def as_fault(self) -> Fault:
        """What happens to the link."""
        return Fault(
            kind=Kind(self.fault),
            way=self.way,
            delay_s=self.delay_s,
            jitter_s=self.jitter_s,
            bytes_per_s=self.bytes_per_s,
            after_bytes=self.after_bytes,
            seed=self.seed,
        )

    @property
    def name(self) -> str:
        """In a few words."""
        what = f"{self.fault} {self.code}" if self.fault == Act.CLOSE else self.fault
        return f"{self.link} {what}" + (f" in {self.phase}" if self.phase else "")


def load(path: Path | str) -> tuple[Injection, ...]:
    """Read a fault script: TOML, with a table ``[[faults]]`` for each injection.

    Raises:
        ScriptError: The file cannot be used.

    """
    where = Path(path).name
    document = read_toml(Path(path))
    entries = document.pop("faults", None)
    if document or not isinstance(entries, list) or not 1 <= len(entries) <= MOST_FAULTS:
        raise ScriptError(f"{where}: a fault script has 1 to {MOST_FAULTS} [[faults]], and nothing else")
    return tuple(
        build(Injection, entry, f"{where}: fault {number}") for number, entry in enumerate(entries, 1)
    )
