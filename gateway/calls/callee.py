"""Watches who answered a call we placed, and has the bridge hang up or leave a message if it is a machine."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

from gateway.bridge.events import Event, HangUpAsked, LeaveMessage
from gateway.bridge.report import Ending
from gateway.calls.plan import Callee
from gateway.policy.machine import (
    AnsweredBy,
    Decision,
    Heard,
    MachineWatch,
    Mode,
    SpeechBegan,
    SpeechEnded,
    Verdict,
)
from gateway.policy.machine import Event as Evidence
from gateway.wire.agent_session import InputAudioTranscript, SpeechStarted, SpeechStopped


class Speak(Protocol):
    """Makes the message, once it is clear that there is somebody to leave it with."""

    def __call__(self, done: Callable[[bytes], None]) -> None:
        """Begin; ``done`` is given the PCM, or nothing if it could not be had."""


class CalleeWatch:
    """One call that was placed and answered. Times are seconds of the calls' clock."""

    def __init__(
        self, wanted: Callee, feed: Callable[[Event], None], speak: Speak, tell: Callable[[str, float], None]
    ) -> None:
        self._mode = wanted.machines
        self._text = wanted.message
        self._feed = feed
        self._speak = speak
        self._tell = tell
        self._watch: MachineWatch | None = None
        self._early: Verdict | None = None
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._pcm: bytes | None = None
        self._asked = False
        self._leave = False

    def answered(self) -> None:
        """The stream is open."""
        self._watch = MachineWatch(self._mode, time.monotonic())
        if self._early is not None:
            self._see(self._early)

    def verdict(self, answered_by: AnsweredBy) -> None:
        """Twilio's detection came to a result; it may come before the stream does."""
        self._tell(answered_by.value, time.monotonic())
        if self._watch is None:
            self._early = Verdict(answered_by)
        else:
            self._see(Verdict(answered_by))

    def hear(self, event: Event) -> None:
        """Take what the agent's session says, hand it on, and see what it tells of the callee."""
        self._feed(event)
        match event:
            case InputAudioTranscript(text=text, is_final=final):
                self._see(Heard(text, final))
            case SpeechStarted():
                self._see(SpeechBegan())
            case SpeechStopped():
                self._see(SpeechEnded())

    def close(self) -> None:
        """The call is over."""
        self._watch = None
        self._set_timer(None)

    def _see(self, evidence: Evidence | None) -> None:
        watch = self._watch
        if watch is None:
            return
        decision = watch.handle(evidence, time.monotonic())
        if (
            self._mode is Mode.LEAVE_MESSAGE
            and not self._asked
            and (watch.waiting or decision is Decision.LEAVE_MESSAGE)
        ):
            self._asked = True
            self._speak(self._spoken)
        if decision is Decision.HANG_UP:
            self._feed(HangUpAsked(Ending.MACHINE))
        elif decision is Decision.LEAVE_MESSAGE:
            self._leave = True
            self._deliver()
        self._set_timer(watch.deadline)

    def _spoken(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._deliver()

    def _deliver(self) -> None:
        """Leave the message once it is time and there is one; without one there is nothing to stay for."""
        if not self._leave or self._pcm is None:
            return
        self._leave = False
        self._feed(LeaveMessage(self._pcm, self._text) if self._pcm else HangUpAsked(Ending.MACHINE))

    def _set_timer(self, due: float | None) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if due is None else self._loop.call_at(due, self._see, None)
