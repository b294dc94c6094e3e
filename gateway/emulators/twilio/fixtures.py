"""A pytest fixture: an emulated Twilio account, ten times as fast as the real one."""

from collections.abc import AsyncIterator

import pytest

from gateway.emulators.twilio.emulator import TwilioEmulator

NUMBER = "+14155550100"
SPEED = 10.0


@pytest.fixture
async def twilio() -> AsyncIterator[TwilioEmulator]:
    """A running emulator with one number, ``NUMBER``, whose voice URL the test sets."""
    async with TwilioEmulator(numbers={NUMBER: ""}, speed=SPEED, webhook_timeout_s=5.0) as emulator:
        yield emulator
