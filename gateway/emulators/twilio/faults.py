"""What the REST API does instead of working; the ways in which placing a call can fail."""

from dataclasses import dataclass

CALLS = "/Calls.json"
NEVER_S = 30.0


@dataclass(slots=True)
class RestFault:
    """What the API does instead of working, for so many requests.

    Attributes:
        status: HTTP status of the answer; None to answer as usual, after the delay.
        code: Twilio's error code in the answer.
        delay_s: How long the answer takes, in real seconds.
        times: How many requests are treated so; None for all until further notice.
        perform: Whether the request is carried out although the answer says otherwise.
        method: Only requests of this method; empty for all.
        path: Only requests whose path ends so; empty for all.

    """

    status: int | None = None
    code: int = 20500
    delay_s: float = 0.0
    times: int | None = None
    perform: bool = False
    method: str = ""
    path: str = ""

    def take(self, method: str, path: str) -> bool:
        """Whether this request is to be treated so; counts it."""
        if (self.method and self.method != method) or not path.endswith(self.path) or self.times == 0:
            return False
        if self.times is not None:
            self.times -= 1
        return True


def call_placed_without_an_answer(times: int | None = 1, delay_s: float = NEVER_S) -> RestFault:
    """The call is placed, and the client waits for an answer in vain."""
    return RestFault(delay_s=delay_s, times=times, perform=True, method="POST", path=CALLS)


def no_call_and_no_answer(times: int | None = 1, delay_s: float = NEVER_S) -> RestFault:
    """No call is placed, and the client waits for an answer in vain."""
    return RestFault(504, 20504, delay_s, times, method="POST", path=CALLS)


def call_placed_and_denied(times: int | None = 1) -> RestFault:
    """The call is placed, and the answer is an internal error (500)."""
    return RestFault(500, times=times, perform=True, method="POST", path=CALLS)


def call_throttled(times: int | None = 1) -> RestFault:
    """No call is placed: too many requests (429)."""
    return RestFault(429, 20429, times=times, method="POST", path=CALLS)


def call_refused(code: int, times: int | None = 1) -> RestFault:
    """No call is placed: refused with a code such as 21211 (400)."""
    return RestFault(400, code, times=times, method="POST", path=CALLS)
