"""Tools behind HTTP: what is sent is signed, what comes back is bounded, and every failure has a name."""

import asyncio
import gzip
import json

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook

from gateway.calls.toolbox import LARGEST_ANSWER, HttpEndpoint, ToolContext, load
from gateway.clients.egress import Egress
from gateway.clients.egress_rules import EgressRules
from gateway.errors import SettingsError, ToolError
from gateway.ids import CallSid, ToolCallId
from gateway.settings import HttpTool
from gateway.wire.agent_session import JSON, ToolCall
from tests.loopback import SILENCE, Answer, Loopback, Request, free_url, response
from tests.unit.egress_tricks import PRIVATE_ANSWERS, tricks

pytestmark = pytest.mark.anyio
WHSEC = "whsec_dGVzdC1zZWNyZXQtb2YtdGhlLWdhdGV3YXk="
CALL = ToolCall(ToolCallId("call_1"), "weather", {"city": "Zürich", "days": 2})
CONTEXT = ToolContext(CallSid("CA1"), "call_1")
OK = response(200, '{"sky": "blau ☀"}', Content_Type="application/json")


def guard() -> Egress:
    return Egress(EgressRules(private_hosts=["127.0.0.1"], loopback=True))


def endpoint(url: str, http: Egress, timeout_s: float = 2.0) -> HttpEndpoint:
    return HttpEndpoint("weather", HttpTool(url=url, secret=SecretStr(WHSEC), timeout_s=timeout_s), http)


async def run(answer: Answer, call: ToolCall = CALL, timeout_s: float = 2.0) -> tuple[str, list[Request]]:
    async with Loopback(answer) as server, guard() as http:
        output = await endpoint(f"{server.url}/weather/?v=2", http, timeout_s).run(call, CONTEXT)
    return output, server.requests


async def failure(answer: Answer, timeout_s: float = 2.0) -> tuple[str, str]:
    with pytest.raises(ToolError) as caught:
        await run(answer, timeout_s=timeout_s)
    return caught.value.code, str(caught.value)


async def test_a_tool_is_told_what_was_called_and_by_which_call() -> None:
    output, [request] = await run(OK)
    assert output == '{"sky": "blau ☀"}'
    assert (request.method, request.target) == ("POST", "/weather/?v=2")
    assert request.headers["content-type"] == "application/json"
    assert json.loads(request.body) == {
        "type": "tool.call",
        "call_id": "CA1",
        "tool_call_id": "call_1",
        "tool": "weather",
        "arguments": {"city": "Zürich", "days": 2},
    }


async def test_the_signature_is_one_standard_webhooks_verifies() -> None:
    _, [request] = await run(OK)
    verified = Webhook(WHSEC).verify(request.body, request.headers)
    assert verified["tool"] == "weather"


async def test_the_same_tool_call_has_the_same_key_and_another_one_another() -> None:
    keys = []
    for call_id in ("call_1", "call_1", "call_2"):
        _, [request] = await run(OK, ToolCall(ToolCallId(call_id), "weather"))
        assert request.headers["idempotency-key"] == request.headers["webhook-id"]
        keys.append(request.headers["idempotency-key"])
    assert keys[0] == keys[1] != keys[2]


async def test_a_tool_has_its_time() -> None:
    assert await failure(SILENCE, timeout_s=0.1) == ("timeout", "the tool took too long")


async def test_a_tool_that_is_not_there_is_out_of_reach() -> None:
    async with guard() as http:
        with pytest.raises(ToolError, match="can't be reached") as caught:
            await endpoint(await free_url(), http).run(CALL, CONTEXT)
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("status", [302, 307, 400, 404, 500, 503])
async def test_another_status_than_success_is_a_failure(status: int) -> None:
    answer = response(status, "{}", Location="http://127.0.0.1:1/")
    assert await failure(answer) == ("http_error", f"the tool answered with status {status}")


@pytest.mark.parametrize("body", ["", "fine", "{", "NaN", b"\xff", b'"\xff"', "[" * 50_000, "\ufeff{}"])
async def test_an_answer_that_is_not_json_is_a_failure(body: str | bytes) -> None:
    assert await failure(response(200, body)) == ("not_json", "the tool's answer is not JSON")


async def test_an_endless_answer_is_cut_off_and_not_read() -> None:
    written = 0

    async def flood(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 52428800\r\n\r\n")
        while written < 50 * 1024 * 1024:
            writer.write(b" " * 65_536)
            await writer.drain()
            written += 65_536

    assert await failure(flood) == (
        "unreachable",
        "the tool's answer is too long, packed, or broke off",
    )
    assert written < 20 * 1024 * 1024


async def test_the_largest_answer_is_taken() -> None:
    output, _ = await run(response(200, '"' + "x" * (LARGEST_ANSWER - 2) + '"'))
    assert len(output) == LARGEST_ANSWER


async def test_a_compressed_answer_is_not_unpacked() -> None:
    bomb = gzip.compress(b'"' + b" " * (30 * 1024 * 1024) + b'"')
    code, text = await failure(response(200, bomb, Content_Encoding="gzip"))
    assert (code, text) == ("unreachable", "the tool's answer is too long, packed, or broke off")


async def test_arguments_nested_too_deep_are_refused() -> None:
    deep: JSON = []
    for _ in range(200_000):  # each version of Python has its own limit
        deep = [deep]
    async with guard() as http:
        with pytest.raises(ToolError, match="nested too deep") as caught:
            await endpoint("http://127.0.0.1:1", http).run(
                ToolCall(ToolCallId("c"), "weather", {"a": deep}), CONTEXT
            )
    assert caught.value.code == "invalid_arguments"


@pytest.mark.parametrize("url", tricks())
def test_a_tool_is_at_no_address_that_reaches_what_only_the_gateway_can(url: str) -> None:
    trick = HttpTool.model_construct(url=url, secret=SecretStr(WHSEC), timeout_s=2.0)
    with pytest.raises(SettingsError, match=r"^GATEWAY_CONFIG: tools\.weather\.url: ") as caught:
        load(None, {"weather": trick}, Egress(EgressRules()))
    assert "PRIVATE_HOSTS" in caught.value.remedy


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9000/tool", "http://localhost:9000/", "https://tools.lan:8443/"]
)
def test_a_tool_of_ones_own_network_is_allowed_by_name(url: str) -> None:
    rules = EgressRules(private_hosts=["localhost", "tools.lan:8443"], loopback=True)
    tool = HttpTool(url=url, secret=SecretStr(WHSEC))
    assert list(load(None, {"weather": tool}, Egress(rules))) == ["weather"]
    with pytest.raises(SettingsError):
        load(None, {"weather": tool}, Egress(EgressRules()))


@pytest.mark.parametrize("addresses", PRIVATE_ANSWERS)
async def test_a_tool_whose_name_leads_inside_is_not_connected_to(addresses: tuple[str, ...]) -> None:
    async def resolver(_host: str) -> tuple[str, ...]:
        return addresses

    async with Egress(EgressRules(), resolver) as egress:
        with pytest.raises(ToolError) as caught:
            await endpoint("https://tool.example.com/", egress).run(CALL, CONTEXT)
    assert caught.value.code == "unreachable"
