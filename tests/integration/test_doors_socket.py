"""The media socket's two locks: the signature before it is accepted, the ticket after."""

import asyncio
import socket as sockets

import pytest
from websockets.exceptions import InvalidStatus

from gateway.emulators.twilio.emulator import AUTH_TOKEN
from gateway.emulators.twilio.signature import sign
from gateway.web import media as media_door
from tests.integration.gateway_hand import Hand, closed, media, new_call_sid, opening, stop
from tests.integration.gateway_rig import anyio_backend, running_gateway, until

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]
MEDIA = "/twilio/media"
REFUSED = 1008


async def test_an_unsigned_upgrade_is_refused_before_it_is_accepted() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        url = f"{hand.url}{MEDIA}"
        for signature in ["", "x", sign(AUTH_TOKEN, url), sign("other", url.replace("http", "ws"))]:
            with pytest.raises(InvalidStatus) as refused:
                async with hand.socket(signature=signature):
                    pass
            assert refused.value.response.status_code == 403
        assert (rig.vatel.token_requests, rig.refused(MEDIA, "signature")) == ([], 4)


async def test_the_signature_may_be_of_the_address_with_a_slash() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        slash = sign(AUTH_TOKEN, f"{hand.url}{MEDIA}/".replace("http", "ws"))
        async with hand.stream(sid, ticket, signature=slash) as socket:
            await rig.vatel.joined()
            await socket.send(stop(sid))
            assert await closed(socket) == 1000


async def test_a_ticket_opens_one_stream_of_its_own_call_and_no_other() -> None:
    async with running_gateway(limits={"stream_timeout_s": 1.0}) as rig, Hand.at(rig) as hand:
        mine, other = new_call_sid(), new_call_sid()
        ticket, foreign = await hand.voice(mine), await hand.voice(other)
        for wrong in [None, "", "guess", ticket + "x", foreign]:
            async with hand.socket() as socket:
                for text in opening(mine, wrong):
                    await socket.send(text)
                assert await closed(socket) == REFUSED, wrong
        async with hand.stream(mine, ticket) as first, hand.stream(mine, ticket) as second:
            assert await closed(second) == REFUSED
            await first.send(media(mine, 1))
            assert not rig.gateway.registry.idle
            await first.send(stop(mine))
            assert await closed(first) == 1000
        await until(lambda: rig.gateway.registry.idle)


async def test_of_two_sockets_racing_with_one_ticket_exactly_one_wins() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        for _ in range(10):
            sid = new_call_sid()
            ticket = await hand.voice(sid)
            async with hand.socket() as one, hand.socket() as two:
                texts = opening(sid, ticket)
                await asyncio.gather(*(socket.send(text) for text in texts for socket in (one, two)))
                done, _ = await asyncio.wait(
                    [asyncio.create_task(closed(socket)) for socket in (one, two)],
                    return_when=asyncio.FIRST_COMPLETED,
                )
                assert [task.result() for task in done] == [REFUSED]
                for socket in (one, two):
                    if socket.close_code is None:
                        await socket.send(stop(sid))
                await until(lambda: rig.gateway.registry.idle)
        assert rig.refused(MEDIA, "unknown_or_used_ticket") == 10


async def test_an_expired_ticket_and_one_of_a_call_that_is_over_open_nothing() -> None:
    async with running_gateway(limits={"stream_timeout_s": 0.2}) as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        await until(lambda: rig.gateway.registry.idle)
        async with hand.stream(sid, ticket) as socket:
            assert await closed(socket) == REFUSED
        assert rig.metric("calls_ended_total", ending="no_stream", by="carrier") == 1


async def test_a_start_that_never_comes_ends_the_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(media_door, "START_DEADLINE_S", 0.3)
    async with running_gateway() as rig, Hand.at(rig) as hand:
        async with hand.socket() as silent, hand.socket() as half:
            await half.send(opening(new_call_sid(), "x")[0])
            assert [await closed(silent), await closed(half)] == [REFUSED, REFUSED]
        assert rig.refused(MEDIA, "no_start") == 2


async def test_what_comes_before_start_is_ignored_up_to_a_bound() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.socket() as patient:
            await patient.send(b"\x00binary first")
            await patient.send("not json")
            for number in range(20):
                await patient.send(media(sid, number + 1))
            for text in opening(sid, ticket):
                await patient.send(text)
            await rig.vatel.joined()
            await patient.send(stop(sid))
            assert await closed(patient) == 1000
        async with hand.socket() as endless:
            for number in range(60):
                await endless.send(media(sid, number + 1))
            assert await closed(endless) == REFUSED


async def test_a_socket_that_vanishes_in_the_middle_of_its_upgrade_leaves_nothing() -> None:
    async with running_gateway() as rig, Hand.at(rig) as hand:
        signature = sign(AUTH_TOKEN, f"{hand.url}{MEDIA}".replace("http", "ws"))
        port = int(hand.url.rpartition(":")[2])
        request = (
            f"GET {MEDIA} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            f"X-Twilio-Signature: {signature}\r\n\r\n"
        )
        for _ in range(20):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            raw = writer.get_extra_info("socket")
            raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            writer.write(request.encode())
            writer.transport.abort()
        await asyncio.sleep(0.1)
        sid = new_call_sid()
        ticket = await hand.voice(sid)
        async with hand.stream(sid, ticket) as socket:
            await rig.vatel.joined()
            await socket.send(stop(sid))
            assert await closed(socket) == 1000
