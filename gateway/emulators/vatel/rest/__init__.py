"""The REST endpoints of the emulated service, one file for each area."""

from starlette.routing import Route

from gateway.emulators.vatel.account import Account
from gateway.emulators.vatel.rest import (
    agents,
    assignments,
    calls,
    catalogue,
    dialling,
    numbers,
    tokens,
    trunks,
    versions,
)

_AREAS = (tokens, catalogue, agents, versions, dialling, calls, numbers, assignments, trunks)


def routes(account: Account) -> list[Route]:
    """All of them. Assignments come before trunks, whose ids would match the word."""
    return [route for area in _AREAS for route in area.routes(account)]
