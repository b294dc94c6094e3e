"""Connections that have not shown yet whose they are, and how many of them there may be.

Whoever reaches the port may open connections and say nothing, or a byte a minute. One that belongs to Twilio
or to somebody with a key shows it within milliseconds: by a signature, a ticket or a key. So the guard is
not a limit on connections, of which a busy gateway has many from few addresses, but on those that take their
time: the one that has taken most makes room for the next.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from itertools import islice
from typing import Any, Final, Protocol

_KEY: Final = "stranger"


@dataclass(frozen=True, slots=True)
class Crowd:
    """How many may stand at the door.

    Attributes:
        patient: That have stood there for longer than ``grace_s``; above it the oldest is sent away.
        most: At all; above it the newest is sent away.

    """

    patient: int
    most: int


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is bearable: a file descriptor and some kilobytes each.

    Attributes:
        address: From one address. Twilio opens hundreds of connections from a few, each for milliseconds.
        all: From all of them.
        grace_s: How long a connection counts as one that just came.

    """

    address: Crowd = Crowd(patient=20, most=300)
    all: Crowd = Crowd(patient=200, most=1000)
    grace_s: float = 0.5


class Pipe(Protocol):
    """A connection, as it is cut."""

    def abort(self) -> None:
        """Close it at once."""


class Stranger:
    """One connection, until it has shown whose it is, or is over."""

    def __init__(self, pipe: Pipe, since: float, crowds: tuple["_Crowd", ...]) -> None:
        self.since = since
        self._pipe = pipe
        self._crowds = crowds
        for crowd in crowds:
            crowd[self] = None

    def leave(self) -> None:
        """It has shown a signature of Twilio's, a ticket or a key; or it is over."""
        for crowd in self._crowds:
            crowd.pop(self, None)

    def cut(self) -> None:
        """Send it away."""
        self.leave()
        self._pipe.abort()


_Crowd = dict[Stranger, None]
"""Oldest first."""


class Strangers:
    """All of them.

    Args:
        proxies: Addresses that speak for many: only the bound on all holds for them.
        told: Called with the reason for each that is sent away.
        bounds: How many there may be.
        clock: Seconds.
    """

    def __init__(
        self,
        proxies: Iterable[str] = (),
        told: Callable[[str], None] = lambda _reason: None,
        bounds: Bounds = Bounds(),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._proxies = frozenset({party(""), *map(party, proxies)})
        self._told = told
        self._bounds = bounds
        self._clock = clock
        self._all: _Crowd = {}
        self._from: dict[str, _Crowd] = {}

    def __len__(self) -> int:
        return len(self._all)

    def enter(self, address: str, pipe: Pipe) -> Stranger | None:
        """Take a new connection, sending older ones away if need be; ``None``: the new one has to go."""
        now = self._clock()
        name = party(address)
        neighbours = self._neighbours(name)
        if name not in self._proxies and not self._room(neighbours, self._bounds.address, now):
            return self._told("crowded_address")
        if not self._room(self._all, self._bounds.all, now):
            return self._told("crowded")
        return Stranger(pipe, now, (self._all, neighbours))

    def _neighbours(self, address: str) -> _Crowd:
        if address not in self._from:
            self._from = {name: crowd for name, crowd in self._from.items() if crowd}
        return self._from.setdefault(address, {})

    def _room(self, crowd: _Crowd, bound: Crowd, now: float) -> bool:
        """Send the oldest away until fewer than the bound have taken their time."""
        while (last := next(islice(crowd, bound.patient - 1, None), None)) is not None:
            if now - last.since <= self._bounds.grace_s:
                break
            next(iter(crowd)).cut()
            self._told("slow")
        return len(crowd) < bound.most


def party(host: str) -> str:
    """Who is held to account: an IPv4 address, or the network of an IPv6 one, of which one party has many."""
    try:
        address = ip_address(host)
    except ValueError:
        return "unknown"
    if isinstance(address, IPv6Address):
        mapped = address.ipv4_mapped
        return str(mapped) if mapped else f"{IPv6Address(int(address) >> 64 << 64)}/64"
    return str(address)


def bring(state: dict[str, Any], stranger: Stranger) -> dict[str, Any]:
    """What the application finds of a connection in the state of its requests."""
    return {**state, _KEY: stranger}


def known(state: dict[str, Any] | None) -> None:
    """Whose connection this is has been shown, or it is over. Without a server there is nobody to tell."""
    stranger = (state or {}).get(_KEY)
    if isinstance(stranger, Stranger):
        stranger.leave()
