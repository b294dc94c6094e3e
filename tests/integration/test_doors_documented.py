"""Every route and every figure stands in its page, and no page has one that is not there."""

import re
from pathlib import Path

from starlette.routing import Route, WebSocketRoute

from gateway.bridge.report import Ending
from gateway.calls.metrics import Metrics
from gateway.web import app
from tests.integration.gateway_rig import settings_for

PAGES = Path(__file__).parents[2] / "docs" / "reference"


def test_every_route_stands_in_the_page_on_http_and_no_other() -> None:
    loopback = "http://127.0.0.1:1"
    routes = app.build(settings_for(loopback, loopback, loopback, {}), keep=False).app.routes
    built = {
        f"{_method(route)} {route.path}" for route in routes if isinstance(route, Route | WebSocketRoute)
    }
    text = (PAGES / "http.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`((?:GET|POST|WS) /[\w/-]+)`", text)) == built


def _method(route: Route | WebSocketRoute) -> str:
    if isinstance(route, WebSocketRoute):
        return "WS"
    return "POST" if "POST" in (route.methods or ()) else "GET"


def test_every_figure_stands_in_the_page_on_metrics_and_no_other() -> None:
    made = set()
    for metric in Metrics().registry.collect():
        made.add(f"{metric.name}_total" if metric.type == "counter" else metric.name)
    text = (PAGES / "metrics.md").read_text(encoding="utf-8")
    assert set(re.findall(r"`(vatel_gateway_\w+)`", text)) == made


def test_every_ending_and_every_count_stands_in_the_page_on_metrics() -> None:
    text = (PAGES / "metrics.md").read_text(encoding="utf-8")
    assert [end.value for end in Ending if f"| `{end.value}` | `{end.by}` |" not in text] == []
    counted = set[str]()
    for source in (Path(app.__file__).parents[1] / "bridge").glob("*.py"):
        counted |= set(re.findall(r'count\("(\w+)"', source.read_text(encoding="utf-8")))
    assert counted
    assert [name for name in sorted(counted) if f"`{name}`" not in text] == []
