"""Calm in a storm of interruptions: what is not sent needs no clear."""

from typing import Final

_CALM_S: Final = 0.1
"""Ten clears a second are enough."""


class Calm:
    """Says when to hold audio back: for a moment after a clear that follows another one closely."""

    def __init__(self) -> None:
        self._cleared_at: float | None = None
        self.until: float | None = None
        self.storms = 0

    def cleared(self, now: float) -> None:
        """A clear is sent."""
        if self._cleared_at is not None and now - self._cleared_at < 2 * _CALM_S:
            self.until = now + _CALM_S
            self.storms += 1
        self._cleared_at = now

    def tick(self, now: float) -> None:
        """Let audio go again when it is time."""
        if self.until is not None and now >= self.until:
            self.until = None
