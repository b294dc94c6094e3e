"""Our numbers: listed, imported, labelled, routed, connected. What the API and the command line call."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime

from pydantic import SecretStr

from gateway import logs
from gateway.clients.twilio.client import Twilio
from gateway.clients.vatel.client import Vatel
from gateway.clients.vatel.numbers import Number as Imported
from gateway.errors import VendorError, VendorTimeout
from gateway.ids import E164, AccountSid
from gateway.services.number_connect import Connected, Connector
from gateway.services.number_errors import NumberRefused, NumberUnknown, RouteUnknown
from gateway.services.number_list import Lister, Listing
from gateway.services.number_routing import Door
from gateway.services.number_rules import RouteDraft, RouteRules, label_of, own_number, routed
from gateway.store import numbers as store
from gateway.store.database import Database


def _now() -> datetime:
    return datetime.now(UTC)


async def _nobody() -> None:
    """Nobody wants to know that a route has changed."""


class Account:
    """Our Twilio account: its SID, and the token that is Vatel's when one of its numbers is imported."""

    def __init__(self, sid: AccountSid, auth_token: SecretStr) -> None:
        self.sid = sid
        self._auth_token = auth_token

    def token_for(self, sid: AccountSid) -> SecretStr:
        """The token of an account.

        Raises:
            NumberRefused: it is not ours, so its token must be given.
        """
        if sid != self.sid:
            raise NumberRefused(
                "is required for an account other than the gateway's own",
                field="auth_token",
                remedy="Give the primary auth token of that account.",
            )
        return self._auth_token


class Numbers:
    """Our numbers. Each is given as it was written, and kept in international form.

    Args:
        database: Where routes and labels are.
        twilio: Owns the numbers.
        vatel: Where some are imported.
        account: Our account at Twilio.
        door: This gateway, as Twilio is to know it.
        rules: What a route may say.
        changed: Called after a change of routes: ``Routes.refresh``.
        clock: The present moment, with its zone.
        import_s: How long an import may take, in seconds.
    """

    def __init__(
        self,
        database: Database,
        twilio: Twilio,
        vatel: Vatel,
        account: Account,
        door: Door,
        rules: RouteRules,
        *,
        changed: Callable[[], Awaitable[object]] = _nobody,
        clock: Callable[[], datetime] = _now,
        import_s: float = 15.0,
    ) -> None:
        self._database = database
        self._twilio = twilio
        self._vatel = vatel
        self._account = account
        self._rules = rules
        self._changed = changed
        self._clock = clock
        self._import_s = import_s
        self._lister = Lister(database, twilio, vatel, door)
        self._connector = Connector(database, twilio, door, clock)
        self._log = logs.get()

    async def list(self) -> Listing:
        """All numbers, as Twilio, Vatel and we know them.

        Raises:
            StoreUnavailable: our own part can't be had; a vendor's that can't is noted.
        """
        return await self._lister.list()

    async def bring(
        self,
        number: str,
        *,
        account_sid: AccountSid | None = None,
        auth_token: SecretStr | None = None,
        label: str = "",
        by: str = "",
    ) -> Imported:
        """Import a number to Vatel. The token goes to Vatel in one request, and stays nowhere.

        Args:
            number: The number.
            account_sid: The Twilio account it belongs to; ours by default.
            auth_token: That account's; ours by default, if the account is.
            label: What to call it.
            by: Who asks, for the log: the name of an API key, never its text.

        Raises:
            NumberMalformed: it is no number.
            NumberRefused: the label will not do, or the token is missing.
            VendorConflict: it is imported already.
            VendorError: it failed otherwise.
        """
        own, named = own_number(number), label_of(label)
        sid = account_sid or self._account.sid
        token = auth_token or self._account.token_for(sid)
        imported = await self._imported(own, sid, token, named)
        if named:
            await self._keep_label(own, named)
        self._log.info(
            "number imported", number=logs.masked(own), own_account=sid == self._account.sid, by=by
        )
        return imported

    async def label(self, number: str, label: str) -> str:
        """Call a number something else, at Vatel too if it is imported there; return the label as kept.

        Raises:
            NumberMalformed: it is no number.
            NumberRefused: the label will not do.
            NumberUnknown: neither Vatel, nor Twilio, nor we know the number.
            VendorError: a vendor could not be asked or told; then nothing is changed here.
            StoreUnavailable: the database is away.
        """
        own, named = own_number(number), label_of(label)
        imported = await self._at_vatel(own)
        known = imported is not None or await self._row(own) is not None
        if not known and await self._twilio.numbers.find(own) is None:
            raise NumberUnknown
        if imported is not None and named:
            await self._vatel.numbers.label(imported.id, named)
        await self._keep_label(own, named)
        return named

    async def route(self, number: str) -> store.Number:
        """How a number is answered, where that differs from the settings.

        Raises:
            NumberMalformed: it is no number.
            RouteUnknown: it is answered as the settings say.
            StoreUnavailable: the database is away.
        """
        row = await self._row(own_number(number))
        if row is None or not routed(row):
            raise RouteUnknown
        return row

    async def put_route(self, number: str, draft: RouteDraft) -> store.Number:
        """Have a number answered so from the next call on; whatever it was before is replaced.

        The number need not be the account's yet.

        Raises:
            NumberMalformed: it is no number.
            NumberRefused: a field will not do.
            VendorError: Vatel could not be asked about the agent.
            StoreUnavailable: the database is away.
        """
        own = own_number(number)
        route = await self._rules.check(own, draft)
        async with self._database.write() as connection:
            row = await store.get(connection, own)
            kept = replace(route, label=row.label if row is not None else "")
            await store.put(connection, kept, self._clock())
        await self._changed()
        self._log.info("route changed", number=logs.masked(own))
        return kept

    async def clear_route(self, number: str) -> None:
        """Have a number answered as the settings say. Its label and its connection stay.

        Raises:
            NumberMalformed: it is no number.
            RouteUnknown: it is answered so already.
            StoreUnavailable: the database is away.
        """
        own = own_number(number)
        async with self._database.write() as connection:
            row = await store.get(connection, own)
            if row is None or not routed(row):
                raise RouteUnknown
            await store.put(connection, store.Number(number=own, label=row.label), self._clock())
        await self._changed()
        self._log.info("route cleared", number=logs.masked(own))

    async def connect(self, number: str) -> Connected:
        """Have Twilio call this gateway for a number; see ``Connector.connect``."""
        return await self._connector.connect(own_number(number))

    async def disconnect(self, number: str, *, force: bool = False) -> Connected:
        """Restore what took a number's calls before; see ``Connector.disconnect``."""
        return await self._connector.disconnect(own_number(number), force=force)

    async def _imported(self, number: E164, sid: AccountSid, token: SecretStr, label: str) -> Imported:
        try:
            return await self._vatel.numbers.bring(number, sid, token, label=label, deadline_s=self._import_s)
        except VendorTimeout as error:
            late = error
        # It may have come all the same: had it been there before, Vatel would have refused.
        try:
            found = await self._at_vatel(number)
        except VendorError:
            raise late from None
        if found is None:
            raise late
        return found

    async def _at_vatel(self, number: E164) -> Imported | None:
        return next((each for each in await self._vatel.numbers.list() if each.phone_number == number), None)

    async def _row(self, number: E164) -> store.Number | None:
        async with self._database.read() as connection:
            return await store.get(connection, number)

    async def _keep_label(self, number: E164, label: str) -> None:
        async with self._database.write() as connection:
            row = await store.get(connection, number) or store.Number(number=number)
            await store.put(connection, replace(row, label=label), self._clock())
