"""What else a gateway talks to: a tool, a receiver of events, and the page Twilio asks when all fails."""

import asyncio
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

STANDBY_NUMBER = "+14155550177"
_STANDBY = (
    '<?xml version="1.0" encoding="UTF-8"?><Response><Say>We are sorry. One moment please.</Say>'
    f"<Dial>{STANDBY_NUMBER}</Dial></Response>"
)


class Bystanders:
    """Answers tools with their own arguments, takes events, and has the static page ready.

    Attributes:
        tool_delay_s: How late a tool answers.
        tool_answer: Answered in place of the arguments, with its status.
        asked: The idempotency keys tools were called with.
        events: How many events came.
        standby: How often the static page was asked for.

    """

    def __init__(self) -> None:
        self.tool_delay_s = 0.0
        self.tool_answer: tuple[int, bytes] | None = None
        self.asked: list[str] = []
        self.events = 0
        self.standby = 0

    def app(self) -> Starlette:
        """Its endpoints."""
        return Starlette(
            routes=[
                Route("/tools/lookup", self._tool, methods=["POST"]),
                Route("/events", self._event, methods=["POST"]),
                Route("/standby", self._standby, methods=["POST", "GET"]),
            ]
        )

    async def _tool(self, request: Request) -> Response:
        asked: dict[str, Any] = await request.json()
        self.asked.append(request.headers.get("idempotency-key", ""))
        await asyncio.sleep(self.tool_delay_s)
        if self.tool_answer is not None:
            return Response(self.tool_answer[1], self.tool_answer[0], media_type="application/json")
        return JSONResponse(asked["arguments"])

    async def _event(self, request: Request) -> Response:
        await request.body()
        self.events += 1
        return Response(status_code=204)

    async def _standby(self, request: Request) -> Response:
        self.standby += 1
        return Response(_STANDBY, media_type="text/xml")
