"""Our numbers as three sides know them: Twilio, which owns them; Vatel, where some are imported; and we."""

import asyncio
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, TypeVar

from gateway import logs
from gateway.clients.twilio.client import Twilio
from gateway.clients.twilio.values import PhoneNumber
from gateway.clients.vatel.client import Vatel
from gateway.clients.vatel.numbers import Number as Imported
from gateway.errors import VendorError, VendorTimeout
from gateway.ids import E164
from gateway.services.number_routing import Door, Place
from gateway.services.number_rules import routed
from gateway.store import numbers as store
from gateway.store.database import Database

MOST: Final = 1000
"""Numbers of the Twilio account that are listed."""
DEADLINE_S: Final = 10.0

_T = TypeVar("_T")


class Side(StrEnum):
    """A vendor who knows of numbers."""

    TWILIO = "twilio"
    VATEL = "vatel"


@dataclass(frozen=True, slots=True)
class Missing:
    """A side that is not in an answer, and why."""

    side: Side
    error: VendorError


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A number, and what each side knows of it.

    Attributes:
        number: In international form.
        phone: It at Twilio; None if it is not in the account, or Twilio could not be asked.
        imported: It at Vatel; None if it is not imported there, or Vatel could not be asked.
        own: What is set here; None if nothing is.
        place: Where its calls go; None if Twilio does not tell.
    """

    number: E164 = field(repr=False)
    phone: PhoneNumber | None = None
    imported: Imported | None = None
    own: store.Number | None = None
    place: Place | None = None

    @property
    def label(self) -> str:
        """What people call it: here, else at Vatel, else at Twilio."""
        labels = (
            self.own and self.own.label, self.imported and self.imported.label, self.phone and self.phone.name
        )  # fmt: skip
        return next((label for label in labels if label), "")

    @property
    def route(self) -> store.Number | None:
        """Its own route; None if it is answered as the settings say."""
        return self.own if self.own is not None and routed(self.own) else None


@dataclass(frozen=True, slots=True)
class Listing:
    """All numbers, in order, and which sides could not be asked."""

    numbers: Sequence[Listed]
    missing: Sequence[Missing] = ()


class Lister:
    """Asks all three sides at once."""

    def __init__(self, database: Database, twilio: Twilio, vatel: Vatel, door: Door) -> None:
        self._database = database
        self._twilio = twilio
        self._vatel = vatel
        self._door = door
        self._log = logs.get()

    async def list(self) -> Listing:
        """All numbers: at most 1000 of Twilio's, and all of Vatel's and ours.

        Raises:
            StoreUnavailable: our own part can't be had. A vendor's that can't is noted in ``missing``.
        """
        async with self._database.read() as connection:
            own = await store.every(connection)
        async with asyncio.TaskGroup() as group:
            asked_twilio = group.create_task(self._part(Side.TWILIO, self._phones()))
            asked_vatel = group.create_task(self._part(Side.VATEL, self._vatel.numbers.list()))
        phones, imported = asked_twilio.result(), asked_vatel.result()
        missing = [part for part in (phones, imported) if isinstance(part, Missing)]
        listed = self._joined(
            {} if isinstance(phones, Missing) else {each.number: each for each in phones},
            {} if isinstance(imported, Missing) else {each.phone_number: each for each in imported},
            {each.number: each for each in own},
        )
        return Listing(list(listed), missing)

    async def _phones(self) -> Sequence[PhoneNumber]:
        try:
            async with asyncio.timeout(DEADLINE_S):
                return [phone async for phone in self._twilio.numbers.list(most=MOST)]
        except TimeoutError:
            raise VendorTimeout(f"Twilio did not list its numbers within {DEADLINE_S:g} s") from None

    async def _part(self, side: Side, asked: Awaitable[Sequence[_T]]) -> Sequence[_T] | Missing:
        try:
            return await asked
        except VendorError as error:
            self._log.warning("numbers incomplete", missing=side.value, error=str(error))
            return Missing(side, error)

    def _joined(
        self,
        phones: Mapping[E164, PhoneNumber],
        imported: Mapping[E164, Imported],
        own: Mapping[E164, store.Number],
    ) -> Iterable[Listed]:
        for number in sorted(phones.keys() | imported.keys() | own.keys()):
            phone = phones.get(number)
            yield Listed(
                number=number,
                phone=phone,
                imported=imported.get(number),
                own=own.get(number),
                place=self._door.place(phone.routing) if phone is not None else None,
            )
