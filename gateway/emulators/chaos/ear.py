"""What a caller heard, from the answer to the end: silence, noise, words of nobody known, an agent, a person.

Seconds are those of the emulated Twilio. What is heard on a stream is judged by its level, frame by frame; an
agent is known by its watermark. Prompts and dialled people are taken from the verbs that were executed.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

import numpy as np

from gateway.emulators.chaos.watermarks import NOBODY, Watermarks
from gateway.emulators.twilio.call import Call
from gateway.emulators.twilio.line import Line
from gateway.emulators.twilio.line_audio import FRAME_BYTES, FRAME_S, decode
from gateway.emulators.twilio.records import Event
from gateway.emulators.twilio.twiml_prompts import PLAY_S, WORDS_PER_S

SOUND_DBFS: Final = -66.0
"""Quieter is silence: comfort noise is meant to be heard."""
WORDS_DBFS: Final = -38.0
"""Louder are words; in between is noise, be it comfort noise or a filler."""
_BREATH_S: Final = 0.2
"""Speech pauses so long between words without being over."""


class Heard(IntEnum):
    """What a stretch sounds like, the more the better."""

    SILENCE = 0
    NOISE = 1
    WORDS = 2  # a clip, a prompt: nobody's that is known
    AGENT = 3
    PERSON = 4  # somebody who was dialled


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was heard from a moment to another, and whose session it was if an agent's."""

    start_s: float
    end_s: float
    heard: Heard
    session: int = NOBODY


Own = Sequence[tuple[float, float]]
"""When it was the caller's own turn."""


@dataclass(slots=True)
class Hearing:
    """Everything one caller heard, in order, without gaps, from the answer to the end."""

    stretches: list[Stretch] = field(default_factory=list)

    def first_s(self, least: Heard, since: float, *, but: Iterable[int] = ()) -> float | None:
        """How long after a moment something at least so good was heard; sessions of ``but`` do not count."""
        ignored = set(but)
        for stretch in self.stretches:
            counts = stretch.heard >= least and (
                stretch.heard is not Heard.AGENT or stretch.session not in ignored
            )
            if counts and stretch.end_s > since:
                return max(0.0, stretch.start_s - since)
        return None

    def longest_silence_s(self, own: Own, since: float = 0.0) -> float:
        """The longest silence that was not the caller's own turn."""
        longest = run = 0.0
        run_end: float | None = None
        for stretch in self.stretches:
            if stretch.heard is not Heard.SILENCE:
                continue
            for start, end in _without(max(stretch.start_s, since), stretch.end_s, own):
                run = run + end - start if run_end is not None and start - run_end < 1e-6 else end - start
                run_end = end
                longest = max(longest, run)
        return longest

    def agent_s(self, session: int, until: float = float("inf")) -> float:
        """How much of a session's speech was heard, until a moment."""
        return sum(
            max(0.0, min(stretch.end_s, until) - stretch.start_s)
            for stretch in self.stretches
            if stretch.session == session
        )

    @property
    def sessions(self) -> list[int]:
        """Whose agents were heard, in order."""
        return list(dict.fromkeys(stretch.session for stretch in self.stretches if stretch.session != NOBODY))


def listen(call: Call, now: float, events: Iterable[Event], marks: Watermarks) -> Hearing:
    """Find out what a caller has heard by now.

    Args:
        call: The call.
        now: The emulated Twilio's time.
        events: Its timeline, which tells when a dialled person answered.
        marks: The sessions' sounds, as a telephone hears them.

    """
    created = now - call.now
    end = now - (call.since_end_s or 0.0)
    pieces = [piece for line in call.lines for piece in on_stream(line, marks)]
    pieces += _prompts(call, created, end)
    pieces += [
        Stretch(event.at_s, _dial_end(call, created, event.at_s, end), Heard.PERSON)
        for event in events
        if event.call_sid == call.sid and event.kind == "bridged"
    ]
    starts = [line.opened_at for line in call.lines if line.opened_at is not None]
    start = min([*starts, *(created + verb.at_s for verb in call.verbs), end])
    return Hearing(lay([piece for piece in pieces if piece.start_s < end], start, end))


def on_stream(line: Line, marks: Watermarks) -> list[Stretch]:
    """What was heard on one stream."""
    heard = line.heard
    if line.opened_at is None or len(heard) < FRAME_BYTES:
        return []
    heard = heard[: len(heard) - len(heard) % FRAME_BYTES]
    whose = marks.by_frame(heard, FRAME_BYTES)
    kinds = levels(heard)
    kinds[whose != NOBODY] = Heard.AGENT
    edges = np.flatnonzero((np.diff(kinds) != 0) | (np.diff(whose) != 0)) + 1
    found = []
    for first, last in zip([0, *edges], [*edges, len(kinds)], strict=True):
        start, end = line.opened_at + first * FRAME_S, line.opened_at + last * FRAME_S
        found.append(Stretch(float(start), float(end), Heard(int(kinds[first])), int(whose[first])))
    return found


def levels(mulaw: bytes) -> "np.typing.NDArray[np.int64]":
    """Silence, noise or words in each frame of 20 ms."""
    frames = decode(mulaw).reshape(-1, FRAME_BYTES).astype(np.float64) / 32768
    power = 10 * np.log10(np.mean(frames * frames, axis=1) + 1e-12)
    return np.where(
        power >= WORDS_DBFS, Heard.WORDS, np.where(power >= SOUND_DBFS, Heard.NOISE, Heard.SILENCE)
    )


def lay(pieces: list[Stretch], start: float, end: float) -> list[Stretch]:
    """Put stretches on one axis: the better where several overlap, silence where there are none."""
    edges = sorted({start, end, *(edge for piece in pieces for edge in (piece.start_s, piece.end_s))})
    edges = [edge for edge in edges if start <= edge <= end]
    laid: list[Stretch] = []
    pieces = sorted(pieces, key=lambda piece: piece.start_s)
    live: list[Stretch] = []
    at = 0
    for first, last in itertools.pairwise(edges):
        while at < len(pieces) and pieces[at].start_s <= first:
            live.append(pieces[at])
            at += 1
        live = [piece for piece in live if piece.end_s > first]
        best = max(live, key=lambda piece: piece.heard, default=Stretch(first, last, Heard.SILENCE))
        if laid and (laid[-1].heard, laid[-1].session) == (best.heard, best.session):
            laid[-1] = Stretch(laid[-1].start_s, last, best.heard, best.session)
        else:
            laid.append(Stretch(first, last, best.heard, best.session))
    return _joined(laid)


def _joined(laid: list[Stretch]) -> list[Stretch]:
    """Take the short pauses between words for a part of them."""
    joined: list[Stretch] = []
    for at, stretch in enumerate(laid):
        short = stretch.end_s - stretch.start_s <= _BREATH_S and 0 < at < len(laid) - 1
        around = short and laid[at - 1].heard > stretch.heard and laid[at + 1].heard > stretch.heard
        if around and laid[at - 1].session == laid[at + 1].session:
            stretch = Stretch(stretch.start_s, stretch.end_s, laid[at - 1].heard, laid[at - 1].session)
        if joined and (joined[-1].heard, joined[-1].session) == (stretch.heard, stretch.session):
            joined[-1] = Stretch(joined[-1].start_s, stretch.end_s, stretch.heard, stretch.session)
        else:
            joined.append(stretch)
    return joined


def _prompts(call: Call, created: float, end: float) -> list[Stretch]:
    """What TwiML had Twilio say, play, or ring."""
    found = []
    for at, verb in enumerate(call.verbs):
        start = created + verb.at_s
        until = min([end, *(created + later.at_s for later in call.verbs[at + 1 : at + 2])])
        match verb.verb:
            case "Say":
                found.append(
                    Stretch(start, min(until, start + len(verb.text.split()) / WORDS_PER_S), Heard.WORDS)
                )
            case "Play" if not verb.attributes.get("digits"):
                found.append(Stretch(start, min(until, start + PLAY_S), Heard.WORDS))
            case "Dial" | "Enqueue":  # ringing, or music
                found.append(Stretch(start, until, Heard.NOISE))
    return found


def _dial_end(call: Call, created: float, bridged: float, end: float) -> float:
    return min([created + verb.at_s for verb in call.verbs if created + verb.at_s > bridged] + [end])


def _without(start: float, end: float, own: Own) -> list[tuple[float, float]]:
    """What is left of a stretch outside the caller's own turns."""
    left = [(start, end)] if start < end else []
    for own_start, own_end in own:
        left = [
            part
            for first, last in left
            for part in ((first, min(last, own_start)), (max(first, own_end), last))
            if part[0] < part[1]
        ]
    return left
