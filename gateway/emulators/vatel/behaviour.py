"""How the emulated service misbehaves: everything a gateway must live through, one field each."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import msgspec

from gateway.emulators.vatel.script import ScriptError, build, read_toml

LONGEST_CHUNK_MS = 10_000

Planned = TypeVar("Planned")


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What one session does otherwise than it should. The defaults are the good behaviour.

    Attributes:
        token_delay_s: The session token is answered this late, in seconds.
        token_status: HTTP status of the answer; 200 is a token.
        token_retry_after_s: ``Retry-After`` of an answer that is not 200, in seconds.
        token_body: Answered instead of the JSON, with the status: HTML, nothing, an object without token.
        token_times: How many token requests are treated so; the others are answered well.
        api_delay_s: Other requests than those for tokens are answered this late, in seconds.
        api_status: HTTP status of their answers; 200 is what belongs there.
        api_retry_after_s: ``Retry-After`` of an answer that is not 200, in seconds.
        api_body: Answered instead of the JSON, with the status.
        api_times: How many requests are treated so; the others are answered well.
        api_only: Treats so only requests that begin with these words: ``POST /v1/agents``.
        connect_delay_s: The WebSocket handshake is answered this late, in seconds.
        refuse_connection: HTTP status with which the handshake is refused; 0 accepts.
        refuse_times: How many handshakes are refused; the others are accepted.
        never_start: ``session_started`` never comes, nor anything after it.
        start_delay_s: ``session_started`` comes this late after the handshake, in seconds.
        first_audio_delay_s: Each turn's first audio comes this late, in seconds.
        audio_factor: Audio is sent this many times faster than it plays; 0 sends it all at once.
        chunk_ms: How much audio a message holds, in milliseconds.
        odd_chunks: Audio is cut within samples, so that messages hold odd numbers of bytes.
        late_chunks_after_interruption: This many messages of the cut turn still follow ``interruption``.
        drop_connection_after_s: The connection is lost, without a close, so long after the handshake.
        close_after_s: The connection is closed so long after the handshake, without ``session_ended``.
        close_code: The WebSocket close code then, and after ``session_ended``.
        garbage: Raw texts sent, each at its time in seconds after the handshake.
        flood: This many messages of an unknown type are sent at the start, as fast as they are read.
        omit_is_final: Leaves ``is_final`` out everywhere, as older servers do.
        snake_case_tool_calls: Sends ``tool_call_id`` and ``tool_name``, as some builds do.
        end_mid_word: The session ends in the middle of the turn of this number; 0 never.
        no_data_on_end: ``session_ended`` has no ``data``, as with older servers.

    Raises:
        ScriptError: A value is out of its range.

    """

    token_delay_s: float = 0.0
    token_status: int = 200
    token_retry_after_s: int | None = None
    token_body: str | None = None
    token_times: int | None = None
    api_delay_s: float = 0.0
    api_status: int = 200
    api_retry_after_s: int | None = None
    api_body: str | None = None
    api_times: int | None = None
    api_only: str = ""
    connect_delay_s: float = 0.0
    refuse_connection: int = 0
    refuse_times: int | None = None
    never_start: bool = False
    start_delay_s: float = 0.0
    first_audio_delay_s: float = 0.0
    audio_factor: float = 20.0
    chunk_ms: int = 200
    odd_chunks: bool = False
    late_chunks_after_interruption: int = 0
    drop_connection_after_s: float | None = None
    close_after_s: float | None = None
    close_code: int = 1000
    garbage: tuple[tuple[float, str], ...] = ()
    flood: int = 0
    omit_is_final: bool = False
    snake_case_tool_calls: bool = False
    end_mid_word: int = 0
    no_data_on_end: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.chunk_ms <= LONGEST_CHUNK_MS:
            raise ScriptError(f"behaviour: chunk_ms is 1 to {LONGEST_CHUNK_MS}, not {self.chunk_ms}")
        for name, status in (("token_status", self.token_status), ("api_status", self.api_status)):
            if not 200 <= status < 600:
                raise ScriptError(f"behaviour: {name} is 200 to 599, not {status}")
        if self.refuse_connection and not 400 <= self.refuse_connection < 600:
            raise ScriptError(f"behaviour: refuse_connection is 400 to 599, not {self.refuse_connection}")
        if self.close_code != 1000 and not 1001 <= self.close_code < 5000:
            raise ScriptError(f"behaviour: close_code is 1000 to 4999, not {self.close_code}")
        for name in self.__dataclass_fields__:
            value = getattr(self, name)
            if isinstance(value, int | float) and value < 0:
                raise ScriptError(f"behaviour: {name} cannot be negative")

    def token_misbehaves(self, earlier: int) -> bool:
        """Whether the answer to a token request is a bad one, after so many bad ones."""
        bad = self.token_status != 200 or self.token_body is not None
        return bad and (self.token_times is None or earlier < self.token_times)

    def api_misbehaves(self, request: str, earlier: int) -> bool:
        """Whether the answer to a request, ``METHOD /path``, is a bad one, after so many bad ones."""
        bad = self.api_status != 200 or self.api_body is not None
        return (
            bad and request.startswith(self.api_only) and (self.api_times is None or earlier < self.api_times)
        )

    def connection_refused(self, earlier: int) -> bool:
        """Whether a handshake is refused, after so many refused ones."""
        return bool(self.refuse_connection) and (self.refuse_times is None or earlier < self.refuse_times)


def load_behaviour(path: Path | str) -> Behaviour:
    """Read a behaviour from a TOML file whose keys are the fields.

    Raises:
        ScriptError: The file cannot be used.

    """
    return build(Behaviour, read_toml(Path(path)), f"{Path(path).name}: behaviour")


def parse_behaviour(options: Iterable[str]) -> Behaviour:
    """Make a behaviour of ``field=value`` words, as given on a command line; a bare ``field`` is true.

    Values are JSON, or else plain text: ``audio_factor=5``, ``garbage=[[1.5,"{"]]``, ``token_body=<html>``.

    Raises:
        ScriptError: An option cannot be used.

    """
    return build(Behaviour, dict(map(_option, options)), "behaviour")


def nth(plan: Sequence[Planned], number: int) -> Planned:
    """What a plan has for the session of this number; its last entry is for all the rest."""
    return plan[min(number, len(plan) - 1)]


def _option(word: str) -> tuple[str, object]:
    name, sign, text = word.partition("=")
    if not sign:
        return name, True
    try:
        return name, msgspec.json.decode(text)
    except msgspec.DecodeError:
        return name, text
