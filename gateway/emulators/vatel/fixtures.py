"""A pytest plugin with the Vatel emulator: ``pytest_plugins = ["gateway.emulators.vatel.fixtures"]``."""

from collections.abc import AsyncIterator

import pytest

from gateway.emulators.vatel.emulator import VatelEmulator


@pytest.fixture
async def vatel() -> AsyncIterator[VatelEmulator]:
    """The emulated service with the demonstration's script; set ``script`` and ``behaviour`` before use."""
    async with VatelEmulator() as emulator:
        yield emulator
