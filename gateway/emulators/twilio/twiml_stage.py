"""What a verb is executed on: the call, the services, and the document's own address."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from urllib.parse import urljoin

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.call_terms import Source
from gateway.emulators.twilio.outbox import Outbox
from gateway.emulators.twilio.records import EndedBy
from gateway.emulators.twilio.services import Services
from gateway.emulators.twilio.webhooks import Document

Step = Source | EndedBy | None
"""What comes after a verb: other TwiML, the call's end, or the next verb."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What a verb is executed on.

    Attributes:
        call: The call.
        services: What the emulator shares.
        outbox: Sends the call's requests.
        source: Where the document came from; relative addresses are relative to it.
        whisper: Runs TwiML for another leg; says whether the leg is still there afterwards.
        fetch: Fetches a document; does not turn to the fallback for it.

    """

    call: Call
    services: Services
    outbox: Outbox
    source: Source
    whisper: Callable[[Call, Source], Awaitable[bool]]
    fetch: Callable[[Source], Awaitable[Document]]

    def at(self, source: Source) -> "Stage":
        """The same with another document's address."""
        return replace(self, source=source)

    def absolute(self, url: str) -> str:
        """An address as the document means it."""
        return urljoin(self.source.url, url) if self.source.url else url

    def action(self, url: str, method: str, params: dict[str, str], purpose: str = "action") -> Source:
        """The document a verb's ``action`` names."""
        return Source(self.absolute(url), method.upper() or "POST", params, purpose)
