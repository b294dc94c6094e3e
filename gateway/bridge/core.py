"""The parts of one call, how far it has come, and how it ends: what all of its rules stand on."""

from gateway.audio.clips import Clips
from gateway.bridge.account import Account
from gateway.bridge.caller import CallerLeg
from gateway.bridge.commands import Command, Final
from gateway.bridge.deadair import DeadAir
from gateway.bridge.farewell import Departure, Finale, Leaving
from gateway.bridge.filler import Filler
from gateway.bridge.health import Health
from gateway.bridge.history import History, Past
from gateway.bridge.limits import Limits, ToolBook
from gateway.bridge.phases import AgentLeg, Phase
from gateway.bridge.recovery import Recovery
from gateway.bridge.report import CallReport
from gateway.bridge.requests import Requests
from gateway.bridge.speech import AgentSpeech


class Core:
    """The state of one call."""

    def __init__(
        self, limits: Limits, book: ToolBook, clips: Clips | None = None, past: Past | None = None
    ) -> None:
        past = past or Past()
        self._limits = limits
        self._phase = Phase.WAITING
        self._agent = AgentLeg.JOINING
        self._caller = CallerLeg(limits)
        self._speech = AgentSpeech(limits)
        self._requests = Requests(limits, book, past.tools)
        self._health = Health(limits)
        self._departure = Departure(limits, self._speech, self._requests.desk)
        self._recovery = Recovery(limits)
        self._air = DeadAir(limits)
        self._cut_off = past.unheard  # what another process had still to say
        self._clips = clips or Clips()
        self._filler = Filler(limits, self._clips, self._speech)
        self._history = History(past.lines)
        self._phase_deadline: float | None = None
        self._admitted_at: float | None = None
        self._account = Account(self._caller, self._speech, self._requests.desk, self._history)

    @property
    def report(self) -> CallReport:
        """What is known of the call."""
        return self._account.report

    @property
    def parked(self) -> bool:
        """Whether the stream is gone for a while, and another one is awaited."""
        return self._phase is Phase.PARKED

    def _go_live(self, now: float) -> None:
        self._phase = Phase.LIVE
        self._phase_deadline = now - self._caller.open_s(now) + self._limits.max_call_s

    def _say_farewell(self, finale: Finale, now: float) -> None:
        """Let the last words be heard; then do what ``finale`` says."""
        self._leave(Leaving(finale), now)

    def _leave(self, leaving: Leaving, now: float) -> None:
        self._phase = Phase.DRAINING
        self._air.settle()
        self._filler.stop()
        self._departure.begin(leaving, now)

    def _end(self, final: Final, detail: str, now: float, *, told: bool = False) -> list[Command]:
        """Close every account, then do the one thing that ends the call; ``told`` if the caller's leg did."""
        self._phase = Phase.OVER
        return self._account.close(final, detail, now, told=told)
