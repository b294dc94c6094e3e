"""Events sent to an endpoint of a customer's, signed as Standard Webhooks has it.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from pydantic import SecretStr
from standardwebhooks import Webhook

from gateway.clients.egress import Egress, Reply
from gateway.errors import EndpointFailed, EndpointGone, EndpointRejected, SettingsError

MOST_SECRETS: Final = 4
_PREFIX: Final = "whsec_"
_SHORTEST_KEY: Final = 16
_LONGEST_KEY: Final = 64
_MESSAGE_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,100}\Z", re.ASCII)
_PASSING: Final = frozenset({408, 425, 429})  # these ask to come again later


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events go, and what signs them: while a secret is changed, the new and the old one."""

    url: str = field(repr=False)
    secrets: tuple[SecretStr, ...]


def new_secret() -> SecretStr:
    """Make a secret to share with an endpoint."""
    return SecretStr(_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode())


async def post_event(
    egress: Egress,
    endpoint: Endpoint,
    message_id: str,
    timestamp: datetime,
    payload: bytes,
    *,
    deadline_s: float = 10.0,
) -> int:
    """Deliver one event; the status the endpoint took it with.

    Args:
        egress: What may be asked.
        endpoint: Who gets it.
        message_id: The same for each attempt, so that a repetition can be known.
        timestamp: Of this attempt, not of the event: endpoints refuse what is older than five minutes.
        payload: The body, UTF-8 and byte for byte what is signed.
        deadline_s: For all of it, in seconds.

    Raises:
        EgressRefused: the address may not be asked.
        EndpointFailed: no answer, or one that lets hope: 408, 425, 429 and 5xx.
        EndpointGone: the endpoint wants nothing more (410).
        EndpointRejected: any other answer; a redirect is one, and is not followed.
        SettingsError: there is no usable secret.
    """
    headers = signed_headers(endpoint.secrets, message_id, timestamp, payload)
    reply = await egress.ask("POST", endpoint.url, headers=headers, content=payload, deadline_s=deadline_s)
    _check(reply)
    return reply.status


def signed_headers(
    keys: Sequence[SecretStr], message_id: str, timestamp: datetime, payload: bytes
) -> dict[str, str]:
    """The headers of a signed request, with a signature for each secret.

    Raises:
        SettingsError: there is no secret, one is not usable, or there are too many.
    """
    if not _MESSAGE_ID.match(message_id) or timestamp.tzinfo is None:
        raise ValueError("a message needs a plain name, and a time with its zone")
    if not 1 <= len(keys) <= MOST_SECRETS:
        raise SettingsError(f"an endpoint needs 1 to {MOST_SECRETS} secrets")
    now = timestamp.astimezone(UTC)  # the library takes the hours of any zone for those of UTC
    text = payload.decode("utf-8")
    return {
        "Content-Type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Webhook(_key(key)).sign(message_id, now, text) for key in keys),
    }


def _key(secret: SecretStr) -> bytes:
    head, prefix, text = secret.get_secret_value().partition(_PREFIX)
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except ValueError:
        key = b""
    if head or not prefix or not _SHORTEST_KEY <= len(key) <= _LONGEST_KEY:
        raise SettingsError(
            f"a webhook secret is {_PREFIX} and base64 of {_SHORTEST_KEY} to {_LONGEST_KEY} bytes",
            remedy="Make one with: echo whsec_$(openssl rand -base64 32).",
        )
    return key


def _check(reply: Reply) -> None:
    status = reply.status
    if 200 <= status < 300:
        return
    told = f"the endpoint answered {status}"
    if status == 410:
        raise EndpointGone(told, status=status)
    if status in _PASSING or status >= 500:
        raise EndpointFailed(told, status=status, retry_after_s=reply.retry_after_s)
    raise EndpointRejected(told, status=status)
