"""The requests of the client against Twilio's own description of its API, where a copy of it is at hand.

Only there is anything collected, since a skipped test counts as a failed one.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from gateway.clients.http import pool
from gateway.clients.twilio import Twilio
from gateway.clients.twilio.orders import Detect, Detection, Document, NewCall, Wanted
from gateway.clients.twilio.values import NumberSid, RecordingSid, Routing
from gateway.errors import VendorError
from gateway.ids import E164, AccountSid, CallSid
from gateway.wire.call_status import CallStatus
from tests.loopback import Loopback, Request, response

DESCRIPTION = Path(__file__).parents[3] / "shared" / "contracts" / "twilio-openapi.json"
ACCOUNT = AccountSid("AC" + "0" * 32)
CALL = CallSid("CA" + "1" * 32)
NUMBER = NumberSid("PN" + "2" * 32)
RECORDING = RecordingSid("RE" + "3" * 32)
TO, FROM = E164("+14155550199"), E164("+14155550100")
FORM = "application/x-www-form-urlencoded"


async def requests() -> list[Request]:
    """Every kind of request the client makes, as the server saw it; no answer is of use."""
    detection = Detection("https://gw.example/amd", Detect.MESSAGE_END)
    full = NewCall(
        TO, FROM, Document(twiml="<Response/>"), "https://gw.example/s", detection, 30, 600, "", TO
    )
    keys = NewCall(TO, FROM, Document(url="https://gw.example/v"), send_digits="w1")
    async with Loopback(response(400, "{}")) as server, pool() as http:
        twilio = Twilio(http, server.url, ACCOUNT, ("SK1", "s"))
        for order in (full, keys):
            await refused(twilio.calls.create(order))
        await refused(twilio.calls.fetch(CALL))
        await refused(twilio.hang_up(CALL))
        await refused(twilio.calls.cancel(CALL))
        await refused(twilio.redirect(CALL, "<Response/>"))
        await refused(twilio.calls.redirect(CALL, Document(url="https://gw.example/v")))
        await refused(anext(twilio.calls.list(Wanted(TO, FROM, CallStatus.NO_ANSWER, CALL))))
        await refused(twilio.numbers.find(TO))
        await refused(twilio.numbers.fetch(NUMBER))
        await refused(twilio.numbers.route(NUMBER, Routing("https://gw.example/v")))
        await refused(twilio.recordings.fetch(RECORDING))
        await refused(twilio.recordings.delete(RECORDING))
        await refused(anext(twilio.recordings.of_call(CALL)))
    return server.requests


async def refused(asking: Any) -> None:
    with pytest.raises(VendorError):
        await asking


class Description:
    """Twilio's description: what a request may hold."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._schemas = document["components"]["schemas"]
        self._paths: dict[re.Pattern[str], Mapping[str, Any]] = {
            re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))): item
            for path, item in document["paths"].items()
        }

    def faults(self, request: Request) -> list[str]:
        """What is wrong with a request."""
        parts = urlsplit(request.target)
        items = [item for path, item in self._paths.items() if path.fullmatch(parts.path)]
        operation = items[0].get(request.method.lower()) if items else None
        if operation is None:
            return [f"{request.method} {parts.path} is not described"]
        if request.method == "POST":
            schema = operation["requestBody"]["content"][FORM]["schema"]
            known = schema["properties"]
            missing = set(schema.get("required", ())) - parse_qs(request.body.decode()).keys()
            given = parse_qs(request.body.decode(), keep_blank_values=True)
        else:
            known = {
                each["name"]: each["schema"] for each in operation["parameters"] if each["in"] == "query"
            }
            missing = set()
            given = parse_qs(parts.query, keep_blank_values=True)
        wrong = [f"{unquote(parts.path)}: {name} is missing" for name in missing]
        for name, texts in given.items():
            wrong += self._unfit(name, texts, known.get(name))
        return wrong

    def _unfit(self, name: str, texts: list[str], schema: Mapping[str, Any] | None) -> list[str]:
        if schema is None:
            return [f"{name} is not a parameter"]
        if "$ref" in schema:
            schema = self._schemas[schema["$ref"].rpartition("/")[2]]
        if schema.get("type") == "array":
            return []
        if len(texts) != 1:
            return [f"{name} is given {len(texts)} times"]
        [text] = texts
        if "enum" in schema and text not in schema["enum"]:
            return [f"{name}={text} is none of {schema['enum']}"]
        if schema.get("type") == "integer" and not text.isdigit():
            return [f"{name}={text} is no number"]
        if schema.get("type") == "boolean" and text not in ("true", "false"):
            return [f"{name}={text} is neither true nor false"]
        return []


if DESCRIPTION.exists():
    THEIRS = Description(json.loads(DESCRIPTION.read_text(encoding="utf-8")))

    @pytest.mark.anyio
    async def test_every_request_is_one_twilio_describes() -> None:
        sent = await requests()
        assert len(sent) == 14
        assert [fault for request in sent for fault in THEIRS.faults(request)] == []

    @pytest.mark.parametrize(
        ("target", "body", "fault"),
        [
            ("Calls.json", "To=1&From=2&Urll=3", "Urll is not a parameter"),
            ("Calls.json", "From=2", f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json: To is missing"),
            ("Calls.json", "To=1&From=2&Timeout=soon", "Timeout=soon is no number"),
            ("Calls.json", "To=1&To=2&From=2", "To is given 2 times"),
            ("Phones.json", "", f"POST /2010-04-01/Accounts/{ACCOUNT}/Phones.json is not described"),
        ],
    )
    def test_a_request_twilio_does_not_describe_is_found(target: str, body: str, fault: str) -> None:
        request = Request("POST", f"/2010-04-01/Accounts/{ACCOUNT}/{target}", {}, body.encode())
        assert THEIRS.faults(request) == [fault]
