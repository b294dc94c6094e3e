"""Healthy calls beside whatever else happens: both their sides must hear every sample."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from tests.integration.gateway_audio import caller_words, heard, on_the_line, speak, to_the_agent, words
from tests.integration.gateway_rig import Conversation, Rig, until


@asynccontextmanager
async def healthy_calls(rig: Rig, count: int) -> AsyncIterator[None]:
    """Hold conversations while the body runs; then hang up and compare what was heard, sample by sample."""
    talks = [await rig.conversation() for _ in range(count)]
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        chats = [group.create_task(_chat(number, talk, stop)) for number, talk in enumerate(talks)]
        try:
            yield
        finally:
            stop.set()
    for number, (talk, chat) in enumerate(zip(talks, chats, strict=True)):
        assert not talk.line.over, f"healthy call {number} was ended: {talk.line.ended}"
        await _assert_whole(number, talk, chat.result())
        await talk.call.hang_up()


async def _chat(number: int, talk: Conversation, stop: asyncio.Event) -> int:
    """Speak turn by turn until told to stop; return how many turns there were."""
    turns = 0
    while not stop.is_set():
        turns += 1
        speak(talk.session, f"turn {turns}", words(number + turns, 0.7))
        talk.line.queue(caller_words(number + turns, 0.5))
        await asyncio.sleep(1.0)
    return turns


async def _assert_whole(number: int, talk: Conversation, turns: int) -> None:
    expected = b"".join(on_the_line(words(number + turn, 0.7)) for turn in range(1, turns + 1))
    await until(lambda: len(heard(talk.line)) >= len(expected))
    assert heard(talk.line) == expected, f"the caller of healthy call {number} did not hear all"
    agent_heard = bytes(talk.session.record.heard)
    assert agent_heard == to_the_agent(talk.line, len(agent_heard)), f"nor did its agent ({number})"
