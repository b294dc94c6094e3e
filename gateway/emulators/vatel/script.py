"""What an emulated agent says and does: steps, written in Python or read from a TOML file."""

import dataclasses
import tomllib
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from gateway.emulators import voice
from gateway.emulators.vatel.hearing import DEFAULT_LISTENING, Listening
from gateway.errors import SettingsError

DEFAULT: Final = voice.SPEECH / "demo.toml"
if TYPE_CHECKING:
    from _typeshed import DataclassInstance

LONGEST_WAIT_S = 3_600.0
MOST_STEPS = 1_000

Table = TypeVar("Table", bound="DataclassInstance")


class ScriptError(SettingsError):
    """A script or a behaviour cannot be used as it is written."""

    remedy = "Correct the file; docs/reference/emulator-vatel.md lists what it may hold."


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Speak a text, or a recorded clip, or a clip under another text.

    Attributes:
        text: The words; ``{output}`` is the last tool's output and ``{NAME}`` that of the tool NAME,
            ``{NAME.KEY}`` one value of it.
            They are filled in as text only: the sound is made of the words as written.
        clip: Name of a recorded clip; empty: the text is spoken.
        interruptible: Whether the caller's speech cuts it.
        wait: Whether the next step waits until it would have been played.
        label: Name to go to.

    """

    text: str = ""
    clip: str = ""
    interruptible: bool = True
    wait: bool = True
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """Wait until the caller has spoken and fallen silent again.

    Attributes:
        hears: What the transcript says the caller said; the sound itself is not understood.
        timeout_s: How long to wait at a time, in seconds.
        reprompt: Said when nothing came.
        attempts: How many times to wait in all.
        otherwise: Label to go to when nothing came at last, ``end``, or empty for the next step.
        label: Name to go to.

    """

    hears: str = "..."
    timeout_s: float = 10.0
    reprompt: str = ""
    attempts: int = 1
    otherwise: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """Where to go when a tool's output contains these characters."""

    contains: str
    goto: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """Call a client tool and wait for its output.

    Attributes:
        name: The tool.
        arguments: Its arguments; outputs are filled into strings as they are into a text.
        timeout_s: How long to wait for the output, in seconds.
        branches: Tried in order on the output; the first that fits decides, or else the next step follows.
        otherwise: Label to go to when no output came, ``end``, or empty for the next step.
        label: Name to go to.

    """

    name: str
    arguments: dict[str, Any] = field(default_factory=dict)
    timeout_s: float = 30.0
    branches: tuple[Branch, ...] = ()
    otherwise: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pause:
    """Do nothing for some seconds."""

    seconds: float
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Goto:
    """Go on with the step of this label."""

    to: str
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """End the session, as soon as what was said before is sent."""

    label: str = ""


Step = Say | Listen | Tool | Pause | Goto | End
STEPS: Final[Mapping[str, type[Step]]] = {
    "say": Say,
    "listen": Listen,
    "tool": Tool,
    "pause": Pause,
    "goto": Goto,
    "end": End,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A conversation; after its last step the session ends.

    Attributes:
        steps: What happens, in order.
        name: What to call it.
        listening: What counts as the caller's speech.
        limit_s: The session ends after this many seconds, whatever the steps say.

    Raises:
        ScriptError: A step cannot be carried out as it is written.

    """

    steps: tuple[Step, ...]
    name: str = "script"
    listening: Listening = DEFAULT_LISTENING
    limit_s: float = 1_800.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.steps) <= MOST_STEPS:
            raise ScriptError(f"{self.name}: a script has 1 to {MOST_STEPS} steps, not {len(self.steps)}")
        labels = [step.label for step in self.steps if step.label]
        for number, step in enumerate(self.steps, 1):
            if trouble := _trouble(step, labels):
                raise ScriptError(f"{self.name}: step {number} ({type(step).__name__.lower()}): {trouble}")

    def find(self, label: str) -> int:
        """The index of the step with this label; ``end`` without a step of that name is behind the last."""
        for index, step in enumerate(self.steps):
            if step.label == label:
                return index
        return len(self.steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Manual:
    """No script: the session says and does only what its owner has it do.

    Attributes:
        hears: Whether the caller's speech is told (``speech_started``, ``speech_stopped``) and interrupts.
        listening: What counts as the caller's speech.
        limit_s: The session ends after this many seconds.
        act: Drives each session once it has started, as a part of it; it is given the session.

    """

    hears: bool = False
    listening: Listening = DEFAULT_LISTENING
    limit_s: float = 1_800.0
    act: Callable[[Any], Awaitable[None]] | None = None


def load(path: Path | str = DEFAULT) -> Script:
    """Read a script from a TOML file; without a path, the demonstration's.

    Raises:
        ScriptError: The file cannot be read, is not TOML, or holds something a script does not have.

    """
    document = read_toml(Path(path))
    document.setdefault("name", Path(path).stem)
    where = str(document["name"])
    entries = document.pop("steps", None)
    if not isinstance(entries, list):
        raise ScriptError(f"{where}: a script has [[steps]]")
    steps = tuple(_step(entry, f"{where}: step {number}") for number, entry in enumerate(entries, 1))
    listening = build(Listening, document.pop("listening", {}), f"{where}: listening")
    return build(Script, document, where, steps=steps, listening=listening)


def read_toml(path: Path) -> dict[str, Any]:
    """The tables of a TOML file.

    Raises:
        ScriptError: The file cannot be read, or is not TOML.

    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise ScriptError(f"{path}: {exc.strerror}") from exc
    except ValueError as exc:
        raise ScriptError(f"{path}: not TOML: {exc}") from exc


def build(kind: type[Table], entries: object, where: str, **made: Any) -> Table:
    """Make a dataclass of a table, naming what it does not know and what has the wrong type.

    Args:
        kind: The dataclass.
        entries: The table.
        where: What to call the table in an error.
        made: Fields that have been made already.

    Raises:
        ScriptError: The table does not fit.

    """
    if not isinstance(entries, dict):
        raise ScriptError(f"{where}: must be a table")
    fields = [entry for entry in dataclasses.fields(kind) if entry.name not in made]
    hints = typing.get_type_hints(kind)
    for key in entries:
        if key not in [entry.name for entry in fields]:
            known = ", ".join(sorted(entry.name for entry in fields))
            raise ScriptError(f"{where}: unknown key {key!r}; known are {known}")
    values = dict(made)
    for entry in fields:
        if entry.name in entries:
            values[entry.name] = _convert(entries[entry.name], hints[entry.name], f"{where}: {entry.name}")
        elif entry.default is dataclasses.MISSING and entry.default_factory is dataclasses.MISSING:
            raise ScriptError(f"{where}: {entry.name} is missing")
    return kind(**values)


def _convert(value: object, kind: Any, where: str) -> object:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as exc:
        raise ScriptError(f"{where}: {exc}") from exc


def _step(entry: object, where: str) -> Step:
    if not isinstance(entry, dict):
        raise ScriptError(f"{where}: must be a table")
    rest: dict[str, Any] = dict(entry)
    kind = rest.pop("do", None)
    if not isinstance(kind, str) or kind not in STEPS:
        raise ScriptError(f"{where}: 'do' must be one of {', '.join(STEPS)}, not {kind!r}")
    where = f"{where} ({kind})"
    if kind == "tool":
        listed: Any = _convert(rest.pop("branches", []), list[Any], f"{where}: branches")
        made = tuple(build(Branch, branch, f"{where}: branch") for branch in listed)
        return build(Tool, rest, where, branches=made)
    return build(STEPS[kind], rest, where)


def _trouble(step: Step, labels: list[str]) -> str:
    """What is wrong with a step; empty if nothing is."""
    match step:
        case Say(text="", clip=""):
            return "needs a text or a clip"
        case Say(clip=name) if name and name not in voice.clips():
            return f"no clip {name!r}; there are {', '.join(sorted(voice.clips()))}"
        case Listen(attempts=attempts) if attempts < 1:
            return "attempts must be at least 1"
        case Tool(name=""):
            return "needs a name"
        case Listen(timeout_s=seconds) | Tool(timeout_s=seconds) | Pause(seconds=seconds):
            if not 0 < seconds <= LONGEST_WAIT_S:
                return f"a wait is more than 0 and at most {LONGEST_WAIT_S:g} seconds, not {seconds:g}"
    return _label_trouble(step, labels)


def _label_trouble(step: Step, labels: list[str]) -> str:
    if step.label and labels.count(step.label) > 1:
        return f"the label {step.label!r} is there more than once"
    targets = [step.otherwise] if isinstance(step, Listen | Tool) else []
    if isinstance(step, Goto):
        targets.append(step.to)
    if isinstance(step, Tool):
        targets += [branch.goto for branch in step.branches]
    for target in targets:
        if target and target != "end" and target not in labels:
            return f"no step has the label {target!r}"
    return ""
