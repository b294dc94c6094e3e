"""Vatel's client over real sockets: repetitions, secrets, what is sent, pages and streams."""

import asyncio
import json
import logging
import traceback
from urllib.parse import parse_qsl, urlsplit

import pytest
from pydantic import SecretStr

from gateway.clients.http import pool
from gateway.clients.vatel import Vatel
from gateway.clients.vatel.agent import AgentChange, VadSettings, VersionId
from gateway.clients.vatel.agents import Dial
from gateway.clients.vatel.call import CallFilter
from gateway.clients.vatel.rest import Retries
from gateway.clients.vatel.sessions import SessionRequest
from gateway.clients.vatel.trunks import TrunkDraft
from gateway.errors import (
    VendorError,
    VendorGarbled,
    VendorNotFound,
    VendorRejected,
    VendorThrottled,
    VendorTimeout,
    VendorUnavailable,
    VendorUnreachable,
    VendorUnusable,
    VendorUpstream,
)
from gateway.ids import E164, AccountSid, AgentId, SessionId
from tests.loopback import SILENCE, Answer, Loopback, free_url, response

pytestmark = pytest.mark.anyio
AGENT = AgentId("agent-1")
CALL = SessionId("call-1")
NUMBER = E164("+14155550100")
SECRET = "not-to-be-told"
OK = response(200, '{"name": "Reception"}')


class Patience:
    """Remembers what pauses were made, and makes none."""

    def __init__(self) -> None:
        self.pauses: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def retries(self) -> Retries:
        return Retries(sleep=self.sleep)


async def hanging_up(writer: asyncio.StreamWriter) -> None:
    writer.close()


# Repetitions.


@pytest.mark.parametrize(
    ("answers", "pauses"),
    [
        ((response(500), OK), [0.2]),
        ((response(502), response(503), OK), [0.2, 0.4]),
        ((response(429, Retry_After="2"), OK), [2.0]),
        ((response(429, Retry_After="0"), OK), [0.2]),
    ],
)
async def test_what_changes_nothing_is_asked_again(answers: tuple[Answer, ...], pauses: list[float]) -> None:
    patience = Patience()
    async with Loopback(*answers) as server, pool() as http:
        assert await Vatel(http, server.url, "k", retries=patience.retries()).agent(AGENT) == "Reception"
    assert patience.pauses == pauses


@pytest.mark.parametrize(
    ("answer", "kind", "asked"),
    [
        (response(503), VendorUnavailable, 3),
        (response(429), VendorThrottled, 3),
        (response(429, Retry_After="6"), VendorThrottled, 1),
        (response(404), VendorNotFound, 1),
        (response(302, Location="/"), VendorUnusable, 1),
        (response(200, "<html>"), VendorGarbled, 1),
    ],
)
async def test_repetitions_end(answer: bytes, kind: type[VendorError], asked: int) -> None:
    async with Loopback(answer) as server, pool() as http:
        with pytest.raises(kind):
            await Vatel(http, server.url, "k", retries=Patience().retries()).agent(AGENT)
    assert len(server.requests) == asked


async def test_a_lost_connection_is_asked_over_again() -> None:
    async with Loopback(hanging_up, OK) as server, pool() as http:
        assert await Vatel(http, server.url, "k", retries=Patience().retries()).agent(AGENT) == "Reception"


async def test_a_server_that_is_not_there_is_given_up() -> None:
    patience = Patience()
    async with pool() as http:
        with pytest.raises(VendorUnreachable):
            await Vatel(http, await free_url(), "k", retries=patience.retries()).agent(AGENT)
    assert patience.pauses == [0.2, 0.4]


async def test_a_pause_longer_than_the_deadline_is_not_made() -> None:
    patience = Patience()
    async with Loopback(response(429, Retry_After="3")) as server, pool() as http:
        with pytest.raises(VendorThrottled) as caught:
            await Vatel(http, server.url, "k", retries=patience.retries()).agent(AGENT, deadline_s=2.0)
    assert (patience.pauses, caught.value.retry_after_s) == ([], 3.0)


async def test_the_deadline_is_for_all_repetitions() -> None:
    async with Loopback(response(503), SILENCE) as server, pool() as http:
        with pytest.raises(VendorTimeout, match=r"within 0\.3 s"):
            await Vatel(http, server.url, "k", retries=Retries(first_pause_s=0.01)).agent(
                AGENT, deadline_s=0.3
            )
    assert len(server.requests) == 2


async def test_what_changes_something_is_never_asked_again() -> None:
    async with Loopback(response(503, Retry_After="0")) as server, pool() as http:
        vatel = Vatel(http, server.url, "k", retries=Patience().retries())
        for asking in (
            vatel.session_token(AGENT),
            vatel.agents.change(AGENT, AgentChange(name="x")),
            vatel.agents.delete(AGENT),
            vatel.agents.dial(AGENT, Dial(number=NUMBER)),
        ):
            with pytest.raises(VendorUnavailable):
                await asking
    assert [request.method for request in server.requests] == ["POST", "PATCH", "DELETE", "POST"]


# Secrets.


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (response(400, json.dumps({"error": f"{'x' * 190} {SECRET} of {NUMBER}"})), VendorRejected),
        (response(502, json.dumps({"error": f"Twilio said no to {SECRET}"})), VendorUpstream),
        (response(200, json.dumps([SECRET])), VendorGarbled),
        (hanging_up, VendorUnusable),
        (SILENCE, VendorTimeout),
    ],
)
async def test_the_token_of_an_import_is_in_no_error_and_no_log(
    answer: Answer, kind: type[VendorError], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with Loopback(answer) as server, pool() as http:
        vatel = Vatel(http, server.url, "k")
        with pytest.raises(kind) as caught:
            await vatel.numbers.bring(
                NUMBER, AccountSid("AC1"), SecretStr(SECRET), label="Shop", deadline_s=0.3
            )
    [request] = server.requests
    assert json.loads(request.body)["auth_token"] == SECRET
    error: BaseException | None = caught.value
    while error is not None:  # with all that led to it
        assert SECRET not in "".join(traceback.format_exception(error)) + repr(vars(error))
        assert NUMBER not in str(error)
        assert getattr(error, "request", None) is None
        error = error.__cause__ or error.__context__
    assert SECRET not in caplog.text


async def test_a_trunk_s_passwords_are_in_no_error() -> None:
    draft = TrunkDraft(pbx="generic", inbound_sip_password=SecretStr(SECRET))
    assert SECRET not in repr(draft)
    async with Loopback(response(400, json.dumps({"error": f"weak: {SECRET}"}))) as server, pool() as http:
        with pytest.raises(VendorRejected, match=r"^Vatel answered 400$") as caught:
            await Vatel(http, server.url, "k").trunks.create(draft)
    assert caught.value.said == "weak: …"
    assert json.loads(server.requests[0].body) == {"pbx": "generic", "inbound_sip_password": SECRET}


async def test_a_session_does_not_print_its_tokens() -> None:
    async with Loopback(response(200, json.dumps({"token": SECRET, "room": "r"}))) as server, pool() as http:
        request = SessionRequest(agent_id=AGENT, transport="webrtc")
        session = await Vatel(http, server.url, "k").sessions.create(request)
    assert SECRET not in repr(session)
    # Older servers have one token for both.
    assert session.webrtc_token.get_secret_value() == session.token.get_secret_value() == SECRET


# What is sent.


async def test_a_token_may_be_for_another_version_prompt_and_greeting() -> None:
    async with Loopback(response(200, '{"token": "t"}')) as server, pool() as http:
        vatel = Vatel(http, server.url, "k")
        version = VersionId("v-1")
        await vatel.session_token(AGENT, version_id=version, first_message="Hi", prompt="Be kind", chat=True)
    assert json.loads(server.requests[0].body) == {
        "agent_id": AGENT,
        "version_id": "v-1",
        "first_message": "Hi",
        "prompt": "Be kind",
        "chat": True,
    }
    assert vatel.session_url("t", AGENT, version).endswith("?token=t&agentId=agent-1&versionId=v-1")


async def test_only_what_is_set_is_changed() -> None:
    async with Loopback(response(200, "{}")) as server, pool() as http:
        vad = VadSettings(stop_secs=0.5)
        change = AgentChange(phone_number_id=None, keyterms=(), summarize_calls=False, vad_settings=vad)
        await Vatel(http, server.url, "k").agents.change(AGENT, change)
    assert json.loads(server.requests[0].body) == {
        "phone_number_id": None,
        "keyterms": [],
        "summarize_calls": False,
        "vad_settings": {"stop_secs": 0.5},
    }


async def test_a_dial_without_variables_has_no_body() -> None:
    async with Loopback(response(200, "{}"), response(200, '{"success": false}')) as server, pool() as http:
        vatel = Vatel(http, server.url, "k")
        await vatel.agents.dial(AGENT, Dial(number=NUMBER, prompt=""))
        with pytest.raises(VendorRejected, match="did not accept"):
            await vatel.agents.dial(AGENT, Dial(number=NUMBER))
    query = parse_qsl(urlsplit(server.requests[0].target).query, keep_blank_values=True)
    assert (query, server.requests[0].body) == ([("number", NUMBER), ("prompt", "")], b"")


# Many calls, and long ones.


def page(number: int, ids: list[str], *, more: bool) -> bytes:
    calls = [{"id": name} for name in ids]
    return response(200, json.dumps({"calls": calls, "pagination": {"page": number, "has_next": more}}))


@pytest.mark.parametrize(("most", "found", "pages"), [(1_000, ["a", "b", "c"], 2), (1, ["a"], 1)])
async def test_calls_come_page_by_page(most: int, found: list[str], pages: int) -> None:
    answers = (page(1, ["a", "b"], more=True), page(2, ["c"], more=False))
    async with Loopback(*answers) as server, pool() as http:
        calls = Vatel(http, server.url, "k").calls
        assert [call.id async for call in calls.each(CallFilter(tag="vip"), most=most)] == found
    asked = [dict(parse_qsl(urlsplit(request.target).query)) for request in server.requests]
    assert (
        asked
        == [{"tag": "vip", "page": str(each), "page_size": str(min(most, 100))} for each in (1, 2)][:pages]
    )


async def recorded(answer: Answer, *, largest: int = 1_000, deadline_s: float = 2.0) -> bytes:
    async with (
        Loopback(answer) as server,
        pool() as http,
        Vatel(http, server.url, "k").calls.recording(CALL, deadline_s=deadline_s) as recording,
    ):
        chunks = recording.chunks(largest=largest, deadline_s=deadline_s)
        sound = b"".join([chunk async for chunk in chunks])
        assert recording.size == len(sound)
    return sound


async def stalling(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nRIFF")


async def breaking_off(writer: asyncio.StreamWriter) -> None:
    await stalling(writer)
    writer.close()


async def test_a_recording_is_streamed() -> None:
    assert await recorded(response(200, bytes(1_000))) == bytes(1_000)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (response(200, bytes(1_001)), VendorGarbled),
        (response(200, b"RIFF", Content_Encoding="gzip"), VendorGarbled),
        (SILENCE, VendorTimeout),
        (hanging_up, VendorUnusable),
        (stalling, VendorTimeout),
        (breaking_off, VendorUnusable),
        (response(404, '{"error": "none"}'), VendorNotFound),
    ],
)
async def test_a_recording_that_can_t_be_had_is_an_error(answer: Answer, kind: type[VendorError]) -> None:
    with pytest.raises(kind):
        await recorded(answer, deadline_s=0.25)


async def test_an_error_of_whoever_reads_a_recording_stays_their_own() -> None:
    async with Loopback(response(200, b"RIFF")) as server, pool() as http:
        with pytest.raises(TimeoutError, match="the disk"):
            async with Vatel(http, server.url, "k").calls.recording(CALL):
                raise TimeoutError("the disk")


async def test_a_recording_is_asked_for_again_before_it_begins() -> None:
    async with Loopback(response(503), response(200, b"RIFF")) as server, pool() as http:
        vatel = Vatel(http, server.url, "k", retries=Patience().retries())
        async with vatel.calls.recording(CALL) as recording:
            assert [chunk async for chunk in recording.chunks()] == [b"RIFF"]


async def test_nulls_in_lists_and_objects_are_defaults() -> None:
    body = {"calls": [{"id": "a", "tags": None, "transcript": {"entries": None}}], "pagination": None}
    async with Loopback(response(200, json.dumps(body))) as server, pool() as http:
        [call] = (await Vatel(http, server.url, "k").calls.list()).calls
    assert (call.tags, call.transcript and call.transcript.entries, call.ended) == ((), (), False)
