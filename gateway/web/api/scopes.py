"""What an API key may be allowed to do."""

from collections.abc import Collection
from enum import StrEnum


class Scope(StrEnum):
    """One permission of a key. ``admin`` is all of them."""

    CALLS_READ = "calls:read"
    CALLS_DIAL = "calls:dial"
    RECORDINGS_READ = "recordings:read"
    NUMBERS_READ = "numbers:read"
    NUMBERS_WRITE = "numbers:write"
    WEBHOOKS_READ = "webhooks:read"
    WEBHOOKS_WRITE = "webhooks:write"
    ADMIN = "admin"


WORDS = {
    Scope.CALLS_READ: "List calls; read their transcripts, events and tool calls.",
    Scope.CALLS_DIAL: "Place calls, change and end them.",
    Scope.RECORDINGS_READ: "Listen to recordings.",
    Scope.NUMBERS_READ: "List the gateway's numbers.",
    Scope.NUMBERS_WRITE: "Change the gateway's numbers and connect them.",
    Scope.WEBHOOKS_READ: "List webhooks that could not be delivered.",
    Scope.WEBHOOKS_WRITE: "Have webhooks delivered again.",
    Scope.ADMIN: "Everything, and the keys themselves.",
}


def allows(scopes: Collection[str], wanted: Scope) -> bool:
    """Whether a key of these scopes may do what asks for ``wanted``."""
    return wanted in scopes or Scope.ADMIN in scopes
