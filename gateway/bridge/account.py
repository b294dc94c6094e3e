"""The account of a call: what its report says, from the first note to the last sum."""

from gateway.bridge.caller import CallerLeg
from gateway.bridge.commands import Command, FallBack, Final, Tell
from gateway.bridge.history import History
from gateway.bridge.report import CallReport
from gateway.bridge.speech import AgentSpeech
from gateway.bridge.tools import ToolDesk
from gateway.bridge.turns import Statement


class Account:
    """Enters in the report what the parts of a call have to state."""

    def __init__(self, caller: CallerLeg, speech: AgentSpeech, desk: ToolDesk, history: History) -> None:
        self._caller = caller
        self._speech = speech
        self._desk = desk
        self._history = history
        self.report = CallReport()

    def count(self, what: str) -> list[Command]:
        """Count something that is dropped; there is nothing to do about it."""
        self.report.counts[what] += 1
        return []

    def amend(self, statement: Statement | None) -> None:
        """Enter what became known of a turn after it was told as over."""
        if statement:
            self.report.put_turn(statement.report, statement.instead_of)
            self._history.agent(statement.report)

    def tell(self, statements: list[Statement]) -> list[Command]:
        """Enter the turns that are over, and tell of them."""
        for statement in statements:
            self.amend(statement)
        return [Tell(statement.report) for statement in statements]

    def close(self, final: Final, detail: str, now: float, *, told: bool) -> list[Command]:
        """Leave nothing open; ``told`` if the call ended on the caller's side, and we were told."""
        commands = self._desk.close(now) + self.tell(self._speech.finish(now, told=told))
        self.report.falls_back = isinstance(final, FallBack)
        self.report.sorry_said = isinstance(final, FallBack) and final.said
        self.report.close(final.ending, detail, self._caller.open_s(now), self._speech.first_audio_ms)
        for part in (self._caller, self._speech, self._desk):
            self.report.counts.update(part.counts())
        return [*commands, final]
