"""Callbacks of a call: sent one after another, in the background, best effort.

Twilio promises neither order nor single delivery; the emulator keeps order, and can send anything again.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.call_terms import Subscription
from gateway.emulators.twilio.params import progress_params, voice_params
from gateway.emulators.twilio.records import MAX_RECORDS, CallStatus, WebhookRecord
from gateway.emulators.twilio.services import Services
from gateway.emulators.twilio.webhooks import Answer

MAX_WAITING = 1000

# https://www.twilio.com/docs/voice/api/call-resource#statuscallbackevent
EVENT_OF = {
    CallStatus.INITIATED: "initiated",
    CallStatus.RINGING: "ringing",
    CallStatus.IN_PROGRESS: "answered",
}


@dataclass(frozen=True, slots=True)
class Post:
    """A callback to be sent."""

    purpose: str
    url: str
    method: str
    params: Mapping[str, str] = field(repr=False)


class Outbox:
    """Sends the requests of one call and writes them down.

    Args:
        call: The call they are about.
        services: What the emulator shares.

    """

    def __init__(self, call: Call, services: Services) -> None:
        self._call = call
        self._services = services
        self._waiting: asyncio.Queue[Post | None] = asyncio.Queue(MAX_WAITING)

    async def run(self) -> None:
        """Send what is put in, until ``close`` is reached."""
        while (post := await self._waiting.get()) is not None:
            await self.send(post)

    def close(self) -> None:
        """Let ``run`` return once everything put in before has been sent."""
        if self._waiting.full():
            # The last word is worth more than a callback nobody fetched for so long.
            self._waiting.get_nowait()
        self._waiting.put_nowait(None)

    def put(self, post: Post) -> None:
        """Send a callback soon; it is dropped, with a word in the debugger, if too many wait."""
        if self._waiting.full():
            self._call.complain(11200, f"too many callbacks wait; dropped one to {post.url}")
        else:
            self._waiting.put_nowait(post)

    async def send(self, post: Post) -> Answer:
        """Send a request now."""
        at_s = self._call.now
        answer = await self._services.webhooks.send(
            post.url, post.params, method=post.method, cookies=self._call.cookies
        )
        if len(self._call.requests) < MAX_RECORDS:
            self._call.requests.append(
                WebhookRecord(
                    at_s,
                    post.purpose,
                    post.url,
                    post.method,
                    post.params,
                    answer.signature,
                    answer.status,
                    answer.body.decode(errors="replace"),
                    answer.error,
                )
            )
        outcome = f"{answer.status or 'no answer'}" + (f", error {answer.error}" if answer.error else "")
        self._call.tell("webhook", f"{post.purpose} {post.method} {post.url} -> {outcome}")
        if answer.error is not None:
            self._call.complain(answer.error, f"{post.purpose} webhook {post.url}: {outcome}")
        return answer

    def standard(self) -> dict[str, str]:
        """The standard parameters of the call as it is now."""
        return voice_params(self._services.account.sid, self._call)

    def move(self, status: CallStatus, call: Call | None = None) -> None:
        """Let the call (or another leg of it) enter a status, and report that to who subscribed."""
        leg = call or self._call
        if leg.move(status):
            self._report(leg, leg.subscription)

    def _report(self, leg: Call, subscription: Subscription) -> None:
        event = "completed" if leg.status.final else EVENT_OF.get(leg.status)
        if not subscription.url or event not in subscription.events:
            return
        params = progress_params(self._services.account.sid, leg)
        self.put(Post("status", subscription.url, subscription.method, params))
