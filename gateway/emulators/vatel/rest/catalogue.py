"""Organization, models and voices of the emulated service."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account
from gateway.emulators.vatel.rest.http import keyed, rfc3339

LLMS = ["anthropic/claude-haiku-4-5", "openai/gpt-4.1-mini"]
VOICES = [
    {"id": "emulated-agent", "name": "Agent", "provider": "openai", "languages": ["en"], "featured": True},
    {"id": "emulated-caller", "name": "Caller", "provider": "openai", "languages": ["en"], "featured": False},
]


def routes(account: Account) -> list[Route]:
    """The endpoints."""

    async def organization(request: Request) -> Response:
        created = rfc3339(account.created_at)
        return JSONResponse({"id": account.organization_id, "name": "Emulated", "created_at": created})

    async def llms(request: Request) -> Response:
        return JSONResponse({"llms": LLMS})

    async def voices(request: Request) -> Response:
        return JSONResponse({"voices": VOICES})

    return [
        keyed(account, "/organization", organization),
        keyed(account, "/llms", llms),
        keyed(account, "/voices", voices),
    ]
