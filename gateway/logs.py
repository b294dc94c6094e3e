"""Structured logs: events with fields, one call's lines with one ``call_sid``, nothing private in them."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, Final

import structlog

_NUMBER: Final = re.compile(r"\+\d{5,}(\d{2})")
_TOKEN: Final = re.compile(r"(token|secret|key|password)=[^\s&\"']+", re.IGNORECASE)
_LONGEST: Final = 500


def configure(level: str, form: str) -> None:
    """Log from ``level`` on to standard output, as JSON or as text for people."""
    numeric = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor
    if form == "json":
        renderer = structlog.processors.JSONRenderer()
    else:
        renderer = structlog.dev.ConsoleRenderer(colors=sys.stdout.isatty())
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            scrub,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=False,
    )
    # Libraries log addresses, and some addresses hold tokens: only their warnings are let through.
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s", force=True)
    for name in ("httpx", "httpcore", "twilio", "websockets", "picows", "uvicorn.access"):
        logging.getLogger(name).setLevel(logging.ERROR)


def get(**fields: str) -> structlog.typing.FilteringBoundLogger:
    """Return a logger that adds ``fields`` to each of its lines."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger(**fields)
    return logger


def masked(number: str) -> str:
    """A telephone number that can be told from others and not be dialled."""
    return _NUMBER.sub(r"+…\1", number) if number.startswith("+") else ("…" if number else "")


def scrub(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last net: no telephone number, token or endless text leaves, whatever was logged."""
    for key, value in event.items():
        if isinstance(value, str) and key not in ("timestamp", "level", "exception"):
            event[key] = _clean(value)[:_LONGEST]
        elif key == "exception":
            event[key] = _clean(str(value))
    return event


def _clean(text: str) -> str:
    return _TOKEN.sub(r"\1=…", _NUMBER.sub(r"+…\1", text))
