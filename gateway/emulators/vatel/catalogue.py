"""Organization, models, voices and agents of the emulated service."""

import uuid
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account, Agent
from gateway.emulators.vatel.http import checked_uuid, keyed, refusal, rfc3339

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

    async def agents(request: Request) -> Response:
        return JSONResponse([shown(account, agent) for agent in account.agents.values()])

    async def agent(request: Request) -> Response:
        found = account.agents.get(checked_uuid(request.path_params["id"], "agent id"))
        return JSONResponse(shown(account, found)) if found else refusal(404, "agent not found")

    return [
        keyed(account, "/organization", organization),
        keyed(account, "/llms", llms),
        keyed(account, "/voices", voices),
        keyed(account, "/agents", agents),
        keyed(account, "/agents/{id}", agent),
    ]


def shown(account: Account, agent: Agent) -> dict[str, Any]:
    """An agent as the API shows it."""
    created = rfc3339(account.created_at)
    return {
        "id": agent.id,
        "name": agent.name,
        "status": "active" if agent.active else "inactive",
        "phone_number_id": agent.phone_number_id,
        "llm": LLMS[0],
        "fallback_llm": LLMS[1],
        "prompt": agent.prompt,
        "first_message": agent.first_message,
        "first_message_interruption_time": 0,
        "enable_first_message_outbound": True,
        "default_language": "en",
        "summarize_calls": False,
        "keyterms": [],
        "voice_settings": {"id": VOICES[0]["id"], "provider": VOICES[0]["provider"]},
        "created_at": created,
        "updated_at": created,
    }


def default_version(agent_id: str) -> str:
    """The id of an agent's one version; the same each time."""
    return str(uuid.uuid5(uuid.UUID(agent_id), "version 1"))
