"""What became of a softphone call: its figures, and in words why it did not work."""

from dataclasses import dataclass
from typing import Final

from gateway.cli.phone_timeline import Timeline
from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.records import EndedBy, Event, WebhookRecord
from gateway.errors import GatewayError

_UNREACHABLE: Final = 11205
_BEFORE: Final = frozenset({"Connect", "Stream"})


class CallFailed(GatewayError):
    """A call of the softphone's came to nothing."""


@dataclass(frozen=True, slots=True)
class Report:
    """A call that is over.

    Attributes:
        call: The call.
        events: Its timeline.
        vain: What the caller waited for and did not get.
        url: Where the gateway was reached.
        rest_url: Where hang-ups and transfers were taken.
        asked: Whether the gateway asked for any.

    """

    call: Call
    events: tuple[Event, ...]
    vain: tuple[str, ...]
    url: str
    rest_url: str
    asked: bool

    @property
    def heard_s(self) -> float:
        """How much of the agent was heard."""
        return sum(line.heard_s for line in self.call.lines)

    @property
    def sides(self) -> tuple[bytes, bytes]:
        """The mu-law of the caller and of what the caller heard."""
        lines = self.call.lines
        return b"".join(line.spoken for line in lines), b"".join(line.heard for line in lines)

    @property
    def behind(self) -> list[str]:
        """The verbs executed behind the stream."""
        verbs = [f"<{verb.verb}> {verb.text}".strip() for verb in self.call.verbs if verb.verb not in _BEFORE]
        return verbs if verbs != ["<Hangup>"] else []

    @property
    def warnings(self) -> list[str]:
        """What Twilio's debugger would show, and what the caller waited for in vain."""
        debugger = [event.detail for event in self.events if event.kind == "debugger"]
        return debugger + [f"the caller waited in vain for {what}" for what in self.vain]

    def after(self, kind: str, since: str) -> float | None:
        """The seconds from the first event of one kind to the first of another."""
        first = {event.kind: event.at_s for event in reversed(self.events)}
        return first[kind] - first[since] if {kind, since} <= first.keys() else None

    def show(self, timeline: Timeline) -> None:
        """Print the summary of a call that came about."""
        if self._failed_webhook is not None:
            return
        timeline.line("")
        for name, text in self._rows():
            timeline.line(f"{name:<22}{text}")
        if not self.asked and self.call.ended_by is not EndedBy.CALLER:
            timeline.line(
                "The gateway did not ask this softphone to hang up or transfer: "
                f"if its TWILIO_BASE_URL is not {self.rest_url}, it could not.",
                "yellow",
            )

    def _rows(self) -> list[tuple[str, str]]:
        rows = [
            ("answered after", _seconds(self.after("in-progress", "ringing"))),
            ("first agent audio", f"{_seconds(self.after('agent speaks', 'in-progress'))} after the answer"),
            ("agent heard", f"{self.heard_s:.1f} s"),
            ("ended by", self._ended()),
        ]
        if self.after("agent speaks", "in-progress") is None:
            rows[1] = ("first agent audio", "never")
        if self.behind:
            rows.append(("then, behind Connect", ", ".join(self.behind)))
        return rows + [("warning", text) for text in self.warnings]

    def _ended(self) -> str:
        by = self.call.ended_by.value if self.call.ended_by else "nobody"
        line = self.call.line
        return f"{by}; the stream: {line.ended.value}" if line and line.ended else by

    def check(self) -> None:
        """Say why nothing was heard, if nothing was.

        Raises:
            CallFailed: No agent was heard.
        """
        if self.heard_s > 0:
            return
        if self._failed_webhook is not None:
            raise _webhook_failed(self._failed_webhook, self.url)
        refused = next((event.detail for event in self.events if event.kind == "stream refused"), None)
        if refused is not None:
            raise CallFailed(
                f"the media stream was refused: {refused}",
                remedy="Let WebSocket upgrades through to /twilio/media; see the gateway's log.",
            )
        raise CallFailed(
            "no agent audio was heard",
            remedy="See the gateway's log, and run `vatel-gateway check`.",
        )

    @property
    def _failed_webhook(self) -> WebhookRecord | None:
        """The voice webhook, if its answer was of no use."""
        voice = [record for record in self.call.requests if record.purpose == "voice"]
        return voice[0] if voice and voice[0].error is not None else None


def _webhook_failed(record: WebhookRecord, url: str) -> CallFailed:
    if record.status == 403:
        return CallFailed(
            "the gateway refused the signature (403)",
            remedy="Give it and the softphone the same PUBLIC_URL, TWILIO_AUTH_TOKEN and TWILIO_ACCOUNT_SID.",
        )
    if record.error == _UNREACHABLE:
        return CallFailed(
            f"nobody answers at {url}",
            remedy="Start the gateway with `vatel-gateway serve`, or name its address with --url.",
        )
    said = f"answered {record.status}" if record.status else "did not answer in time"
    return CallFailed(
        f"{url} {said}: no gateway, or one in trouble (Twilio's error {record.error})",
        remedy="See the gateway's log; --url must lead to a gateway.",
    )


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.3f} s"
