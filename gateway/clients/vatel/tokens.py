"""Session tokens for callers who wait: a few quick tries, and none where they would be in vain."""

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway import logs
from gateway.clients.vatel.sessions import SessionRequest, Sessions
from gateway.errors import (
    VendorError,
    VendorForbidden,
    VendorGarbled,
    VendorNotFound,
    VendorRejected,
    VendorThrottled,
    VendorTimeout,
    VendorUnauthorized,
    VendorUnavailable,
    VendorUnreachable,
)
from gateway.policy.breaker import Breaker, State


class Outcome(StrEnum):
    """What became of one try."""

    ISSUED = "issued"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    UNAUTHORIZED = "unauthorized"
    FORBIDDEN = "forbidden"
    AGENT_MISSING = "agent_missing"
    REJECTED = "rejected"
    THROTTLED = "throttled"
    GARBLED = "garbled"
    FAILED = "failed"
    NOT_ASKED = "not_asked"  # the breaker is open
    STALE = "stale"  # issued, and then refused when it was used


_OUTCOMES: Final[tuple[tuple[type[VendorError], Outcome], ...]] = (
    (VendorUnreachable, Outcome.UNREACHABLE),
    (VendorTimeout, Outcome.TIMEOUT),
    (VendorUnauthorized, Outcome.UNAUTHORIZED),
    (VendorForbidden, Outcome.FORBIDDEN),
    (VendorNotFound, Outcome.AGENT_MISSING),
    (VendorRejected, Outcome.REJECTED),
    (VendorThrottled, Outcome.THROTTLED),
    (VendorGarbled, Outcome.GARBLED),
    (VendorError, Outcome.FAILED),
)


def _pause_s() -> float:
    """A little different for each call: those that failed together do not come back together."""
    return random.uniform(0.1, 0.4)  # noqa: S311 - no secret


@dataclass(frozen=True, slots=True)
class TokenTerms:
    """How a token is asked for, in seconds."""

    connect_s: float = 1.0
    deadline_s: float = 2.0
    """Of one try, connecting included."""
    tries: int = 3
    pause_s: Callable[[], float] = _pause_s
    longest_wait_s: float = 3.0
    """Whoever asks for more with ``Retry-After`` is not asked again: a person is a better answer."""


class TokenDesk:
    """Gets session tokens of one organization.

    Args:
        sessions: Issues them.
        count: Told what became of each try.
        terms: How they are asked for.
    """

    def __init__(
        self,
        sessions: Sessions,
        count: Callable[[Outcome], object] = lambda _outcome: None,
        terms: TokenTerms | None = None,
    ) -> None:
        self._sessions = sessions
        self._count = count
        self._terms = terms or TokenTerms()
        self._breaker = Breaker()
        self._log = logs.get()

    @property
    def resting(self) -> bool:
        """Whether Vatel failed so often that it is not asked, but for a probe a second."""
        return self._breaker.state is State.OPEN

    async def get(self, request: SessionRequest, *, patience_s: float = 5.0) -> str:
        """A token; all tries together take no longer than ``patience_s``.

        Raises:
            VendorThrottled: Vatel asks to wait longer than a caller can; ``retry_after_s`` says how long.
            VendorUnavailable: it failed so often just now that it was not asked.
            VendorError: the last try failed.
        """
        now, terms = asyncio.get_running_loop().time, self._terms
        end, last = now() + patience_s, None
        for left in reversed(range(terms.tries)):
            if not self._breaker.admit(now()):
                self._count(Outcome.NOT_ASKED)
                raise last or self._resting(now())
            try:
                return await self._once(request, min(terms.deadline_s, end - now()))
            except VendorError as error:
                last, pause_s = error, self._pause(error)
                if not left or pause_s is None or now() + pause_s >= end:
                    raise
            await asyncio.sleep(pause_s)
        raise AssertionError("the last try returns or raises")

    def refused_in_use(self) -> None:
        """A token that was issued opened nothing: it was too old, or clocks differ."""
        self._count(Outcome.STALE)

    async def _once(self, request: SessionRequest, deadline_s: float) -> str:
        try:
            session = await self._sessions.create(
                request, deadline_s=deadline_s, connect_s=self._terms.connect_s
            )
        except VendorError as error:
            self._failed(error)
            raise
        self._count(Outcome.ISSUED)
        self._worked()
        return session.token.get_secret_value()

    def _pause(self, error: VendorError) -> float | None:
        """How long to wait before another try; ``None`` if there is to be none."""
        if not error.retryable:
            return None
        asked_s = error.retry_after_s
        short = asked_s is not None and asked_s <= self._terms.longest_wait_s
        if isinstance(error, VendorThrottled) and not short:
            return None
        return max(self._terms.pause_s(), asked_s if asked_s is not None and short else 0.0)

    def _failed(self, error: VendorError) -> None:
        outcome = next(outcome for kind, outcome in _OUTCOMES if isinstance(error, kind))
        self._count(outcome)
        if outcome is Outcome.UNAUTHORIZED:
            self._log.error("Vatel refuses the API key: no call gets an agent", remedy=error.remedy)
        if isinstance(error, VendorThrottled):
            return  # it works, for others at least
        if isinstance(error, VendorRejected) and outcome is not Outcome.UNAUTHORIZED:
            self._worked()
        elif self._breaker.failed(asyncio.get_running_loop().time()):
            self._log.error("Vatel fails: it is asked once a second until it works", error=str(error))

    def _worked(self) -> None:
        if self._breaker.succeeded():
            self._log.info("Vatel works again")

    def _resting(self, now: float) -> VendorError:
        return VendorUnavailable(
            "Vatel has just failed too often to be asked", retry_after_s=self._breaker.wait_s(now)
        )
