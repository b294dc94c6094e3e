"""Facts planted in a call: words that stand nowhere else, and what must be known of them afterwards."""

import re
from dataclasses import dataclass, field
from typing import Final

_FACT: Final = re.compile(r"fact-(\d+)-(\d+)")
MARGIN_S: Final = 0.4
"""A fact that was heard so shortly before a moment may or may not count as heard by then."""


@dataclass(frozen=True, order=True, slots=True)
class Fact:
    """A fact of a call."""

    call: int
    number: int

    def __str__(self) -> str:
        return f"fact-{self.call}-{self.number}"


def facts_in(text: str | None) -> set[Fact]:
    """The facts a text names."""
    return {Fact(int(call), int(number)) for call, number in _FACT.findall(text or "")}


@dataclass(slots=True)
class Said:
    """Something that was said, by an agent or a caller, and how long it sounds.

    Attributes:
        text: Its words.
        seconds: How long it sounds, whole.
        session: Whose turn it was; ``None`` for the caller's.
        before_s: How much of the same session sounds before it.
        told_at: When the gateway was told of a caller's words; ``None`` if it was not.

    """

    text: str = field(repr=False)
    seconds: float
    session: int | None = None
    before_s: float = 0.0
    told_at: float | None = None

    def facts(self) -> list[tuple[Fact, float, float]]:
        """Its facts, and from when to when each sounds, counted from its beginning."""
        words = self.text.split()
        each = self.seconds / max(1, len(words))
        return [
            (fact, at * each, (at + 1) * each)
            for at, word in enumerate(words)
            for fact in sorted(facts_in(word))
        ]


@dataclass(frozen=True, slots=True)
class Expected:
    """What a new session must have been told of, and what it must not."""

    known: frozenset[Fact]
    unknown: frozenset[Fact]

    def troubles(self, record: str, opening: str = "") -> list[str]:
        """What is wrong with what it was told.

        Args:
            record: What it was told of the call so far.
            opening: What it is to say first, which may well be new to the caller.
        """
        recorded = facts_in(record)
        named = recorded | facts_in(opening)
        calls = {fact.call for fact in self.known | self.unknown}
        return [
            *(f"{fact} was heard, and the new session was not told" for fact in sorted(self.known - named)),
            *(
                f"{fact} was not heard, and the new session was told"
                for fact in sorted(self.unknown & recorded)
            ),
            *(f"{fact} is of another call" for fact in sorted(named) if calls and fact.call not in calls),
        ]
