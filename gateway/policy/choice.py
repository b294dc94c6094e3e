"""Which of a number's agents takes a call: by weight, and for one call always the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final

from gateway.errors import SettingsError
from gateway.ids import AgentId

_BITS: Final = 64
_HEAVIEST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Share:
    """An agent and its part of the calls, against the sum of all weights; 0 is no call at all."""

    agent: AgentId
    weight: int = 1


class Choice:
    """The agents of a number.

    Raises:
        SettingsError: a weight is out of range, or all are 0.
    """

    def __init__(self, shares: Sequence[Share]) -> None:
        if any(not 0 <= share.weight <= _HEAVIEST for share in shares):
            raise SettingsError(f"a weight must be a whole number from 0 to {_HEAVIEST}")
        self._shares = tuple(share for share in shares if share.weight)
        self._total = sum(share.weight for share in self._shares)
        if not self._total:
            raise SettingsError("at least one agent must have a weight of more than 0")

    def agent(self, token: str) -> AgentId:
        """Choose by a token, such as the call's SID: the same token, the same agent.

        Twilio repeats webhooks it had no answer to, and other processes may get the repetition.
        """
        digest = sha256(token.encode("utf-8", "surrogatepass")).digest()
        point = int.from_bytes(digest[: _BITS // 8], "big") * self._total >> _BITS
        for share in self._shares:
            if point < share.weight:
                return share.agent
            point -= share.weight
        raise AssertionError("the point lies below the sum of the weights")
