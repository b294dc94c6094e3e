"""For whoever runs the gateway: is it alive, does it take calls, what does it measure."""

import asyncio
import time
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gateway.calls.metrics import Metrics
from gateway.calls.registry import Registry

_LAG_EVERY_S: Final = 0.5


class Health:
    """The endpoints ``/healthz``, ``/readyz`` and ``/metrics``."""

    def __init__(self, registry: Registry, metrics: Metrics) -> None:
        self._registry = registry
        self._metrics = metrics

    async def healthz(self, _request: Request) -> Response:
        """The process is alive: 200."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        """New calls are taken: 200; or not: 503, and why."""
        refusal = self._registry.refusal()
        if refusal is None:
            return JSONResponse({"ready": True})
        return JSONResponse({"ready": False, "reason": refusal.value}, 503, {"Retry-After": "5"})

    async def metrics(self, _request: Request) -> Response:
        """Everything measured, in Prometheus' text format."""
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def watch_loop(self) -> None:
        """Measure how late the event loop is, until cancelled."""
        while True:
            due = time.monotonic() + _LAG_EVERY_S
            await asyncio.sleep(_LAG_EVERY_S)
            self._metrics.loop_lag.observe(max(0.0, time.monotonic() - due))
