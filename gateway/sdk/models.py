"""What the gateway answers. Fields that are not known here are passed over, so newer gateways do no harm.

Times are aware and UTC; durations and latencies are milliseconds; None is what is not known. Words such as
``status`` are plain text, for there may be new ones.
"""

from datetime import datetime
from typing import Final

import msgspec
from pydantic import SecretStr

FINAL: Final = frozenset({"completed", "busy", "no_answer", "failed", "canceled"})
"""Statuses that nothing follows."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What all answers have in common."""


class Placed(Answer, frozen=True, kw_only=True):
    """A call that will be placed in its turn."""

    id: str
    status: str = "queued"
    via: str = ""
    to_number: str = msgspec.field(name="to", default="")
    from_number: str | None = msgspec.field(name="from", default=None)
    agent_id: str = ""
    created_at: datetime | None = None


class Call(Answer, frozen=True, kw_only=True):
    """One call."""

    id: str
    direction: str = "unknown"
    via: str = ""
    status: str = ""
    ending: str | None = None
    ended_by: str | None = None
    answered_by: str | None = None
    from_number: str | None = msgspec.field(name="from", default=None)
    to_number: str | None = msgspec.field(name="to", default=None)
    number: str | None = None
    agent_id: str | None = None
    version_id: str | None = None
    call_sid: str | None = None
    session_id: str | None = None
    created_at: datetime
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    first_audio_at: datetime | None = None
    ended_at: datetime | None = None
    duration_ms: float | None = None
    ring_ms: float | None = None
    first_audio_ms: float | None = None
    agent_ms: float | None = None
    gateway_ms: float | None = None
    carrier_ms: float | None = None
    carrier_cost: float | None = None
    carrier_currency: str | None = None
    vatel_cost: float | None = None
    metadata: dict[str, object] | None = None
    variables: dict[str, object] | None = None
    summary: str | None = None
    extracted: dict[str, object] | None = None
    recording_state: str | None = None
    digits_masked: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing more happens on it."""
        return self.status in FINAL


class CallPage(Answer, frozen=True, kw_only=True):
    """Calls, newest first."""

    rows: tuple[Call, ...] = msgspec.field(name="calls")
    next_cursor: str | None = None


class Turn(Answer, frozen=True, kw_only=True):
    """What one side said: what was heard of it, and what the caller cut off."""

    turn_id: str
    sequence: int = 0
    who: str = ""
    at: datetime
    heard_text: str = ""
    cut_text: str = ""
    cut: bool = False
    spoken_ms: float | None = None
    heard_ms: float | None = None
    proved_ms: float | None = None
    agent_ms: float | None = None
    gateway_ms: float | None = None
    carrier_ms: float | None = None


class TurnPage(Answer, frozen=True, kw_only=True):
    """Turns, in order."""

    rows: tuple[Turn, ...] = msgspec.field(name="turns")
    next_cursor: str | None = None


class CallEvent(Answer, frozen=True, kw_only=True):
    """Something that happened in a call."""

    sequence: int
    at: datetime
    kind: str
    data: dict[str, object] = {}


class EventPage(Answer, frozen=True, kw_only=True):
    """Events, in order."""

    rows: tuple[CallEvent, ...] = msgspec.field(name="events")
    next_cursor: str | None = None


class ToolCall(Answer, frozen=True, kw_only=True):
    """A tool the agent asked for; ``output`` is None while it runs."""

    tool_call_id: str
    name: str
    at: datetime
    arguments: dict[str, object] = {}
    output: str | None = None
    failed: bool = False
    took_ms: float | None = None


class ToolCallPage(Answer, frozen=True, kw_only=True):
    """Tool calls, in order."""

    rows: tuple[ToolCall, ...] = msgspec.field(name="tool_calls")
    next_cursor: str | None = None


class Route(Answer, frozen=True, kw_only=True):
    """How a number is answered; None is as the settings or the agent have it."""

    number: str
    agent_id: str | None = None
    version_id: str | None = None
    first_message: str | None = None
    prompt: str | None = None
    fallback_number: str | None = None
    transfer_numbers: tuple[str, ...] | None = None
    tools: tuple[str, ...] | None = None
    max_duration_s: int | None = None
    recording: bool = False
    recording_notice: str | None = None
    lookup_url: str | None = None
    weights: dict[str, int] | None = None


class Routing(Answer, frozen=True, kw_only=True):
    """A number's configuration at Twilio. A trunk goes before an application, and that before a URL."""

    voice_url: str = ""
    voice_method: str = ""
    voice_fallback_url: str = ""
    voice_fallback_method: str = ""
    status_callback: str = ""
    status_callback_method: str = ""
    voice_application_sid: str = ""
    trunk_sid: str = ""


class Connection(Answer, frozen=True, kw_only=True):
    """How a number stands at Twilio; ``place`` is ``here``, ``elsewhere`` or ``nowhere``."""

    number: str
    place: str
    routing: Routing = Routing()
    before: Routing | None = None


class AtTwilio(Answer, frozen=True, kw_only=True):
    """A number in the Twilio account: where its calls go, and what takes them."""

    sid: str
    name: str = ""
    voice: bool = False
    place: str = ""
    destination: str = ""


class AtVatel(Answer, frozen=True, kw_only=True):
    """A number imported to Vatel."""

    id: str
    label: str = ""
    account_sid: str = ""


class Imported(AtVatel, frozen=True, kw_only=True):
    """A number that was imported to Vatel."""

    number: str


class Labelled(Answer, frozen=True, kw_only=True):
    """What a number is called now."""

    number: str
    label: str = ""


class Number(Answer, frozen=True, kw_only=True):
    """A number, and what each side knows of it."""

    number: str
    label: str = ""
    twilio: AtTwilio | None = None
    vatel: AtVatel | None = None
    route: Route | None = None


class Missing(Answer, frozen=True, kw_only=True):
    """A side that could not be asked for its numbers."""

    side: str
    reason: str = ""
    remedy: str = ""


class NumberList(Answer, frozen=True, kw_only=True):
    """All numbers; what the sides in ``missing`` know is not in it."""

    numbers: tuple[Number, ...]
    missing: tuple[Missing, ...] = ()


class Key(Answer, frozen=True, kw_only=True):
    """What is known of an API key, which is not its text."""

    id: str
    name: str = ""
    scopes: tuple[str, ...] = ()
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class MadeKey(Key, frozen=True, kw_only=True):
    """A new key with its text, which is shown this once."""

    key: SecretStr


class KeyPage(Answer, frozen=True, kw_only=True):
    """Keys, newest first."""

    rows: tuple[Key, ...] = msgspec.field(name="keys")
    next_cursor: str | None = None


class DeadWebhook(Answer, frozen=True, kw_only=True):
    """A webhook that was given up."""

    id: str
    event_type: str = ""
    endpoint: str = ""
    call_id: str | None = None
    attempts: int = 0
    last_error: str | None = None
    created_at: datetime | None = None


class DeadWebhookPage(Answer, frozen=True, kw_only=True):
    """Webhooks that were given up, newest first."""

    rows: tuple[DeadWebhook, ...] = msgspec.field(name="webhooks")
    next_cursor: str | None = None


class ReplayedWebhooks(Answer, frozen=True, kw_only=True):
    """Webhooks that will be tried again."""

    replayed: int = 0


class Asker(Answer, frozen=True, kw_only=True):
    """The key of a request."""

    id: str = ""
    name: str = ""
    scopes: tuple[str, ...] = ()


class Whoami(Answer, frozen=True, kw_only=True):
    """The gateway, as the key that asks sees it."""

    service: str = ""
    version: str = ""
    database: bool = False
    key: Asker = Asker()
