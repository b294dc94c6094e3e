"""The agent's tools in a call: Python functions and HTTP endpoints."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.server import LoopbackServer
from tests.integration.gateway_rig import Conversation, anyio_backend, running_gateway, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
SECRET = "whsec_c2VjcmV0LW9mLXRoZS10ZXN0cw=="
PYTHON = {"gateway_tools": "tests.integration.gateway_tools"}


async def answer(talk: Conversation, name: str, arguments: dict[str, Any]) -> Any:
    asked = talk.session.tool_call(name, arguments)
    await until(lambda: asked in talk.session.record.tool_outputs)
    return json.loads(talk.session.record.tool_outputs[asked])


async def test_python_tools_answer_with_a_result_or_with_what_went_wrong() -> None:
    async with running_gateway(speed=5, settings=PYTHON) as rig:
        talk = await rig.conversation()
        assert await answer(talk, "add", {"first": 1, "second": 2}) == {"sum": 3, "call": talk.call.sid}
        assert (await answer(talk, "add", {"third": 1}))["error"] == "invalid_arguments"
        assert (await answer(talk, "slow_add", {"first": 1, "second": 2}))["error"] == "timeout"
        assert (await answer(talk, "broken", {}))["error"] == "failed"
        assert (await answer(talk, "nothing_like_it", {}))["error"] == "unknown_tool"
        await talk.call.hang_up()
        assert rig.metric("tool_calls_total", tool="add", outcome="ok") == 1
        assert rig.metric("tool_calls_total", tool="unknown", outcome="unknown_tool") == 1
    assert "secret-of-the-tool" not in rig.output.getvalue()


class Shop:
    """A user's service with one tool in it."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answer: Response = JSONResponse({"order": "on its way"})
        self.delay_s = 0.0

    async def serve(self, request: Request) -> Response:
        self.requests.append((dict(request.headers), await request.body()))
        await asyncio.sleep(self.delay_s)
        return self.answer

    @asynccontextmanager
    async def open(self, folder: Path) -> AsyncIterator[dict[str, Any]]:
        async with LoopbackServer(Starlette(routes=[Route("/tool", self.serve, methods=["POST"])])) as server:
            config = folder / "gateway.toml"
            config.write_text(
                f'[tools.lookup_order]\nurl = "{server.url}/tool"\nsecret = "{SECRET}"\ntimeout_s = 0.5\n'
            )
            yield {"gateway_config": config, "private_hosts": "127.0.0.1"}


async def test_an_http_tool_is_asked_once_signed_and_its_answer_goes_to_the_agent(tmp_path: Path) -> None:
    shop = Shop()
    async with shop.open(tmp_path) as settings, running_gateway(speed=5, settings=settings) as rig:
        talk = await rig.conversation()
        assert await answer(talk, "lookup_order", {"order": "4213"}) == {"order": "on its way"}
        await talk.call.hang_up()
    headers, body = shop.requests[0]
    Webhook(SECRET).verify(body, headers)
    asked = json.loads(body)
    assert (asked["call_id"], asked["tool"], asked["arguments"]) == (
        talk.call.sid,
        "lookup_order",
        {"order": "4213"},
    )
    assert len(shop.requests) == 1


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (Response("no", 500), "http_error"),
        (Response("<html>", 200), "not_json"),
        (Response(b"[" * 300_000, 200), "unreachable"),
        (Response("", 302, {"location": "http://127.0.0.1:1/"}), "http_error"),
    ],
)
async def test_an_http_tool_that_fails_is_an_error_for_the_agent_and_nothing_more(
    tmp_path: Path, response: Response, code: str
) -> None:
    shop = Shop()
    shop.answer = response
    async with shop.open(tmp_path) as settings, running_gateway(speed=5, settings=settings) as rig:
        talk = await rig.conversation()
        assert (await answer(talk, "lookup_order", {"order": "4213"}))["error"] == code
        await talk.call.hang_up()


async def test_an_http_tool_that_is_slow_is_answered_for_in_time(tmp_path: Path) -> None:
    shop = Shop()
    shop.delay_s = 1.0
    async with shop.open(tmp_path) as settings, running_gateway(speed=5, settings=settings) as rig:
        talk = await rig.conversation()
        assert (await answer(talk, "lookup_order", {"order": "4213"}))["error"] == "timeout"
        await talk.call.hang_up()
