"""Attacks on a gateway's doors, each of which tells how it went."""

import asyncio
import random
import struct
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from websockets.exceptions import ConnectionClosed, InvalidStatus

from gateway.emulators.twilio.emulator import AUTH_TOKEN
from gateway.emulators.twilio.signature import HEADER, sign
from tests.integration.asgi_peers import frame, request
from tests.integration.doors_forgeries import Request, forged, forged_upgrade, genuine
from tests.integration.gateway_hand import FORM, Hand, call_form, new_call_sid, opening, stop

ALL_DOORS = (
    "/twilio/voice",
    "/twilio/after",
    "/twilio/fallback",
    "/twilio/status",
    "/twilio/stream-status",
    "/twilio/amd",
    "/twilio/transfer",
    "/twilio/transfer/answered",
    "/twilio/transfer/whisper",
    "/twilio/transfer/accepted",
)
QUIET_DOORS = ("/twilio/fallback", "/twilio/status", "/twilio/stream-status", "/twilio/amd")
"""Those at which a call nobody knows changes nothing."""
AT_ONCE = 8
STRANGER = "127.0.0.66"
CAP = 64 * 1024


async def in_turns(count: int, act: Callable[[int], Awaitable[None]]) -> None:
    """Do something many times, a few at a time."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with room:
            await act(number)

    async with asyncio.TaskGroup() as tasks:
        for number in range(count):
            tasks.create_task(one(number))


async def webhooks(hand: Hand, chance: random.Random, count: int) -> Counter[tuple[str, int]]:
    """As many forged webhooks as genuine ones, mixed; how each kind was answered."""
    answers: Counter[tuple[str, int]] = Counter()
    sent = [genuine(chance, hand.url, chance.choice(QUIET_DOORS)) for _ in range(count)]
    sent += [forged(chance, hand.url, chance.choice(ALL_DOORS)) for _ in range(count)]
    chance.shuffle(sent)

    async def one(number: int) -> None:
        each: Request = sent[number]
        headers = {"content-type": FORM, HEADER: each.signature}
        answer = await hand.http.post(f"{hand.url}{each.path}", content=each.body, headers=headers)
        answers[each.kind, answer.status_code] += 1

    await in_turns(len(sent), one)
    return answers


async def replays(hand: Hand, count: int) -> Counter[str]:
    """Each call's webhook three times at once, and again when it is over; what differed."""
    seen: Counter[str] = Counter()

    async def one(_number: int) -> None:
        form = call_form(new_call_sid())
        answers = await asyncio.gather(*(hand.post("/twilio/voice", form) for _ in range(3)))
        seen["same document" if len({each.text for each in answers}) == 1 else "another document"] += 1
        over = form | {"CallStatus": "completed"}
        await hand.post("/twilio/status", over)
        for _ in range(100):
            text = (await hand.post("/twilio/voice", form)).text
            if "<Stream" not in text:
                break
            await asyncio.sleep(0.05)
        seen["over, and no stream" if "<Stream" not in text else "over, and a stream"] += 1

    await in_turns(count, one)
    return seen


async def upgrades(hand: Hand, chance: random.Random, count: int) -> Counter[int]:
    """Upgrades that are not Twilio's; how they were answered, 101 for one that was let in."""
    answers: Counter[int] = Counter()
    signatures = [forged_upgrade(chance, hand.url) for _ in range(count)]

    async def one(number: int) -> None:
        try:
            async with hand.socket(signature=signatures[number]):
                answers[101] += 1
        except InvalidStatus as refused:
            answers[refused.response.status_code] += 1

    await in_turns(count, one)
    return answers


async def race(hand: Hand, sockets: int = 3) -> int:
    """Open sockets that show the same ticket at once; how many stay."""
    sid = new_call_sid()
    ticket = await hand.voice(sid)
    room = asyncio.Barrier(sockets)

    async def one() -> bool:
        async with hand.socket() as socket:
            await room.wait()
            for text in opening(sid, ticket):
                await socket.send(text)
            try:
                async with asyncio.timeout(0.5):
                    while True:
                        await socket.recv()
            except TimeoutError:
                await room.wait()  # until the others know that they are out
                await socket.send(stop(sid))
                return True
            except ConnectionClosed:
                await room.wait()
                return False

    return sum(await asyncio.gather(*(one() for _ in range(sockets))))


@asynccontextmanager
async def slow_ones(url: str, count: int, every_s: float = 0.01) -> AsyncIterator[Callable[[], int]]:
    """Connections that say nothing, drip a head, drip a body, or are signed and wait; how many are open."""
    port = int(url.rpartition(":")[2])
    drip = b"POST /twilio/voice HTTP/1.1\r\nHost: x\r\n"
    body = drip + f"Content-Type: {FORM}\r\nContent-Length: 9000\r\n\r\n".encode()
    signature = sign(AUTH_TOKEN, f"ws{url.removeprefix('http')}/twilio/media")
    signed = request(X_Twilio_Signature=signature).replace(b"/media", b"/twilio/media")
    kinds = [(b"", b""), (drip, b"X-A: b\r\n"), (body, b"x"), (signed, b"")]

    async def one(first: bytes, more: bytes, since: str) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(since, 0))
        try:
            writer.write(first)
            while not reader.at_eof():
                writer.write(more)
                try:
                    async with asyncio.timeout(0.25):
                        await reader.read(4096)
                except TimeoutError:
                    continue
        except ConnectionError:
            pass
        finally:
            writer.transport.abort()

    tasks = []
    for number in range(count):
        # A third from one address; the others from ten.
        since = STRANGER if number % 3 == 0 else f"127.0.2.{1 + number % 10}"
        tasks.append(asyncio.create_task(one(*kinds[number % len(kinds)], since)))
        await asyncio.sleep(every_s)
    try:
        yield lambda: sum(not task.done() for task in tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


ILLEGAL: dict[str, tuple[bytes, int]] = {
    "not masked": (frame(b"x", masked=False), 1002),
    "reserved bit 1, as of a packed message": (frame(b"x", 0xC1), 1002),
    "reserved bit 2": (frame(b"x", 0xA1), 1002),
    "reserved bit 3": (frame(b"x", 0x91), 1002),
    "unknown opcode 3": (frame(b"x", 0x83), 1002),
    "unknown opcode 11": (frame(b"x", 0x8B), 1002),
    "fragmented ping": (frame(b"x", 0x09), 1002),
    "fragmented close": (frame(b"\x03\xe8", 0x08), 1002),
    "ping of 126 bytes": (frame(b"x" * 126, 0x89), 1002),
    "continuation of nothing": (frame(b"x", 0x80), 1002),
    "message within a message": (frame(b"x", 0x01) + frame(b"y"), 1002),
    "text not UTF-8": (frame(b"\xff\xfe"), 1007),
    "half a close code": (frame(b"\x03", 0x88), 1002),
    "close code 1005": (frame(struct.pack("!H", 1005), 0x88), 1002),
    "close code 1006": (frame(struct.pack("!H", 1006), 0x88), 1002),
    "close code 999": (frame(struct.pack("!H", 999), 0x88), 1002),
    "close code 5000": (frame(struct.pack("!H", 5000), 0x88), 1002),
    "a terabyte announced": (bytes([0x82, 0xFF]) + (1 << 40).to_bytes(8), 1009),
    "a negative size": (bytes([0x82, 0xFF]) + b"\xff" * 8, 1002),
    "one byte above the cap": (bytes([0x82, 0xFF]) + (CAP + 1).to_bytes(8) + bytes(CAP + 5), 1009),
    "fragments above the cap": (frame(b"", 0x01) + frame(bytes(33_000), 0x00) * 2, 1009),
    "fragments without end": (frame(b"", 0x01) + frame(b"", 0x00) * 5000, 1009),
}
"""What a raw writer sends on a signed socket, and the code it is to be closed with."""


async def illegal(url: str, sent: bytes) -> tuple[int, bool]:
    """Send on a signed socket; the code it was closed with, and whether packing was agreed to."""
    port = int(url.rpartition(":")[2])
    signature = sign(AUTH_TOKEN, f"ws{url.removeprefix('http')}/twilio/media")
    asked = request(
        X_Twilio_Signature=signature, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"
    ).replace(b"/media", b"/twilio/media")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(5):
            writer.write(asked)
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 101 "), head
            writer.write(sent)
            answer = await reader.read()
    finally:
        writer.transport.abort()
    code = struct.unpack("!H", answer[2:4])[0] if answer[:1] == b"\x88" and len(answer) >= 4 else 0
    return code, b"extensions" in head.lower()


async def steadily(hand: Hand, seconds: float) -> list[float]:
    """Signed webhooks ten times a second; how long each took, in milliseconds."""
    took = []
    form = call_form(new_call_sid(), CallStatus="completed")
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        answer = await hand.post("/twilio/status", form)
        took.append((time.monotonic() - began) * 1000 if answer.status_code == 200 else 1e9)
        await asyncio.sleep(0.1)
    return took
