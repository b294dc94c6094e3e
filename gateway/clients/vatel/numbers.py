"""Twilio numbers at Vatel: which are imported, importing one, labelling it.

Vatel has no operation that gives a number back: that is done in its console.
"""

from typing import NewType

import msgspec
from pydantic import SecretStr

from gateway.clients.vatel.rest import Question, Rest, segment
from gateway.ids import E164, AccountSid

NumberId = NewType("NumberId", str)
"""Vatel's name of an imported number: a UUID."""

_PATH = "/v1/twilio/numbers"
_IMPORT_REMEDIES = {
    400: "Check that the number is in international form and belongs to the Twilio account.",
    409: "The number is imported already: look it up in the list.",
    502: "Twilio refused Vatel: check the account SID and that the auth token is the account's primary one.",
}


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A Twilio number agents can be called at and call from; the times are text of no fixed form."""

    id: NumberId = NumberId("")
    phone_number: E164 = E164("")
    phone_sid: str = ""
    label: str = ""
    account_sid: AccountSid = AccountSid("")
    created_at: str = ""
    updated_at: str = ""


class _Import(msgspec.Struct, omit_defaults=True):
    phone_number: E164
    account_sid: AccountSid
    auth_token: SecretStr
    label: str = ""


class _Label(msgspec.Struct):
    label: str


class Numbers:
    """The organization's Twilio numbers. Every call raises a ``VendorError`` when it fails."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def list(self, *, deadline_s: float = 5.0) -> tuple[Number, ...]:
        """All imported numbers."""
        question = Question(method="GET", path=_PATH, deadline_s=deadline_s)
        return await self._rest.ask(question, tuple[Number, ...])

    async def bring(
        self,
        number: E164,
        account_sid: AccountSid,
        auth_token: SecretStr,
        *,
        label: str = "",
        deadline_s: float = 15.0,
    ) -> Number:
        """Import a number of a Twilio account.

        Args:
            number: In international form.
            account_sid: The account it belongs to.
            auth_token: The account's; it goes to Vatel in this one request and stays nowhere.
            label: What to call it; without one, Vatel gives its own.
            deadline_s: Vatel asks Twilio before it answers.

        Raises:
            VendorConflict: the number is imported already.
            VendorUpstream: Twilio refused.
            VendorError: it failed otherwise. After a ``VendorTimeout`` the list says whether it came.
        """
        question = Question(
            method="POST",
            path=_PATH,
            deadline_s=deadline_s,
            body=_Import(number, account_sid, auth_token, label),
            remedies=_IMPORT_REMEDIES,
            hidden=(auth_token.get_secret_value(), number),
        )
        return await self._rest.ask(question, Number)

    async def label(self, number_id: NumberId, label: str, *, deadline_s: float = 5.0) -> Number:
        """Give an imported number another label."""
        path = f"{_PATH}/{segment(number_id)}"
        question = Question(method="PATCH", path=path, deadline_s=deadline_s, body=_Label(label))
        return await self._rest.ask(question, Number)
