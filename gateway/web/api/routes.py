"""The API as routes of an application: its own tables, those of others, and its documentation."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import SecretStr
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.store.database import Database
from gateway.web.api import openapi, page
from gateway.web.api.buckets import Rate
from gateway.web.api.calls import Calls
from gateway.web.api.door import Door, Nowhere, Resource
from gateway.web.api.endpoint import AnyEndpoint
from gateway.web.api.keyring import Keyring
from gateway.web.api.keys import Keys
from gateway.web.api.root import Root
from gateway.web.api.webhooks import Webhooks

_PLACE = re.compile(r"\{[^}]*\}")


def endpoints(database: Database, recordings: Path | None = None) -> list[AnyEndpoint]:
    """The tables that need nothing but the database: calls, keys, webhooks, and the root."""
    tables = (Root(database), Calls(database, recordings), Keys(database), Webhooks(database))
    return [endpoint for table in tables for endpoint in table.endpoints()]


def door(
    database: Database, first_key: SecretStr | None, rate: Rate | None = None, proxies: Iterable[str] = ()
) -> Door:
    """The door, with the real clocks.

    Args:
        database: Where keys are kept.
        first_key: ``GATEWAY_API_KEY``: it may do everything.
        rate: How often one key may ask.
        proxies: Addresses that speak for many.
    """
    return Door(Keyring(database, first_key, proxies=proxies), rate)


def routes(door: Door, table: Sequence[AnyEndpoint]) -> list[BaseRoute]:
    """Routes of all endpoints of a table, of ``/openapi.json`` and of ``/docs``.

    Raises:
        ValueError: two endpoints claim the same name or address.
    """
    _check(table)
    addresses = sorted({endpoint.path for endpoint in table}, key=_order)
    found: list[BaseRoute] = [
        Route(path, Resource(door, [each for each in table if each.path == path])) for path in addresses
    ]
    found += [Route("/v1", Nowhere()), Route("/v1/{rest:path}", Nowhere())]
    document = openapi.document(table)
    described = json.dumps(document, ensure_ascii=False).encode()

    async def described_for_programs(_request: object) -> Response:
        return Response(described, media_type="application/json", headers=dict(page.HEADERS))

    return [*found, Route("/openapi.json", described_for_programs), *page.routes(table, document)]


def _order(path: str) -> list[str]:
    """Addresses of words come before those with places: ``export`` is no call's id."""
    return [_PLACE.sub("\uffff", part) for part in path.split("/")]


def _check(table: Sequence[AnyEndpoint]) -> None:
    names = Counter(each.name for each in table)
    claims = Counter((each.method, _PLACE.sub("{}", each.path)) for each in table)
    shapes = Counter(_PLACE.sub("{}", path) for path in {each.path for each in table})
    twice = [str(key) for counted in (names, claims, shapes) for key, times in counted.items() if times > 1]
    if twice:
        raise ValueError(f"declared twice: {', '.join(twice)}")
