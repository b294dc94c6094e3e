"""Emulated carriers, a dialler, and the door their callbacks come in by."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gateway.emulators.server import LoopbackServer
from gateway.emulators.twilio.emulator import TwilioEmulator
from gateway.emulators.twilio.services import Conduct
from gateway.emulators.vatel.account import Agent
from gateway.emulators.vatel.emulator import VatelEmulator
from gateway.policy.quota import Quotas
from gateway.services.dial_terms import DialTimes
from gateway.services.dial_twilio import CALL_PARAMETER
from gateway.services.dialling import Dialler
from gateway.store.identifiers import CallId
from gateway.wire.call_status import CallReport, call_report
from tests.integration.dial_rig import AGENT, FROM, HASTE, PLENTY, Peers, Rig, dialling

SPEED = 10.0
PATIENCE_S = 10.0


@dataclass
class StatusDoor:
    """Takes Twilio's callbacks, and hands them to the dialler unless it is shut."""

    reports: list[tuple[CallId | None, CallReport]] = field(default_factory=list)
    dialler: Dialler | None = None
    shut: bool = False
    busy: int = 0

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{rest:path}", self.take, methods=["POST"])])

    async def take(self, request: Request) -> Response:
        if request.url.path.endswith("/status") and not self.shut:
            report = call_report(dict(parse_qsl((await request.body()).decode())))
            named = request.query_params.get(CALL_PARAMETER)
            call_id = CallId(named) if named else None
            self.reports.append((call_id, report))
            if self.dialler is not None:
                self.busy += 1
                await self.dialler.progress(report, call_id)
                self.busy -= 1
        return Response(status_code=204)


@dataclass
class World:
    """Everything at once."""

    twilio: TwilioEmulator
    vatel: VatelEmulator
    door: StatusDoor
    rig: Rig
    peers: Peers

    @property
    def dialler(self) -> Dialler:
        return self.rig.dialler

    def posts(self) -> list[str]:
        """What Twilio was asked for, by number called."""
        return [
            request.params["To"][0]
            for request in self.twilio.requests
            if request.method == "POST" and request.path.endswith("/Calls.json")
        ]


@asynccontextmanager
async def world(
    folder: Path,
    *,
    times: DialTimes = HASTE,
    quotas: Quotas = PLENTY,
    conduct: Conduct | None = None,
    deadline_s: float = 3.0,
) -> AsyncIterator[World]:
    """A dialler between emulated carriers."""
    agent = Agent(id=AGENT, phone_number_id="number-1")
    door = StatusDoor()
    async with (
        TwilioEmulator(numbers={FROM: ""}, speed=SPEED, conduct=conduct) as twilio,
        VatelEmulator(agents=[agent]) as vatel,
        LoopbackServer(door.app()) as server,
    ):
        vatel.account.numbers["number-1"] = {"phone_number": FROM}
        peers = Peers(f"sqlite:///{folder}/gateway.db", twilio.url, vatel.url, server.url)
        async with dialling(
            peers, folder / "journal", times=times, quotas=quotas, deadline_s=deadline_s
        ) as rig:
            door.dialler = rig.dialler
            yield World(twilio, vatel, door, rig, peers)
            door.dialler = None  # a gateway closes its doors before its database
            await until(lambda: not door.busy)


async def until(condition: Callable[[], object], within_s: float = PATIENCE_S) -> None:
    """Wait until something is so."""
    with anyio.fail_after(within_s):
        while not condition():  # noqa: ASYNC110 - what is waited for is other people's state
            await anyio.sleep(0.01)
