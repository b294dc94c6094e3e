"""For whoever runs the gateway: is it alive, does it take calls, what does it measure."""

import asyncio
import os
import resource
import time
from pathlib import Path
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from gateway.calls.metrics import Metrics
from gateway.calls.registry import Registry
from gateway.policy.lateness import LOOK_S

_COUNT_EVERY_S: Final = 1.0
_DESCRIPTORS: Final = Path("/proc/self/fd")


class Health:
    """The endpoints ``/healthz``, ``/readyz`` and ``/metrics``."""

    def __init__(self, registry: Registry, metrics: Metrics) -> None:
        self._registry = registry
        self._admission = registry.admission
        self._metrics = metrics
        room, lateness = self._admission.room, self._admission.lateness
        metrics.waiting.set_function(lambda: room.waiting(time.monotonic()))
        metrics.frame_lateness.set_function(lambda: lateness.p99_s(time.monotonic()))
        metrics.descriptors.set_function(lambda: self._admission.descriptors)

    async def healthz(self, _request: Request) -> Response:
        """The process is alive: 200."""
        return PlainTextResponse("ok\n")

    async def readyz(self, _request: Request) -> Response:
        """New calls are taken: 200; or not: 503, and why."""
        refusal, now = self._registry.refusal(), time.monotonic()
        state = {
            "ready": refusal is None,
            "places": self._registry.places,
            "waiting": self._admission.room.waiting(now),
            "frames_late_ms": round(self._admission.lateness.p99_s(now) * 1000, 1),
            "descriptors_used": round(self._admission.descriptors, 3),
        }
        if refusal is None:
            return JSONResponse(state)
        return JSONResponse({**state, "reason": refusal.value}, 503, {"Retry-After": "5"})

    async def metrics(self, _request: Request) -> Response:
        """Everything measured, in Prometheus' text format."""
        return Response(generate_latest(self._metrics.registry), media_type=CONTENT_TYPE_LATEST)

    async def watch_loop(self) -> None:
        """Measure how late frames are, and how many descriptors are in use, until cancelled."""
        count_at = 0.0
        while True:
            now = time.monotonic()
            if now >= count_at:
                count_at = now + _COUNT_EVERY_S
                self._admission.descriptors = descriptors_used()
            due = time.monotonic() + LOOK_S
            await asyncio.sleep(LOOK_S)
            now = time.monotonic()
            late_s = max(0.0, now - due)
            self._metrics.loop_lag.observe(late_s)
            self._admission.lateness.note(late_s, now)


def descriptors_used() -> float:
    """The share of the descriptors this process may have open that it has open; 0 where nobody can tell."""
    most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most == resource.RLIM_INFINITY or not _DESCRIPTORS.is_dir():
        return 0.0
    return len(os.listdir(_DESCRIPTORS)) / most
