"""The API of our numbers: listed, imported to Vatel, labelled, routed, connected."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from gateway.errors import VendorConflict
from gateway.ids import AccountSid
from gateway.services.number_errors import (
    ConnectedElsewhere,
    NumberBusy,
    NumberMalformed,
    NumberRefused,
    NumberUnknown,
    RouteUnknown,
)
from gateway.services.number_rules import own_number
from gateway.services.numbers import Numbers
from gateway.web.api.endpoint import AnyEndpoint, Ask, Endpoint, Nothing
from gateway.web.api.number_models import (
    ConnectionAnswer,
    DisconnectQuery,
    ImportBody,
    ImportedAnswer,
    LabelAnswer,
    LabelBody,
    NumberPath,
    NumbersAnswer,
    RouteAnswer,
    RouteBody,
)
from gateway.web.api.problem import FieldError, Kind, Problem, invalid
from gateway.web.api.scopes import Scope
from gateway.web.api.trouble import with_remedy

_VENDORS: Final = (Kind.VENDOR, Kind.VENDOR_BUSY)
_GROUP: Final = "Numbers"
_NUMBER: Final = "/v1/numbers/{number}"
_ROUTE: Final = f"{_NUMBER}/route"


class NumbersApi:
    """The endpoints of our numbers."""

    def __init__(self, numbers: Numbers) -> None:
        self._numbers = numbers

    def endpoints(self) -> list[AnyEndpoint]:
        """The table."""
        return [*self._all(), *self._routes(), *self._connections()]

    def _all(self) -> list[AnyEndpoint]:
        return [
            Endpoint(
                "GET", "/v1/numbers", "list_numbers", "All numbers", Scope.NUMBERS_READ, self.list,
                answer=NumbersAnswer, group=_GROUP,
                description="The numbers of the Twilio account, those imported to Vatel, and those set up "
                "here, joined. If Twilio or Vatel can't be asked, `missing` says so and the rest is there.",
            ),
            Endpoint(
                "POST", "/v1/numbers/import", "import_number", "Import a number to Vatel",
                Scope.NUMBERS_WRITE, self.bring, body=ImportBody, answer=ImportedAnswer, status=201,
                problems=(Kind.CONFLICT, *_VENDORS), group=_GROUP,
                description="Vatel asks Twilio about the number, with the account's auth token.",
            ),
            Endpoint(
                "PATCH", _NUMBER, "label_number", "Call a number something else", Scope.NUMBERS_WRITE,
                self.label, path_values=NumberPath, body=LabelBody, answer=LabelAnswer,
                problems=(Kind.NOT_FOUND, *_VENDORS), group=_GROUP,
                description="At Vatel too, if the number is imported there.",
            ),
        ]  # fmt: skip

    def _routes(self) -> list[AnyEndpoint]:
        return [
            Endpoint(
                "GET", _ROUTE, "get_route", "How a number is answered", Scope.NUMBERS_READ, self.route,
                path_values=NumberPath, answer=RouteAnswer, problems=(Kind.NOT_FOUND,), group=_GROUP,
                description="404 if the number has no route of its own: the settings apply.",
            ),
            Endpoint(
                "PUT", _ROUTE, "put_route", "Have a number answered so", Scope.NUMBERS_WRITE, self.put_route,
                path_values=NumberPath, body=RouteBody, answer=RouteAnswer, problems=_VENDORS, group=_GROUP,
                description="From the next call on; whatever the route was before is replaced.",
            ),
            Endpoint(
                "DELETE", _ROUTE, "delete_route", "Have a number answered as the settings say",
                Scope.NUMBERS_WRITE, self.clear_route, path_values=NumberPath,
                problems=(Kind.NOT_FOUND,), group=_GROUP,
                description="The number's label and its connection to Twilio stay.",
            ),
        ]  # fmt: skip

    def _connections(self) -> list[AnyEndpoint]:
        return [
            Endpoint(
                "POST", f"{_NUMBER}/connect", "connect_number", "Have Twilio call this gateway",
                Scope.NUMBERS_WRITE, self.connect, path_values=NumberPath, answer=ConnectionAnswer,
                problems=(Kind.NOT_FOUND, Kind.CONFLICT, *_VENDORS), group=_GROUP,
                description="What took the number's calls before is remembered. Twice is the same as once; "
                "what failed half-way may be asked again.",
            ),
            Endpoint(
                "POST", f"{_NUMBER}/disconnect", "disconnect_number", "Restore what was there before",
                Scope.NUMBERS_WRITE, self.disconnect, path_values=NumberPath, query=DisconnectQuery,
                answer=ConnectionAnswer, problems=(Kind.NOT_FOUND, Kind.CONFLICT, *_VENDORS), group=_GROUP,
                description="409 if somebody has sent the calls elsewhere since: `force` restores it still.",
            ),
        ]  # fmt: skip

    async def list(self, ask: Ask[Nothing, Nothing, Nothing]) -> NumbersAnswer:
        """All numbers."""
        return NumbersAnswer.of(await self._numbers.list())

    async def bring(self, ask: Ask[Nothing, Nothing, ImportBody]) -> ImportedAnswer:
        """Import a number."""
        body = ask.body
        sid = AccountSid(body.account_sid) if body.account_sid is not None else None
        with _problems():
            imported = await self._numbers.bring(
                body.number,
                account_sid=sid,
                auth_token=body.auth_token,
                label=body.label,
                by=ask.caller.key_id,
            )
        return ImportedAnswer(
            number=imported.phone_number,
            id=imported.id,
            label=imported.label,
            account_sid=imported.account_sid,
        )

    async def label(self, ask: Ask[NumberPath, Nothing, LabelBody]) -> LabelAnswer:
        """Label a number."""
        with _problems():
            label = await self._numbers.label(ask.path.number, ask.body.label)
            return LabelAnswer(number=own_number(ask.path.number), label=label)

    async def route(self, ask: Ask[NumberPath, Nothing, Nothing]) -> RouteAnswer:
        """How a number is answered."""
        with _problems():
            return RouteAnswer.of(await self._numbers.route(ask.path.number))

    async def put_route(self, ask: Ask[NumberPath, Nothing, RouteBody]) -> RouteAnswer:
        """Have a number answered so."""
        with _problems():
            return RouteAnswer.of(await self._numbers.put_route(ask.path.number, ask.body.draft()))

    async def clear_route(self, ask: Ask[NumberPath, Nothing, Nothing]) -> None:
        """Have a number answered as the settings say."""
        with _problems():
            await self._numbers.clear_route(ask.path.number)

    async def connect(self, ask: Ask[NumberPath, Nothing, Nothing]) -> ConnectionAnswer:
        """Connect a number."""
        with _problems():
            return ConnectionAnswer.of(await self._numbers.connect(ask.path.number))

    async def disconnect(self, ask: Ask[NumberPath, DisconnectQuery, Nothing]) -> ConnectionAnswer:
        """Disconnect a number."""
        with _problems():
            return ConnectionAnswer.of(await self._numbers.disconnect(ask.path.number, force=ask.query.force))


@contextmanager
def _problems() -> Iterator[None]:
    """Say what went wrong in the API's terms; what other errors mean, the door knows."""
    try:
        yield
    except NumberMalformed as error:
        raise invalid("number", str(error)) from None
    except NumberRefused as error:
        wrong = FieldError(field=error.field, reason=str(error)) if error.field else None
        detail = f"{error.field}: {error}" if error.field else str(error)
        raise Problem(Kind.INVALID, f"{detail}. {error.remedy}", errors=[wrong] if wrong else []) from None
    except (NumberUnknown, RouteUnknown) as error:
        raise Problem(Kind.NOT_FOUND, with_remedy(error)) from None
    except NumberBusy as error:
        raise Problem(Kind.CONFLICT, with_remedy(error)) from None
    except ConnectedElsewhere as error:
        there = error.there or "nothing"
        raise Problem(Kind.CONFLICT, f"{error}: {there} takes them now. {error.remedy}") from None
    except VendorConflict:
        raise Problem(Kind.CONFLICT, "The number is imported to Vatel already: see the list.") from None
