"""How often, and for how long in all, a call may be without its agent before it is given up.

Times are seconds of the bridge's clock.
"""

from gateway.bridge.limits import Limits


class Recovery:
    """Counts the tries to get an agent, and the time the caller was without one."""

    def __init__(self, limits: Limits) -> None:
        self._attempt_s = limits.attempt_s
        self._most_gap_s = limits.most_gap_s
        self._first_tries = limits.first_tries if limits.recoveries else 1
        self._left = limits.recoveries
        self._joined = False
        self._tries = 0
        self._try_until: float | None = None
        self._gap_since: float | None = None
        self._spent_s = 0.0
        self.epoch = 0

    @property
    def deadline(self) -> float | None:
        """When the present try has failed, or the caller has waited too long in all."""
        if self._try_until is None or self._gap_since is None:
            return self._try_until
        return min(self._try_until, self._gap_since + self._most_gap_s - self._spent_s)

    def begin(self, now: float) -> None:
        """Try for an agent."""
        self._tries += 1
        self._try_until = now + self._attempt_s

    def waits(self, now: float) -> None:
        """The caller is there, and no agent is."""
        if self._gap_since is None:
            self._gap_since = now

    def joined(self, now: float) -> float:
        """The agent is there; return for how many seconds the caller was without one."""
        gap_s = self._close(now)
        self._joined, self._try_until, self._tries = True, None, 0
        return gap_s

    def again(self, now: float) -> bool:
        """The agent is lost, or could not be had: whether to try once more."""
        self._try_until = None
        waited_s = self._spent_s + (0.0 if self._gap_since is None else now - self._gap_since)
        if waited_s >= self._most_gap_s:
            return False
        if not self._joined:
            return self._tries < self._first_tries
        if not self._left:
            return False
        self._left -= 1
        self.epoch += 1
        return True

    def renew(self) -> None:
        """Change sessions on purpose, which is no loss."""
        self.epoch += 1

    def stop(self, now: float) -> None:
        """No agent is tried for any more."""
        self._close(now)
        self._try_until = None

    def _close(self, now: float) -> float:
        since, self._gap_since = self._gap_since, None
        gap_s = 0.0 if since is None else now - since
        self._spent_s += gap_s
        return gap_s
