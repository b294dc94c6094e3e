"""A client of the Vatel emulator that knows nothing of it but the contract."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from gateway.emulators import voice
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID
from gateway.emulators.vatel.behaviour import Behaviour
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.emulators.vatel.hearing import Listening
from gateway.emulators.vatel.script import Manual
from gateway.emulators.vatel.session import Session

FOREIGN = "11111111-1111-4111-8111-111111111111"
UNKNOWN = "22222222-2222-4222-8222-222222222222"
SPEECH = bytes(4_800) + voice.speak("hello there").pcm
QUICK = Listening(silence_ms=200)


@asynccontextmanager
async def rest(vatel: VatelEmulator, key: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {vatel.api_key if key is None else key}"}
    async with httpx.AsyncClient(
        base_url=f"{vatel.url}/v1", headers=headers, timeout=5, trust_env=False
    ) as client:
        yield client


async def token(vatel: VatelEmulator, **more: object) -> str:
    async with rest(vatel) as client:
        answer = await client.post("/session-token", json={"agent_id": DEFAULT_AGENT_ID} | more)
    assert answer.status_code == 200
    return str(answer.json()["token"])


def address(vatel: VatelEmulator, query: str) -> str:
    return f"{vatel.url.replace('http', 'ws', 1)}/v1/connection?{query}"


@asynccontextmanager
async def client(vatel: VatelEmulator, **more: object) -> AsyncIterator[ClientConnection]:
    query = f"token={await token(vatel, **more)}&agentId={DEFAULT_AGENT_ID}"
    async with connect(
        address(vatel, query), compression=None, max_size=None, proxy=None, close_timeout=2
    ) as socket:
        yield socket


async def received(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(5):
        message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """The messages up to the first of this type."""
    messages = [await received(socket)]
    while messages[-1]["type"] != kind:
        messages.append(await received(socket))
    return messages


async def rest_of(socket: ClientConnection) -> list[dict[str, Any]]:
    """All messages until the connection is closed."""
    messages: list[dict[str, Any]] = []
    try:
        while True:
            messages.append(await received(socket))
    except ConnectionClosed:
        return messages


async def speak(socket: ClientConnection, pcm: bytes) -> None:
    for at in range(0, len(pcm), 960):
        audio = base64.b64encode(pcm[at : at + 960]).decode()
        await socket.send(json.dumps({"type": "input_audio", "data": {"audio": audio}}))


async def answer(socket: ClientConnection, call: dict[str, Any], output: str) -> None:
    data = {"toolCallId": call["data"]["toolCallId"], "output": output}
    await socket.send(json.dumps({"type": "tool_call_output", "data": data}))


def audio_of(messages: list[dict[str, Any]], turn_id: str) -> bytes:
    audio = [it["data"] for it in messages if it["type"] == "response_audio"]
    return b"".join(base64.b64decode(data["audio"]) for data in audio if data["turn_id"] == turn_id)


def kinds(messages: list[dict[str, Any]]) -> list[str]:
    """The types of messages, runs of one type once."""
    names = [message["type"] for message in messages]
    return [name for at, name in enumerate(names) if at == 0 or names[at - 1] != name]


@asynccontextmanager
async def by_hand(
    behaviour: Behaviour = Behaviour(),  # noqa: B008  # frozen
) -> AsyncIterator[tuple[VatelEmulator, Session, ClientConnection]]:
    async with VatelEmulator(script=Manual(), behaviour=behaviour) as vatel, client(vatel) as socket:
        yield vatel, await vatel.joined(), socket
