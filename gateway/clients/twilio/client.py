"""The door to Twilio's REST API: one account, its calls, numbers and recordings."""

import httpx
from twilio.rest import Client

from gateway.clients.twilio.calls import Calls
from gateway.clients.twilio.gate import Gate
from gateway.clients.twilio.numbers import Numbers
from gateway.clients.twilio.orders import Document
from gateway.clients.twilio.recordings import Recordings, Store
from gateway.clients.twilio.refusals import translating
from gateway.clients.twilio.transport import Transport
from gateway.ids import AccountSid, CallSid


class Twilio:
    """Asks Twilio. Every request has a deadline and raises a ``VendorError``.

    Args:
        http: The pool of connections.
        base_url: Where the API is: ``https://api.twilio.com``.
        account_sid: The account.
        login: The account's SID and token, or an API key and its secret.
        deadline_s: How long a request may take, in seconds; a list is one request a page. Half of it may
            be spent waiting for others.
        gate: Lets requests through; one for all clients of an account.

    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        base_url: str,
        account_sid: AccountSid,
        login: tuple[str, str],
        *,
        deadline_s: float = 3.0,
        gate: Gate | None = None,
    ) -> None:
        user, password = login
        base_url = base_url.rstrip("/")
        transport = Transport(http, base_url, deadline_s, gate or Gate())
        client = Client(user, password, account_sid, http_client=transport)
        # The library would read these from the environment and send requests elsewhere.
        client.region = client.edge = None
        client.api.base_url = base_url
        self._client = client
        self._account_sid = account_sid
        account_url = f"{base_url}/2010-04-01/Accounts/{account_sid}"
        self.calls = Calls(client)
        self.numbers = Numbers(client)
        self.recordings = Recordings(client, Store(http, account_url, login, deadline_s))

    async def hang_up(self, call_sid: CallSid) -> None:
        """End a call; one that has ended already is fine.

        Raises:
            VendorError: Twilio could not be told.
        """
        await self.calls.hang_up(call_sid)

    async def redirect(self, call_sid: CallSid, twiml: str) -> None:
        """Have a live call go on with another document.

        Raises:
            VendorError: Twilio refused, or could not be told.
        """
        await self.calls.redirect(call_sid, Document(twiml=twiml))

    async def account_status(self) -> str:
        """The status of the account: ``active``, ``suspended`` or ``closed``."""
        with translating():
            account = await self._client.api.v2010.accounts(self._account_sid).fetch_async()
            return str(account.status)

    async def voice_url(self, number: str) -> str | None:
        """What takes the calls to one of the account's numbers; ``None`` if it has no such number."""
        with translating():
            found = await self._client.incoming_phone_numbers.list_async(phone_number=number, limit=1)
        if not found:
            return None
        # A trunk or an application takes the number's calls, whatever its voice webhook says.
        return str(found[0].trunk_sid or found[0].voice_application_sid or found[0].voice_url or "")
