"""The table of cells: each row is a thing that breaks, in each phase of a call it is asked for in."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from gateway.emulators.chaos import judge
from gateway.emulators.chaos.faults import Kind, Way
from gateway.emulators.chaos.knocks import Knock
from gateway.emulators.chaos.process_faults import Blow
from gateway.emulators.chaos.script import Act, Injection, Link, Phase
from gateway.emulators.vatel.behaviour import Behaviour

EVERY: Final = tuple(Phase)
FIRST: Final = (Phase.BEFORE_START,)
ANY_GOOD: Final = frozenset({judge.WENT_ON, judge.TRANSFERRED, judge.APOLOGY})
UNNOTICED: Final = frozenset({judge.WENT_ON})
_IN_PHASE: Final = (Link.AGENT, Link.CALLER, Link.PROCESS, Link.DOORS)
_OVERSIZE: Final = '{"type":"x","data":{"a":"' + "a" * (5 << 20) + '"}}'


@dataclass(frozen=True, slots=True)
class Row:
    """A thing that breaks.

    Attributes:
        name: Its row in the table of faults, and what it is.
        what: How it is injected, but for the phase; nothing if the behaviours are all.
        phases: In which phases.
        allowed: How the call may end.
        behaviour: Of Vatel's service, from the start.
        tool: What a tool answers.
        tool_delay_s: How late it does.
        still_s: How long the gateway can say nothing, whatever it does.
        recorded: Whether the gateway lives to write the call's end down.
        then: What happens half a second later.

    """

    name: str
    what: Mapping[str, object] = field(default_factory=dict)
    phases: tuple[Phase, ...] = EVERY
    allowed: frozenset[str] = ANY_GOOD
    behaviour: Mapping[str, object] = field(default_factory=dict)
    tool: tuple[int, bytes] | None = None
    tool_delay_s: float = 0.0
    still_s: float = 0.0
    recorded: bool = True
    then: Mapping[str, object] = field(default_factory=dict)

    def injections(self, phase: Phase) -> list[Injection]:
        """What happens in a phase."""
        if not self.what:
            return []
        at_once = phase is Phase.BEFORE_START and self.what["link"] not in _IN_PHASE
        first = Injection(phase=None if at_once else phase, **self.what)  # type: ignore[arg-type]
        if not self.then:
            return [first]
        return [first, Injection(phase=phase, later_s=0.5, **self.then)]  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class Cell:
    """A row in a phase."""

    row: Row
    phase: Phase

    @property
    def name(self) -> str:
        """What is shown of it."""
        return f"{self.row.name}, {self.phase}"


def _link(
    letter: str, link: Link, kinds: Iterable[Kind], allowed: frozenset[str], phases: tuple[Phase, ...] = EVERY
) -> list[Row]:
    """A row for each thing that can happen to a link."""
    more: dict[Kind, dict[str, object]] = {
        Kind.DELAY: {"delay_s": 0.3, "jitter_s": 0.2},
        Kind.BANDWIDTH: {"bytes_per_s": 1_000, "way": Way.UP},
        Kind.CUT: {"after_bytes": 700},
        Kind.GARBAGE: {"way": Way.DOWN},
        Kind.HALF_CLOSE: {"way": Way.DOWN},
    }
    return [
        Row(f"{letter} {link} {kind}", {"link": link, "fault": kind, **more.get(kind, {})}, phases, allowed)
        for kind in kinds
    ]


_STREAM: Final = (
    Kind.RESET,
    Kind.BLACK_HOLE,
    Kind.HALF_CLOSE,
    Kind.CUT,
    Kind.GARBAGE,
    Kind.DELAY,
    Kind.BANDWIDTH,
)
_REQUESTS: Final = (Kind.REFUSE, Kind.RESET, Kind.BLACK_HOLE, Kind.DELAY, Kind.GARBAGE)
_LATER: Final = tuple(phase for phase in Phase if phase is not Phase.BEFORE_START)
_SPOKEN: Final = (Phase.CALLER_SPEAKING, Phase.AGENT_SPEAKING)
_AGENT: Final = {"link": Link.AGENT}

_CALLER: Final = {"link": Link.CALLER, "fault": Act.TEXT}
_HUGE: Final = '{"event":"' + "a" * (100 << 10) + '"}'
_DEEP: Final = "[" * 50_000
_MEDIA: Final = (
    '{"event":"media","sequenceNumber":"3","streamSid":"$STREAM",'
    '"media":{"track":"inbound","chunk":"2","timestamp":"%s","payload":"%s"}}'
)
_OTHER: Final = (
    '{"event":"start","sequenceNumber":"1","streamSid":"MZ0","start":{"streamSid":"MZ0","callSid":"CA0",'
    '"accountSid":"AC0","tracks":["inbound"],"customParameters":{},'
    '"mediaFormat":{"encoding":"audio/x-mulaw","sampleRate":8000,"channels":1}}}'
)


def _stream(name: str, text: str, times: int, allowed: frozenset[str] = UNNOTICED) -> Row:
    """A row of what Twilio's stream may carry, and does not."""
    return Row(name, {**_CALLER, "text": text, "times": times}, _LATER, allowed)


def _process(name: str, blow: Blow, allowed: frozenset[str] = ANY_GOOD, **more: Any) -> Row:
    """A row of what may happen to the process."""
    lasts = {"for_s": more["still_s"]} if "still_s" in more else {}
    return Row(name, {"link": Link.PROCESS, "fault": blow, **lasts}, allowed=allowed, **more)


def _door(name: str, knock: Knock) -> Row:
    """A row of what strangers may try."""
    return Row(name, {"link": Link.DOORS, "fault": knock}, _LATER, UNNOTICED)


ROWS: Final[tuple[Row, ...]] = (
    # A: Twilio's requests
    *(replace(row, recorded=False) for row in _link("A1", Link.WEBHOOKS, _REQUESTS, ANY_GOOD, FIRST)),
    _door("A3 forged webhooks", Knock.FORGED),
    _door("A4 webhook again", Knock.REPLAYED),
    _door("A9 forms that are none", Knock.MISFORMED),
    *_link("A6", Link.WEBHOOKS, _REQUESTS, UNNOTICED, _LATER),
    # B: Twilio's stream
    *_link("B6-B8, B17", Link.CALLER, _STREAM, ANY_GOOD, _LATER),
    _door("B1 stream not signed", Knock.UNSIGNED_STREAM),
    _door("B2 false and used tickets", Knock.FALSE_TICKET),
    _door("B3 no start", Knock.NO_START),
    _door("B4 media before the start", Knock.EARLY_MEDIA),
    _stream("B5 start of another stream", _OTHER, 1, ANY_GOOD),
    _stream("B9 stop, then more media", '{"event":"stop","streamSid":"$STREAM"}', 1, ANY_GOOD),
    _stream("B10 nested deep", _DEEP, 3),
    _stream("B10 bad messages", '{"event":', 30, ANY_GOOD),
    _stream("B11 unknown events", '{"event":"new"}', 100),
    _stream("B12 oversize", _HUGE, 1, ANY_GOOD),
    _stream("B14 bad payload", _MEDIA % ("20", "!!!!"), 5),
    _stream("B15 frames again, and times that go back", _MEDIA % ("0", "/////w=="), 50),
    _stream("B18 unknown marks", '{"event":"mark","streamSid":"$STREAM","mark":{"name":"x"}}', 100),
    _stream(
        "B20 keys", '{"event":"dtmf","streamSid":"$STREAM","dtmf":{"track":"inbound_track","digit":"5"}}', 100
    ),
    # C: session tokens
    *_link("C1", Link.VATEL, _REQUESTS, ANY_GOOD, FIRST),
    *_link("C1", Link.VATEL, _REQUESTS, UNNOTICED, _LATER),
    *(
        Row(f"C2-C5 token {status}", {}, FIRST, behaviour={"token_status": status})
        for status in (401, 403, 404, 429, 500, 503)
    ),
    Row("C5 token 503 once", {}, FIRST, UNNOTICED, {"token_status": 503, "token_times": 1}),
    Row(
        "C4 token 429, Retry-After 1, once",
        {},
        FIRST,
        ANY_GOOD,
        {"token_status": 429, "token_retry_after_s": 1, "token_times": 1},
    ),
    Row("C6 token HTML", {}, FIRST, behaviour={"token_body": "<html>"}),
    Row("C6 token empty", {}, FIRST, behaviour={"token_body": ""}),
    Row("C6 token huge", {}, FIRST, behaviour={"token_body": "x" * (1 << 20)}),
    Row("C6 token slow", {}, FIRST, behaviour={"token_delay_s": 6.0}),
    # D: the session
    *(
        Row(f"D1 handshake {status}", {}, FIRST, behaviour={"refuse_connection": status})
        for status in (401, 403, 404, 503)
    ),
    Row("D1 handshake 503 once", {}, FIRST, UNNOTICED, {"refuse_connection": 503, "refuse_times": 1}),
    Row("D1 handshake slow", {}, FIRST, behaviour={"connect_delay_s": 6.0}),
    Row("D2 never starts", {}, FIRST, behaviour={"never_start": True}),
    *_link("D3-D17", Link.AGENT, _STREAM, ANY_GOOD),
    *(
        Row(f"D6 closed with {code}", {**_AGENT, "fault": Act.CLOSE, "code": code})
        for code in (1000, 1008, 1011, 1012, 1013)
    ),
    Row("D5 session_ended", {**_AGENT, "fault": Act.END}, _LATER, ANY_GOOD | {judge.GOODBYE}),
    Row("D7 bad messages", {**_AGENT, "fault": Act.TEXT, "text": "{", "times": 30}),
    Row(
        "D7 unknown messages",
        {**_AGENT, "fault": Act.TEXT, "text": '{"type":"new"}', "times": 100},
        EVERY,
        UNNOTICED,
    ),
    Row("D10 oversize", {**_AGENT, "fault": Act.TEXT, "text": _OVERSIZE}),
    Row(
        "D11 interruptions",
        {**_AGENT, "fault": Act.TEXT, "text": '{"type":"interruption"}', "times": 100},
        _SPOKEN,
    ),
    Row(
        "D14 another session_started",
        {**_AGENT, "fault": Act.TEXT, "text": '{"type":"session_started","data":{"id":"other"}}'},
        _LATER,
        UNNOTICED,
    ),
    Row("D12 silent agent", {**_AGENT, "fault": Act.SILENCE}, (Phase.GREETING, *_SPOKEN)),
    # E: requests to Twilio
    *_link("E5-E7", Link.TWILIO, _REQUESTS, UNNOTICED, EVERY),
    # F: tools
    *_link("F2", Link.TOOLS, _REQUESTS, UNNOTICED, (Phase.BEFORE_START, Phase.TOOL_PENDING)),
    Row("F1 tool never answers", {}, FIRST, UNNOTICED, tool_delay_s=14.0),
    Row("F1 tool slow", {}, FIRST, UNNOTICED, tool_delay_s=3.0),
    *(Row(f"F2 tool {status}", {}, FIRST, UNNOTICED, tool=(status, b"oops")) for status in (302, 404, 500)),
    Row("F2 tool huge", {}, FIRST, UNNOTICED, tool=(200, b'"' + b"x" * (2 << 20) + b'"')),
    Row("F2 tool not JSON", {}, FIRST, UNNOTICED, tool=(200, b"<html>")),
    # G, H: the database and the disk
    _process("G2-G3 database locked", Blow.LOCK, UNNOTICED),
    _process("H1 disk full", Blow.DISK_FULL, UNNOTICED),
    # I, J: the process
    _process("I1 SIGTERM", Blow.TERM, UNNOTICED),
    Row(
        "J6 a balancer asks whoever ends",
        {"link": Link.PROCESS, "fault": Blow.TERM},
        _LATER,
        UNNOTICED,
        then={"link": Link.DOORS, "fault": Knock.DRAINING},
    ),
    _process("I2 second SIGTERM", Blow.TERM_TWICE),
    _process("I3 killed", Blow.KILL, recorded=False),
    _process("I5 stopped for 1 s", Blow.FREEZE, still_s=1.0),
    _process("I5 stopped for 5 s", Blow.FREEZE, still_s=5.0),
    _process("I6 no descriptors left", Blow.DESCRIPTORS, UNNOTICED),
    # L: receivers of events
    *_link("L1", Link.EVENTS, _REQUESTS, UNNOTICED, FIRST),
)

CELLS: Final = tuple(Cell(row, phase) for row in ROWS for phase in row.phases)


def behaviour(row: Row, usual: Behaviour) -> Behaviour:
    """How Vatel's service behaves in a row."""
    values = {name: getattr(usual, name) for name in usual.__dataclass_fields__}
    return Behaviour(**{**values, **row.behaviour})
