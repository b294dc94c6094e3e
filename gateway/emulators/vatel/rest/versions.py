"""Versions of the emulated service's agents: two each, of which the second can be published."""

import time
import uuid
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account, Agent
from gateway.emulators.vatel.rest.agents import find
from gateway.emulators.vatel.rest.http import checked_uuid, keyed, rfc3339


def routes(account: Account) -> list[Route]:
    """The endpoints."""

    async def versions(request: Request) -> Response:
        return JSONResponse(_versions(account, find(account, request)))

    async def version(request: Request) -> Response:
        found = _version(account, request)
        return JSONResponse({"version": found, "nodes": [{"id": "start", "type": "conversation"}]})

    async def publish(request: Request) -> Response:
        found = _version(account, request)
        if "published_at" in found:
            raise HTTPException(409, "version already published")
        account.published[found["id"]] = time.time()
        return JSONResponse(_version(account, request))

    every = "/agents/{id}/versions"
    return [
        keyed(account, every, versions),
        keyed(account, f"{every}/{{versionId}}", version),
        keyed(account, f"{every}/{{versionId}}/publish", publish, "POST"),
    ]


def active_version(account: Account, agent_id: str) -> str:
    """The id of the version an agent runs: the one published last."""
    draft = _version_id(agent_id, 2)
    return draft if draft in account.published else _version_id(agent_id, 1)


def _versions(account: Account, agent: Agent) -> list[dict[str, Any]]:
    """An agent's versions: the one that it came with, and a draft that may be published."""
    created = rfc3339(agent.created_at or account.created_at)
    first = {"id": _version_id(agent.id, 1), "agent_id": agent.id, "created_at": created}
    draft = {"id": _version_id(agent.id, 2), "agent_id": agent.id, "created_at": created, "tag": "draft"}
    if draft["id"] in account.published:
        draft["published_at"] = rfc3339(account.published[draft["id"]])
    return [first | {"published_at": created, "tag": "first"}, draft]


def _version(account: Account, request: Request) -> dict[str, Any]:
    wanted = checked_uuid(request.path_params["versionId"], "version id")
    for version in _versions(account, find(account, request)):
        if version["id"] == wanted:
            return version
    raise HTTPException(404, "version not found")


def _version_id(agent_id: str, number: int) -> str:
    """The same id each time, so that nothing needs to be kept."""
    return str(uuid.uuid5(uuid.UUID(agent_id), f"version {number}"))
