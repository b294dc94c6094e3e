"""A picture of a call: who spoke when, what was cut, and what happened in between; SVG, pure."""

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from html import escape
from typing import Final

import numpy as np
import numpy.typing as npt

from gateway.cli.picture_style import STYLE

Samples = npt.NDArray[np.int16]

RATE: Final = 8000
_LEFT, _RIGHT = 84.0, 36.0
_SECOND: Final = 38.0  # pixels, in a call of usual length
_WIDEST: Final = 4000.0
_BAR: Final = 3.0  # pixels from one bar of a waveform to the next
_LINE: Final = 14.0  # of text
_LETTER: Final = 5.9  # pixels an average letter takes at 11 px, with room for wide fonts
_MOST_LINES: Final = 4
_PILL: Final = 19.0
_ROW: Final = _PILL + 5
_WAVE: Final = 34.0  # half the height of a waveform
_GHOST: Final = 22.0


class Kind(StrEnum):
    """What a marker stands for."""

    BARGE_IN = "barge"
    TOOL = "tool"
    KEYS = "keys"
    END = "end"


@dataclass(frozen=True, slots=True)
class Turn:
    """Somebody spoke, from when to when, and what; ``cut`` if the other one cut it off."""

    start_s: float
    end_s: float
    text: str
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Unheard:
    """What an agent said that the caller never heard, and from when on it would have been heard."""

    start_s: float
    samples: Samples = field(repr=False)
    text: str

    @property
    def seconds(self) -> float:
        """How long it would have sounded."""
        return len(self.samples) / RATE


@dataclass(frozen=True, slots=True)
class Marker:
    """Something that happened, at a moment or for a while."""

    at_s: float
    kind: Kind
    text: str
    until_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A call to be drawn; samples are at 8 kHz, from the moment the audio path opened."""

    title: str
    subtitle: str
    caller: Samples = field(repr=False)
    agent: Samples = field(repr=False)
    caller_turns: Sequence[Turn] = ()
    agent_turns: Sequence[Turn] = ()
    unheard: Sequence[Unheard] = ()
    markers: Sequence[Marker] = ()

    @property
    def seconds(self) -> float:
        """How long the call lasted."""
        return max(len(self.caller), len(self.agent), RATE) / RATE


@dataclass(frozen=True, slots=True)
class _Scale:
    """Seconds to pixels."""

    seconds: float

    @property
    def a_second(self) -> float:
        return min(_SECOND, _WIDEST / self.seconds)

    @property
    def end(self) -> float:
        return _LEFT + max(self.seconds * self.a_second, 420.0)

    def x(self, at_s: float) -> float:
        return _LEFT + min(max(at_s, 0.0), self.seconds) * self.a_second


def draw(picture: Picture) -> str:
    """The picture as an SVG document."""
    scale = _Scale(picture.seconds)
    rows, pills = _rows(picture.markers, scale)
    spoken, heard = _Words(picture.caller_turns, scale), _Words(picture.agent_turns, scale)
    top = 82.0 + rows * _ROW
    caller_y = top + 10 + spoken.height + _WAVE
    agent_y = caller_y + 2 * _WAVE + 16
    bottom = agent_y + _WAVE + 16 + heard.height
    parts = [
        *_lane("caller", ("Caller", "says"), _Track(picture.caller, picture.caller_turns), caller_y, scale),
        *_lane("agent", ("Agent", "is heard"), _Track(picture.agent, picture.agent_turns), agent_y, scale),
        *spoken.drawn("caller", top + 8),
        *heard.drawn("agent", agent_y + _WAVE + 14),
    ]
    for unheard in picture.unheard:
        more, height = _unheard(unheard, bottom + 4, agent_y, scale)
        parts += more
        bottom += height
    stems = [_stem(marker, row, bottom, scale) for marker, row, _ in pills]
    labels = [_pill(marker, row, width, scale) for marker, row, width in pills]
    return _document(picture, [_grid(scale, top, bottom), *stems, *parts, *labels], scale.end, bottom + 34)


def _document(picture: Picture, parts: Iterable[str], end: float, height: float) -> str:
    width = end + _RIGHT
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
            f'width="{width:.0f}" height="{height:.0f}" role="img">',
            f"<title>{_safe(picture.title)}</title>",
            f"<style>{STYLE}</style>",
            '<defs><pattern id="hatch" width="7" height="7" patternUnits="userSpaceOnUse" '
            'patternTransform="rotate(45)"><line class="hatch" y2="7"/></pattern></defs>',
            f'<rect class="card" x=".5" y=".5" width="{width - 1:.0f}" height="{height - 1:.0f}" rx="12"/>',
            f'<text class="title" x="24" y="36">{_safe(picture.title)}</text>',
            f'<text class="soft" x="24" y="56">{_safe(picture.subtitle)}</text>',
            *parts,
            "</svg>\n",
        ]
    )


def _grid(scale: _Scale, top: float, bottom: float) -> str:
    """The time axis: a line for every five seconds, a tick for each."""
    fine = scale.a_second >= 12
    parts = [f'<g class="axis">{_rule("tick", _LEFT, scale.end, bottom)}']
    for second in range(0, int(scale.seconds) + 1, 1 if fine else 30):
        x = scale.x(second)
        if fine and second % 5:
            parts.append(_upright("tick", x, bottom, bottom + 3))
        else:
            parts.append(_upright("grid", x, top, bottom) + _upright("tick", x, bottom, bottom + 6))
            parts.append(f'<text x="{x:.1f}" y="{bottom + 20:.1f}" text-anchor="middle">{second} s</text>')
    return "".join(parts) + "</g>"


@dataclass(frozen=True, slots=True)
class _Track:
    """The sound of one side, and its turns."""

    samples: Samples = field(repr=False)
    turns: Sequence[Turn]


def _lane(name: str, titles: tuple[str, str], track: _Track, y: float, scale: _Scale) -> list[str]:
    """A waveform on its base line, a tinted band behind each turn."""
    bands = [_band(scale.x(turn.start_s), scale.x(turn.end_s), y, _WAVE) for turn in track.turns]
    return [
        f'<g class="{name}">{_titles(titles, y)}',
        *bands,
        _rule("rule", _LEFT, scale.end, y),
        f'<path class="wave" d="{_wave(track.samples, 0.0, y, _WAVE - 3, scale)}"/></g>',
    ]


def _titles(titles: tuple[str, str], y: float) -> str:
    return (
        f'<text class="lane" x="24" y="{y - 1:.1f}">{titles[0]}</text>'
        f'<text class="soft" x="24" y="{y + 13:.1f}">{titles[1]}</text>'
    )


def _band(start: float, end: float, y: float, half: float) -> str:
    return (
        f'<rect class="band" x="{start:.1f}" y="{y - half:.1f}" width="{end - start:.1f}" '
        f'height="{2 * half:.0f}" rx="5"/>'
    )


def _upright(name: str, x: float, top: float, bottom: float) -> str:
    return f'<line class="{name}" x1="{x:.1f}" x2="{x:.1f}" y1="{top:.1f}" y2="{bottom:.1f}"/>'


def _rule(name: str, left: float, right: float, y: float) -> str:
    return f'<line class="{name}" x1="{left:.1f}" x2="{right:.1f}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _wave(samples: Samples, start_s: float, y: float, height: float, scale: _Scale) -> str:
    """A bar for each few pixels: as high as the loudest sample in it, and none where it is quiet."""
    loudest = float(np.abs(samples.astype(np.int32)).max(initial=1))
    size = max(1, round(_BAR / scale.a_second * RATE))
    bars = []
    for start in range(0, len(samples), size):
        peak = float(np.abs(samples[start : start + size].astype(np.int32)).max(initial=0)) / loudest
        if peak > 0.01:
            x, half = scale.x(start_s + (start + size / 2) / RATE), height * peak**0.7
            bars.append(f"M{x:.1f} {y - half:.1f}V{y + half:.1f}")
    return "".join(bars)


class _Words:
    """What one side says, each turn in few lines of the width there is."""

    def __init__(self, turns: Sequence[Turn], scale: _Scale) -> None:
        self._turns = turns
        self._scale = scale
        self._lines = [_wrapped(turn.text + (" …" if turn.cut else ""), self._room(turn)) for turn in turns]

    @property
    def height(self) -> float:
        """What the longest of them takes."""
        return max((len(lines) for lines in self._lines), default=0) * _LINE + 4

    def drawn(self, name: str, y: float) -> list[str]:
        """The words, led by a bar at the moment they begin."""
        return [
            f'<g class="{name}"><rect class="edge" x="{x:.1f}" y="{y:.1f}" width="2.5" '
            f'height="{len(lines) * _LINE:.1f}" rx="1"/>{_text(lines, x + 8, y + 10)}</g>'
            for turn, lines in zip(self._turns, self._lines, strict=True)
            if (x := self._scale.x(turn.start_s))
        ]

    def _room(self, turn: Turn) -> float:
        """How wide a turn's words may be: to the next turn of the same side's."""
        later = [other.start_s for other in self._turns if other.start_s > turn.start_s]
        end = self._scale.x(min(later)) - 10 if later else self._scale.end + _RIGHT - 8
        return end - self._scale.x(turn.start_s)


def _wrapped(text: str, room: float) -> list[str]:
    """Words in at most three lines if there is room, as narrow as may be."""
    letters = max(int((room - 10) / _LETTER), 8)
    for width in range(min(16, letters), letters + 1):
        lines = textwrap.wrap(text, width)
        if len(lines) <= 3:
            return lines
    return textwrap.wrap(text, letters, max_lines=_MOST_LINES, placeholder=" …")


def _text(lines: Sequence[str], x: float, y: float, name: str = "halo") -> str:
    return "".join(
        f'<text class="{name}" x="{x:.1f}" y="{y + number * _LINE:.1f}">{_safe(line)}</text>'
        for number, line in enumerate(lines)
    )


def _unheard(unheard: Unheard, top: float, agent_y: float, scale: _Scale) -> tuple[list[str], float]:
    """What was cut, where it would have been heard: hatched, in a lane of its own; and how high that is."""
    x, end = scale.x(unheard.start_s), scale.x(unheard.start_s + unheard.seconds)
    letters = int(max(end - x, 160.0) / _LETTER)
    lines = textwrap.wrap(unheard.text, letters, max_lines=_MOST_LINES, placeholder=" …")
    y = top + _GHOST
    parts = [
        f'<g class="ghost">{_titles(("Cut", "not heard"), y)}',
        f'<path class="drop" d="M{x:.1f} {agent_y - _WAVE:.1f}V{y + _GHOST:.1f}"/>{_band(x, end, y, _GHOST)}',
        f'<path class="wave" d="{_wave(unheard.samples, unheard.start_s, y, _GHOST - 4, scale)}"/>',
        _text([f"{unheard.seconds:.1f} s cut: said, never heard"], end + 8, y + 4, "halo lane"),
        _text(lines, x + 8, y + _GHOST + 14, "halo words"),
        "</g>",
    ]
    return parts, 2 * _GHOST + len(lines) * _LINE + 14


def _rows(markers: Sequence[Marker], scale: _Scale) -> tuple[int, list[tuple[Marker, int, float]]]:
    """Give every marker a row in which its label has room, and say how many rows that takes."""
    ends: list[float] = []
    placed = []
    for marker in sorted(markers, key=lambda marker: marker.at_s):
        width = len(marker.text) * 6.7 + 18
        x = _pill_x(marker, width, scale)
        row = next((number for number, end in enumerate(ends) if end + 6 <= x), len(ends))
        ends[row : row + 1] = [max(x + width, scale.x(marker.until_s or 0.0))]
        placed.append((marker, row, width))
    return len(ends), placed


def _pill_x(marker: Marker, width: float, scale: _Scale) -> float:
    return min(scale.x(marker.at_s), scale.end + _RIGHT - 12 - width)


def _stem(marker: Marker, row: int, bottom: float, scale: _Scale) -> str:
    """A line from a label down to the moment it stands for, behind everything."""
    line = _upright(marker.kind, scale.x(marker.at_s), 72 + row * _ROW + _PILL / 2, bottom)
    return f'<g class="stem">{line}</g>'


def _pill(marker: Marker, row: int, width: float, scale: _Scale) -> str:
    """A label, with a fainter one behind it for as long as that took."""
    left, y = _pill_x(marker, width, scale), 72 + row * _ROW
    long = max(width, scale.x(marker.until_s) - left if marker.until_s is not None else 0.0)
    box = f'class="{marker.kind}" x="{left:.1f}" y="{y:.1f}" height="{_PILL:.0f}" rx="{_PILL / 2}"'
    return (
        f'<g class="pill"><rect {box} width="{long:.1f}" fill-opacity=".25" stroke="none"/>'
        f'<rect {box} width="{width:.1f}"/><text x="{left + width / 2:.1f}" y="{y + 13:.1f}" '
        f'text-anchor="middle">{_safe(marker.text)}</text></g>'
    )


def _safe(text: str) -> str:
    """Text as XML can hold it."""
    return escape("".join(char if char.isprintable() else " " for char in text))
