"""The databases the tests of the store run on: all of them on SQLite and on PostgreSQL."""

import itertools
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.store.database import Database
from tests.integration.store import cluster as clusters
from tests.integration.store.cluster import Cluster

_names = (f"test_{number}" for number in itertools.count())


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A PostgreSQL for all tests; each gets a database of its own."""
    programs = clusters.binaries()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    with clusters.running(programs) as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/gateway.db"
    return fresh(request.getfixturevalue("cluster"))


@pytest.fixture
def postgresql(cluster: Cluster) -> str:
    """An empty database of PostgreSQL."""
    return fresh(cluster)


def fresh(cluster: Cluster) -> str:
    """Make an empty database."""
    name = next(_names)
    cluster.execute(f"CREATE DATABASE {name}")
    return cluster.url(name)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A database with the newest schema."""
    async with Database.open(url) as opened:
        yield opened
