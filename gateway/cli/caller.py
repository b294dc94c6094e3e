"""The person on the softphone: speaks, listens, presses keys and hangs up, as a script says."""

import contextlib
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, assert_never

from gateway.cli import sound
from gateway.emulators import voice
from gateway.emulators.twilio.line import Line, LineOver
from gateway.emulators.twilio.line_core import KEYS
from gateway.emulators.vatel.script import MOST_STEPS, ScriptError, build, read_toml

DEMO: Final = Path(__file__).parent / "demo_caller.toml"
QUIET_S: Final = 10.0
"""After the script, the caller hangs up when nobody has spoken for so long."""
_LONGEST_S: Final = 600.0


class CallerScriptError(ScriptError):
    """A caller's script cannot be used as it is written."""

    remedy = "Correct the file; docs/how-to/test-an-agent-with-the-softphone.md lists what it may hold."


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak: a recorded clip, a sound file, or words (a clip of them, or a tune of their rhythm)."""

    clip: str = ""
    file: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Wait until the agent has spoken and has then been silent for so long."""

    silence_s: float = 0.8
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hear:
    """Wait until so much more of the agent has been heard, whether or not it speaks on."""

    seconds: float
    timeout_s: float = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Press:
    """Press keys; ``w`` waits half a second."""

    keys: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Do nothing for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HangUp:
    """Hang up."""


Step = Say | Listen | Hear | Press | Pause | HangUp
STEPS: Final[Mapping[str, type[Step]]] = {
    "say": Say,
    "listen": Listen,
    "hear": Hear,
    "press": Press,
    "pause": Pause,
    "hang_up": HangUp,
}


def load(path: Path) -> tuple[Step, ...]:
    """Read a caller's script from a TOML file; sound files are looked for beside it.

    Raises:
        CallerScriptError: The file cannot be used.
    """
    try:
        return _steps(path)
    except ScriptError as error:
        raise CallerScriptError(str(error)) from None


def _steps(path: Path) -> tuple[Step, ...]:
    document = read_toml(path)
    entries = document.pop("steps", None)
    if document or not isinstance(entries, list) or not 1 <= len(entries) <= MOST_STEPS:
        raise ScriptError(f"{path}: a caller's script has 1 to {MOST_STEPS} [[steps]], and nothing else")
    return tuple(_step(entry, path, number) for number, entry in enumerate(entries, 1))


def _step(entry: object, path: Path, number: int) -> Step:
    where = f"{path}: step {number}"
    if not isinstance(entry, dict):
        raise ScriptError(f"{where}: must be a table")
    rest = dict(entry)
    kind = rest.pop("do", None)
    if not isinstance(kind, str) or kind not in STEPS:
        raise ScriptError(f"{where}: 'do' must be one of {', '.join(STEPS)}, not {kind!r}")
    step = build(STEPS[kind], rest, f"{where} ({kind})")
    if trouble := _trouble(step):
        raise ScriptError(f"{where} ({kind}): {trouble}")
    if isinstance(step, Say) and step.file:
        return dataclasses.replace(step, file=str(path.parent / step.file))
    return step


def _trouble(step: Step) -> str:
    """What is wrong with a step; empty if nothing is."""
    match step:
        case Say():
            if sum(map(bool, (step.clip, step.file, step.text))) != 1:
                return "needs one of clip, file and text"
            if step.clip and step.clip not in voice.clips():
                return f"no clip {step.clip!r}; there are {', '.join(sorted(voice.clips()))}"
        case Listen(silence_s=seconds, timeout_s=most) | Hear(seconds=seconds, timeout_s=most):
            return _wait_trouble(seconds) or _wait_trouble(most)
        case Pause(seconds=seconds):
            return _wait_trouble(seconds)
        case Press():
            return keys_trouble(step.keys)
        case HangUp():
            pass
        case _:
            assert_never(step)
    return ""


def _wait_trouble(seconds: float) -> str:
    if 0 < seconds <= _LONGEST_S:
        return ""
    return f"a wait is more than 0 and at most {_LONGEST_S:g} seconds, not {seconds:g}"


def keys_trouble(keys: str) -> str:
    """What is wrong with these as keys; empty if nothing is."""
    wrong = sorted(set(keys) - KEYS - {"w", "W"})
    if not keys or wrong:
        return f"keys are 0-9, *, #, A-D and w for a pause, not {''.join(wrong) or 'nothing'}"
    return ""


@dataclass(frozen=True, slots=True)
class Utterance:
    """What the caller says: its words, and its sound in mu-law."""

    text: str
    mulaw: bytes = field(repr=False)

    @property
    def seconds(self) -> float:
        """How long it sounds."""
        return len(self.mulaw) / 8000


@dataclass(frozen=True, slots=True)
class Spoken:
    """Something the caller said, and when: seconds since the stream began."""

    start_s: float
    end_s: float
    text: str


Tell = Callable[[str], None]


class Caller:
    """Carries a script out on a line.

    Args:
        steps: What to do, in order.
        tell: Told of everything done, in words.

    Attributes:
        spoken: What was said, and when.
        pressed: When keys were pressed, and which.
        vain: What was waited for and did not come.

    Raises:
        SoundUnusable: A sound file cannot be read.
    """

    def __init__(self, steps: tuple[Step, ...], tell: Tell) -> None:
        self._steps = [(step, _utterance(step) if isinstance(step, Say) else None) for step in steps]
        self._tell = tell
        self._heard_before = 0.0  # when the caller last did something
        self.spoken: list[Spoken] = []
        self.pressed: list[tuple[float, str]] = []
        self.vain: list[str] = []

    async def talk(self, line: Line) -> None:
        """Do all of it, unless the call ends first; then hang up once nobody speaks any more."""
        with contextlib.suppress(LineOver):
            for step, utterance in self._steps:
                await self._do(step, utterance, line)
            last = max([line.now, *(spoken.end_s for spoken in self.spoken)])
            await line.wait_until(lambda line: quiet_s(line, last) >= QUIET_S, timeout=_LONGEST_S)
            self._hang_up(line)

    async def _do(self, step: Step, utterance: Utterance | None, line: Line) -> None:
        match step:
            case Say():
                assert utterance is not None, "made in the constructor"
                await self._say(utterance, line)
            case Listen():
                await self._listen(step, line)
            case Hear():
                target = line.heard_s + step.seconds
                await self._wait(
                    lambda line: line.heard_s >= target, step.timeout_s, line, "more from the agent"
                )
            case Press(keys=keys):
                self._heard_before = line.heard_s
                self.pressed.append((line.now, keys))
                self._tell(f"presses {masked(keys)}")
                line.press(keys)
            case Pause(seconds=seconds):
                until = line.now + seconds
                await line.wait_until(lambda line: line.now >= until, timeout=seconds + 5.0)
            case HangUp():
                self._hang_up(line)
                await line.wait_over()
            case _:
                assert_never(step)

    async def _say(self, utterance: Utterance, line: Line) -> None:
        start = line.now
        self._tell(f"says “{utterance.text}”")
        await line.say(utterance.mulaw)
        self.spoken.append(Spoken(start, start + utterance.seconds, utterance.text))
        self._heard_before = line.heard_s

    async def _listen(self, step: Listen, line: Line) -> None:
        before = self._heard_before

        def heard_out(line: Line) -> bool:
            return line.heard_s > before and quiet_s(line) >= step.silence_s

        await self._wait(heard_out, step.timeout_s, line, "the agent to finish")

    async def _wait(self, predicate: Callable[[Line], bool], timeout_s: float, line: Line, what: str) -> None:
        try:
            await line.wait_until(predicate, timeout_s)
        except TimeoutError:
            self.vain.append(what)
            self._tell(f"has waited {timeout_s:g} s for {what}")

    def _hang_up(self, line: Line) -> None:
        self._tell("hangs up")
        line.hang_up()


def quiet_s(line: Line, since: float = 0.0) -> float:
    """For how long nothing of the agent has been heard, at most since some time."""
    spans = line.heard_spans
    return line.now - max(since, spans[-1].end_s if spans else 0.0)


def masked(keys: str) -> str:
    """Keys with the digits hidden: they may be anybody's code."""
    return "".join("•" if key.isdigit() else key for key in keys)


def _utterance(step: Say) -> Utterance:
    if step.clip:
        return Utterance(voice.clip(step.clip).text, sound.from_clip(step.clip))
    if step.file:
        return Utterance(Path(step.file).name, sound.from_file(Path(step.file)))
    return Utterance(step.text, sound.from_text(step.text))
