"""Points numbers at this gateway, and back at what took their calls before.

What was there is remembered before anything is changed, so that whatever fails, and wherever, may be asked
again: a half-done connect is finished by the next one, or undone by a disconnect.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from gateway import logs
from gateway.clients.twilio.client import Twilio
from gateway.clients.twilio.values import PhoneNumber, Routing
from gateway.ids import E164
from gateway.services.number_errors import (
    ConnectedElsewhere,
    NumberBusy,
    NumberRefused,
    NumberUnknown,
    RoutingNotTaken,
)
from gateway.services.number_routing import Door, Memory, Place, same
from gateway.store import numbers as store
from gateway.store.database import Database


@dataclass(frozen=True, slots=True)
class Connected:
    """How a number stands at Twilio after it was connected or disconnected.

    Attributes:
        number: In international form.
        place: Where its calls go now.
        routing: Its configuration at Twilio, as read back.
        before: What a disconnect will restore; None if nothing is remembered.
    """

    number: E164
    place: Place
    routing: Routing
    before: Routing | None


class Connector:
    """Changes where the calls to numbers go.

    Args:
        database: Where it is remembered what was there before.
        twilio: Whose numbers they are.
        door: This gateway, as Twilio is to know it.
        clock: The present moment, with its zone.
    """

    def __init__(self, database: Database, twilio: Twilio, door: Door, clock: Callable[[], datetime]) -> None:
        self._database = database
        self._twilio = twilio
        self._door = door
        self._clock = clock
        self._changing: set[E164] = set()
        self._log = logs.get()

    async def connect(self, number: E164) -> Connected:
        """Have Twilio call this gateway for a number; twice is the same as once.

        What was there the first time stays remembered, unless somebody has since sent the calls elsewhere:
        then that is what a disconnect restores.

        Raises:
            NumberUnknown: the account has no such number.
            NumberRefused: the number takes no calls.
            NumberBusy: it is being connected or disconnected.
            RoutingNotTaken: Twilio took it otherwise.
            VendorError: Twilio could not be asked or told; ask again.
            StoreUnavailable: nothing could be remembered, so nothing was changed.
        """
        with self._alone(number):
            phone = await self._found(number)
            if not phone.voice:
                raise NumberRefused("the number takes no voice calls", field="number")
            before = await self._remember(phone)
            ours = self._door.routing
            if not same(phone.routing, ours):
                phone = await self._route(phone, ours)
            self._log.info("number connected", number=logs.masked(number))
            return Connected(number, Place.HERE, phone.routing, before)

    async def disconnect(self, number: E164, *, force: bool = False) -> Connected:
        """Restore what took a number's calls before it was connected; twice is the same as once.

        Args:
            number: The number.
            force: Restore it whoever takes the calls now. A number that was pointed here by hand, of which
                nothing is remembered, loses our addresses and keeps the rest.

        Raises:
            NumberUnknown: the account has no such number.
            ConnectedElsewhere: somebody has sent the calls elsewhere since, or pointed the number here.
            NumberBusy: it is being connected or disconnected.
            RoutingNotTaken: Twilio took it otherwise.
            VendorError: Twilio could not be asked or told; ask again.
            StoreUnavailable: the database is away; ask again.
        """
        with self._alone(number):
            phone = await self._found(number)
            memory = await self._memory(number)
            wanted = self._wanted(phone.routing, memory, force=force)
            if not same(phone.routing, wanted):
                phone = await self._route(phone, wanted)
            async with self._database.write() as connection:
                await store.disconnected(connection, number, self._clock())
            self._log.info("number disconnected", number=logs.masked(number))
            return Connected(number, self._door.place(phone.routing), phone.routing, None)

    def _wanted(self, there: Routing, memory: Memory | None, *, force: bool) -> Routing:
        """What a number is to have once it is disconnected.

        Raises:
            ConnectedElsewhere: not without force.
        """
        here = self._door.place(there) is Place.HERE
        if memory is None:
            if not here:
                return there
            if not force:
                raise ConnectedElsewhere(
                    "the number was pointed here by other means: what was there before is not known",
                    there=there.destination,
                    remedy="With force, our addresses are taken out of the number's configuration.",
                )
            return self._door.without(there)
        ours = here or there.destination == memory.connected_to
        if not (ours or force or same(there, memory.before)):
            raise ConnectedElsewhere(
                "the number's calls have been sent elsewhere since it was connected", there=there.destination
            )
        return memory.before

    async def _remember(self, phone: PhoneNumber) -> Routing:
        """Keep what is at Twilio, unless that is our own doing; return what a disconnect restores."""
        number, there, to = phone.number, phone.routing, self._door.routing.voice_url
        async with self._database.write() as connection:
            if await store.get(connection, number) is None:
                await store.put(connection, store.Number(number=number), self._clock())
            standing = await store.connection_of(connection, number)
            memory = Memory(self._door.without(there), to)
            if standing is not None and standing.connected:
                old = Memory.read(standing.before)
                if there.destination in (to, old.connected_to):
                    memory = Memory(old.before, to)
                await store.disconnected(connection, number, self._clock())
            await store.connected(connection, number, memory.document(), self._clock())
        return memory.before

    async def _memory(self, number: E164) -> Memory | None:
        async with self._database.read() as connection:
            standing = await store.connection_of(connection, number)
        return Memory.read(standing.before) if standing is not None and standing.connected else None

    async def _found(self, number: E164) -> PhoneNumber:
        phone = await self._twilio.numbers.find(number)
        if phone is None:
            raise NumberUnknown("the Twilio account has no such number")
        return phone

    async def _route(self, phone: PhoneNumber, wanted: Routing) -> PhoneNumber:
        changed = await self._twilio.numbers.route(phone.sid, wanted)
        if not same(changed.routing, wanted):
            raise RoutingNotTaken
        return changed

    @contextmanager
    def _alone(self, number: E164) -> Iterator[None]:
        """One change of a number at a time: a disconnect between a connect's steps would forget too much."""
        if number in self._changing:
            raise NumberBusy
        self._changing.add(number)
        try:
            yield
        finally:
            self._changing.discard(number)
