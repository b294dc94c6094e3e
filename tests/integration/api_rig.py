"""The API over a real server on this machine and a real database, and what there is to read in it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from pydantic import SecretStr
from starlette.applications import Starlette

from gateway.ids import E164, AgentId, CallSid, ToolCallId
from gateway.store import calls, conversations
from gateway.store import keys as store_keys
from gateway.store.database import Database
from gateway.store.identifiers import CallId, new_call
from gateway.store.records import CallChange, Direction, Happening, Speaker, Status, ToolRun, Turn
from gateway.web.api.buckets import Rate
from gateway.web.api.endpoint import AnyEndpoint
from gateway.web.api.routes import door, endpoints, routes
from gateway.web.api.scopes import Scope

FIRST_KEY = "a key that people chose"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
OURS = E164("+14155550100")
CALLER = E164("+14155550123")
FAST = Rate(burst=100_000, per_s=100_000)


@dataclass
class Rig:
    """A running API."""

    database: Database
    recordings: Path
    url: str
    client: httpx.AsyncClient

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.client.get(path, **options)

    async def key(self, *scopes: Scope, expires_at: datetime | None = None) -> dict[str, str]:
        """A new key of these scopes, as the header that shows it."""
        async with self.database.write() as connection:
            _, text = await store_keys.create(connection, "test", scopes, datetime.now(UTC), expires_at)
        return bearer(text.get_secret_value())

    async def call(self, nth: int = 1, /, **changes: Any) -> CallId:
        """A call on record."""
        call_id = new_call()
        values: dict[str, Any] = {
            "direction": Direction.INBOUND,
            "call_sid": CallSid(f"CA{nth:032x}"),
            "from_number": CALLER,
            "to_number": OURS,
            "number": OURS,
            "agent_id": AgentId("agent-1"),
            "status": Status.COMPLETED,
            "ending": "caller_hung_up",
            "ended_by": "caller",
            "created_at": NOW + timedelta(seconds=nth),
            "duration_ms": 1500.5,
            "metadata": {"order": 17},
        }
        async with self.database.write() as connection:
            await calls.put(connection, CallChange(call_id=call_id, **(values | changes)))
        return call_id

    async def talk(self, call_id: CallId, count: int = 3) -> None:
        """Turns, events and tool calls of a call."""
        numbers = range(1, count + 1)
        turns = [
            Turn(
                call_id=call_id,
                turn_id=f"t{n}",
                sequence=n,
                who=Speaker.AGENT,
                at=NOW,
                heard_text=f"words {n}",
                spoken_ms=800.0,
            )
            for n in numbers
        ]
        events = [
            Happening(call_id=call_id, sequence=n, at=NOW, kind="marked", data={"n": n}) for n in numbers
        ]
        runs = [
            ToolRun(
                call_id=call_id, tool_call_id=ToolCallId(f"c{n}"), name="hours", at=NOW, arguments={"day": n}
            )
            for n in numbers
        ]
        async with self.database.write() as connection:
            await conversations.put_turns(connection, turns)
            await conversations.put_events(connection, events)
            await conversations.put_tools(connection, runs)


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


@contextlib.asynccontextmanager
async def serving(app: Starlette, seconds: float = 60) -> AsyncIterator[str]:
    """Serve in this loop; yield the address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", access_log=False))
    async with asyncio.timeout(seconds), asyncio.TaskGroup() as tasks:
        tasks.create_task(server._serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True


@contextlib.asynccontextmanager
async def api(
    folder: Path,
    *,
    rate: Rate = FAST,
    first_key: str | None = FIRST_KEY,
    more: Sequence[AnyEndpoint] = (),
    seconds: float = 60,
    proxies: Sequence[str] = (),
) -> AsyncIterator[Rig]:
    """The whole API, with an empty database in a folder, and a client that shows the first key."""
    recordings = folder / "recordings"
    recordings.mkdir(exist_ok=True)
    async with Database.open(f"sqlite:///{folder}/gateway.db") as database:
        key = SecretStr(first_key) if first_key else None
        table = [*endpoints(database, recordings), *more]
        app = Starlette(routes=routes(door(database, key, rate, proxies), table))
        app.router.redirect_slashes = False
        async with (
            serving(app, seconds) as url,
            httpx.AsyncClient(base_url=url, headers=bearer(FIRST_KEY)) as client,
        ):
            yield Rig(database, recordings, url, client)
