"""The client of the gateway's REST API, for programs: ``from gateway.sdk import Gateway``.

::

    with Gateway("https://gateway.example.com", key) as gateway:
        placed = gateway.calls.place("+14155550199", first_message="Hello, this is the library.")
        for call in gateway.calls.list(ending="agent_lost"):
            print(call.id, call.created_at)

``AsyncGateway`` is the same with ``await``, on asyncio.
"""

from gateway.sdk.errors import (
    ApiError,
    Conflict,
    Failed,
    FieldProblem,
    Forbidden,
    Garbled,
    Invalid,
    NotFound,
    Throttled,
    Unanswered,
    Unauthorized,
    Unreachable,
    VendorSaid,
)
from gateway.sdk.gateway import AsyncGateway, Gateway

__all__ = [
    "ApiError", "AsyncGateway", "Conflict", "Failed", "FieldProblem", "Forbidden", "Garbled", "Gateway",
    "Invalid", "NotFound", "Throttled", "Unanswered", "Unauthorized", "Unreachable", "VendorSaid",
]  # fmt: skip
