"""How long to leave a peer in peace that asks to slow down: longer each time, and not all at once again."""

from typing import Final

FIRST_S: Final = 0.5
LONGEST_S: Final = 30.0


class Slowdown:
    """The pauses of everybody who asks one peer.

    Args:
        first_s: The first pause; each further one is twice as long.
        longest_s: The longest, whatever the peer asks for.
    """

    def __init__(self, first_s: float = FIRST_S, longest_s: float = LONGEST_S) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._pause_s = first_s
        self._until = float("-inf")

    def throttled(self, now: float, chance: float, asked_s: float | None = None) -> float:
        """The peer asked to slow down.

        Args:
            now: The time.
            chance: From 0 to 1, by chance: half the pause depends on it.
            asked_s: How long the peer wants to be left in peace, if it said so.

        Returns:
            How many seconds that is to be from now.
        """
        if now >= self._until:  # what was under way when the pause began does not make it longer
            own_s = self._pause_s * (0.5 + 0.5 * chance)
            self._until = now + min(max(own_s, asked_s or 0.0), self._longest_s)
            self._pause_s = min(2 * self._pause_s, self._longest_s)
        return self._until - now

    def answered(self, now: float) -> None:
        """The peer answered otherwise: the next pause is a short one again, once this one is over."""
        if now >= self._until:
            self._pause_s = self._first_s

    def wait_s(self, now: float) -> float:
        """How long the peer is still to be left in peace."""
        return max(0.0, self._until - now)
