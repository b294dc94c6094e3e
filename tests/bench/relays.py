"""The stacks compared: ``python -m tests.bench.relays STACK PORT AGENTS_URL`` serves ``/media`` on one.

Three carry a fixed payload instead of the sound, so that only sockets are compared. One does the whole work
in the way of the common examples. And one has the gateway's codecs on the gateway's sockets read, convert and
write every message, and does nothing else that makes a call: no marks, no ledger, no deadlines, no records.
"""

import asyncio
import base64
import json
import sys
import warnings
from collections import deque
from collections.abc import Awaitable, Callable

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect
from websockets.asyncio.client import connect

from gateway.audio.transcode import AgentToCaller, CallerToAgent
from gateway.calls.caller_line import DIRECT
from gateway.clients.agent_socket import AgentSocket
from gateway.ids import StreamSid
from gateway.web.socket_protocol import SocketProtocol
from gateway.wire import agent_session, media_stream

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

UP = '{"type":"input_audio","data":{"audio":"' + base64.b64encode(bytes(960)).decode() + '"}}'
UP_BYTES = UP.encode()
DOWN = (
    '{"event":"media","streamSid":"MZ0","media":{"payload":"' + base64.b64encode(bytes(160)).decode() + '"}}'
)

Relay = Callable[[WebSocket, str], Awaitable[None]]


async def through_websockets(ws: WebSocket, agents: str) -> None:
    """Fixed payload, websockets client."""
    async with connect(agents, compression=None) as agent, asyncio.TaskGroup() as legs:

        async def down() -> None:
            async for message in agent:
                if '"response_audio"' in str(message):
                    await ws.send_text(DOWN)

        legs.create_task(down())
        while True:
            if '"media"' in (await ws.receive_text())[:20]:
                await agent.send(UP)


async def through_picows(ws: WebSocket, agents: str) -> None:
    """Fixed payload, our client."""
    outbox: deque[str] = deque()
    filled = asyncio.Event()

    def heard(message: bytes) -> None:
        if b'"response_audio"' in message:
            outbox.append(DOWN)
            filled.set()

    async def down() -> None:
        while True:
            await filled.wait()
            while outbox:
                await ws.send_text(outbox.popleft())
            filled.clear()

    agent = await AgentSocket.connect(agents, on_message=heard, on_lost=print)
    try:
        async with asyncio.TaskGroup() as legs:
            legs.create_task(down())
            while True:
                if '"media"' in (await ws.receive_text())[:20]:
                    agent.send(UP_BYTES)
    finally:
        await agent.close()


async def converting(ws: WebSocket, agents: str) -> None:
    """Every message is read, converted and written, without a task or a queue between."""
    direct, over = ws.scope["extensions"][DIRECT], asyncio.Event()
    up, down, writer = CallerToAgent(), AgentToCaller(), media_stream.Writer(StreamSid("MZ0"))

    def said(message: bytes) -> None:
        event = agent_session.parse(message)
        if isinstance(event, agent_session.ResponseAudio) and event.audio:
            direct.write(writer.media(down.feed(event.audio)))

    def heard(message: bytes) -> None:
        event = media_stream.parse(message)
        if isinstance(event, media_stream.Media):
            agent.send(agent_session.input_audio(up.feed(event.payload)))

    agent = await AgentSocket.connect(agents, on_message=said, on_lost=print)
    try:
        direct.listen(heard, lambda: None, lambda _code: over.set())
        await over.wait()
    finally:
        await agent.close()


async def as_in_examples(ws: WebSocket, agents: str) -> None:
    """json, base64 and audioop for each message, websockets client."""
    async with connect(agents, compression=None) as agent, asyncio.TaskGroup() as legs:

        async def down() -> None:
            state = None
            async for text in agent:
                message = json.loads(text)
                if message["type"] == "response_audio":
                    pcm = base64.b64decode(message["data"]["audio"])
                    pcm, state = audioop.ratecv(pcm, 2, 1, 24000, 8000, state)
                    payload = base64.b64encode(audioop.lin2ulaw(pcm, 2)).decode()
                    media = {"event": "media", "streamSid": "MZ0", "media": {"payload": payload}}
                    await ws.send_text(json.dumps(media))

        legs.create_task(down())
        state = None
        while True:
            message = json.loads(await ws.receive_text())
            if message["event"] == "media":
                pcm = audioop.ulaw2lin(base64.b64decode(message["media"]["payload"]), 2)
                pcm, state = audioop.ratecv(pcm, 2, 1, 8000, 24000, state)
                audio = base64.b64encode(pcm).decode()
                await agent.send(json.dumps({"type": "input_audio", "data": {"audio": audio}}))


STACKS: dict[str, tuple[str | type[asyncio.Protocol], Relay]] = {
    "examples": ("websockets-sansio", as_in_examples),
    "sansio+websockets": ("websockets-sansio", through_websockets),
    "sansio+picows": ("websockets-sansio", through_picows),
    "picows+picows": (SocketProtocol, through_picows),
    "converting": (SocketProtocol, converting),
}


def main(stack: str, port: int, agents: str) -> None:
    """Serve one stack until SIGTERM."""
    protocol, relay = STACKS[stack]

    async def media(ws: WebSocket) -> None:
        await ws.accept()
        while '"start"' not in await ws.receive_text():
            pass
        try:
            await relay(ws, agents)
        except* WebSocketDisconnect:
            pass

    app = Starlette(routes=[WebSocketRoute("/media", media)])
    uvicorn.run(
        app,
        port=port,
        loop="uvloop",
        http="httptools",
        ws=protocol,
        ws_per_message_deflate=False,
        ws_max_size=65536,
        log_level="error",
        lifespan="off",
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
