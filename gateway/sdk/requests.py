"""What is asked of the gateway, as values: no I/O in here."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import NoneType
from typing import Final, Generic, TypedDict, TypeVar
from urllib.parse import quote
from uuid import uuid4

from pydantic import SecretStr

from gateway.sdk import models

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_QUICK_S: Final = 15.0
_THROUGH_VENDORS_S: Final = 45.0
"""Where the gateway asks Twilio and Vatel in turn before it answers."""

Secret = SecretStr | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question(Generic[T_co]):
    """One request; its path begins with ``/v1``, ``deadline_s`` is for one attempt."""

    method: str
    path: str
    answer: type[T_co]
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, object] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    deadline_s: float = _QUICK_S

    @property
    def safe(self) -> bool:
        """Whether it changes nothing, and so may be asked again."""
        return self.method == "GET"


class CallFilter(TypedDict, total=False):
    """Which calls: those to which everything given applies. A time without a zone is local."""

    number: str | None
    from_number: str | None
    to_number: str | None
    agent_id: str | None
    direction: str | None
    status: str | None
    ending: str | None
    since: datetime | None
    until: datetime | None


class NewCall(TypedDict, total=False):
    """How to place a call; whatever is not given is as the number or the gateway has it. Times in seconds."""

    from_number: str | None
    agent_id: str | None
    version_id: str | None
    first_message: str | None
    prompt: str | None
    variables: Mapping[str, str | bool | int | float] | None
    via: str | None
    machine_detection: str | None
    message: str | None
    ring_timeout: int | None
    max_duration: int | None
    send_digits: str | None
    metadata: Mapping[str, object] | None
    callback_url: str | None


class RouteFields(TypedDict, total=False):
    """How a number is to be answered; whatever is not given is as the settings or the agent have it."""

    agent_id: str | None
    version_id: str | None
    first_message: str | None
    prompt: str | None
    fallback_number: str | None
    transfer_numbers: tuple[str, ...] | None
    tools: tuple[str, ...] | None
    max_duration_s: int | None
    recording: bool
    recording_notice: str | None
    lookup_url: str | None
    weights: Mapping[str, int] | None


_ON_THE_WIRE: Final = {"from_number": "from", "to_number": "to"}


def whoami() -> Question[models.Whoami]:
    """Who asks."""
    return Question(method="GET", path="/v1/", answer=models.Whoami)


def list_calls(which: CallFilter, limit: int, cursor: str | None) -> Question[models.CallPage]:
    """A page of calls."""
    query = _query(which) | _page(limit, cursor)
    return Question(method="GET", path="/v1/calls", answer=models.CallPage, query=query)


def export_calls(which: CallFilter, form: str) -> Question[None]:
    """All calls, as a file."""
    query = _query(which) | {"format": form}
    return Question(method="GET", path="/v1/calls/export", answer=NoneType, query=query)


def place_call(to: str, how: NewCall, idempotency_key: str | None) -> Question[models.Placed]:
    """A call that is placed; without a key of its own it gets one, so that it can be asked again."""
    given = {_ON_THE_WIRE.get(name, name): value for name, value in how.items() if value is not None}
    return Question(
        method="POST",
        path="/v1/calls",
        answer=models.Placed,
        body={"to": to} | given,
        headers={"Idempotency-Key": idempotency_key or uuid4().hex},
        deadline_s=_THROUGH_VENDORS_S,
    )


def get_call(call_id: str) -> Question[models.Call]:
    """One call."""
    return Question(method="GET", path=_call(call_id), answer=models.Call)


def transcript(call_id: str, limit: int, cursor: str | None) -> Question[models.TurnPage]:
    """What was said."""
    path = f"{_call(call_id)}/transcript"
    return Question(method="GET", path=path, answer=models.TurnPage, query=_page(limit, cursor))


def events(call_id: str, limit: int, cursor: str | None) -> Question[models.EventPage]:
    """What happened."""
    path = f"{_call(call_id)}/events"
    return Question(method="GET", path=path, answer=models.EventPage, query=_page(limit, cursor))


def tool_calls(call_id: str, limit: int, cursor: str | None) -> Question[models.ToolCallPage]:
    """The tools that ran."""
    path = f"{_call(call_id)}/tool_calls"
    return Question(method="GET", path=path, answer=models.ToolCallPage, query=_page(limit, cursor))


def recording(call_id: str) -> Question[None]:
    """The recording, as a file."""
    return Question(method="GET", path=f"{_call(call_id)}/recording", answer=NoneType)


def hang_up(call_id: str) -> Question[None]:
    """A call's end."""
    path = f"{_call(call_id)}/hangup"
    return Question(method="POST", path=path, answer=NoneType, deadline_s=_THROUGH_VENDORS_S)


def transfer(call_id: str, to: str) -> Question[None]:
    """A person for a call."""
    path, body = f"{_call(call_id)}/transfer", {"to": to}
    return Question(method="POST", path=path, answer=NoneType, body=body, deadline_s=_THROUGH_VENDORS_S)


def list_numbers() -> Question[models.NumberList]:
    """All numbers."""
    path = "/v1/numbers"
    return Question(method="GET", path=path, answer=models.NumberList, deadline_s=_THROUGH_VENDORS_S)


def import_number(
    number: str, account_sid: str | None, auth_token: Secret | None, label: str
) -> Question[models.Imported]:
    """A number that becomes known at Vatel."""
    body: dict[str, object] = {"number": number, "label": label}
    if account_sid is not None:
        body["account_sid"] = account_sid
    if auth_token is not None:
        body["auth_token"] = auth_token
    return Question(
        method="POST",
        path="/v1/numbers/import",
        answer=models.Imported,
        body=body,
        deadline_s=_THROUGH_VENDORS_S,
    )


def label_number(number: str, label: str) -> Question[models.Labelled]:
    """A number's new name."""
    return _numbers("PATCH", number, "", models.Labelled, {"label": label})


def get_route(number: str) -> Question[models.Route]:
    """How a number is answered."""
    return _numbers("GET", number, "/route", models.Route)


def put_route(number: str, how: RouteFields) -> Question[models.Route]:
    """How a number is answered from now on."""
    given = {name: value for name, value in how.items() if value is not None}
    return _numbers("PUT", number, "/route", models.Route, given)


def delete_route(number: str) -> Question[None]:
    """A number answered as the settings say."""
    return _numbers("DELETE", number, "/route", NoneType)


def connect_number(number: str) -> Question[models.Connection]:
    """A number whose calls come here."""
    return _numbers("POST", number, "/connect", models.Connection)


def disconnect_number(number: str, *, force: bool) -> Question[models.Connection]:
    """A number whose calls go where they went before."""
    path, query = f"{_number(number)}/disconnect", {"force": "true"} if force else {}
    return Question(
        method="POST", path=path, answer=models.Connection, query=query, deadline_s=_THROUGH_VENDORS_S
    )


def list_keys(limit: int, cursor: str | None) -> Question[models.KeyPage]:
    """A page of keys."""
    return Question(method="GET", path="/v1/keys", answer=models.KeyPage, query=_page(limit, cursor))


def create_key(name: str, scopes: tuple[str, ...], expires_in_days: int | None) -> Question[models.MadeKey]:
    """A new key."""
    body: dict[str, object] = {"name": name, "scopes": scopes}
    if expires_in_days is not None:
        body["expires_in_days"] = expires_in_days
    return Question(method="POST", path="/v1/keys", answer=models.MadeKey, body=body)


def revoke_key(key_id: str) -> Question[None]:
    """A key's end."""
    return Question(method="DELETE", path=f"/v1/keys/{_segment(key_id)}", answer=NoneType)


def dead_webhooks(limit: int, cursor: str | None) -> Question[models.DeadWebhookPage]:
    """A page of webhooks that were given up."""
    query = _page(limit, cursor)
    return Question(method="GET", path="/v1/webhooks/dead", answer=models.DeadWebhookPage, query=query)


def replay_webhook(webhook_id: str) -> Question[None]:
    """Another try for one."""
    path = f"/v1/webhooks/{_segment(webhook_id)}/replay"
    return Question(method="POST", path=path, answer=NoneType)


def replay_webhooks(since: datetime) -> Question[models.ReplayedWebhooks]:
    """Another try for all since a time."""
    body = {"since": since.astimezone(UTC).isoformat().replace("+00:00", "Z")}
    return Question(method="POST", path="/v1/webhooks/replay", answer=models.ReplayedWebhooks, body=body)


def _numbers(
    method: str, number: str, below: str, answer: type[T], body: Mapping[str, object] | None = None
) -> Question[T]:
    path = f"{_number(number)}{below}"
    return Question(method=method, path=path, answer=answer, body=body, deadline_s=_THROUGH_VENDORS_S)


def _call(call_id: str) -> str:
    return f"/v1/calls/{_segment(call_id)}"


def _number(number: str) -> str:
    return f"/v1/numbers/{_segment(number)}"


def _segment(text: str) -> str:
    """One segment of a path, whatever is in it; none, or dots alone, would lead elsewhere."""
    return quote(text, safe="") if text.strip(".") else "-"


def _query(which: CallFilter) -> dict[str, str]:
    return {
        _ON_THE_WIRE.get(name, name): value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        if isinstance(value, datetime)
        else str(value)
        for name, value in which.items()
        if value is not None
    }


def _page(limit: int, cursor: str | None) -> dict[str, str]:
    return {"limit": str(limit)} | ({"cursor": cursor} if cursor is not None else {})
