"""The load test finds nothing wrong with a good gateway, and whatever is wrong with a bad one."""

import asyncio
import base64
import json
import sys
from pathlib import Path

import pytest

from gateway.audio.transcode import AgentToCaller, CallerToAgent
from gateway.emulators.load.check import Counted, Exact, Piece
from gateway.emulators.load.sound import CHUNKS, FRAMES, agent_sound, caller_sound

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
FRAME = b"".join(number.to_bytes(2) for number in range(480))


async def test_a_few_calls_lose_nothing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PUBLIC_URL=not an address\n")  # of the user's, and none of the load's
    command = [sys.executable, "-m", "gateway", "load", "--calls", "5", "--seconds", "3", "--json"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(60):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    figures = json.loads(output)
    assert process.returncode == 0, figures
    assert figures["sound"]["lost"] == figures["sound"]["misplaced"] == 0
    assert figures["sound"]["right"] > 5 * 3 * 24_000
    assert figures["marks"]["returned"] == figures["marks"]["placed"] > 0
    assert figures["flawless"]


def checking(pieces: int) -> Exact:
    check = Exact()
    for number in range(pieces):
        check.expect(Piece(bytes([number]) + FRAME, 0.0))
    return check


def found(check: Exact) -> tuple[int, int, int]:
    """Bytes right, missing and out of place, in the end."""
    return check.checked, check.missed + check.pending, check.misplaced


async def test_sound_may_come_in_any_pieces() -> None:
    check = checking(3)
    sound = b"".join(bytes([number]) + FRAME for number in range(3))
    for begin, end in ((0, 100), (100, 1500), (1500, len(sound))):
        check.take(sound[begin:end], 0.0)
    assert found(check) == (len(sound), 0, 0)
    assert len(check.delays) == 3


async def test_a_corrupted_sample_is_found() -> None:
    check = checking(3)
    size = len(FRAME) + 1
    check.take(b"\0" + FRAME, 0.0)
    check.take(b"\1" + FRAME[:500] + b"\xff" + FRAME[501:], 0.0)
    check.take(b"\2" + FRAME, 0.0)
    assert found(check) == (2 * size, size, size)


async def test_a_lost_a_repeated_and_a_late_piece_are_found() -> None:
    size = len(FRAME) + 1
    lost, repeated, swapped = checking(3), checking(2), checking(3)
    for number in (0, 2):
        lost.take(bytes([number]) + FRAME, 0.0)
    for number in (0, 0, 1):
        repeated.take(bytes([number]) + FRAME, 0.0)
    for number in (1, 0, 2):
        swapped.take(bytes([number]) + FRAME, 0.0)
    assert found(lost) == (2 * size, size, 0)
    assert found(repeated) == (2 * size, 0, size)
    assert found(swapped) == (2 * size, size, size)


async def test_sound_is_late_when_it_is_heard_late_not_when_it_comes_late() -> None:
    check = Exact(bytes_per_s=8000)
    check.expect(Piece(b"a" * 160, due=1.02, opens=True))
    check.expect(Piece(b"b" * 160, due=1.04))
    check.take(b"a" * 160 + b"b" * 160, until=1.05)
    assert check.delays == pytest.approx([0.01, 0.01])


async def test_what_is_only_counted_may_be_anything() -> None:
    check = Counted()
    check.expect(Piece(bytes(960), 0.0))
    check.take(b"x" * 950, 0.0)
    assert (check.checked, check.pending, len(check.delays)) == (960, 0, 1)


async def test_what_a_caller_must_be_heard_saying_is_the_conversion_of_all_it_said() -> None:
    sound = caller_sound(3)
    spoken = b"".join(_raw(sent) for sent in sound.sent)
    expected = [sound.first, *sound.heard[1:], *sound.heard, *sound.heard]
    assert b"".join(expected) == CallerToAgent().feed(spoken * 3)
    assert len(sound.sent) == len(sound.heard) == FRAMES


async def test_what_an_agent_must_be_heard_saying_is_the_conversion_of_the_turn() -> None:
    sound, begin = agent_sound(3), 7
    order = [(begin + chunk) % CHUNKS for chunk in range(40)]
    convert = AgentToCaller()
    turn = convert.feed(b"".join(_raw(sound.sent[at]) for at in order)) + convert.flush()
    expected = [sound.first[begin], *(sound.heard[at] for at in order[1:]), sound.tails[order[-1]]]
    assert b"".join(expected) == turn


async def test_no_two_calls_sound_the_same() -> None:
    assert len({frame for number in range(20) for frame in caller_sound(number).heard}) == 20 * FRAMES
    assert len({chunk for number in range(20) for chunk in agent_sound(number).heard}) == 20 * CHUNKS


def _raw(sent: bytes) -> bytes:
    return base64.b64decode(sent)
