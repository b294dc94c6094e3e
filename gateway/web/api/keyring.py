"""Who asks: the key a request shows, and what is known of it."""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Final

from pydantic import SecretStr
from starlette.requests import Request

from gateway import logs
from gateway.store import key_text, keys
from gateway.store.database import Database
from gateway.store.errors import StoreUnavailable
from gateway.store.identifiers import KeyId
from gateway.store.key_text import Form
from gateway.store.keys import ApiKey
from gateway.web.api.buckets import Buckets, Level, Rate
from gateway.web.api.endpoint import Caller
from gateway.web.api.problem import Kind, Problem
from gateway.web.api.scopes import Scope
from gateway.web.strangers import party

FIRST_KEY: Final = KeyId("key_of_settings")
"""What the key of the settings is called in records: it has no row of its own."""
FAILURES: Final = Rate(burst=10, per_s=0.1)
"""Wrong keys an address may show."""
_LONGEST: Final = 200
_USED_TO_THE: Final = timedelta(minutes=1)
_REALM: Final = 'Bearer realm="vatel-gateway"'
_EXAMPLE: Final = "Send the header Authorization: Bearer, a space, and an API key."
_WORDS: Final = {
    Form.FOREIGN: "This is no key of the gateway: those begin with vgw_.",
    Form.MISTYPED: "The key is mistyped or cut off: its checksum does not fit. Copy it again.",
    Form.KEY: "The key is unknown, over or taken back.",
}


class Keyring:
    """Tells good keys from bad ones, and stops addresses that show bad ones.

    Args:
        database: Where keys are kept, as hashes.
        first: The key of the settings, which may do everything; any text, since people choose it.
        failures: How many bad keys an address may show.
        proxies: Addresses that speak for many, of whom one must not lock out the others.
    """

    def __init__(
        self,
        database: Database,
        first: SecretStr | None,
        failures: Rate = FAILURES,
        proxies: Iterable[str] = (),
    ) -> None:
        self._database = database
        self._first = _digest(first.get_secret_value()) if first else None
        self._failures = Buckets(failures)
        self._proxies = frozenset(map(party, proxies))
        self._log = logs.get()

    async def caller(self, request: Request, now: datetime, clock: float) -> Caller:
        """Find out who asks.

        Raises:
            Problem: no key, no good one, or too many bad ones from this address.
            StoreUnavailable: the database is away.
        """
        presented = _presented(request)
        address = party(request.client.host if request.client else "")
        level = self._failures.look(address, clock)
        if not level.granted and address not in self._proxies:
            raise _locked_out(level)
        if self._first and hmac.compare_digest(_digest(presented), self._first):
            return Caller(FIRST_KEY, "GATEWAY_API_KEY", frozenset({Scope.ADMIN}))
        form = key_text.form(presented)
        key = await self._find(presented, now) if form is Form.KEY else None
        if key is None:
            self._failures.take(address, clock)
            self._log.warning("api key refused", address=address, reason=form.name.lower())
            raise _unauthorized(_WORDS[form], error="invalid_token")
        return Caller(key.id, key.name, frozenset(key.scopes))

    async def _find(self, presented: str, now: datetime) -> ApiKey | None:
        async with self._database.read() as connection:
            key = await keys.find(connection, presented, now)
        if key is not None and (key.last_used_at is None or key.last_used_at <= now - _USED_TO_THE):
            await self._note_use(key, now)
        return key

    async def _note_use(self, key: ApiKey, now: datetime) -> None:
        try:
            async with self._database.write() as connection:
                await keys.used(connection, key.id, now)
        except StoreUnavailable:  # a key is good all the same
            self._log.warning("key use not noted", key_id=key.id)


def _presented(request: Request) -> str:
    """The one key a request shows."""
    shown = request.headers.getlist("authorization")
    if not shown:
        raise _unauthorized(f"The request has no key. {_EXAMPLE}")
    scheme, _, text = shown[0].partition(" ")
    if len(shown) > 1 or scheme.lower() != "bearer" or not 0 < len(text.strip()) <= _LONGEST:
        raise _unauthorized(f"The header Authorization can't be read. {_EXAMPLE}", error="invalid_request")
    return text.strip()


def _digest(text: str) -> bytes:
    """Of one length whatever the text's, so that comparing tells nothing of it."""
    return hashlib.sha256(text.encode("utf-8", "replace")).digest()


def _unauthorized(detail: str, error: str | None = None) -> Problem:
    challenge = f'{_REALM}, error="{error}"' if error else _REALM
    return Problem(Kind.UNAUTHORIZED, detail, headers={"WWW-Authenticate": challenge})


def _locked_out(level: Level) -> Problem:
    wait = str(max(1, round(level.wait_s + 0.5)))
    return Problem(Kind.THROTTLED, "Too many bad keys came from this address.", headers={"Retry-After": wait})
