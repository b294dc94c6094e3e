"""Taking up a call whose agent was lost: what the new session says first, and what it is told.

A session can't be resumed: what was said goes into the prompt of a new one, as data. Whoever spoke it,
nothing of it can end the data: it is quoted, with every bracket written as its code.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from gateway.policy.takeup_texts import TEXTS, Texts
from gateway.policy.template import json_string
from gateway.policy.values import clean

LONGEST_OPENING: Final = 300
"""Characters of an unheard sentence that are said again."""

LONGEST_HISTORY: Final = 24_000
"""Characters of lines and tool calls together, as they stand in the prompt."""

_LONGEST_TOOLS: Final = 8_000  # of these
_LONGEST_PART: Final = 2_000  # characters of a tool's arguments, and of its result
_SPEAKERS: Final = frozenset({"agent", "caller"})

Spoken = tuple[str, str]
"""Who spoke, ``agent`` or ``caller``, and what was said: of the agent, what was heard."""


@dataclass(frozen=True, slots=True)
class ToolRun:
    """A tool call of the lost session; without a result it is still running."""

    name: str
    arguments: str = field(default="", repr=False)
    result: str | None = field(default=None, repr=False)


def opening(language: str, cut_text: str, caller_waits: bool, anything_heard: bool) -> str | None:
    """The new session's first message.

    Args:
        language: One of ours; any other is taken for English.
        cut_text: What the agent was about to say when it was lost and nobody heard; empty if it had ended.
        caller_waits: Whether the caller spoke last.
        anything_heard: Whether the caller ever heard the agent.

    Returns:
        ``None`` for the agent's own: nothing was said by either.
    """
    texts = _texts(language)
    rest = _whole_words(cut_text)
    if caller_waits:
        return texts.again
    if not anything_heard:
        return None
    return f"{texts.sorry} {rest}" if rest else texts.where


def prompt(own_prompt: str, lines: Sequence[Spoken], tools: Sequence[ToolRun], language: str) -> str:
    """The new session's prompt: the agent's own, then what was said and done, as data, and what to do."""
    texts = _texts(language)
    done = _newest((_tool(run) for run in reversed(tools)), _LONGEST_TOOLS)
    said = _newest((_line(line) for line in reversed(lines)), LONGEST_HISTORY - sum(map(len, done)))
    record = ("lines:", *(said or [texts.nothing]), "tool calls:", *(done or [texts.nothing]))
    history = "\n".join(("<so_far>", *record, "</so_far>"))
    return "\n\n".join((own_prompt.rstrip(), texts.explained, history, texts.onward)).lstrip()


def _texts(language: str) -> Texts:
    return TEXTS.get(language, TEXTS["en"])


def _whole_words(text: str) -> str:
    """As many words as fit; a single one that does not is cut."""
    whole = clean(text, LONGEST_OPENING + 1)
    if len(whole) <= LONGEST_OPENING:
        return whole
    end = whole.rfind(" ")
    return whole[: end if end > 0 else LONGEST_OPENING]


def _line(line: Spoken) -> str:
    speaker, text = line
    who = speaker if speaker in _SPEAKERS else "other"
    return f"{who}: {json_string(clean(text, LONGEST_HISTORY))}"


def _tool(run: ToolRun) -> str:
    name, arguments = (json_string(clean(part, _LONGEST_PART)) for part in (run.name, run.arguments))
    if run.result is None:
        return f"still running: {name} with {arguments}"
    return f"done: {name} with {arguments} gave {json_string(clean(run.result, _LONGEST_PART))}"


def _newest(latest_first: Iterable[str], room: int) -> list[str]:
    """The newest that fit, oldest first; the newest of all is cut if it is too long by itself."""
    kept: list[str] = []
    for each in latest_first:
        if len(each) + 1 > room:
            if not kept:
                kept.append(_cut(each, room))
            break
        room -= len(each) + 1
        kept.append(each)
    return kept[::-1]


def _cut(quoted: str, room: int) -> str:
    """The beginning of a quoted text, ended as it should be; a code at the cut is left out."""
    beginning = quoted[: room - 2]
    code = beginning.rfind("\\", len(beginning) - 5)
    return (beginning[:code] if code >= 0 else beginning) + '…"'
