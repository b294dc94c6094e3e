"""The Vatel emulator over real sockets: the session token and the handshake."""

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from gateway.emulators.vatel.account import DEFAULT_AGENT_ID
from gateway.emulators.vatel.emulator import VatelEmulator
from tests.integration.vatel_client import FOREIGN, UNKNOWN, address, received, rest, token

pytestmark = pytest.mark.anyio
pytest_plugins = ["gateway.emulators.vatel.fixtures"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"agent_id": "x"}, 400),
        ({"agent_id": DEFAULT_AGENT_ID, "more": 1}, 400),
        ({"agent_id": DEFAULT_AGENT_ID, "transport": "pigeon"}, 400),
        ({"agent_id": DEFAULT_AGENT_ID, "version_id": "x"}, 400),
        ({"agent_id": UNKNOWN}, 404),
        ({"agent_id": FOREIGN}, 403),
        ({"agent_id": DEFAULT_AGENT_ID, "transport": "webrtc"}, 503),
    ],
)
async def test_a_token_request_that_is_wrong_is_refused(body: dict[str, object], status: int) -> None:
    async with VatelEmulator(foreign_agents=[FOREIGN]) as vatel, rest(vatel) as http:
        refused = await http.post("/session-token", json=body)
        assert (refused.status_code, list(refused.json())) == (status, ["error"])


async def test_a_wrong_key_opens_nothing(vatel: VatelEmulator) -> None:
    async with rest(vatel, "wrong") as http:
        paths = ["/organization", "/llms", "/voices", "/agents", "/calls", "/twilio/numbers"]
        assert {(await http.get(path)).status_code for path in paths} == {401}
        assert (await http.post("/session-token", json={"agent_id": DEFAULT_AGENT_ID})).status_code == 401
    assert vatel.token_requests == []


async def test_a_token_opens_one_connection_and_remembers_what_it_was_asked_for(vatel: VatelEmulator) -> None:
    value = await token(vatel, first_message="Welcome", prompt="Be kind")
    url = address(vatel, f"token={value}&agentId={DEFAULT_AGENT_ID}")
    async with connect(url, proxy=None) as socket:
        started = await received(socket)
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)
    assert refused.value.response.status_code == 401
    record = vatel.sessions[0]
    assert started == {"type": "session_started", "data": {"id": record.id}}
    assert (record.token_request.first_message, record.token_request.prompt) == ("Welcome", "Be kind")
    assert len(vatel.token_requests) == 1


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 400),
        ("token={token}", 400),
        ("token={token}&agentId=x", 400),
        (f"token={{token}}&agentId={DEFAULT_AGENT_ID}&versionId=x", 400),
        (f"token=wrong&agentId={DEFAULT_AGENT_ID}", 401),
        (f"token={{token}}&agentId={FOREIGN}", 403),
        (f"token={{token}}&agentId={UNKNOWN}", 404),
    ],
)
async def test_a_handshake_that_is_wrong_is_refused_before_it_is_accepted(query: str, status: int) -> None:
    async with VatelEmulator(foreign_agents=[FOREIGN]) as vatel:
        url = address(vatel, query.format(token=await token(vatel)))
        with pytest.raises(InvalidStatus) as refused:
            await connect(url, proxy=None)
    assert refused.value.response.status_code == status
    assert vatel.sessions == []


async def test_a_token_is_of_no_use_after_a_minute(vatel: VatelEmulator) -> None:
    value = await token(vatel)
    issued = vatel.account.tokens[value]
    assert vatel.account.valid(value, issued.expires_at - 0.001) is issued
    assert vatel.account.valid(value, issued.expires_at) is None
