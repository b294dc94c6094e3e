"""Placing calls by curl: the emulator's own little API, which the real Twilio does not have."""

import io
import re
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.line_audio import AudioUnusable, read_wav, write_wav
from gateway.emulators.twilio.line_core import LineWarning
from gateway.emulators.twilio.people import Callee, DialOutcome, Machine, Outcome
from gateway.errors import GatewayError

MAX_BODY_BYTES = 16 * 1024 * 1024
MAX_JSON_BYTES = 16 * 1024
LOCAL_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


class NewCall(msgspec.Struct, forbid_unknown_fields=True, rename={"from_": "from"}):
    """Body of ``POST /emulator/calls``."""

    to: str
    from_: str
    voice_url: str | None = None


class Keys(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``POST /emulator/calls/{sid}/press``."""

    digits: str


class NewMachine(msgspec.Struct, forbid_unknown_fields=True):
    """An answering machine in the body of ``PUT /emulator/callees/{number}``."""

    greeting_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 6.0
    beep: bool = True


class NewCallee(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``PUT /emulator/callees/{number}``: a ``Callee`` but for what needs a program."""

    outcome: Outcome = Outcome.ANSWER
    after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 1.0
    answered_by: str = "human"
    amd_after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 4.0
    machine: NewMachine | None = None
    hang_up_after_s: Annotated[float, msgspec.Meta(ge=0, le=14_400)] | None = None

    def callee(self) -> Callee:
        """The called party it describes."""
        machine = Machine(self.machine.greeting_s, self.machine.beep) if self.machine else None
        return Callee(
            outcome=self.outcome,
            after_s=self.after_s,
            answered_by=self.answered_by,
            amd_after_s=self.amd_after_s,
            machine=machine,
            hang_up_after_s=self.hang_up_after_s,
        )


class NewDial(msgspec.Struct, forbid_unknown_fields=True):
    """Body of ``PUT /emulator/dials/{number}``: what becomes of a transfer to it."""

    outcome: Outcome = Outcome.ANSWER
    after_s: Annotated[float, msgspec.Meta(ge=0, le=600)] = 1.0
    talk_s: Annotated[float, msgspec.Meta(ge=0, le=14_400)] = 5.0
    presses: str = ""


@dataclass(frozen=True, slots=True)
class People:
    """Who is reached at which number, as the emulator looks it up."""

    callees: dict[str, Callee]
    dial: dict[str, DialOutcome]


PlaceCall = Callable[[str, str, str | None], Awaitable[Call]]


class Control:
    """The control API.

    Args:
        place: Places an inbound call: to, from, voice URL.
        calls: The ledger, by SID.
        people: Who is reached at which number.

    """

    def __init__(self, place: PlaceCall, calls: dict[str, Call], people: People) -> None:
        self._place = place
        self._calls = calls
        self._people = people

    def routes(self) -> list[Route]:
        """The control API's routes."""
        one = "/emulator/calls/{sid}"
        return [
            Route("/emulator/calls", self._guarded(self._create), methods=["POST"]),
            Route("/emulator/calls", self._guarded(self._list), methods=["GET"]),
            Route(one, self._guarded(self._show), methods=["GET"]),
            Route(f"{one}/heard.wav", self._guarded(self._heard), methods=["GET"]),
            Route(f"{one}/say", self._guarded(self._say), methods=["POST"]),
            Route(f"{one}/press", self._guarded(self._press), methods=["POST"]),
            Route(f"{one}/hang-up", self._guarded(self._hang_up), methods=["POST"]),
            Route("/emulator/callees/{number}", self._guarded(self._reach), methods=["PUT"]),
            Route("/emulator/dials/{number}", self._guarded(self._connect), methods=["PUT"]),
        ]

    def _guarded(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """Keep web pages out (whose requests name another host, or come from another origin)."""

        async def guarded(request: Request) -> Response:
            host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
            if host not in LOCAL_NAMES or "origin" in request.headers:
                return _problem(403, "the control API is for this machine")
            try:
                return await endpoint(request)
            except (GatewayError, msgspec.MsgspecError, ValueError) as exc:
                return _problem(400, str(exc))

        return guarded

    async def _create(self, request: Request) -> Response:
        new = msgspec.json.decode(await _body(request, MAX_JSON_BYTES), type=NewCall)
        call = await self._place(new.to, new.from_, new.voice_url)
        return JSONResponse(view(call), status_code=201)

    async def _reach(self, request: Request) -> Response:
        new = msgspec.json.decode(await _body(request, MAX_JSON_BYTES), type=NewCallee)
        self._people.callees[_number(request)] = new.callee()
        return Response(status_code=204)

    async def _connect(self, request: Request) -> Response:
        new = msgspec.json.decode(await _body(request, MAX_JSON_BYTES), type=NewDial)
        self._people.dial[_number(request)] = DialOutcome(new.outcome, new.after_s, new.talk_s, new.presses)
        return Response(status_code=204)

    async def _list(self, _request: Request) -> Response:
        newest = list(reversed(self._calls.values()))[:100]
        return JSONResponse({"calls": [view(call, brief=True) for call in newest]})

    async def _show(self, request: Request) -> Response:
        return JSONResponse(view(self._named(request)))

    async def _heard(self, request: Request) -> Response:
        line = self._named(request).line
        if line is None:
            return _problem(404, "the call has no media stream yet")
        buffer = io.BytesIO()
        write_wav(buffer, line.heard)
        return Response(buffer.getvalue(), media_type="audio/wav")

    async def _say(self, request: Request) -> Response:
        line = self._named(request).line
        if line is None or line.over:
            return _problem(409, "the call has no open media stream")
        body = await _body(request, MAX_BODY_BYTES)
        line.queue(read_wav(io.BytesIO(body)) if body[:4] == b"RIFF" else body)
        return Response(status_code=202)

    async def _press(self, request: Request) -> Response:
        keys = msgspec.json.decode(await _body(request, MAX_JSON_BYTES), type=Keys)
        self._named(request).press(keys.digits)
        return Response(status_code=202)

    async def _hang_up(self, request: Request) -> Response:
        self._named(request).give_up()
        return Response(status_code=202)

    def _named(self, request: Request) -> Call:
        call = self._calls.get(request.path_params["sid"])
        if call is None:
            raise UnknownCall
        return call


class UnknownCall(GatewayError):
    """The emulator knows no such call."""


def view(call: Call, *, brief: bool = False) -> dict[str, Any]:
    """A call as the control API shows it."""
    line = call.line
    shown: dict[str, Any] = {
        "sid": call.sid,
        "to": call.to,
        "from": call.from_,
        "direction": call.parties.direction.value,
        "status": call.status.value,
        "ended_by": call.ended_by.value if call.ended_by else None,
        "over": call.over,
        "streams": len(call.lines),
        "heard_s": round(line.heard_s, 3) if line else 0.0,
    }
    if not brief:
        warnings: list[LineWarning] = line.warnings if line else []
        shown["verbs"] = [asdict(verb) for verb in call.verbs]
        shown["debugger"] = [asdict(entry) for entry in call.debug]
        shown["stream_warnings"] = [asdict(warning) for warning in warnings]
        shown["webhooks"] = [
            {"at_s": r.at_s, "purpose": r.purpose, "url": r.url, "status": r.status, "error": r.error}
            for r in call.requests
        ]
    return shown


def _number(request: Request) -> str:
    number: str = request.path_params["number"]
    if not re.fullmatch(r"\+[1-9][0-9]{1,14}", number):
        raise ValueError("the number must be of the form +14155550123")
    return number


async def _body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body.extend(chunk)
        if len(body) > limit:
            raise AudioUnusable("the body is too large")
    return bytes(body)


def _problem(status: int, detail: str) -> JSONResponse:
    return JSONResponse({"error": detail}, status_code=status)
