"""The database goes away under calls and comes back: the callers notice nothing, and nothing is lost."""

import pytest

from tests.bench import store_away
from tests.integration.gateway_rig import anyio_backend
from tests.integration.store import cluster as clusters

pytestmark = pytest.mark.anyio
__all__ = ["anyio_backend"]


async def test_a_database_that_is_away_for_a_while_costs_neither_sound_nor_records() -> None:
    programs = clusters.binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with clusters.running(programs, durable=True) as cluster:
        cluster.execute("CREATE DATABASE away")
        result = await store_away.run(cluster, "away", count=6, seconds=3.0)
    assert result.good, str(result)
    assert (result.calls, result.begun_away) == (7, 1)
    assert result.turns >= result.calls
