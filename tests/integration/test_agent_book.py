"""Agents' own words are at hand when a call needs them, and no call waits for them."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from gateway.clients.http import pool
from gateway.clients.vatel import Vatel
from gateway.clients.vatel.agent import VersionId
from gateway.clients.vatel.agent_book import AgentBook, AgentWords, BookLimits
from gateway.emulators.vatel.account import DEFAULT_AGENT_ID, DEFAULT_API_KEY
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.ids import AgentId
from tests.integration.gateway_rig import anyio_backend, running_gateway, until
from tests.loopback import SILENCE, Answer, Loopback, response

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
AGENT = AgentId("agent-1")
VERSION = VersionId("version-1")
KIND = AgentWords("Be kind.", "Hello.")


def agent(prompt: str) -> bytes:
    return response(200, json.dumps({"prompt": prompt, "first_message": "Hello."}))


def version(*nodes: dict[str, object]) -> bytes:
    return response(200, json.dumps({"version": {}, "nodes": nodes}))


class Clock:
    """Goes on when it is told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def reading(
    *answers: Answer, limits: BookLimits | None = None
) -> AsyncIterator[tuple[AgentBook, Loopback, Clock]]:
    clock = Clock()
    async with Loopback(*answers) as server, pool() as http:
        book = AgentBook(Vatel(http, server.url, "key-1").agents, limits, clock)
        async with book.running():
            yield book, server, clock


async def test_an_agent_is_not_known_at_first_and_soon_after() -> None:
    async with reading(agent("Be kind.")) as (book, server, _):
        assert book.known(AGENT) is None
        await until(lambda: book.known(AGENT) == KIND)
        assert [request.target for request in server.requests] == ["/v1/agents/agent-1"]
    assert (book.counts.answered, book.counts.failed) == (1, 0)


async def test_words_are_asked_for_again_after_five_minutes_and_known_meanwhile() -> None:
    async with reading(agent("Be kind."), agent("Be brief.")) as (book, server, clock):
        assert await book.fetch(AGENT) == KIND
        clock.now += 299
        assert book.known(AGENT) == KIND
        clock.now += 1
        assert book.known(AGENT) == KIND
        await until(lambda: book.known(AGENT) == AgentWords("Be brief.", "Hello."))
        assert len(server.requests) == 2


async def test_words_outlive_a_failure_which_is_not_repeated_at_once() -> None:
    async with reading(agent("Be kind."), response(400), agent("Be brief.")) as (book, server, clock):
        await book.fetch(AGENT)
        clock.now += 300
        book.known(AGENT)
        await until(lambda: book.counts.failed == 1)
        assert [book.known(AGENT) for _ in range(3)] == [KIND] * 3
        clock.now += 10
        book.known(AGENT)
        await until(lambda: book.counts.answered == 2)
        assert len(server.requests) == 3


async def test_an_agent_that_is_gone_is_not_known() -> None:
    async with reading(agent("Be kind."), response(404)) as (book, _, clock):
        await book.fetch(AGENT)
        clock.now += 300
        book.known(AGENT)
        await until(lambda: book.known(AGENT) is None)


async def test_a_service_that_does_not_answer_is_waited_for_no_longer_than_agreed() -> None:
    async with reading(SILENCE, limits=BookLimits(deadline_s=0.1)) as (book, _, _clock):
        assert await book.fetch(AGENT) is None


@pytest.mark.parametrize(
    ("nodes", "words"),
    [
        ([], KIND),
        ([{"id": "start"}], KIND),
        ([{"prompt": 5}], KIND),
        (
            [{"prompt": "Be brief.", "first_message": "Yes?"}, {"prompt": "other"}],
            AgentWords("Be brief.", "Yes?"),
        ),
    ],
)
async def test_a_version_has_words_of_its_own_or_its_agents(
    nodes: list[dict[str, object]], words: AgentWords
) -> None:
    async with reading(agent("Be kind."), version(*nodes)) as (book, server, _):
        assert await book.fetch(AGENT, VERSION) == words
        assert server.requests[-1].target == "/v1/agents/agent-1/versions/version-1"


async def test_no_more_agents_are_kept_than_agreed() -> None:
    async with reading(agent("Be kind."), limits=BookLimits(most=2)) as (book, server, _):
        for number in (1, 2, 1, 3):
            await book.fetch(AgentId(str(number)))
        assert await book.fetch(AgentId("1")) == KIND
        assert len(server.requests) == 3
        await book.fetch(AgentId("2"))
        assert len(server.requests) == 4


async def test_no_more_questions_wait_than_agreed() -> None:
    async with reading(SILENCE, limits=BookLimits(waiting=1, deadline_s=0.2)) as (book, server, _):
        assert [book.known(AgentId(str(number))) for number in range(50)] == [None] * 50
        await until(lambda: book.counts.failed == 1)
        assert len(server.requests) == 1


async def test_the_emulator_tells_its_agents_words() -> None:
    async with VatelEmulator() as vatel, pool() as http:
        book = AgentBook(Vatel(http, vatel.url, DEFAULT_API_KEY).agents)
        told = await book.fetch(AgentId(DEFAULT_AGENT_ID))
    assert told is not None
    assert told.prompt == "You are the demonstration agent."


async def test_a_gateway_knows_its_agent_before_the_first_call() -> None:
    async with running_gateway() as rig:
        await until(lambda: rig.metric("agent_words", outcome="answered") == 1)
        assert rig.gateway.parts.book.known(AgentId(DEFAULT_AGENT_ID)) is not None
