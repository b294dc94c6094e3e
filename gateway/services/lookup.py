"""Asks an address of a customer's what it knows of a caller, while the phone rings.

The call waits for the answer, so there is one attempt and a second for all of it; whoever does not answer in
time, or not as agreed, has said nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec
from pydantic import SecretStr

from gateway import logs
from gateway.clients.egress import Egress, Lanes, Reply
from gateway.clients.signed_post import signed_headers
from gateway.errors import EndpointRejected, GatewayError
from gateway.services.plans import Asked
from gateway.store.identifiers import new_message

DEADLINE_S: Final = 1.0
LARGEST_ANSWER: Final = 16 * 1024
"""Bytes of an answer."""
MOST_NAMES: Final = 50
LANES: Final = Lanes(all=256, running=64, waiting=64)
"""For an ``Egress`` of lookups: calls that come in together must not wait for each other's."""

_encoder: Final = msgspec.json.Encoder(order="sorted")


class _Answer(msgspec.Struct, frozen=True):
    variables: dict[str, str | int | float | bool | None]


_decoder: Final = msgspec.json.Decoder(_Answer)


@dataclass(slots=True)
class LookupCounts:
    """What became of lookups in this process."""

    answered: int = 0
    failed: int = 0


class LookupWebhook:
    """Asks, signed as events are; a ``gateway.services.plans.Lookup``.

    Args:
        egress: Sends the requests; best made with ``LANES``.
        secret: What signs them; without one nobody is asked.
        deadline_s: For all of a request, in seconds.
    """

    def __init__(self, egress: Egress, secret: SecretStr | None, deadline_s: float = DEADLINE_S) -> None:
        self._egress = egress
        self._secrets = () if secret is None else (secret,)
        self._deadline_s = deadline_s
        self._log = logs.get()
        self.counts = LookupCounts()

    async def __call__(self, url: str, asked: Asked) -> Mapping[str, object]:
        """The variables of the answer; none if there is no good one. Never raises."""
        try:
            variables = await self._ask(url, asked)
        except GatewayError as error:
            self._failed(asked, str(error))
        except Exception as error:  # noqa: BLE001 - the edge of a call, which goes on without
            self._failed(asked, type(error).__name__)
        else:
            self.counts.answered += 1
            return variables
        return {}

    async def _ask(self, url: str, asked: Asked) -> Mapping[str, object]:
        name, now = new_message(), datetime.now(UTC)
        body = question(name, now, asked)
        reply = await self._egress.ask(
            "POST",
            url,
            headers=signed_headers(self._secrets, name, now, body),
            content=body,
            deadline_s=self._deadline_s,
            largest_body=LARGEST_ANSWER,
        )
        return answer(reply)

    def _failed(self, asked: Asked, reason: str) -> None:
        self.counts.failed += 1
        self._log.warning("lookup failed", call_id=asked.call_id, reason=reason)


def question(name: str, now: datetime, asked: Asked) -> bytes:
    """The body of a request, of the form of an event."""
    data = {
        "call_id": asked.call_id,
        "from": asked.caller,
        "to": asked.called,
        "values": dict(asked.values),
    }
    return _encoder.encode({"type": "call.lookup", "id": name, "timestamp": now, "data": data})


def answer(reply: Reply) -> Mapping[str, object]:
    """The variables an answer gives.

    Raises:
        EndpointRejected: it is none: another status than 2xx, not all there, of another form, or too much.
    """
    if not 200 <= reply.status < 300:
        raise EndpointRejected(f"the endpoint answered {reply.status}", status=reply.status)
    if not reply.whole:
        raise EndpointRejected(f"the answer is above {LARGEST_ANSWER} bytes, or did not end in time")
    try:
        variables = _decoder.decode(reply.body).variables
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        variables = None
    # Raised out here, where the decoder's error is over: that one may quote what the answer says.
    if variables is None:
        raise EndpointRejected("the answer is not of the form {variables: {name: text or number}}")
    if len(variables) > MOST_NAMES:
        raise EndpointRejected(f"the answer has more than {MOST_NAMES} variables")
    return variables
