"""The files behind the journal: whole lines in order, whatever happened to the process or the disk."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from gateway.store.identifiers import StreamName, new_stream
from gateway.store.spill import Spill
from gateway.store.spill_file import SpillFile

MANY = 10_000_000


def opened(path: Path) -> SpillFile:
    found = SpillFile.open(path)
    assert found is not None
    return found


def spill(folder: Path, stream: StreamName | None = None, most: int = MANY) -> Spill:
    made = Spill(folder, stream or new_stream(), most)
    made.open()
    return made


def drained(spill: Spill) -> list[bytes]:
    lines: list[bytes] = []
    while not spill.empty:
        chunk = spill.peek(2, MANY)
        lines += chunk.lines
        spill.forget(chunk)
    return lines


def test_lines_come_back_in_order(tmp_path: Path) -> None:
    one = spill(tmp_path)
    one.append([b"a", b"b"])
    one.append([b"c"])
    assert drained(one) == [b"a", b"b", b"c"]
    one.append([b"d"])
    assert drained(one) == [b"d"]


@given(
    lines=some.lists(some.binary(min_size=1).filter(lambda line: b"\n" not in line)), cut=some.integers(0, 99)
)
def test_a_torn_file_holds_every_whole_line(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], cut: int
) -> None:
    path = tmp_path_factory.mktemp("torn") / "journal_x.jsonl"
    whole = b"".join(line + b"\n" for line in lines)
    torn = whole[: max(0, len(whole) - cut)]
    path.write_bytes(torn)
    file = opened(path)
    assert file.peek(len(lines) + 1, MANY) == torn.split(b"\n")[:-1]
    file.close()


def test_a_file_torn_far_from_its_end_is_cut_at_its_last_line(tmp_path: Path) -> None:
    path = tmp_path / "journal_x.jsonl"
    path.write_bytes(b"first\n" + b"x" * 200_000)
    file = opened(path)
    file.append([b"second"])
    assert file.peek(9, MANY) == [b"first", b"second"]
    file.close()


def test_a_file_belongs_to_one_process(tmp_path: Path) -> None:
    first = spill(tmp_path)
    first.append([b"a"])
    second = spill(tmp_path)
    assert second.empty
    first.close()
    third = spill(tmp_path)
    assert drained(third) == [b"a"]
    assert list(tmp_path.iterdir()) == []
    second.close()


def test_what_others_left_comes_first(tmp_path: Path) -> None:
    left = spill(tmp_path)
    left.append([b"old"])
    left.close()
    one = spill(tmp_path)
    one.append([b"new"])
    assert drained(one) == [b"old", b"new"]
    one.close()
    assert list(tmp_path.iterdir()) == []


def test_room_counts_every_file(tmp_path: Path) -> None:
    one = spill(tmp_path, most=10)
    one.append([b"12345"])
    assert one.room() == 4


def test_a_disk_that_fails_in_the_middle_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = opened(tmp_path / "journal_x.jsonl")
    file.append([b"a"])
    write = os.pwrite

    def half(descriptor: int, block: memoryview, at: int) -> int:
        if at > 2:
            raise OSError(28, "No space left on device")
        return write(descriptor, block[:2], at)

    with monkeypatch.context() as full:
        full.setattr(os, "pwrite", half)
        with pytest.raises(OSError, match="No space"):
            file.append([b"bcdef"])
    assert file.path.read_bytes() == b"a\n"
    file.append([b"c"])
    assert file.peek(9, MANY) == [b"a", b"c"]
    file.close()


def test_chunks_are_bounded_but_never_empty(tmp_path: Path) -> None:
    file = opened(tmp_path / "journal_x.jsonl")
    file.append([b"1234567890", b"b", b"c"])
    assert file.peek(9, 1) == [b"1234567890"]
    assert file.peek(2, MANY) == [b"1234567890", b"b"]
    file.close()
