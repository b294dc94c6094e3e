"""The documents calls are answered with: what opens a stream, and what follows when it ends early."""

from dataclasses import dataclass
from math import ceil
from typing import Final
from urllib.parse import urlencode

from twilio.twiml.voice_response import VoiceResponse

from gateway.audio.music import PHRASE_S
from gateway.calls.plan import Plan
from gateway.ids import E164
from gateway.store.identifiers import CallId
from gateway.store.records import Direction
from gateway.wire import twiml
from gateway.wire.twiml import Before

CALL_PARAMETER: Final = "c"
"""The parameter of ``/twilio/after`` that names the call."""
HOPS_PARAMETER: Final = "h"
"""The parameter that counts how many processes have passed a call on."""
MOST_HOPS: Final = 6
"""Processes that pass a call on before the next one helps the caller itself."""
_QUICK_HOPS: Final = 2
_PATIENCE: Final = "#ct=1000&rt=3000&rc=2&rp=ct,rt,5xx"
"""Twilio's own patience with an address while a caller hears nothing: one second for a connection, three for
the answer, and two more tries. The fragment is not sent and not signed:
https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides"""


@dataclass(frozen=True, slots=True)
class Sentences:
    """What callers hear when no agent can be had."""

    fallback: str
    apology: str
    fallback_number: E164 | None
    whisper: str = ""
    """What a person hears before a caller is connected to them; empty for nothing."""

    def otherwise(self, number: E164 | None, *, said: bool = False) -> VoiceResponse:
        """Connect to a person, which may have been ``said``; without a number, apologise and hang up."""
        return twiml.fallback(None if said else self.fallback, self.apology, number)

    def sorry(self) -> VoiceResponse:
        """Apologise and hang up."""
        return self.otherwise(None)


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where Twilio finds us.

    Attributes:
        stream: This process's media socket.
        stream_status: Told what becomes of streams; this process.
        voice: Asked about a new call; any process.
        after: Asked how to go on when a stream has ended; any process. Empty where no other could answer.
        transfer: Told what becomes of persons callers are transferred to; this process.
        music: What callers hear while they are on hold.
        back: Asked how to go on when they have heard it; this process where no other could answer.

    """

    stream: str
    stream_status: str
    voice: str = ""
    after: str = ""
    transfer: str = ""
    music: str = ""
    back: str = ""


class Documents:
    """Makes the documents of all calls."""

    def __init__(self, addresses: Addresses, sentences: Sentences) -> None:
        self._addresses = addresses
        self._sentences = sentences

    @property
    def resume(self) -> bool:
        """Whether Twilio asks how to go on when a stream ends, instead of doing what it was told before."""
        return bool(self._addresses.after)

    def opening(self, plan: Plan, ticket: str) -> str:
        """The answer to a new call."""
        return self._stream(plan, ticket, plan.notice)

    def reopening(self, plan: Plan, ticket: str, digits: str = "") -> str:
        """Another stream for a call that goes on, behind these keys; whatever notice there is was heard."""
        return self._stream(plan, ticket, "", digits)

    def transferring(self, to: E164) -> str:
        """Connect the caller to a person; they come back if nobody takes the call."""
        door, whispered = self._addresses.transfer, bool(self._sentences.whisper)
        return twiml.dial(
            twiml.Person(
                to,
                door,
                whisper_url=f"{door}/whisper" if whispered else "",
                answered_url="" if whispered else f"{door}/answered",
            )
        )

    def holding(self, plan: Plan, seconds: int) -> str:
        """Play music for so long at least, then bring the caller back."""
        back = after_url(self._addresses.back, plan.call_id)
        return twiml.hold(self._addresses.music, ceil(seconds / PHRASE_S), back)

    def fallback(self, plan: Plan | None = None, *, said: bool = False) -> str:
        """No agent can be had: what helps the caller of this call, or of one nothing is known of.

        With ``said`` the caller was told already that a person is called.
        """
        return twiml.written(self._fallback(plan, said=said))

    def person(self, plan: Plan | None) -> E164 | None:
        """Who is called where no agent can be had."""
        usual = self._sentences.fallback_number
        if plan is None:
            return usual
        # Whoever we called did not ask for a person of ours.
        return plan.fallback_number or (None if plan.parties.direction is Direction.OUTBOUND else usual)

    def otherwise(self, plan: Plan) -> VoiceResponse:
        """The same as verbs that may stand behind others."""
        return self._fallback(plan)

    def sorry(self) -> str:
        """Apologise and hang up."""
        return twiml.written(self._sentences.sorry())

    def another(self, hops: int) -> str | None:
        """Have another process answer a new call; ``None`` if none is likely to, or too many were asked."""
        return self._passed_on(self._addresses.voice, {}, hops) if self.resume else None

    def onward(self, call_id: CallId, hops: int) -> str | None:
        """Have another process say how a call goes on; ``None`` as above."""
        return self._passed_on(self._addresses.after, {CALL_PARAMETER: call_id}, hops)

    def _stream(self, plan: Plan, ticket: str, notice: str, digits: str = "") -> str:
        addresses = self._addresses
        otherwise = self._fallback(plan)
        if self.resume:
            otherwise = twiml.elsewhere(after_url(addresses.after, plan.call_id))
        return twiml.connect(
            addresses.stream, ticket, addresses.stream_status, otherwise, Before(notice, digits)
        )

    def _fallback(self, plan: Plan | None, *, said: bool = False) -> VoiceResponse:
        return self._sentences.otherwise(self.person(plan), said=said)

    def _passed_on(self, url: str, named: dict[str, str], hops: int) -> str | None:
        if not url or hops >= MOST_HOPS:
            return None
        asked = urlencode({**named, HOPS_PARAMETER: str(hops + 1)})
        # A load balancer needs a moment to notice that this process wants no more calls.
        pause_s = 0 if hops < _QUICK_HOPS else 1
        return twiml.written(twiml.elsewhere(f"{url}?{asked}{_PATIENCE}", pause_s=pause_s))


def after_url(base: str, call_id: CallId) -> str:
    """The address that is asked how a call goes on when its stream has ended."""
    return f"{base}?{urlencode({CALL_PARAMETER: call_id})}{_PATIENCE}"
