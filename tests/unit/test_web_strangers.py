"""Who has to go when the door is crowded: whoever has stood there longest, never whoever just came."""

import pytest

from gateway.web.strangers import Bounds, Crowd, Strangers, bring, known, party

BOUNDS = Bounds(address=Crowd(patient=2, most=4), all=Crowd(patient=5, most=8), grace_s=0.5)


class Pipe:
    def __init__(self) -> None:
        self.cut = False

    def abort(self) -> None:
        self.cut = True


class Door:
    """Strangers, with a clock the test turns."""

    def __init__(self, proxies: tuple[str, ...] = ()) -> None:
        self.now = 0.0
        self.told: list[str] = []
        self.strangers = Strangers(proxies, self.told.append, BOUNDS, lambda: self.now)

    def knock(self, address: str, times: int = 1) -> list[Pipe]:
        """Connections, and of each whether it was cut; a refused one counts as cut."""
        pipes = []
        for _ in range(times):
            pipe = Pipe()
            pipe.cut = self.strangers.enter(address, pipe) is None
            pipes.append(pipe)
        return pipes


def cut(pipes: list[Pipe]) -> list[bool]:
    return [pipe.cut for pipe in pipes]


def test_those_who_just_came_are_let_stand_up_to_a_bound() -> None:
    door = Door()
    assert cut(door.knock("192.0.2.1", 6)) == [False] * 4 + [True] * 2
    assert (len(door.strangers), door.told) == (4, ["crowded_address"] * 2)


def test_the_slowest_of_an_address_makes_room_for_its_next() -> None:
    door = Door()
    slow = door.knock("192.0.2.1", 3)
    other = door.knock("192.0.2.2")
    door.now = 1.0
    new = door.knock("192.0.2.1")
    assert (cut(slow), cut(other), cut(new)) == ([True, True, False], [False], [False])
    assert door.told == ["slow", "slow"]


def test_the_slowest_of_all_makes_room_for_anybody() -> None:
    door = Door()
    first = [pipe for number in range(5) for pipe in door.knock(f"192.0.2.{number}")]
    door.now = 1.0
    assert cut(door.knock("198.51.100.1")) == [False]
    assert cut(first) == [True, False, False, False, False]


def test_there_is_a_most_of_all_whoever_they_are() -> None:
    door = Door()
    pipes = [pipe for number in range(10) for pipe in door.knock(f"192.0.2.{number}")]
    assert cut(pipes) == [False] * 8 + [True] * 2
    assert door.told == ["crowded"] * 2


@pytest.mark.parametrize("proxy", ["127.0.0.1", "::ffff:127.0.0.1", ""])
def test_a_proxy_speaks_for_many(proxy: str) -> None:
    door = Door(proxies=("127.0.0.1", "::1"))
    assert cut(door.knock(proxy, 6)) == [False] * 6


def test_whoever_is_known_or_gone_is_no_stranger() -> None:
    door = Door()
    for _ in range(20):
        stranger = door.strangers.enter("192.0.2.1", Pipe())
        assert stranger is not None
        known(bring({"other": 1}, stranger))
    assert (len(door.strangers), door.told) == (0, [])
    for state in (None, {}, {"stranger": "else"}):
        known(state)


def test_addresses_that_left_are_forgotten() -> None:
    door = Door()
    for number in range(100):
        stranger = door.strangers.enter(f"192.0.2.{number}", Pipe())
        assert stranger is not None
        stranger.leave()
    assert len(door.strangers._from) <= 1


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_one_party_has_one_name(host: str, name: str) -> None:
    assert party(host) == name
