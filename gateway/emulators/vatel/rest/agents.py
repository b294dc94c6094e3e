"""Agents of the emulated service."""

import dataclasses
import time
import uuid
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.vatel.account import Account, Agent
from gateway.emulators.vatel.rest.catalogue import LLMS, VOICES
from gateway.emulators.vatel.rest.http import body, checked_uuid, keyed, rfc3339, room_for

_Tuning = Annotated[float, msgspec.Meta(ge=0, le=2)]
_Ending = Literal["end_call", "transfer_call"]
_OWN = {"name", "status", "phone_number_id", "prompt", "first_message"}


class _Voice(msgspec.Struct, forbid_unknown_fields=True):
    id: str
    provider: str
    speed: _Tuning | UnsetType = UNSET
    stability: _Tuning | UnsetType = UNSET
    similarity_boost: _Tuning | UnsetType = UNSET
    volume: _Tuning | UnsetType = UNSET


class _Vad(msgspec.Struct, forbid_unknown_fields=True):
    start_secs: float | UnsetType = UNSET
    stop_secs: float | UnsetType = UNSET
    silence_timeout_secs: float | UnsetType = UNSET


class _Noise(msgspec.Struct, forbid_unknown_fields=True):
    enabled: bool | UnsetType = UNSET
    level: Annotated[float, msgspec.Meta(ge=0, le=100)] | UnsetType = UNSET


class _Timeouts(msgspec.Struct, forbid_unknown_fields=True):
    default_timeout: float | UnsetType = UNSET
    timeout_action: _Ending | UnsetType = UNSET
    transfer_number: str | UnsetType = UNSET
    transfer_message: str | UnsetType = UNSET
    silence_counter: int | UnsetType = UNSET
    silence_timeout_action: _Ending | UnsetType = UNSET
    silence_transfer_number: str | UnsetType = UNSET


class _Change(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    phone_number_id: uuid.UUID | UnsetType | None = UNSET
    name: str | UnsetType = UNSET
    llm: str | UnsetType = UNSET
    fallback_llm: str | UnsetType = UNSET
    status: Literal["active", "inactive"] | UnsetType = UNSET
    prompt: str | UnsetType = UNSET
    first_message: str | UnsetType = UNSET
    first_message_interruption_time: float | UnsetType = UNSET
    default_language: (
        Literal["multi", "en", "es", "fr", "de", "it", "pt", "ru", "zh", "ja", "ko", "ar", "hi"] | UnsetType
    ) = UNSET
    summarize_calls: bool | UnsetType = UNSET
    noise_cancel_settings: _Noise | UnsetType = UNSET
    vad_settings: _Vad | UnsetType = UNSET
    enable_first_message_outbound: bool | UnsetType = UNSET
    timeout_settings: _Timeouts | UnsetType = UNSET
    keyterms: list[str] | UnsetType = UNSET
    voice_settings: _Voice | UnsetType = UNSET


class _Draft(_Change, forbid_unknown_fields=True, kw_only=True):
    name: Annotated[str, msgspec.Meta(min_length=1)]


def routes(account: Account) -> list[Route]:
    """The endpoints."""

    async def agents(request: Request) -> Response:
        return JSONResponse([shown(account, agent) for agent in account.agents.values()])

    async def create(request: Request) -> Response:
        draft = await body(request, _Draft)
        room_for(account.agents)
        now = time.time()
        blank = Agent(id=str(uuid.uuid4()), active=False, prompt="", first_message="", created_at=now)
        return JSONResponse(_keep(account, blank, draft, now), 201)

    async def agent(request: Request) -> Response:
        return JSONResponse(shown(account, find(account, request)))

    async def change(request: Request) -> Response:
        found = find(account, request)
        return JSONResponse(_keep(account, found, await body(request, _Change), time.time()))

    async def delete(request: Request) -> Response:
        gone = find(account, request).id
        del account.agents[gone]
        account.assignments = {
            key: each for key, each in account.assignments.items() if each["agent_id"] != gone
        }
        return Response(status_code=204)

    one = "/agents/{id}"
    return [
        keyed(account, "/agents", agents),
        keyed(account, "/agents", create, "POST"),
        keyed(account, one, agent),
        keyed(account, one, change, "PATCH"),
        keyed(account, one, delete, "DELETE"),
    ]


def shown(account: Account, agent: Agent) -> dict[str, Any]:
    """An agent as the API shows it."""
    created = agent.created_at or account.created_at
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
        "vad_settings": {"start_secs": 0.2, "stop_secs": 0.8},
        "noise_cancel_settings": {"enabled": False, "level": 0},
        "timeout_settings": {"default_timeout": 1_800, "timeout_action": "end_call"},
        "created_at": rfc3339(created),
        "updated_at": rfc3339(agent.updated_at or created),
        **agent.settings,
    }


def find(account: Account, request: Request) -> Agent:
    """The agent a path names.

    Raises:
        HTTPException: Its id is none (400), or there is none of this id (404).

    """
    found = account.agents.get(checked_uuid(request.path_params["id"], "agent id"))
    if found is None:
        raise HTTPException(404, "agent not found")
    return found


def _keep(account: Account, agent: Agent, change: _Change, now: float) -> dict[str, Any]:
    """Change an agent, or refuse to; return it as shown."""
    told: dict[str, Any] = msgspec.to_builtins(change)
    _check(account, told)
    # What VAD settings leave out stays; any other settings are replaced.
    if "vad_settings" in told:
        told["vad_settings"] = shown(account, agent)["vad_settings"] | told["vad_settings"]
    changed = dataclasses.replace(
        agent,
        name=told.get("name", agent.name),
        active=told["status"] == "active" if "status" in told else agent.active,
        phone_number_id=told.get("phone_number_id", agent.phone_number_id) or "",
        prompt=told.get("prompt", agent.prompt),
        first_message=told.get("first_message", agent.first_message),
        settings={**agent.settings, **{key: each for key, each in told.items() if key not in _OWN}},
        updated_at=now,
    )
    account.agents[agent.id] = changed
    return shown(account, changed)


def _check(account: Account, told: dict[str, Any]) -> None:
    for name in ("llm", "fallback_llm"):
        if told.get(name, LLMS[0]) not in LLMS:
            raise HTTPException(400, f"{name} is not an allowed model")
    voice = told.get("voice_settings", VOICES[0])
    if not any((each["id"], each["provider"]) == (voice["id"], voice["provider"]) for each in VOICES):
        raise HTTPException(400, "voice not found")
    number = told.get("phone_number_id")
    if number is not None and number not in account.numbers:
        raise HTTPException(400, "phone number not found")
