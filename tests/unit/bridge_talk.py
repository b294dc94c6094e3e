"""Short ways to say what happens in a call, for tests that compare the commands of single events."""

from collections.abc import Sequence
from functools import cache

from gateway.audio.tones import sine
from gateway.bridge import commands, events
from gateway.bridge.commands import AnswerTool, Command, HangUp, Play
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.machine import Bridge
from gateway.bridge.report import Ending, TurnReport
from gateway.bridge.tools import error_output, json_output
from gateway.ids import MarkName, ToolCallId, TurnId
from gateway.wire import agent_session, media_stream
from tests.unit.bridge_line import BOOK, MS, PLAIN, SECOND, START, STARTED, Path, World

STOP = media_stream.Stop()
ENDED = agent_session.SessionEnded()
INTERRUPTION = agent_session.Interruption()
SLOW = Path(down=60 * MS, up=40 * MS)
LOST = events.AgentLost("broken pipe")


@cache
def pcm(ms: int) -> bytes:
    """So many milliseconds of agent speech."""
    return sine(440, ms / 1000, 24000, -6).astype("<i2").tobytes()


def chunk(name: str, ms: int, *, final: bool = False) -> agent_session.ResponseAudio:
    """A chunk of a turn."""
    return agent_session.ResponseAudio(TurnId(name), pcm(ms) if ms else b"", final)


def text(name: str, words: str, *, final: bool = True) -> agent_session.ResponseText:
    """What a turn says."""
    return agent_session.ResponseText(TurnId(name), words, final)


def tool(name: str, call_id: str = "c1", /, **arguments: agent_session.JSON) -> agent_session.ToolCall:
    """The agent asks for a tool."""
    return agent_session.ToolCall(ToolCallId(call_id), name, arguments)


def mark(name: str) -> media_stream.Mark:
    """A mark comes back."""
    return media_stream.Mark(MarkName(name))


def key(digit: str) -> media_stream.Dtmf:
    """The caller presses a key."""
    return media_stream.Dtmf(digit)


def answer(call_id: str, **output: agent_session.JSON) -> AnswerTool:
    """The answer that a tool call gets."""
    return AnswerTool(ToolCallId(call_id), json_output(output))


def refusal(call_id: str, code: str, message: str) -> AnswerTool:
    """The error that a tool call gets."""
    return AnswerTool(ToolCallId(call_id), error_output(code, message))


def admitted(limits: Limits | None = None, book: ToolBook = BOOK) -> Bridge:
    """A call of which only the webhook is known, at 0 s."""
    bridge = Bridge(limits or PLAIN, book)
    bridge.handle(events.Admitted(), 0.0)
    return bridge


def joining(limits: Limits | None = None, book: ToolBook = BOOK) -> Bridge:
    """A call whose stream is open, at 0 s, and whose agent is awaited."""
    bridge = admitted(limits, book)
    bridge.handle(START, 0.0)
    return bridge


def live(limits: Limits | None = None, book: ToolBook = BOOK) -> Bridge:
    """A call that everybody has joined, at 0 s."""
    bridge = joining(limits, book)
    bridge.handle(STARTED, 0.0)
    return bridge


def living(limits: Limits | None = None, path: Path | None = None, book: ToolBook = BOOK) -> World:
    """The same with a line that plays and answers."""
    world = World(limits, book, path)
    for event in (events.Admitted(), START, STARTED):
        world.feed(event)
    world.media_every = SECOND
    return world


def acts(done: Sequence[Command]) -> list[Command]:
    """Commands without what is only told."""
    return [command for command in done if not isinstance(command, commands.Tell)]


def told(done: Sequence[Command]) -> list[object]:
    """What is only told."""
    return [command.note for command in done if isinstance(command, commands.Tell)]


def played_ms(done: Sequence[Command]) -> float:
    """How much audio is sent to the caller."""
    return sum(len(command.audio) for command in done if isinstance(command, Play)) / MS


def answers(done: Sequence[Command]) -> list[AnswerTool]:
    """The answers to tool calls."""
    return [command for command in done if isinstance(command, AnswerTool)]


def ending(world: World) -> Ending | None:
    """How the call ended."""
    return world.final.ending if world.final else None


def hung_up(ending: Ending) -> list[Command]:
    """What ends a call that the agent's side ends."""
    return [HangUp(ending)]


def turns(report: Sequence[TurnReport]) -> list[tuple[str, float, float, bool]]:
    """Name, milliseconds said, milliseconds heard, and whether it was cut."""
    return [(turn.turn_id, turn.spoken_ms, turn.heard_ms, turn.cut) for turn in report]


def heard_whole(world: World) -> list[bool]:
    """Whether each turn was heard to its last sample."""
    heard = bytes(world.line.heard)
    return [turn.whole in heard for turn in world.turns.values()]


def taking_leave(finale: str, path: Path = SLOW, *, final: bool = True) -> World:
    """An agent that says a goodbye of 3 s and asks for the end."""
    world = living(path=path)
    world.say("bye", pcm(3000), final=final)
    if finale == "session_ended":
        world.end_session(ENDED)
    else:
        world.feed(tool(finale))
    return world
