"""A deploy under load: what becomes of calls, old and new, when the process is told to stop."""

import asyncio
import signal
from dataclasses import dataclass

from gateway.emulators.twilio.call import Call
from tests.integration.gateway_audio import heard, on_the_line, speak, words
from tests.integration.gateway_process import Site, gateway_process
from tests.integration.gateway_rig import Conversation, until, verbs

TURN_S = 1.5


@dataclass(frozen=True)
class Drained:
    """What came of it; ``whole`` counts the calls of which the caller heard every sample."""

    calls: int
    whole: int
    cut: int
    refused_after_s: float
    refused_verbs: list[str]
    ready: int
    exit_code: int
    exit_after_s: float


async def drain(calls: int) -> Drained:
    """Signal a gateway with calls on it, talk on in all of them, and hang up."""
    loop = asyncio.get_running_loop()
    async with gateway_process() as site:
        talks = []
        for number in range(calls):
            talks.append(await site.conversation())
            # At once: an agent that waits for the other calls to be opened would be filled in for.
            speak(talks[-1].session, "one", words(number, TURN_S))
        site.signal(signal.SIGTERM)
        signalled = loop.time()
        refused = await _refused(site)
        refused_after_s, ready = loop.time() - signalled, await site.ready()
        for number, talk in enumerate(talks):
            speak(talk.session, "two", words(number + 1, TURN_S))
            talk.session.end()
        await asyncio.gather(*(talk.call.wait_over(30) for talk in talks), refused.wait_over(30))
        last = loop.time()
        code = await site.exit_code(10)
        return Drained(
            calls=calls,
            whole=sum(_whole(number, talk) for number, talk in enumerate(talks)),
            cut=sum(verbs(talk.call) != ["Connect", "Stream"] for talk in talks),
            refused_after_s=refused_after_s,
            refused_verbs=verbs(refused),
            ready=ready,
            exit_code=code,
            exit_after_s=loop.time() - last,
        )


@dataclass(frozen=True)
class HandedOver:
    """What came of a second signal: the verbs of each call, and the process's end."""

    verbs: list[list[str]]
    exit_code: int
    exit_after_s: float


async def hand_over(calls: int) -> HandedOver:
    """Signal a gateway twice with calls on it."""
    loop = asyncio.get_running_loop()
    async with gateway_process() as site:
        talks = [await site.conversation() for _ in range(calls)]
        for number, talk in enumerate(talks):
            speak(talk.session, "one", words(number, 10.0))
        site.signal(signal.SIGTERM)
        await asyncio.sleep(0.5)
        assert not any(talk.line.over for talk in talks)
        site.signal(signal.SIGTERM)
        signalled = loop.time()
        code = await site.exit_code(10)
        took_s = loop.time() - signalled
        await asyncio.gather(*(talk.call.wait_over(30) for talk in talks))
        return HandedOver([verbs(talk.call) for talk in talks], code, took_s)


async def _refused(site: Site) -> Call:
    """The first new call that is not taken; the signal takes a moment to arrive."""
    while True:
        call = await site.call()
        await until(lambda: call.verbs)  # noqa: B023 - awaited within the loop's turn
        if verbs(call)[0] != "Connect":
            return call
        await call.hang_up()
        await site.vatel.joined()


def _whole(number: int, talk: Conversation) -> bool:
    return heard(talk.line) == on_the_line(words(number, TURN_S)) + on_the_line(words(number + 1, TURN_S))
