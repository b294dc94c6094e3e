"""Where the parts are joined that keep every call with one process, and none without."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from gateway.services.ownership import Ownership
from gateway.services.succession import Estate, Succession
from gateway.web.parts import Parts


@dataclass(frozen=True, slots=True)
class Tenancy:
    """This process among others."""

    succession: Succession
    ownership: Ownership

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Leases are renewed in here, and calls of others taken over."""
        async with self.ownership.running():
            yield


def open_tenancy(parts: Parts) -> Tenancy | None:
    """Join what this process is to others; ``None`` if there are none."""
    keeper, keeping = parts.keeper, parts.keeping
    if keeper is None or keeping is None:
        return None
    estate = Estate(
        database=keeping.database,
        owner=keeper.owner,
        registry=parts.registry,
        documents=parts.documents,
        defaults=parts.defaults,
        plans=parts.plans,
        twilio=parts.twilio,
        put=keeping.put,
        metrics=parts.metrics,
    )
    succession = Succession(estate)
    return Tenancy(succession, Ownership(estate.database, estate.registry, keeper, succession))
