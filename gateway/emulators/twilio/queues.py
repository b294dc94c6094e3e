"""The account's call queues: who waits in which, and where in line.

https://www.twilio.com/docs/voice/api/queue-resource
"""

from dataclasses import dataclass, field

from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.line_clock import Clock
from gateway.emulators.twilio.records import new_sid

LARGEST = 1000


@dataclass(slots=True)
class Queue:
    """One queue. It is there as soon as somebody is put into it, and stays.

    Attributes:
        name: Its friendly name, of 64 characters at most.
        size: How many may wait in it.

    """

    name: str
    clock: Clock
    size: int = LARGEST
    sid: str = field(default_factory=lambda: new_sid("QU"))
    _since: dict[Call, float] = field(default_factory=dict)  # in the order of arrival

    @property
    def full(self) -> bool:
        """Whether nobody more may wait."""
        return len(self._since) >= self.size

    @property
    def waiting(self) -> list[Call]:
        """Those who wait, the first in line first."""
        return list(self._since)

    def join(self, call: Call) -> None:
        """Put a call behind the others."""
        self._since[call] = self.clock.now()

    def leave(self, call: Call) -> None:
        """Take a call out."""
        self._since.pop(call, None)

    def time_s(self, call: Call) -> int:
        """How long a call has waited, in whole seconds."""
        return int(self.clock.now() - self._since.get(call, self.clock.now()))

    def params(self, call: Call) -> dict[str, str]:
        """What the request for a waiting caller's TwiML says besides the standard parameters.

        https://www.twilio.com/docs/voice/twiml/enqueue#waiturl
        """
        waited = [self.time_s(other) for other in self._since]
        return {
            "QueueSid": self.sid,
            "QueuePosition": str(self.waiting.index(call) + 1),
            "QueueTime": str(self.time_s(call)),
            "AvgQueueTime": str(round(sum(waited) / len(waited))),
            "CurrentQueueSize": str(len(waited)),
        }


class Queues:
    """The queues by name.

    Args:
        clock: The emulator's time.

    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._queues: dict[str, Queue] = {}

    def named(self, name: str) -> Queue:
        """The queue of that name, which comes about when it is asked for."""
        if name not in self._queues:
            self._queues[name] = Queue(name, self._clock)
        return self._queues[name]
