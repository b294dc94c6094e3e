"""Shares out requests among endpoints, so that a slow one holds up nobody else."""

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Final

from gateway.services.delivery_rules import DeliveryLimits, host

_REMEMBERED: Final = 1000


class Places:
    """Who may be asked now: so many requests to an endpoint, and to a host, at a time.

    An endpoint that does not answer has one place, which it holds for a whole deadline; with each answer it
    gets another one back.
    """

    def __init__(self, limits: DeliveryLimits) -> None:
        self._limits = limits
        self._endpoints: Counter[str] = Counter()
        self._hosts: Counter[str] = Counter()
        self._narrow: OrderedDict[str, int] = OrderedDict()

    @property
    def free(self) -> int:
        """Places that are left, to anybody."""
        return self._limits.at_once - self._endpoints.total()

    def full_endpoints(self) -> Sequence[str]:
        """Endpoints that have all their places."""
        return [endpoint for endpoint, inside in self._endpoints.items() if inside >= self._width(endpoint)]

    def full_hosts(self) -> Sequence[str]:
        """Hosts that have all their places."""
        return [name for name, inside in self._hosts.items() if name and inside >= self._limits.per_host]

    def enter(self, endpoint: str) -> bool:
        """Take a place, if there is one."""
        name = host(endpoint)
        full = bool(name) and self._hosts[name] >= self._limits.per_host
        if full or self.free <= 0 or self._endpoints[endpoint] >= self._width(endpoint):
            return False
        self._endpoints[endpoint] += 1
        self._hosts[name] += 1
        return True

    def leave(self, endpoint: str) -> None:
        """Give the place back."""
        for counter, name in ((self._endpoints, endpoint), (self._hosts, host(endpoint))):
            counter[name] -= 1
            if counter[name] <= 0:
                del counter[name]

    def learn(self, endpoint: str, *, answered: bool) -> None:
        """Take into account whether an endpoint answered."""
        width = self._width(endpoint) + 1 if answered else 1
        self._narrow.pop(endpoint, None)
        if width < self._limits.per_endpoint:
            self._narrow[endpoint] = width
            while len(self._narrow) > _REMEMBERED:
                self._narrow.popitem(last=False)

    def _width(self, endpoint: str) -> int:
        return self._narrow.get(endpoint, self._limits.per_endpoint)
