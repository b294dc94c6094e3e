"""The API's documentation as a page for people, made of the same table. It works without JavaScript."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from pydantic.json_schema import JsonSchemaValue
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from gateway.web.api import page_html
from gateway.web.api.endpoint import AnyEndpoint

_POLICY: Final = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-cache",
    "Content-Security-Policy": _POLICY,
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_HERE: Final = Path(__file__).parent


def routes(table: Sequence[AnyEndpoint], document: JsonSchemaValue) -> list[BaseRoute]:
    """The page, its style and its script."""
    return [
        _route("/docs", page_html.page(table, document).encode(), "text/html"),
        _route("/docs/page.css", (_HERE / "page.css").read_bytes(), "text/css"),
        _route("/docs/page.js", (_HERE / "page.js").read_bytes(), "text/javascript"),
    ]


def _route(path: str, content: bytes, kind: str) -> Route:
    tag = f'"{hashlib.sha256(content).hexdigest()[:20]}"'
    headers = {**HEADERS, "ETag": tag}

    async def served(request: Request) -> Response:
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=304, headers=headers)
        return Response(content, media_type=kind, headers=headers)

    return Route(path, served)
