"""``<Connect><Stream>``: a bidirectional media stream for as long as both sides want it.

https://www.twilio.com/docs/voice/twiml/stream
"""

from datetime import UTC, datetime
from urllib.parse import urlsplit

from gateway.emulators.twilio.line import Line, LineEnd
from gateway.emulators.twilio.line_core import LineCore, LineEvent
from gateway.emulators.twilio.line_messages import StreamNames
from gateway.emulators.twilio.outbox import Post
from gateway.emulators.twilio.params import iso8601
from gateway.emulators.twilio.records import new_sid
from gateway.emulators.twilio.services import LOOPBACK
from gateway.emulators.twilio.signature import HEADER, sign
from gateway.emulators.twilio.twiml import Verb
from gateway.emulators.twilio.twiml_stage import Stage, Step

SCHEMA_WARNING = 12200
HANDSHAKE = 31920
NOT_WSS = 31922
MALFORMED = 31923
MAX_PARAMETER = 500


async def connect(stage: Stage, verb: Verb) -> Step:
    """Open the stream, conduct it, and go on with ``action`` or the next verb once it is over."""
    stage.call.log("Connect", verb.attributes)
    stream = next(verb.named("Stream"), None)
    if stream is None:
        stage.call.complain(SCHEMA_WARNING, "<Connect> without <Stream>: only streams are emulated")
    else:
        await _stream(stage, stream)
    stage.call.check()
    if action := verb.get("action"):
        return stage.action(action, verb.get("method", "POST"), {})
    return None


async def _stream(stage: Stage, verb: Verb) -> None:
    parameters = _parameters(stage, verb)
    stage.call.log("Stream", dict(verb.attributes), text=" ".join(sorted(parameters)))
    report = _Reports(stage, verb, new_sid("MZ"))
    url = address(stage, verb.get("url"))
    if error := refusal(url, LOOPBACK | stage.services.conduct.plain_hosts):
        stage.call.complain(error, f"<Stream> {url}: refused")
        report.put("stream-error", error)
        return
    call = stage.call
    line = Line(
        stage.services.conduct.reach(url),
        LineCore(
            StreamNames(stage.services.account.sid, call.sid, report.stream_sid, parameters),
            stage.services.conduct.impairments,
        ),
        stage.services.clock,
        # Signed as written, ws(s) scheme and all: https://www.twilio.com/docs/usage/security
        headers={HEADER: sign(stage.services.account.auth_token, url)},
        limits=stage.services.conduct.line_limits,
        on_hang_up=call.give_up,
        on_event=lambda event: _pass_on(stage, event),
    )

    def opened() -> None:
        report.put("stream-started")
        call.open_line(line)
        call.tell("stream open", url)

    ended = await line.run(opened)
    call.tell("stream over", ended.value)
    if line.error is not None:
        call.complain(line.error, f"<Stream> {url}: {ended.value}")
    failed = ended in (LineEnd.REFUSED, LineEnd.LOST)
    report.put("stream-error" if failed else "stream-stopped", line.error if failed else None)


def _pass_on(stage: Stage, event: LineEvent) -> None:
    if event.kind == "warning":
        code, _, text = event.detail.partition(" ")
        stage.call.complain(int(code), text)
    else:
        stage.call.tell(event.kind, event.detail)


def _parameters(stage: Stage, verb: Verb) -> dict[str, str]:
    kept = {}
    for parameter in verb.named("Parameter"):
        name, value = parameter.get("name"), parameter.get("value")
        # https://www.twilio.com/docs/voice/twiml/stream#custom-parameters
        if not name or len(name) + len(value) >= MAX_PARAMETER:
            stage.call.complain(SCHEMA_WARNING, f"<Parameter> {name[:40]!r} is dropped: nameless or too long")
        else:
            kept[name] = value
    return kept


def address(stage: Stage, url: str) -> str:
    """The stream's address: a relative one takes the document's host."""
    parts = urlsplit(url)
    if parts.scheme or not stage.source.url:
        return url
    absolute = stage.absolute(url)
    return "ws" + absolute.removeprefix("http") if absolute.startswith("http") else absolute


def refusal(url: str, plain_hosts: frozenset[str]) -> int | None:
    """Twilio's error for an address it would not open, by https://www.twilio.com/docs/api/errors, 319xx."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return MALFORMED
    if not parts.hostname:
        return MALFORMED
    if parts.scheme == "ws" and parts.hostname not in plain_hosts:
        return NOT_WSS
    if parts.scheme not in ("ws", "wss"):
        return NOT_WSS
    if parts.query or "?" in url:
        return HANDSHAKE
    return MALFORMED if parts.fragment else None


class _Reports:
    """The stream's status callbacks (https://www.twilio.com/docs/voice/twiml/stream#statuscallback)."""

    def __init__(self, stage: Stage, verb: Verb, stream_sid: str) -> None:
        self.stream_sid = stream_sid
        self._stage = stage
        self._verb = verb

    def put(self, event: str, error: int | None = None) -> None:
        url = self._verb.get("statusCallback")
        if not url:
            return
        params = {
            "AccountSid": self._stage.services.account.sid,
            "CallSid": self._stage.call.sid,
            "StreamSid": self.stream_sid,
            "StreamName": self._verb.get("name", self.stream_sid),
            "StreamEvent": event,
            "Timestamp": iso8601(datetime.now(UTC)),
        }
        if error is not None:
            params["StreamError"] = str(error)
        method = self._verb.get("statusCallbackMethod", "POST")
        self._stage.outbox.put(Post("stream", self._stage.absolute(url), method, params))
