"""What is remembered of calls that are over, or never were: Twilio asks again, and not always in order."""

from collections import OrderedDict, deque
from typing import Final

from gateway.calls.tenure import Ended
from gateway.ids import CallSid

_ENDED_KEPT: Final = 10_000  # most of whose answers are the same text, kept once
_OTHERS_KEPT: Final = 200


class Remembered:
    """How calls ended, which were turned away, and which were over before this process knew of them."""

    def __init__(self) -> None:
        self._ended: OrderedDict[CallSid, Ended] = OrderedDict()
        self._refused: deque[CallSid] = deque(maxlen=_OTHERS_KEPT)
        self._missed: deque[CallSid] = deque(maxlen=_OTHERS_KEPT)

    def end(self, call_sid: CallSid, ended: Ended) -> None:
        """A call of this process is over."""
        self._ended[call_sid] = ended
        while len(self._ended) > _ENDED_KEPT:
            self._ended.popitem(last=False)

    def ended(self, call_sid: CallSid) -> Ended | None:
        """How a call of this process ended."""
        return self._ended.get(call_sid)

    def refuse(self, call_sid: CallSid) -> bool:
        """A call is turned away; whether for the first time."""
        first = call_sid not in self._refused
        if first:
            self._refused.append(call_sid)
        return first

    def miss(self, call_sid: CallSid) -> None:
        """Twilio tells the end of a call of which nothing is known.

        A caller who gives up at once is told of by a status callback, which may overtake the webhook.
        """
        if call_sid not in self._ended and call_sid not in self._missed:
            self._missed.append(call_sid)

    def missed(self, call_sid: CallSid) -> bool:
        """Whether a call's end was told before its beginning."""
        return call_sid in self._missed
