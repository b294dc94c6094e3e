"""Whose a call is: what the registry tells whoever keeps the leases, and how a call ended here."""

from dataclasses import dataclass, field
from typing import Final, Protocol

from gateway.bridge.report import Ending
from gateway.calls.plan import Plan, Words
from gateway.ids import CallSid
from gateway.store.identifiers import CallId

OFFERED: Final = frozenset({Ending.HANDED_OVER, Ending.GATEWAY_ERROR})
"""Endings after which another process, or another try of this one, may go on with the call."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended here.

    Attributes:
        call_id: Our name of it.
        answer: What Twilio is to do if it asks how to go on.
        handed: Another process may go on with it.

    """

    call_id: CallId
    answer: str = field(repr=False)
    handed: bool = False


class Tenure(Protocol):
    """Keeps the leases of a process's calls: ``gateway.services.leases``. Nothing here waits or raises."""

    def began(self, plan: Plan, call_sid: CallSid) -> None:
        """A call is carried here from now on."""

    def told(self, call_id: CallId, words: Words) -> None:
        """It is known what the agent of a call is told."""

    def over(self, call_id: CallId, *, falls_back: bool) -> None:
        """A call is over here, and needs nobody's help, or the fallback's."""

    async def hand_over(self, call_id: CallId, *, failed: bool) -> bool:
        """Let any process go on with a call; ``False`` if none can. Bounded in time.

        ``failed`` says that it is for a failure of this process, which a call does not survive for ever.
        """


class Alone:
    """No other process could take a call."""

    def began(self, plan: Plan, call_sid: CallSid) -> None:
        """Nobody asks."""

    def told(self, call_id: CallId, words: Words) -> None:
        """Nobody asks."""

    def over(self, call_id: CallId, *, falls_back: bool) -> None:
        """Nobody asks."""

    async def hand_over(self, call_id: CallId, *, failed: bool) -> bool:
        """There is nobody else."""
        del call_id, failed
        return False
