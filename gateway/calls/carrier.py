"""What Twilio is asked to do with one call: end it, connect it to a person, play something, open a stream."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from structlog.typing import FilteringBoundLogger

from gateway.bridge import commands
from gateway.bridge.commands import FallBack, HangUp
from gateway.clients.twilio import Twilio
from gateway.errors import VendorError
from gateway.ids import E164, CallSid

_HANG_UP_PAUSES_S: Final = (0.0, 0.3, 1.0)
"""Before each try. The goodbye has been heard: a little silence is better than the fallback behind it."""
_HANG_UP_WITHIN_S: Final = 5.0
"""All tries together."""
_HELP_WITHIN_S: Final = 2.0
"""How long the caller may hear nothing, until the stream is closed and they are told once more."""
_LAST_WORDS_S: Final = 1.0
"""How long Twilio may take to close the stream of a call it has ended."""


@dataclass(frozen=True, slots=True)
class Scripts:
    """The documents of one call.

    Attributes:
        transferring: Connects the caller to this person.
        reopening: Plays these keys, if any, and opens another stream of the call.
        holding: Plays music for so many seconds, and has the call come back.
        helping: Calls a person in the agent's place, which the caller has been told.
    """

    transferring: Callable[[E164], str]
    reopening: Callable[[str], str]
    holding: Callable[[int], str]
    helping: Callable[[], str]


class Carrier:
    """One call at Twilio. Nothing here raises a ``VendorError``."""

    def __init__(
        self,
        twilio: Twilio,
        call_sid: CallSid,
        scripts: Scripts,
        log: FilteringBoundLogger,
    ) -> None:
        self._twilio = twilio
        self._call_sid = call_sid
        self._scripts = scripts
        self._log = log

    async def transfer(self, to: E164) -> str | None:
        """Connect the caller to a person; why not, if Twilio refuses."""
        return await self._redirect("transfer", self._scripts.transferring(to))

    async def play(self, digits: str) -> str | None:
        """Play keys to whoever is on the line, and come back; why not, if Twilio refuses."""
        return await self._redirect("digits", self._scripts.reopening(digits))

    async def hold(self, seconds: int) -> str | None:
        """Let the caller hear music, and come back; why not, if Twilio refuses."""
        return await self._redirect("hold", self._scripts.holding(seconds))

    async def retrieve(self) -> bool:
        """Have Twilio open a stream again; ``False`` if the call is over. Not to know counts as alive."""
        try:
            record = await self._twilio.calls.fetch(self._call_sid)
        except VendorError as error:
            self._log.warning("call not found", error=str(error), remedy=error.remedy)
            return error.status != 404
        if record.status.final:
            return False
        await self._redirect("stream", self._scripts.reopening(""))
        return True

    async def end(self, final: commands.Final, gone: asyncio.Event | None) -> None:
        """Tell Twilio what the end takes, and wait a little until the stream is ``gone``. Bounded.

        What it is not told in time is done by the verbs behind ``<Connect>``, once the stream is closed.
        """
        match final:
            case HangUp():
                await self._hang_up(gone)
            case FallBack(said=True):
                await self._help(gone)
            case _:
                pass  # the stream is closed, and that is all

    async def _help(self, gone: asyncio.Event | None) -> None:
        """Have the person called without another word: the caller has been told."""
        try:
            async with asyncio.timeout(_HELP_WITHIN_S):
                error = await self._redirect("fallback", self._scripts.helping())
                if error is None and gone is not None:
                    await gone.wait()
        except TimeoutError:
            self._log.warning("redirect takes too long", what="fallback")

    async def _hang_up(self, gone: asyncio.Event | None) -> None:
        try:
            async with asyncio.timeout(_HANG_UP_WITHIN_S):
                told = await self._told_to_hang_up(gone)
        except TimeoutError:
            told = False
        if not told or gone is None:
            return  # closing the stream has Twilio go on with the verbs behind <Connect>
        try:
            async with asyncio.timeout(_LAST_WORDS_S):
                await gone.wait()
        except TimeoutError:
            pass

    async def _redirect(self, what: str, document: str) -> str | None:
        try:
            await self._twilio.redirect(self._call_sid, document)
        except VendorError as error:
            self._log.warning("redirect refused", what=what, error=str(error), remedy=error.remedy)
            return str(error)
        return None

    async def _told_to_hang_up(self, gone: asyncio.Event | None) -> bool:
        """Tell Twilio to end the call, more than once if need be; whether it took it."""
        for pause_s in _HANG_UP_PAUSES_S:
            await asyncio.sleep(pause_s)
            if gone is not None and gone.is_set():
                return True  # the caller was faster
            try:
                await self._twilio.hang_up(self._call_sid)
            except VendorError as error:
                self._log.error("hang-up failed", error=str(error), remedy=error.remedy)
                if not error.retryable:
                    return False
            else:
                return True
        return False
