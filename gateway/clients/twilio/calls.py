"""Calls at Twilio: placed, looked at, changed and ended."""

from collections.abc import AsyncIterator
from typing import Any, Final

from gateway.clients.twilio.codes import NOT_FOUND, NOT_IN_PROGRESS
from gateway.clients.twilio.orders import Document, NewCall, Wanted
from gateway.clients.twilio.paging import paged
from gateway.clients.twilio.refusals import OutcomeUnknown, certain, translating
from gateway.clients.twilio.values import CallRecord, call_record
from gateway.errors import VendorError
from gateway.ids import CallSid

_GONE: Final = frozenset({NOT_IN_PROGRESS, NOT_FOUND})


class Calls:
    """The account's calls. Each request has the client's deadline; all raise a ``VendorError``."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def create(self, call: NewCall) -> CallRecord:
        """Have Twilio place a call; it answers once the call is accepted, before it rings.

        Twilio knows no way to ask twice for the same call, so what is not known must not be asked again:
        https://www.twilio.com/docs/voice/api/call-resource#create-a-call-resource

        Raises:
            OutcomeUnknown: a ``VendorTimeout``: no answer, or none of use; the call may exist.
            VendorRejected: Twilio refused; there is no call.
            VendorUnreachable: Twilio was not asked; there is no call.
            VendorUnusable: only to slow down (``retry_after_s``); there is no call.
        """
        try:
            with translating():
                return call_record(await self._client.calls.create_async(**call.parameters()))
        except VendorError as error:
            if certain(error):
                raise
            message = f"whether the call was placed is not known: {error}"
            raise OutcomeUnknown(message, status=error.status, code=error.code) from None

    async def fetch(self, sid: CallSid) -> CallRecord:
        """Look at a call.

        Raises:
            VendorError: there is none of that name, or Twilio could not be asked.
        """
        with translating():
            return call_record(await self._client.calls(sid).fetch_async())

    def list(self, wanted: Wanted | None = None, *, most: int = 1000) -> AsyncIterator[CallRecord]:
        """The calls that fit, the newest first, and no more than ``most``.

        Raises:
            VendorError: a page could not be had.
        """
        asked = (wanted or Wanted()).parameters()
        calls = self._client.calls
        return paged(lambda size: calls.page_async(page_size=size, **asked), call_record, most)

    async def hang_up(self, sid: CallSid) -> None:
        """End a call; one that has ended already is fine.

        Raises:
            VendorError: Twilio could not be told.
        """
        await self._end(sid, "completed")

    async def cancel(self, sid: CallSid) -> bool:
        """End a call that has not been answered; ``False`` if it has been, or has ended.

        Raises:
            VendorError: Twilio could not be told.
        """
        return await self._end(sid, "canceled")

    async def redirect(self, sid: CallSid, document: Document) -> None:
        """Have a live call go on with another document.

        Raises:
            VendorError: Twilio refused, or could not be told.
        """
        await self._update(sid, **document.parameters())

    async def _end(self, sid: CallSid, status: str) -> bool:
        try:
            await self._update(sid, status=status)
        except VendorError as error:
            if error.code not in _GONE:
                raise
            return False
        return True

    async def _update(self, sid: CallSid, **change: str) -> None:
        with translating():
            await self._client.calls(sid).update_async(**change)
