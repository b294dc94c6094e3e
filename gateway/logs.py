"""Structured logs: events with fields, one call's lines with one ``call_sid``, nothing private in them."""

import logging
import math
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import Any, Final, TextIO, cast

import structlog

_NUMBER: Final = re.compile(r"(?:\+|%2[Bb])(?:[ ().-]{0,2}\d){5,}(\d{2})")
_SECRETS: Final = (
    re.compile(r"""((?:token|secret|key|password)["']?(?:=|:\s?)["']?)[^\s&"',}]+""", re.IGNORECASE),
    re.compile(r"((?:Bearer|Basic) |whsec_)[\w.~+/=-]+", re.IGNORECASE),
    re.compile(r"(//[^\s/@:]*:)[^\s/@]+(?=@)"),  # a password in an address
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_LONGEST: Final = 500
_LONGEST_TRACE: Final = 8000
_DEEPEST: Final = 5
_MOST: Final = 50
_SHORTEST_SECRET: Final = 8
_MOST_SECRETS: Final = 200
_hidden: Final[list[str]] = []
_QUIET: Final = ("httpx", "httpcore", "twilio", "websockets", "picows", "uvicorn.access")


class _Unfailing:
    """Standard output that never fails: a full disk, or nobody who reads, is not to end a call."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write if it can be written."""
        with suppress(OSError, ValueError):  # the latter of a stream that is closed
            return self._stream.write(text)
        return 0

    def flush(self) -> None:
        """Flush if it can be flushed."""
        with suppress(OSError, ValueError):
            self._stream.flush()


def configure(level: str, form: str) -> None:
    """Log from ``level`` on to standard output, as JSON or as text for people; libraries' warnings too."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    output = cast("TextIO", _Unfailing(sys.stdout))
    first: list[structlog.typing.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    structlog.configure(
        processors=[*first, scrub, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(output),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(output)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *first],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, scrub, renderer],
        )
    )
    # Libraries log addresses, and some addresses hold tokens: only their warnings are let through.
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.ERROR)


def get(**fields: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that adds ``fields`` to each of its lines."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**fields)
    return logger


def masked(number: str) -> str:
    """A telephone number that can be told from others and not be dialled."""
    found = _NUMBER.fullmatch(number)
    return f"+…{found[1]}" if found else ("…" if number else "")


def hide(*secrets: str) -> None:
    """Let these texts leave nowhere, whatever they stand in. Short ones could be words, and are let be."""
    _hidden.extend(secret for secret in secrets if len(secret) >= _SHORTEST_SECRET and secret not in _hidden)
    del _hidden[:-_MOST_SECRETS]


def conceal(text: str) -> str:
    """A text of somebody else's without the secrets that are hidden."""
    for secret in _hidden:
        text = text.replace(secret, "…")
    return text


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last net: no telephone number, token or endless text leaves, whatever was logged."""
    for key, value in event.items():
        if key == "exception":
            event[key] = _clean(str(value)[-_LONGEST_TRACE:])
        elif key not in ("timestamp", "level"):
            event[key] = _value(value, _DEEPEST)
    return event


def _value(value: object, depth: int) -> object:
    """A value that is safe to write, with what is in it."""
    if value is None or isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return f"{len(value)} bytes"
    if depth and isinstance(value, Mapping):
        return {_line(str(key)): _value(item, depth - 1) for key, item in list(value.items())[:_MOST]}
    if depth and isinstance(value, list | tuple | set | frozenset):
        return [_value(item, depth - 1) for item in list(value)[:_MOST]]
    return _line(str(value))


def _line(text: str) -> str:
    """One line of bounded length; what is cut off before it is cleaned would not be written anyway."""
    return _CONTROL.sub(" ", _clean(text[: 2 * _LONGEST]))[:_LONGEST]


def _clean(text: str) -> str:
    text = conceal(text)
    text = _NUMBER.sub(r"+…\1", text)
    for secret in _SECRETS:
        text = secret.sub(r"\1…", text)
    return text
