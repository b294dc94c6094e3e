"""All calls of a filter as one file, made while it is sent, so that its size costs no memory."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import fields
from datetime import datetime
from typing import Final

from starlette.responses import StreamingResponse

from gateway.store import calls
from gateway.store.calls import LARGEST_PAGE, Call, Filter, Page
from gateway.store.database import Database
from gateway.web.api import call_answers, trouble
from gateway.web.api.door import AnswerCut
from gateway.web.api.fields import ExportFormat

_LEFT_OUT: Final = frozenset({"api_key_id", "callback_url", "recording_path"})
_RENAMED: Final = {"from_number": "from", "to_number": "to"}
_NAMES: Final = [each.name for each in fields(Call) if each.name not in _LEFT_OUT]
COLUMNS: Final = [_RENAMED.get(name, name) for name in _NAMES]
"""The first line of the CSV form."""
_FORMULA: Final = (*"=+-@\t\r\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")  # the wide forms count too
_CONTROLS: Final = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " ")
_TYPES: Final = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


async def export(database: Database, which: Filter, form: ExportFormat) -> StreamingResponse:
    """Begin an export. What comes first is read now, while a failure can still be told.

    Raises:
        StoreUnavailable: the database is away.
    """
    first = await _page(database, which, None)
    write = _csv if form == "csv" else _json
    return StreamingResponse(
        _guarded(write(_pages(database, which, first))),
        media_type=_TYPES[form],
        headers={"Content-Disposition": f'attachment; filename="calls.{form}"'},
    )


async def _page(database: Database, which: Filter, cursor: str | None) -> Page:
    async with database.read() as connection:
        return await calls.page(connection, which, limit=LARGEST_PAGE, cursor=cursor)


async def _pages(database: Database, which: Filter, page: Page) -> AsyncIterator[tuple[Call, ...]]:
    """Each page in a transaction of its own: a slow client holds none open."""
    yield page.calls
    while page.next is not None:
        page = await _page(database, which, page.next)
        yield page.calls


async def _guarded(chunks: AsyncIterator[str]) -> AsyncIterator[str]:
    """Break the connection off at a failure: a file that is whole must not be taken for one that is not."""
    try:
        async for chunk in chunks:
            yield chunk
    except Exception as error:  # noqa: BLE001 - the edge of a request
        trouble.incident(error, "export_calls")
        raise AnswerCut from None


async def _csv(pages: AsyncIterator[Iterable[Call]]) -> AsyncIterator[str]:
    yield _lines([COLUMNS])
    async for page in pages:
        yield _lines([cell(getattr(call, name)) for name in _NAMES] for call in page)


async def _json(pages: AsyncIterator[Iterable[Call]]) -> AsyncIterator[str]:
    between = "["
    async for page in pages:
        for call in page:
            yield between + call_answers.Call.model_validate(call).model_dump_json()
            between = ",\n"
    yield "]\n" if between != "[" else "[]\n"


def _lines(rows: Iterable[Iterable[str]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()


def cell(value: object) -> str:
    """A value as text that a spreadsheet shows and does not run.

    https://owasp.org/www-community/attacks/CSV_Injection
    """
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return f"{value:.15g}"
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case dict():
            text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case _:
            text = str(value)
    shown = text.translate(_CONTROLS)
    dangerous = text.startswith(_FORMULA) or shown.lstrip().startswith(_FORMULA)
    return ("'" if dangerous else "") + shown
