"""Callers who wait at Twilio: the documents that put them there and keep them, and what Twilio says of them.

https://www.twilio.com/docs/voice/twiml/enqueue
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from twilio.twiml.voice_response import Enqueue, VoiceResponse

from gateway.ids import CallSid
from gateway.wire import call_status, twiml

_NAME: Final = "vatel-gateway"
_GONE: Final = frozenset({"hangup", "redirected", "redirected-from-bridged"})
_LONGEST_WAIT_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Waiter:
    """A caller in the queue, or just out of it.

    Attributes:
        call_sid: The call.
        waited_s: How long it has waited.
        gone: It has left for good: it hung up, or was taken elsewhere.
        result: How it left, in Twilio's word; empty while it waits.

    """

    call_sid: CallSid
    waited_s: float
    gone: bool = False
    result: str = ""


def waiter(form: Mapping[str, str]) -> Waiter:
    """Read the request for a wait document, or for what follows the queue.

    Raises:
        WireError: it names no call.
    """
    progress = call_status.call_progress(form)
    time = form.get("QueueTime", "")
    waited_s = int(time) if time.isascii() and time.isdigit() and len(time) < 6 else 0
    result = form.get("QueueResult", "")[:30]
    gone = progress.status.final or result in _GONE
    return Waiter(progress.call_sid, float(min(waited_s, _LONGEST_WAIT_S)), gone, result)


def enqueue(wait_url: str, action_url: str, otherwise: VoiceResponse) -> str:
    """Have the caller wait; Twilio asks ``wait_url`` what for meanwhile, and ``action_url`` how to go on.

    ``otherwise`` is for a queue that Twilio can't keep: it needs no process of ours.
    """
    response = VoiceResponse()
    verb = Enqueue(_NAME, action=action_url, method="POST", wait_url=wait_url, wait_url_method="POST")
    response.append(verb)
    for following in otherwise.verbs:
        response.append(following)
    return twiml.written(response)


def wait(sentence: str, music_url: str) -> str:
    """Say ``sentence``, or play some music if there is none; then Twilio asks again.

    Not both: a place that becomes free must not wait for the end of more than one of them.
    """
    response = VoiceResponse()
    if sentence:
        response.say(twiml.clean(sentence))
    else:
        response.play(music_url)
    return twiml.written(response)


def leave() -> str:
    """Out of the queue: Twilio asks how to go on."""
    response = VoiceResponse()
    response.leave()
    return twiml.written(response)
