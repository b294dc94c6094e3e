"""The account's numbers: found, read, and pointed elsewhere."""

from collections.abc import AsyncIterator
from typing import Any, Final

from gateway.clients.twilio.paging import paged
from gateway.clients.twilio.refusals import translating
from gateway.clients.twilio.values import NumberSid, PhoneNumber, Routing, phone_number
from gateway.ids import E164

_MOST_ALIKE: Final = 50


class Numbers:
    """The account's numbers. Each request has the client's deadline; all raise a ``VendorError``."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def list(self, *, most: int = 1000) -> AsyncIterator[PhoneNumber]:
        """The account's numbers, no more than ``most``.

        Raises:
            VendorError: a page could not be had.
        """
        return self._matching(most)

    async def find(self, number: E164) -> PhoneNumber | None:
        """One number by its digits; ``None`` if the account has no such number.

        Raises:
            VendorError: Twilio could not be asked.
        """
        # Twilio gives all numbers that contain these digits.
        async for found in self._matching(_MOST_ALIKE, phone_number=number):
            if found.number == number:
                return found
        return None

    async def fetch(self, sid: NumberSid) -> PhoneNumber:
        """Look at a number.

        Raises:
            VendorError: there is none of that name, or Twilio could not be asked.
        """
        with translating():
            return phone_number(await self._client.incoming_phone_numbers(sid).fetch_async())

    async def route(self, sid: NumberSid, routing: Routing) -> PhoneNumber:
        """Send a number's calls elsewhere, and read back what Twilio then has.

        Give a ``Routing`` of one's own, or the former one to restore it. What takes precedence over it is
        cleared: otherwise calls would go on to an old trunk or application, whatever the address says.

        Raises:
            VendorError: Twilio refused, or could not be told; the former routing may stand or not.
        """
        with translating():
            await self._client.incoming_phone_numbers(sid).update_async(**_change(routing))
        return await self.fetch(sid)

    def _matching(self, most: int, **asked: str) -> AsyncIterator[PhoneNumber]:
        numbers = self._client.incoming_phone_numbers
        return paged(lambda size: numbers.page_async(page_size=size, **asked), phone_number, most)


def _change(routing: Routing) -> dict[str, str]:
    change = {
        "voice_url": routing.voice_url,
        "voice_method": routing.voice_method,
        "voice_fallback_url": routing.voice_fallback_url,
        "voice_fallback_method": routing.voice_fallback_method,
        "status_callback": routing.status_callback,
        "status_callback_method": routing.status_callback_method,
        "voice_application_sid": routing.voice_application_sid,
        "trunk_sid": routing.trunk_sid,
    }
    if routing.trunk_sid:
        # Twilio drops the application by itself, and an empty one beside it might drop the trunk.
        del change["voice_application_sid"]
    elif routing.voice_application_sid:
        del change["trunk_sid"]
    return change
