"""Calls: the list, one of them, what was said and what happened in it, its recording."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, TypeVar

from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from gateway.ids import E164, AgentId
from gateway.store import calls, conversations
from gateway.store.calls import Filter
from gateway.store.database import Database
from gateway.store.identifiers import CallId
from gateway.store.records import Direction, Status
from gateway.web.api import call_answers
from gateway.web.api.call_export import export
from gateway.web.api.endpoint import AnyEndpoint, Ask, Endpoint, Header, Media, Nothing, Params
from gateway.web.api.fields import ExportFormat, Moment, PhoneNumber, Rows, identifier
from gateway.web.api.problem import Kind, not_found
from gateway.web.api.recordings import TYPES, Recordings
from gateway.web.api.scopes import Scope

GROUP: Final = "Calls"
_T = TypeVar("_T")


class CallPath(Params):
    """Which call."""

    call_id: str = Field(
        pattern=identifier("call"), description="The call.", examples=["call_01kd0c7c2g0000000000000000"]
    )


class CallFilter(Params):
    """Which calls: those to which everything given applies."""

    number: PhoneNumber | None = Field(None, description="Our number.")
    from_number: PhoneNumber | None = Field(None, alias="from", description="Who calls.")
    to_number: PhoneNumber | None = Field(None, alias="to", description="Who is called.")
    agent_id: str | None = Field(None, pattern=r"^[A-Za-z0-9_-]{1,64}$", description="The agent.")
    direction: Direction | None = Field(None, description="Who called whom.")
    status: Status | None = Field(None, description="How far it is.")
    ending: str | None = Field(
        None, pattern=r"^[a-z_]{1,64}$", description="Why it ended.", examples=["caller_hung_up"]
    )
    since: Moment | None = Field(None, description="Made then or later.")
    until: Moment | None = Field(None, description="Made before then.")

    def filter(self) -> Filter:
        """The same in the words of the store."""
        return Filter(
            number=_number(self.number),
            from_number=_number(self.from_number),
            to_number=_number(self.to_number),
            agent_id=AgentId(self.agent_id) if self.agent_id else None,
            direction=self.direction,
            status=self.status,
            ending=self.ending,
            since=self.since,
            until=self.until,
        )


class CallList(CallFilter):
    """Which calls, and which page of them."""

    limit: int = Field(50, ge=1, le=200, description="Rows of a page.")
    cursor: str | None = Field(
        None, min_length=1, max_length=120, description="`next_cursor` of the page before."
    )


class CallExport(CallFilter):
    """Which calls, and in which form."""

    format: ExportFormat = Field("json", description="The form of the file.")


class Calls:
    """The reading side of calls.

    Args:
        database: Where they are recorded.
        recordings: The folder recordings are in; none if nothing is recorded.
    """

    def __init__(self, database: Database, recordings: Path | None = None) -> None:
        self._database = database
        self._recordings = Recordings(recordings)

    def endpoints(self) -> list[AnyEndpoint]:
        """The table."""
        read, group = Scope.CALLS_READ, GROUP
        return [
            Endpoint(
                "GET", "/v1/calls", "list_calls", "List calls", read, self.page,
                query=CallList, answer=call_answers.CallPage, group=group,
                description="Newest first. Filters are combined: all of them must apply.",
            ),
            Endpoint(
                "GET", "/v1/calls/export", "export_calls", "Export calls", read, self.export,
                query=CallExport, group=group,
                answer=Media(
                    ("application/json", "text/csv"), "All calls of the filter.", row=call_answers.Call
                ),
                description=(
                    "One file of any length, sent while it is made; the connection breaks off at a failure. "
                    "In CSV, text that a spreadsheet would run as a formula begins with an apostrophe: "
                    "telephone numbers do, for their plus."
                ),
            ),
            Endpoint(
                "GET", "/v1/calls/{call_id}", "get_call", "One call", read, self.get,
                path_values=CallPath, answer=call_answers.Call, problems=(Kind.NOT_FOUND,), group=group,
            ),
            Endpoint(
                "GET", "/v1/calls/{call_id}/transcript", "get_transcript", "What was said", read,
                self.transcript, path_values=CallPath, query=Rows, answer=call_answers.Transcript,
                problems=(Kind.NOT_FOUND,), group=group,
                description="Turn by turn: what was heard, and what the caller cut off.",
            ),
            Endpoint(
                "GET", "/v1/calls/{call_id}/events", "list_events", "What happened", read, self.events,
                path_values=CallPath, query=Rows, answer=call_answers.Events,
                problems=(Kind.NOT_FOUND,), group=group,
            ),
            Endpoint(
                "GET", "/v1/calls/{call_id}/tool_calls", "list_tool_calls", "Tools that ran", read,
                self.tool_calls, path_values=CallPath, query=Rows, answer=call_answers.ToolCalls,
                problems=(Kind.NOT_FOUND,), group=group,
            ),
            Endpoint(
                "GET", "/v1/calls/{call_id}/recording", "get_recording", "The recording",
                Scope.RECORDINGS_READ, self.recording, path_values=CallPath, group=group,
                answer=Media(tuple(sorted({*TYPES.values()})), "The audio file.", ranges=True),
                problems=(Kind.NOT_FOUND, Kind.CONFLICT, Kind.RANGE),
                headers=(Header("Range", "The part that is wanted.", example="bytes=0-1023"),),
                description="404 if there is none, 409 while it is being made.",
            ),
        ]  # fmt: skip

    async def page(self, ask: Ask[Nothing, CallList, Nothing]) -> call_answers.CallPage:
        """A page of calls."""
        query = ask.query
        async with self._database.read() as connection:
            page = await calls.page(connection, query.filter(), limit=query.limit, cursor=query.cursor)
        found = [call_answers.Call.model_validate(call) for call in page.calls]
        return call_answers.CallPage(calls=found, next_cursor=page.next)

    async def export(self, ask: Ask[Nothing, CallExport, Nothing]) -> Response:
        """All calls of a filter."""
        return await export(self._database, ask.query.filter(), ask.query.format)

    async def get(self, ask: Ask[CallPath, Nothing, Nothing]) -> call_answers.Call:
        """One call."""
        async with self._database.read() as connection:
            return call_answers.Call.model_validate(await _call(connection, ask.path))

    async def transcript(self, ask: Ask[CallPath, Rows, Nothing]) -> call_answers.Transcript:
        """The turns of a call."""
        async with self._database.read() as connection:
            call = await _call(connection, ask.path)
            turns = await conversations.turns_of(connection, call.id)
        if call.ended_at is None:  # a page would have the turn that is being spoken, and the next one again
            turns = tuple(turn for turn in turns if not turn.underway)
        page, after = _slice(turns, ask.query)
        found = [call_answers.Turn.model_validate(turn) for turn in page]
        return call_answers.Transcript(turns=found, next_cursor=after)

    async def tool_calls(self, ask: Ask[CallPath, Rows, Nothing]) -> call_answers.ToolCalls:
        """The tool calls of a call."""
        async with self._database.read() as connection:
            call = await _call(connection, ask.path)
            runs, after = _slice(await conversations.tools_of(connection, call.id), ask.query)
        found = [call_answers.ToolCall.model_validate(run) for run in runs]
        return call_answers.ToolCalls(tool_calls=found, next_cursor=after)

    async def events(self, ask: Ask[CallPath, Rows, Nothing]) -> call_answers.Events:
        """The events of a call; the cursor is the number of the last one."""
        last, limit = int(ask.query.cursor or -1), ask.query.limit
        async with self._database.read() as connection:
            call = await _call(connection, ask.path)
            events = await conversations.events_of(connection, call.id, last, limit + 1)
        found = [call_answers.Event.model_validate(event) for event in events[:limit]]
        return call_answers.Events(
            events=found, next_cursor=str(found[-1].sequence) if len(events) > limit else None
        )

    async def recording(self, ask: Ask[CallPath, Nothing, Nothing]) -> Response:
        """The file."""
        async with self._database.read() as connection:
            call = await _call(connection, ask.path)
        return await self._recordings.response(call)


async def _call(connection: AsyncConnection, path: CallPath) -> calls.Call:
    call = await calls.get(connection, CallId(path.call_id))
    if call is None:
        raise not_found("call")
    return call


def _slice(rows: Sequence[_T], which: Rows) -> tuple[Sequence[_T], str | None]:
    """A page of rows that are all at hand; the cursor is how many came before."""
    begin = int(which.cursor or 0)
    end = begin + which.limit
    return rows[begin:end], str(end) if end < len(rows) else None


def _number(value: str | None) -> E164 | None:
    return E164(value) if value else None
