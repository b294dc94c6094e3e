"""What becomes of bytes under each fault, in virtual time."""

import pytest

from gateway.emulators.chaos.faults import Fault, Kind, Portion, Shaper, Way
from gateway.emulators.vatel.script import ScriptError


def shaper(fault: Fault | None, way: Way = Way.UP) -> Shaper:
    made = Shaper(way)
    made.fault = fault
    return made


def test_without_a_fault_bytes_pass_as_they_are() -> None:
    assert shaper(None).feed(b"abc", 1.0) == [Portion(1.0, b"abc")]


def test_a_fault_of_the_other_direction_is_none_of_this_one() -> None:
    assert shaper(Fault(kind=Kind.BLACK_HOLE, way=Way.DOWN)).passing


def test_a_black_hole_passes_nothing_and_remembers_how_much() -> None:
    hole = shaper(Fault(kind=Kind.BLACK_HOLE))
    assert (hole.feed(b"abc", 1.0), hole.swallows, hole.swallowed) == ([], True, 3)


def test_delayed_bytes_keep_their_order() -> None:
    slow = shaper(Fault(kind=Kind.DELAY, delay_s=0.5, jitter_s=0.5, seed=7))
    dues = [portion.due for at in range(50) for portion in slow.feed(b"x", at / 100)]
    assert dues == sorted(dues)
    assert all(0.5 <= due - at / 100 <= 1.0 for at, due in enumerate(dues))


def test_the_same_seed_gives_the_same_jitter() -> None:
    fault = Fault(kind=Kind.DELAY, jitter_s=1.0, seed=7)
    assert shaper(fault).feed(b"x", 0.0) == shaper(fault).feed(b"x", 0.0)


def test_a_narrow_link_takes_its_time() -> None:
    narrow = shaper(Fault(kind=Kind.BANDWIDTH, bytes_per_s=1000))
    portions = narrow.feed(bytes(200), 0.0) + narrow.feed(bytes(100), 0.0)
    assert [round(portion.due, 3) for portion in portions] == [0.05, 0.1, 0.15, 0.2, 0.25, 0.3]


def test_a_cut_passes_so_many_bytes_and_no_more() -> None:
    cut = shaper(Fault(kind=Kind.CUT, after_bytes=5))
    assert (cut.feed(b"abc", 0.0), cut.cut) == ([Portion(0.0, b"abc")], False)
    assert (cut.feed(b"defg", 0.0), cut.cut) == ([Portion(0.0, b"de")], True)


def test_garbage_is_as_long_as_what_it_takes_the_place_of() -> None:
    (portion,) = shaper(Fault(kind=Kind.GARBAGE, seed=3)).feed(b"x" * 100, 0.0)
    assert (len(portion.data), portion.data == b"x" * 100) == (100, False)


@pytest.mark.parametrize("values", [{"delay_s": -1.0}, {"bytes_per_s": 0}, {"after_bytes": -1}])
def test_what_makes_no_sense_is_refused(values: dict[str, float]) -> None:
    with pytest.raises(ScriptError):
        Fault(kind=Kind.DELAY, **values)  # type: ignore[arg-type]  # the wrong values are the point
